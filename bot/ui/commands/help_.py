"""/help"""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

from bot.prompt.flags import FLAGS
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom


def text() -> str:
    """What /help says; its list of parameters is made from `flags.FLAGS`."""
    acting = [f"`{flag.usage}` {flag.does}" for flag in FLAGS if flag.acts]
    understood = ", ".join(f"`--{flag.name}`" for flag in FLAGS if not flag.acts)
    return "\n".join(
        [
            Sentence(
                "`/imagine prompt` draws four pictures; `/vary` and `/blend` go on from pictures; "
                "`/info` shows your credits and jobs."
            ),
            "",
            Sentence(
                "**Under a grid** U1–U4 post one picture at full size, free. V1–V4 draw four "
                "variations of it. 🔄 draws the same words again with another seed. Right click a "
                "message → Apps → Cancel Job."
            ),
            "",
            Sentence("**Parameters**, after the words:"),
            *acting,
            "",
            Sentence(
                "Known from Midjourney and understood, but without effect here so far: {flags}.",
                flags=understood,
            ),
            "",
            Sentence(
                "`red::2 car::1` weighs parts of a prompt. Links of pictures come first, words "
                "after them."
            ),
        ]
    )


@app_commands.command(name="help", description="What Darkroom can do.")
@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
async def help_(interaction: discord.Interaction[Darkroom]) -> None:
    shown = discord.Embed(title="Darkroom", description=text(), colour=discord.Colour.blurple())
    await interaction.response.send_message(embed=shown, ephemeral=True)


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(help_)
