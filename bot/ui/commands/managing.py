"""What commands of managers and of credits share.

Who manages a server is checked at run time: a server may show a command to anybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

from bot.credits.pricing import CENTS
from bot.errors import NotAllowed

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
