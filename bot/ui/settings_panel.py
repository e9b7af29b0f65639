"""/settings: what a member set, with a button or menu for each thing.

A custom_id is `set:<name>:<value>` and names no member: it changes what belongs to who presses it,
so that a forged one reaches nobody else. Every item is a `DynamicItem`: discord.py keeps nothing of
it, and a panel of before a restart works.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import discord

import engine
from bot.errors import NotFound
from bot.locale import translated
from bot.preferences import HIGH, LOW, SPEEDS, STYLIZE, Member
from bot.prompt.markdown import harmless
from bot.ui.language import member_locale
from bot.ui.persistent_buttons import PersistentButton
from bot.ui.refusals import answer
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

PREFIX = "set"
_MODEL = f"{PREFIX}:model"
_RESET = "reset"
_ON, _OFF = "on", "off"
_SWITCHES = ("remix", "stealth", "auto_dm")
_VALUES = {
    "stylize": tuple(map(str, STYLIZE)),
    "variation": (HIGH, LOW),
    "speed": SPEEDS,
    **dict.fromkeys(_SWITCHES, (_ON, _OFF)),
    _RESET: ("all",),
}
_MOST_MODELS = 24
"""As many as a menu holds beside the server's choice."""
_SUFFIX_CHARACTERS = 1000
_SERVERS_CHOICE = "-"


def speed_label(speed: str) -> Sentence:
    """How a speed is called."""
    labels = {
        engine.Lane.FAST: Sentence("Fast"),
        engine.Lane.RELAX: Sentence("Relax"),
        engine.Lane.TURBO: Sentence("Turbo"),
    }
    return labels[engine.Lane[speed.upper()]]


def embed(client: Darkroom, own: Member, language: str) -> discord.Embed:
    """What the member set, in a language of `locale`."""

    def say(text: str) -> str:
        return translated(text, language)

    titles = {model.name: model.title for model in client.engine_client.models()}
    suffix = f"`{own.suffix[:_SUFFIX_CHARACTERS].replace('`', '')}`" if own.suffix else "–"
    lines = [
        (Sentence("Model"), titles.get(own.model, own.model) or Sentence("the server's choice")),
        (Sentence("Stylize"), str(own.stylize or 100)),
        (Sentence("Variations"), Sentence("High") if own.variation == HIGH else Sentence("Low")),
        (Sentence("Speed"), speed_label(own.speed)),
        (Sentence("Remix"), _switch(own.remix)),
        (Sentence("Visibility"), Sentence("Stealth") if own.stealth else Sentence("Public")),
        (Sentence("Results also by direct message"), _switch(own.auto_dm)),
        (Sentence("Suffix"), suffix),
    ]
    shown = discord.Embed(
        title=say(Sentence("Your settings")),
        description="\n".join(f"**{say(name)}:** {say(value)}" for name, value in lines),
        colour=discord.Colour.blurple(),
    )
    return shown.set_footer(
        text=say(
            Sentence(
                "They hold in every server; a parameter in a prompt goes before them. /prefer sets "
                "the suffix and parameters of your own."
            )
        )
    )


def _switch(on: bool) -> Sentence:  # noqa: FBT001 - the value of a switch
    return Sentence("on") if on else Sentence("off")


def view(client: Darkroom, own: Member, language: str) -> discord.ui.View:
    """The buttons and the menu of models; what holds now is green."""
    shown = discord.ui.View(timeout=None)
    shown.add_item(ModelMenu.of(_installed(client), own, language))
    styles = zip(
        STYLIZE,
        (
            Sentence("Stylize low"),
            Sentence("Stylize medium"),
            Sentence("Stylize high"),
            Sentence("Stylize very high"),
        ),
        strict=True,
    )
    rows: Sequence[Sequence[tuple[str, str, Sentence, bool]]] = (
        [("stylize", str(value), label, own.stylize == value) for value, label in styles],
        [
            ("variation", HIGH, Sentence("High variation"), own.variation == HIGH),
            ("variation", LOW, Sentence("Low variation"), own.variation == LOW),
            ("remix", _OFF if own.remix else _ON, Sentence("Remix"), own.remix),
            ("auto_dm", _OFF if own.auto_dm else _ON, Sentence("Auto DM"), own.auto_dm),
        ],
        [
            *(("speed", speed, speed_label(speed), own.speed == speed) for speed in sorted(SPEEDS)),
            ("stealth", _OFF, Sentence("Public"), not own.stealth),
            ("stealth", _ON, Sentence("Stealth"), own.stealth),
        ],
        [(_RESET, "all", Sentence("Reset settings"), False)],
    )
    for line, row in enumerate(rows, 1):
        for name, value, label, holds in row:
            shown.add_item(SettingButton.of(name, value, translated(label, language), line, holds))
    return shown


