"""/help"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from bot.jobs.kinds import draw
from bot.locale import translated
from bot.prompt.flags import FLAGS
from bot.ui import rules
from bot.ui.actions import ACTIONS
from bot.ui.language import member_locale
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

_START = Sentence(
    "**Start** with `/imagine prompt: a red cat at night`, then press the buttons under the grid."
)
_BUTTONS = Sentence(
    "**Under a grid** U1–U4 post one picture at full size, free. V1–V4 draw four variations of it. "
    "🔄 draws the same words again with another seed. ❤️ marks a favourite. **Under one picture**, "
    "to go on from it any number of times: {buttons}. 🎞️ is the film of its making."
)
_REACTIONS = Sentence(
    "**Reactions:** 1️⃣–4️⃣ and 🔄 as the buttons; ✉️ sends the pictures by direct message; ⭐ marks a "
    "favourite; ❌ ends your own job or takes your own message away."
)
_PARTS = Sentence(
    "`red::2 car::1` weighs parts of a prompt. `{red, blue} car` draws a grid of each, once you "
    "confirm their price. Links of pictures come first, words after them."
)


def text(language: str) -> str:
    """What /help says of parameters in a language of `locale`, made from `flags.FLAGS`."""

    def say(sentence: Sentence) -> str:
        return translated(sentence, language)

    acting = [f"`{flag.usage}` {say(flag.does)}" for flag in FLAGS if flag.acts]
    understood = ", ".join(f"`--{flag.name}`" for flag in FLAGS if not flag.acts)
    return "\n".join(
        [
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


def commands(tree: app_commands.CommandTree, language: str) -> str:
    """How to start, a line for each command of members; buttons, reactions, message menus."""
    lines, menus = [], []
    for root in tree.get_commands():
        if isinstance(root, app_commands.ContextMenu):
            menus.append(translated(Sentence(root.name), language))
        elif root.default_permissions is None:
            lines += _lines(root, language)
    menus_line = Sentence("**Right click a message → Apps:** {menus}.", menus=", ".join(menus))
    buttons = Sentence(_BUTTONS, buttons=translated(Sentence.listed(_under_one()), language))
    said = (translated(text, language) for text in (buttons, _REACTIONS, menus_line))
    return "\n".join([translated(_START, language), "", *lines, "", *said])


def _under_one() -> list[str]:
    """The buttons of a single picture, as they are labelled."""
    shown = [ACTIONS[name] for name in draw.SINGLE]
    return [each.label or each.emoji or each.name for each in shown]


def managing(tree: app_commands.CommandTree, language: str) -> str:
    """A line for each group of commands that Discord shows to who manages the server."""
    said = [translated(Sentence("**For who manages the server:**"), language)]
    for root in tree.get_commands(type=discord.AppCommandType.chat_input):
        if root.default_permissions is None:
            continue
        line = f"`/{root.name}` {translated(Sentence(root.description), language)}"
        if isinstance(root, app_commands.Group):
            within = [
                each.qualified_name.removeprefix(f"{root.name} ")
                for each in root.walk_commands()
                if not isinstance(each, app_commands.Group)
            ]
            line += " " + ", ".join(f"`{name}`" for name in within)
        said.append(line)
    return "\n".join(said)


def _lines(
    command: app_commands.Command[Any, ..., Any] | app_commands.Group, language: str
) -> list[str]:
    if isinstance(command, app_commands.Group):
        return [line for each in command.commands for line in _lines(each, language)]
    return [f"`/{command.qualified_name}` {translated(Sentence(command.description), language)}"]


@app_commands.command(name="help", description=Sentence("What Darkroom can do."))
@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
async def help_(interaction: discord.Interaction[Darkroom]) -> None:
    language, blurple = member_locale(interaction), discord.Colour.blurple()
    manages = interaction.guild_id is not None and interaction.permissions.manage_guild
    listed = commands(interaction.client.tree, language)
    shown = [
        discord.Embed(title="Darkroom", description=listed, colour=blurple),
        discord.Embed(description=text(language), colour=blurple),
    ]
    begins = await rules.beginning(interaction)
    await interaction.response.send_message(embeds=shown, ephemeral=True, **begins)
    if manages:
        more = discord.Embed(
            description=managing(interaction.client.tree, language), colour=blurple
        )
        await interaction.followup.send(embed=more, ephemeral=True)


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(help_)
