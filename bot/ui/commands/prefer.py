"""/prefer: a member's own parameters, their suffix, and switches."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import discord
from discord import app_commands

from bot.errors import PromptError, UserError
from bot.jobs import modes
from bot.preferences import HIGH, LOW
from bot.prompt.characters import plain
from bot.prompt.flags import BY_NAME
from bot.prompt.grammar import parse
from bot.prompt.macros import MAX_MACROS
from bot.prompt.markdown import harmless
from bot.ui.commands.completion import CHOICES
from bot.ui.language import to_member
from bot.ui.replies import tell
from bot.ui.settings_panel import speed_label
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")
_TEXT_CHARACTERS = 1000
_SHOWN_CHARACTERS = 150


@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
class Prefer(app_commands.Group, name="prefer", description=Sentence("What you like, kept.")):
    """Each setting is the member's own, in every server."""

    option = app_commands.Group(
        name="option", description=Sentence("Parameters of your own, such as --mine.")
    )

    @option.command(name="set", description=Sentence("Keep a parameter of your own, or delete it."))
    @app_commands.describe(
        option=Sentence("Its name, without dashes."),
        value=Sentence("What it stands for, such as --ar 3:2 --s 250; without it it is deleted."),
    )
    async def set_(
        self,
        interaction: discord.Interaction[Darkroom],
        option: app_commands.Range[str, 1, 100],
        value: app_commands.Range[str, 0, 2000] = "",
    ) -> None:
        name, text = plain(option).strip().lstrip("-–—").lower(), plain(value).strip()
        preferences, user_id = interaction.client.preferences, interaction.user.id
        known = name in (await preferences.member(user_id)).macros
        if not text and not known:
            raise UserError(
                Sentence("You have no parameter --{name}; there is nothing to delete.", name=name)
            )
        if text:
            _check(name, text)
        if not await preferences.set_macro(user_id, name, text, MAX_MACROS):
            raise UserError(
                Sentence(
                    "You have {most} parameters of your own, as many as there may be; delete one "
                    "first by setting it without a value.",
                    most=MAX_MACROS,
                )
            )
        if text:
            said = Sentence(
                "--{name} stands for {text} in your prompts now.",
                name=name,
                text=_shown(text),
            )
        else:
            said = Sentence("--{name} is deleted.", name=name)
        await tell(interaction, said)

    @set_.autocomplete("option")
    async def _names(
        self, interaction: discord.Interaction[Darkroom], typed: str
    ) -> list[app_commands.Choice[str]]:
        own = await interaction.client.preferences.member(interaction.user.id)
        typed = typed.lstrip("-").lower()
        return [app_commands.Choice(name=name, value=name) for name in own.macros if typed in name][
            :CHOICES
        ]

    @option.command(name="list", description=Sentence("Your own parameters."))
    async def list_(self, interaction: discord.Interaction[Darkroom]) -> None:
        own = await interaction.client.preferences.member(interaction.user.id)
        lines = [f"`--{name}` {_shown(text)}" for name, text in sorted(own.macros.items())]
        empty = Sentence("You have no parameters of your own yet; /prefer option set keeps one.")
        shown = discord.Embed(
            title=to_member(interaction, Sentence("Your own parameters")),
            description="\n".join(lines) or to_member(interaction, empty),
            colour=discord.Colour.blurple(),
        )
        await interaction.response.send_message(embed=shown, ephemeral=True)

    @app_commands.command(
        description=Sentence("Parameters that are added to all your prompts; without any: none.")
    )
    @app_commands.describe(new_value=Sentence("Such as --ar 3:2 --s 250."))
    async def suffix(
        self,
        interaction: discord.Interaction[Darkroom],
        new_value: app_commands.Range[str, 0, 2000] = "",
    ) -> None:
        text = plain(new_value).strip()
        if len(text) > _TEXT_CHARACTERS:
            raise _too_long()
        own = await interaction.client.preferences.member(interaction.user.id)
        try:
            parse("x", macros=own.macros, suffix=text)
            rest, chosen = modes.of_suffix(text, modes.of_member(own))
        except PromptError as refusal:
            raise UserError(refusal.sentence, command=f"/prefer suffix {text}") from None
        await interaction.client.preferences.change(
            interaction.user.id, suffix=rest, speed=chosen.speed, stealth=chosen.stealth
        )
        lines = []
        if rest:
            said = Sentence(
                "{suffix} is added to your prompts now, where they say nothing else.",
                suffix=_shown(rest),
            )
            lines.append(to_member(interaction, said))
        elif own.suffix or not text:
            said = Sentence("Nothing is added to your prompts any more.")
            lines.append(to_member(interaction, said))
        if rest != text or (not text and chosen != modes.Modes()):
            lines.append(to_member(interaction, _modes_said(chosen)))
        await interaction.response.send_message("\n".join(lines), ephemeral=True)

    @app_commands.command(
        description=Sentence("Finished pictures also by direct message, or not any more.")
    )
    async def auto_dm(self, interaction: discord.Interaction[Darkroom]) -> None:
        own = await interaction.client.preferences.member(interaction.user.id)
        await interaction.client.preferences.change(interaction.user.id, auto_dm=not own.auto_dm)
        said = (
            Sentence("Finished pictures are not sent to you by direct message any more.")
            if own.auto_dm
            else Sentence("Finished pictures are also sent to you by direct message now.")
        )
        await tell(interaction, said)

    @app_commands.command(
        description=Sentence("Edit the prompt before variations and their like, or not any more.")
    )
    async def remix(self, interaction: discord.Interaction[Darkroom]) -> None:
        own = await interaction.client.preferences.member(interaction.user.id)
        await interaction.client.preferences.change(interaction.user.id, remix=not own.remix)
        said = (
            Sentence("Remix mode is off: buttons draw at once.")
            if own.remix
            else Sentence("Remix mode is on: variations, 🔄, pans and zooms ask for the prompt.")
        )
        await tell(interaction, said)

    @app_commands.command(description=Sentence("High or low variation under V1 to V4."))
    async def variability(self, interaction: discord.Interaction[Darkroom]) -> None:
        own = await interaction.client.preferences.member(interaction.user.id)
        high = own.variation == LOW
        await interaction.client.preferences.change(
            interaction.user.id, variation=HIGH if high else LOW
        )
        said = (
            Sentence("V1–V4 draw strong variations now.")
            if high
            else Sentence("V1–V4 draw subtle variations now.")
        )
        await tell(interaction, said)


