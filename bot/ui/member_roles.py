"""Which roles a member has: no list of members is kept, so they come along or are asked for."""

from __future__ import annotations

import aiohttp
import discord


def role_ids(user: discord.User | discord.Member) -> tuple[int, ...]:
    """The ids of the roles that came with the member; none in direct messages."""
    return tuple(role.id for role in user.roles) if isinstance(user, discord.Member) else ()


async def role_ids_in(client: discord.Client, guild_id: int, user_id: int) -> tuple[int, ...]:
    """The ids of the member's roles in a server where they do nothing just now.

    None where they have left it or Discord does not answer.
    """
    guild = client.get_guild(guild_id)
    if guild is None:
        return ()
    try:
        return role_ids(guild.get_member(user_id) or await guild.fetch_member(user_id))
    except (discord.DiscordException, aiohttp.ClientError, OSError):
        return ()
