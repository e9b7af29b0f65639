"""/blend"""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

if TYPE_CHECKING:
    from bot.ui.client import Darkroom


_ASPECTS = {"Portrait": "2:3", "Square": "1:1", "Landscape": "3:2"}


@app_commands.command(description="Mix two to five pictures into four new ones.")
@app_commands.describe(dimensions="The shape of the new pictures.")
@app_commands.choices(
    dimensions=[app_commands.Choice(name=name, value=aspect) for name, aspect in _ASPECTS.items()]
)
@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
async def blend(
    interaction: discord.Interaction[Darkroom],
    image1: discord.Attachment,
    image2: discord.Attachment,
    image3: discord.Attachment | None = None,
    image4: discord.Attachment | None = None,
    image5: discord.Attachment | None = None,
    dimensions: str = "1:1",
) -> None:
    given = [image for image in (image1, image2, image3, image4, image5) if image is not None]
    await interaction.client.interactions.blend(interaction, given, dimensions)


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(blend)
