"""Confirm and Cancel under a question with a price, and Cancel batch under the list of a batch.

A custom_id is `ask:<id>:<code>`, or `batch:<id>:<code>` of a batch, and says nothing else: what was
asked, and who may answer, is looked up. Every button is a `DynamicItem`: discord.py keeps nothing
of it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

import discord

from bot.errors import NotFound
from bot.locale import translated
from bot.ui.refusals import answer
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

QUESTION, BATCH = "ask", "batch"
"""How custom_ids begin: of `Questions`, of `Batches`."""
_CONFIRM, _DISCARD, _CANCEL = "y", "n", "x"
_REST = re.compile(r"(?P<id>[a-z2-7]{16}):(?P<code>[a-z])")


class AnswerButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=rf"(?P<prefix>{QUESTION}|{BATCH}):(?P<rest>.+)",
):
    """Any of these buttons. The template is wide, so that a forged id gets a sentence too."""

    def __init__(self, item: discord.ui.Button[discord.ui.View]) -> None:
        super().__init__(item)

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction,  # noqa: ARG003 - discord.py's signature
        item: discord.ui.Item[discord.ui.View],
        match: re.Match[str],  # noqa: ARG003 - as above
        /,
    ) -> Self:
        assert isinstance(item, discord.ui.Button)
        return cls(item)

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Whatever goes wrong is answered here: discord.py would only log it."""
        try:
            prefix, _, rest = self.custom_id.partition(":")
            match = _REST.fullmatch(rest)
            does = _does(interaction.client, prefix)
            if match is None or match["code"] not in does:
                raise NotFound("This button is not one of Darkroom's; send the command again.")  # noqa: TRY301 - answered below, as all
            await does[match["code"]](interaction, match["id"])
        except Exception as error:  # noqa: BLE001 - answered and logged in one place
            await answer(interaction, error)


def confirming(prefix: str, asked_id: str, language: str) -> discord.ui.View:
    """The buttons under a question. prefix: `QUESTION` or `BATCH`."""
    return _view(
        _button(prefix, asked_id, _CONFIRM, Sentence("Confirm"), language, "success"),
        _button(prefix, asked_id, _DISCARD, Sentence("Cancel"), language, "secondary"),
    )


def cancelling(batch_id: str, language: str) -> discord.ui.View:
    """The button under the list of a batch that is being drawn."""
    return _view(_button(BATCH, batch_id, _CANCEL, Sentence("Cancel batch"), language, "danger"))


def custom_id_of(item: discord.ui.Item[Any]) -> str:
    """Of a button that was made here."""
    assert isinstance(item, AnswerButton)
    return item.custom_id


def _does(
    client: Darkroom, prefix: str
) -> Mapping[str, Callable[[discord.Interaction[Any], str], Awaitable[None]]]:
    """What each code does."""
    if prefix == QUESTION:
        questions = client.questions
        return {_CONFIRM: questions.confirm, _DISCARD: questions.discard}
    batches = client.batches
    return {_CONFIRM: batches.confirm, _DISCARD: batches.discard, _CANCEL: batches.cancel}


def _button(
    prefix: str, asked_id: str, code: str, label: Sentence, language: str, style: str
) -> AnswerButton:
    """style: as `discord.ButtonStyle` names it."""
    button: discord.ui.Button[discord.ui.View] = discord.ui.Button(
        style=discord.ButtonStyle[style],
        custom_id=f"{prefix}:{asked_id}:{code}",
        label=translated(label, language),
    )
    return AnswerButton(button)


def _view(*buttons: AnswerButton) -> discord.ui.View:
    shown = discord.ui.View(timeout=None)
    for button in buttons:
        shown.add_item(button)
    return shown
