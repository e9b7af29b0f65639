"""/member: who may order pictures in a server, for who manages it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

from bot.errors import NotAllowed
from bot.moderation.phrases import Category
from bot.moderation.standings import FOR_EVER_MS, STRIKES_COUNT_DAYS
from bot.moderation.words import NAMES
from bot.ui.commands.managing import action_of, managed_guild
from bot.ui.language import to_member
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

_HOUR_MS = 60 * 60 * 1000


@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
@app_commands.default_permissions(manage_guild=True)
class Member(
    app_commands.Group, name="member", description=Sentence("Who may order pictures here.")
):
    """Hidden from members without Manage Server, and checked again: a server may change that."""

    @app_commands.command(description=Sentence("Take no orders of a member here."))
    @app_commands.describe(
        member=Sentence("Whose orders."),
        hours=Sentence("For how long; without it until you unblock them."),
        reason=Sentence("What they are told; without it only that it is so."),
    )
    async def block(
        self,
        interaction: discord.Interaction[Darkroom],
        member: discord.User,
        hours: app_commands.Range[int, 1, 8760] | None = None,
        reason: app_commands.Range[str, 1, 300] | None = None,
    ) -> None:
        client = interaction.client
        action = action_of(
            interaction, subject=member.mention, detail=f"hours: {hours} reason: {reason or ''}"
        )
        if client.is_owner(member.id):
            raise NotAllowed("The bot's owner (OWNER_IDS) cannot be blocked.")
        until_ms = FOR_EVER_MS if hours is None else client.now_ms() + hours * _HOUR_MS
        await client.moderation.block(
            action.guild_id, member.id, until_ms=until_ms, reason=reason or "", action=action
        )
        await _say(
            interaction,
            Sentence("No orders of {member} are taken here now.", member=member.mention),
        )

    @app_commands.command(description=Sentence("Take orders of a member here again."))
    @app_commands.describe(member=Sentence("Whose orders."))
    async def unblock(
        self, interaction: discord.Interaction[Darkroom], member: discord.User
    ) -> None:
        action = action_of(interaction, subject=member.mention)
        await interaction.client.moderation.block(
            action.guild_id, member.id, until_ms=0, reason="", action=action
        )
        await _say(
            interaction,
            Sentence("Orders of {member} are taken here again.", member=member.mention),
        )

    @app_commands.command(description=Sentence("What was refused to a member here, by category."))
    @app_commands.describe(
        member=Sentence("Whose strikes."), clear=Sentence("Let those of until now not count.")
    )
    async def strikes(
        self,
        interaction: discord.Interaction[Darkroom],
        member: discord.User,
        clear: bool = False,  # noqa: FBT001, FBT002 - a command's option
    ) -> None:
        moderation, guild_id = interaction.client.moderation, managed_guild(interaction)
        if clear:
            action = action_of(interaction, subject=member.mention, detail="clear: True")
            await moderation.clear_strikes(guild_id, member.id, action)
        standing, count, found = await moderation.standing(guild_id, member.id)
        lines = [
            Sentence(
                "{member} has {count} strikes of the last {days} days.",
                member=member.mention,
                count=count,
                days=STRIKES_COUNT_DAYS,
            )
        ]
        lines += [
            Sentence("{category}: {count}", category=NAMES[Category(name)], count=number)
            for name, number in found
        ]
        if standing.blocked_until_ms >= FOR_EVER_MS:
            lines.append(Sentence("They are blocked until you unblock them."))
        elif standing.blocked_until_ms > interaction.client.now_ms():
            lines.append(
                Sentence("They can order again {when}.", when=_when(standing.blocked_until_ms))
            )
        await interaction.response.send_message(
            "\n".join(to_member(interaction, line) for line in lines),
            ephemeral=True,
            allowed_mentions=discord.AllowedMentions.none(),
        )


def _when(at_ms: int) -> str:
    return f"<t:{at_ms // 1000}:R>"


async def _say(interaction: discord.Interaction[Darkroom], said: Sentence) -> None:
    await interaction.response.send_message(
        to_member(interaction, said),
        ephemeral=True,
        allowed_mentions=discord.AllowedMentions.none(),
    )


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(Member())
