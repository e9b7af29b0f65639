"""What commands of managers and of credits share.

Who manages a server is checked at run time: a server may show a command to anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import discord
from discord import app_commands

from bot.credits.pricing import CENTS
from bot.errors import NotAllowed
from bot.storage.audit import Action

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

Amount = app_commands.Range[float, 0.01, 1_000_000.0]
"""Credits that a command takes."""


def cents(amount: float) -> int:
    """An amount as a command takes it, in 1/100 credit."""
    return round(amount * CENTS)


def managed_guild(interaction: discord.Interaction[Darkroom]) -> int:
    """The id of the server, which the member manages; NotAllowed otherwise."""
    if interaction.guild_id is None:
        raise NotAllowed("This is set in a server, not in direct messages.")
    if not (
        interaction.permissions.manage_guild or interaction.client.is_owner(interaction.user.id)
    ):
        raise NotAllowed("Only who manages this server (Manage Server) may do this here.")
    return interaction.guild_id


def action_of(
    interaction: discord.Interaction[Darkroom], *, subject: str = "", detail: str = ""
) -> Action:
    """What the audit says of the command that is used here; NotAllowed as `managed_guild`."""
    guild_id, command = managed_guild(interaction), interaction.command
    assert command is not None
    return Action(
        guild_id=guild_id,
        actor_id=interaction.user.id,
        name=command.qualified_name,
        subject=subject,
        detail=detail,
    )


async def set_for_server(
    interaction: discord.Interaction[Darkroom], values: Mapping[str, str], detail: str
) -> None:
    """Set preferences of the whole server, and write it down; NotAllowed as `managed_guild`.

    values: names and values, empty to take one back. detail: the options of the command.
    """
    action = action_of(interaction, detail=detail)
    await interaction.client.preferences.put_for_server(values, action)
