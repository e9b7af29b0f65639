"""/help"""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

from bot.locale import translated
from bot.prompt.flags import FLAGS
from bot.ui.language import member_locale
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

_COMMANDS = Sentence(
    "`/imagine prompt` draws four pictures; `/vary` and `/blend` go on from pictures; `/info` "
    "shows your credits and jobs."
)
_BUTTONS = Sentence(
    "**Under a grid** U1–U4 post one picture at full size, free. V1–V4 draw four variations of it. "
    "🔄 draws the same words again with another seed. Right click a message → Apps → Cancel Job."
)
_PARTS = Sentence(
    "`red::2 car::1` weighs parts of a prompt. `{red, blue} car` draws a grid of each, once you "
    "confirm their price. Links of pictures come first, words after them."
)


def text(language: str) -> str:
    """What /help says in a language of `locale`; its list is made from `flags.FLAGS`."""

    def say(sentence: Sentence) -> str:
        return translated(sentence, language)

    acting = [f"`{flag.usage}` {say(flag.does)}" for flag in FLAGS if flag.acts]
    understood = ", ".join(f"`--{flag.name}`" for flag in FLAGS if not flag.acts)
    return "\n".join(
        [
            say(_COMMANDS),
            "",
            say(_BUTTONS),
            "",
            say(Sentence("**Parameters**, after the words:")),
            *acting,
            "",
            say(
                Sentence(
                    "Known from Midjourney and understood, but without effect here so far: "
                    "{flags}.",
                    flags=understood,
                )
            ),
            "",
            say(_PARTS),
        ]
    )


@app_commands.command(name="help", description=Sentence("What Darkroom can do."))
@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
async def help_(interaction: discord.Interaction[Darkroom]) -> None:
    shown = discord.Embed(
        title="Darkroom",
        description=text(member_locale(interaction)),
        colour=discord.Colour.blurple(),
    )
    await interaction.response.send_message(embed=shown, ephemeral=True)


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(help_)
