"""Who is still in a server: asked of Discord each time, as no list of members is kept."""

from __future__ import annotations

import discord

from bot.credits.ledger import DIRECT_MESSAGES
from bot.errors import UserError


async def paying(client: discord.Client, guild_id: int, user_id: int) -> int:
    """The server whose account a member draws on, where they go on in direct messages.

    guild_id: of the job that they go on from. Who has left it, or whom the bot cannot find there
    any more, draws on the account for direct messages.
    """
    if guild_id == DIRECT_MESSAGES:
        return guild_id
    try:
        await client.http.get_member(guild_id, user_id)
    except (discord.NotFound, discord.Forbidden):
        return DIRECT_MESSAGES
    except discord.HTTPException:
        raise UserError(
            "Discord does not say now whether you are still in the server whose credits this would "
            "use; try again in a minute."
        ) from None
    return guild_id
