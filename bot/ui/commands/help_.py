"""/help"""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

if TYPE_CHECKING:
    from bot.ui.client import Darkroom


_TEXT = """\
`/imagine prompt` draws four pictures; `/vary` and `/blend` go on from pictures; `/info` shows \
your credits and jobs.

**Under a grid** U1–U4 post one picture at full size, free. V1–V4 draw four variations of it. 🔄 \
draws the same words again with another seed. Right click a message → Apps → Cancel Job.

**Parameters**, after the words:
`--ar 3:2` shape · `--seed 7` the same picture again · `--no text, people` leave out · `--v NAME` \
model · `--q .5` work spent · `--stop 60` end early · `--tile` seamless · `--iw 2` weight of a \
picture link · `--raw` no house style · `--draft` half the work

`red::2 car::1` weighs parts of a prompt. Links of pictures come first."""


@app_commands.command(name="help", description="What Darkroom can do.")
@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
async def help_(interaction: discord.Interaction[Darkroom]) -> None:
    shown = discord.Embed(title="Darkroom", description=_TEXT, colour=discord.Colour.blurple())
    await interaction.response.send_message(embed=shown, ephemeral=True)


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(help_)
