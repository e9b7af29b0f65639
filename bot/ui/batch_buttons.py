"""The buttons of batches: Confirm and Cancel under the question, Cancel batch under the list.

A custom_id is `batch:<id>:<code>` and says nothing else: what was asked, and who may answer, is
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

PREFIX = "batch"
_CONFIRM, _DISCARD, _CANCEL = "y", "n", "x"
_REST = re.compile(rf"(?P<id>[a-z2-7]{{16}}):(?P<code>[{_CONFIRM}{_DISCARD}{_CANCEL}])")


def _read(rest: str) -> tuple[str, str]:
    """What a custom_id says after its prefix: the batch's id, and what to do."""
    match = _REST.fullmatch(rest)
    if match is None:
        raise NotFound("This button is not one of Darkroom's; send the command again.")
    return match["id"], match["code"]


class BatchButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=rf"{PREFIX}:(?P<rest>.+)",
):
    """Any button of a batch. The template is wide, so that a forged id gets a sentence too."""

    def __init__(self, item: discord.ui.Button[discord.ui.View], rest: str) -> None:
        super().__init__(item)
        self._rest = rest

    @classmethod
    def of(cls, batch_id: str, code: str, label: str, style: discord.ButtonStyle) -> BatchButton:
        rest = f"{batch_id}:{code}"
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
            batch_id, code = _read(self._rest)
            batches = interaction.client.batches
            does = {
                _CONFIRM: batches.confirm,
                _DISCARD: batches.discard,
                _CANCEL: batches.cancel,
            }
            await does[code](interaction, batch_id)
        except Exception as error:  # noqa: BLE001 - answered and logged in one place
            await answer(interaction, error)


def confirming(batch_id: str, language: str) -> discord.ui.View:
    """The buttons under the question whether to order the batch."""
    return _view(
        BatchButton.of(
            batch_id,
            _CONFIRM,
            translated(Sentence("Confirm"), language),
            discord.ButtonStyle.success,
        ),
        BatchButton.of(
            batch_id,
            _DISCARD,
            translated(Sentence("Cancel"), language),
            discord.ButtonStyle.secondary,
        ),
    )


def cancelling(batch_id: str, language: str) -> discord.ui.View:
    """The button under the list of a batch that is being drawn."""
    return _view(
        BatchButton.of(
            batch_id,
            _CANCEL,
            translated(Sentence("Cancel batch"), language),
            discord.ButtonStyle.danger,
        )
    )


def custom_id_of(item: discord.ui.Item[Any]) -> str:
    """Of a button that was made here."""
    assert isinstance(item, BatchButton)
    return item.custom_id


def _view(*buttons: BatchButton) -> discord.ui.View:
    shown = discord.ui.View(timeout=None)
    for button in buttons:
        shown.add_item(button)
    return shown
