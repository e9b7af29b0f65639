"""Who manages a server, checked at run time: a server may show a command to anybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord

from bot.errors import NotAllowed

if TYPE_CHECKING:
    from bot.ui.client import Darkroom


def managed_guild(interaction: discord.Interaction[Darkroom]) -> int:
    """The id of the server, which the member manages; NotAllowed otherwise."""
    if interaction.guild_id is None:
        raise NotAllowed("This is set in a server, not in direct messages.")
    if not (
        interaction.permissions.manage_guild or interaction.client.is_owner(interaction.user.id)
    ):
        raise NotAllowed("Only who manages this server (Manage Server) may do this here.")
    return interaction.guild_id
