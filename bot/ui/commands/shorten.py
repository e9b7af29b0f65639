"""/shorten"""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom


@app_commands.command(
    description=Sentence("Which words of a prompt matter, and shorter prompts, each to be drawn.")
)
@app_commands.describe(prompt=Sentence("The prompt to shorten."))
@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
async def shorten(interaction: discord.Interaction[Darkroom], prompt: str) -> None:
    await interaction.client.interactions.shorten(interaction, prompt)


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(shorten)
