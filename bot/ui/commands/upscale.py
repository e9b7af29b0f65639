"""/upscale"""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

from bot.jobs.kinds import Way
from bot.ui.interactions import given
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom


@app_commands.command(description=Sentence("Make a picture twice as large."))
@app_commands.describe(
    picture=Sentence("The picture."),
    link=Sentence("Or a link to it."),
    way=Sentence("Subtle adds nothing; creative draws new details."),
    prompt=Sentence("Words for the creative way; without them the picture's own, if known."),
)
@app_commands.choices(
    way=[
        app_commands.Choice(name=Sentence("subtle"), value=Way.SUBTLE.name),
        app_commands.Choice(name=Sentence("creative"), value=Way.CREATIVE.name),
    ]
)
@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
async def upscale(
    interaction: discord.Interaction[Darkroom],
    picture: discord.Attachment | None = None,
    link: str | None = None,
    way: str = Way.SUBTLE.name,
    prompt: str = "",
) -> None:
    client = interaction.client
    await client.enlargements.of_sent(
        interaction, given(client.fetcher.of(interaction.user.id), picture, link), Way[way], prompt
    )


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(upscale)
