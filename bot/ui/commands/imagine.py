"""/imagine"""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom


@app_commands.command(description=Sentence("Draw four pictures from your words."))
@app_commands.describe(prompt=Sentence("What to draw. Parameters such as --ar 3:2 come last."))
@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
async def imagine(interaction: discord.Interaction[Darkroom], prompt: str) -> None:
    await interaction.client.interactions.imagine(interaction, prompt)


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(imagine)