def _check(name: str, text: str) -> None:
    """UserError where the member may have no such parameter."""
    command = f"/prefer option set option:{name} value:{text}"
    if not _NAME.fullmatch(name):
        raise UserError(
            "A parameter of your own has a name of letters and digits, such as mine: one letter "
            "first, 30 characters at most.",
            command=command,
        )
    if name in BY_NAME:
        raise UserError(
            Sentence("--{name} is a parameter already; take another name.", name=name),
            command=command,
        )
    if len(text) > _TEXT_CHARACTERS:
        raise _too_long()
    try:
        parse(f"x --{name}", macros={name: text})
    except PromptError as refusal:
        raise UserError(refusal.sentence, command=command) from None


def _shown(text: str) -> str:
    """As much of it as a sentence bears, without Markdown."""
    cut = text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
    return harmless(" ".join(cut.split()))


def _modes_said(chosen: modes.Modes) -> Sentence:
    """How soon everything is drawn, and who sees it, whatever the suffix."""
    return Sentence(
        "All that you order is drawn in this mode: {speed}, {seen}. It is no part of the suffix; "
        "/fast, /relax, /turbo, /stealth and /public change it.",
        speed=speed_label(chosen.speed),
        seen=Sentence("Stealth") if chosen.stealth else Sentence("Public"),
    )


def _too_long() -> UserError:
    return UserError(
        Sentence("That is too long to be kept: {most} characters at most.", most=_TEXT_CHARACTERS)
    )


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(Prefer())
