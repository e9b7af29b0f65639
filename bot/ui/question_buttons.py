"""Confirm and Cancel under the question whether to order what costs more than a grid.

A custom_id is `ask:<id>:<code>` and says nothing else: what was asked, and who may answer, is
looked up. Every button is a `DynamicItem`: discord.py keeps nothing of it.
"""

from __future__ import annotations

import re
from typing import Any, Self

import discord

from bot.errors import NotFound
from bot.locale import translated
from bot.ui.refusals import answer
from engine import Sentence

PREFIX = "ask"
_CONFIRM, _DISCARD = "y", "n"
_REST = re.compile(rf"(?P<id>[a-z2-7]{{16}}):(?P<code>[{_CONFIRM}{_DISCARD}])")


class QuestionButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=rf"{PREFIX}:(?P<rest>.+)",
):
    """Any button of a question. The template is wide, so that a forged id gets a sentence too."""

    def __init__(self, item: discord.ui.Button[discord.ui.View], rest: str) -> None:
        super().__init__(item)
        self._rest = rest

    @classmethod
    def of(cls, asked_id: str, code: str, label: str, style: discord.ButtonStyle) -> QuestionButton:
        rest = f"{asked_id}:{code}"
        button: discord.ui.Button[discord.ui.View] = discord.ui.Button(
            style=style, custom_id=f"{PREFIX}:{rest}", label=label
        )
        return cls(button, rest)

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction,  # noqa: ARG003 - discord.py's signature
        item: discord.ui.Item[discord.ui.View],
        match: re.Match[str],
        /,
    ) -> Self:
        assert isinstance(item, discord.ui.Button)
        return cls(item, match["rest"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Whatever goes wrong is answered here: discord.py would only log it."""
        try:
            match = _REST.fullmatch(self._rest)
            if match is None:
                raise NotFound("This button is not one of Darkroom's; send the command again.")  # noqa: TRY301 - answered below, as all
            questions = interaction.client.questions
            does = {_CONFIRM: questions.confirm, _DISCARD: questions.discard}
            await does[match["code"]](interaction, match["id"])
        except Exception as error:  # noqa: BLE001 - answered and logged in one place
            await answer(interaction, error)


def confirming(asked_id: str, language: str) -> discord.ui.View:
    """The buttons under the question."""
    shown = discord.ui.View(timeout=None)
    shown.add_item(
        QuestionButton.of(
            asked_id,
            _CONFIRM,
            translated(Sentence("Confirm"), language),
            discord.ButtonStyle.success,
        )
    )
    shown.add_item(
        QuestionButton.of(
            asked_id,
            _DISCARD,
            translated(Sentence("Cancel"), language),
            discord.ButtonStyle.secondary,
        )
    )
    return shown
