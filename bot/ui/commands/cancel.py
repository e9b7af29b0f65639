"""The message menu "Cancel Job"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

if TYPE_CHECKING:
    from bot.ui.client import Darkroom


@app_commands.context_menu(name="Cancel Job")
@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
async def cancel(interaction: discord.Interaction[Darkroom], message: discord.Message) -> None:
    await interaction.client.studio.cancel_shown(message.id, user_id=interaction.user.id)
    await interaction.response.send_message("Cancelled; nothing is charged.", ephemeral=True)


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(cancel)
