"""/morph"""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom


@app_commands.command(
    description=Sentence("A film from one text or picture to another, or four steps between.")
)
@app_commands.describe(
    text1=Sentence("The words it begins with, and parameters."),
    text2=Sentence("The words it ends with."),
    image1=Sentence("The picture it begins with, instead of words."),
    image2=Sentence("The picture it ends with."),
    frames=Sentence("Of the film, 2 to 60; each costs a picture."),
    cross=Sentence("A grid at 35, 45, 55 and 65 % instead of a film."),
)
@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
async def morph(
    interaction: discord.Interaction[Darkroom],
    text1: str | None = None,
    text2: str | None = None,
    image1: discord.Attachment | None = None,
    image2: discord.Attachment | None = None,
    frames: app_commands.Range[int, 2, 60] = 24,
    cross: bool = False,  # noqa: FBT001, FBT002 - an option of the command
) -> None:
    await interaction.client.films.morph(
        interaction,
        words=[text for text in (text1, text2) if text],
        attachments=[image for image in (image1, image2) if image is not None],
        frames=frames,
        crosses=cross,
    )


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(morph)
