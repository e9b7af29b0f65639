"""/blend"""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom


_ASPECTS = {
    Sentence("Portrait"): "2:3",
    Sentence("Square"): "1:1",
    Sentence("Landscape"): "3:2",
}

_PICTURE = Sentence("A picture to mix.")


@app_commands.command(description=Sentence("Mix two to five pictures into four new ones."))
@app_commands.describe(
    image1=_PICTURE,
    image2=_PICTURE,
    image3=_PICTURE,
    image4=_PICTURE,
    image5=_PICTURE,
    dimensions=Sentence("The shape of the new pictures."),
    prompt=Sentence("Words for them, if you like."),
    weights=Sentence("How much each picture counts, such as 1,2,.5; without it all alike."),
)
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
    prompt: str = "",
    weights: str = "",
) -> None:
    given = [image for image in (image1, image2, image3, image4, image5) if image is not None]
    await interaction.client.interactions.blend(
        interaction, given, dimensions, words=prompt, weights=weights
    )


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(blend)