async def show(interaction: discord.Interaction[Darkroom]) -> None:
    """The panel of who asked, for their eyes alone."""
    client, language = interaction.client, member_locale(interaction)
    own = await client.preferences.member(interaction.user.id)
    await interaction.response.send_message(
        embed=embed(client, own, language), view=view(client, own, language), ephemeral=True
    )


async def _update(interaction: discord.Interaction[Darkroom], own: Member) -> None:
    client, language = interaction.client, member_locale(interaction)
    await interaction.response.edit_message(
        embed=embed(client, own, language), view=view(client, own, language)
    )


async def _press(interaction: discord.Interaction[Darkroom], rest: str) -> None:
    """Change one thing of who pressed; NotFound for what no panel has."""
    name, _, value = rest.partition(":")
    if value not in _VALUES.get(name, ()):
        raise NotFound("This button is not one of Darkroom's; send /settings again.")
    preferences, user_id = interaction.client.preferences, interaction.user.id
    if name == _RESET:
        own = await preferences.reset(user_id)
    elif name == "stylize":
        before = (await preferences.member(user_id)).stylize
        chosen = None if before == int(value) else int(value)
        own = await preferences.change(user_id, stylize=chosen)
    elif name in _SWITCHES:
        own = await preferences.change(user_id, **{name: value == _ON})
    else:
        own = await preferences.change(user_id, **{name: value})
    await _update(interaction, own)


async def _choose_model(interaction: discord.Interaction[Darkroom], values: Sequence[str]) -> None:
    chosen = values[0] if values else ""
    name = "" if chosen == _SERVERS_CHOICE else chosen
    if name and name not in {model.name for model in _installed(interaction.client)}:
        raise NotFound("This model is not here any more; send /settings again.")
    await _update(
        interaction, await interaction.client.preferences.change(interaction.user.id, model=name)
    )


def _installed(client: Darkroom) -> list[engine.ModelInfo]:
    return [model for model in client.engine_client.models() if model.installed]


class SettingButton(PersistentButton, template=rf"{PREFIX}:(?P<rest>(?!model$).+)"):
    """Any button of a panel. The template is wide, so that a forged id gets a sentence too."""

    @classmethod
    def of(cls, name: str, value: str, label: str, line: int, holds: bool) -> Self:  # noqa: FBT001 - as its row has it
        """holds: whether it is how things are now."""
        green, grey = discord.ButtonStyle.success, discord.ButtonStyle.secondary
        return cls(
            discord.ui.Button(
                style=green if holds else grey,
                custom_id=f"{PREFIX}:{name}:{value}",
                label=label,
                row=line,
            )
        )

    async def pressed(self, interaction: discord.Interaction[Any], match: re.Match[str]) -> None:
        await _press(interaction, match["rest"])


class ModelMenu(discord.ui.DynamicItem[discord.ui.Select[discord.ui.View]], template=rf"{_MODEL}"):
    """The menu of models."""

    @classmethod
    def of(cls, models: Sequence[engine.ModelInfo], own: Member, language: str) -> Self:
        server = translated(Sentence("The server's choice of model"), language)
        options = [discord.SelectOption(label=server, value=_SERVERS_CHOICE, default=not own.model)]
        options += [
            discord.SelectOption(
                label=harmless(model.title)[:100],
                value=model.name,
                default=model.name == own.model,
            )
            for model in models[:_MOST_MODELS]
        ]
        return cls(discord.ui.Select(custom_id=_MODEL, options=options, row=0))

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction,  # noqa: ARG003 - discord.py's signature
        item: discord.ui.Item[discord.ui.View],
        match: re.Match[str],  # noqa: ARG003 - as above
        /,
    ) -> Self:
        assert isinstance(item, discord.ui.Select)
        return cls(item)

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """As that of a button."""
        try:
            await _choose_model(interaction, self.item.values)
        except Exception as error:  # noqa: BLE001 - answered and logged in one place
            await answer(interaction, error)
