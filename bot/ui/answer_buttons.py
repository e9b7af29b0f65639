"""Confirm and Cancel under a question with a price, and Cancel batch under the list of a batch.

A custom_id is `ask:<id>:<code>`, or `batch:<id>:<code>` of a batch, and says nothing else: what was
asked, and who may answer, is looked up. Every button is a `DynamicItem`: discord.py keeps nothing
of it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import discord

from bot.locale import translated
from bot.ui.persistent_buttons import PersistentButton, matched
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

QUESTION, BATCH = "ask", "batch"
"""How custom_ids begin: of `Questions`, of `Batches`."""
_CONFIRM, _DISCARD, _CANCEL = "y", "n", "x"


class AnswerButton(PersistentButton, template=rf"(?P<prefix>{QUESTION}|{BATCH}):(?P<rest>.+)"):
    """Any of these buttons. The template is wide, so that a forged id gets a sentence too."""

    async def pressed(self, interaction: discord.Interaction[Any], match: re.Match[str]) -> None:
        does = _does(interaction.client, match["prefix"])
        codes = "".join(does)
        said = matched(re.compile(rf"(?P<id>[a-z2-7]{{16}}):(?P<code>[{codes}])"), match["rest"])
        await does[said["code"]](interaction, said["id"])


def confirming(prefix: str, asked_id: str, language: str) -> discord.ui.View:
    """The buttons under a question. prefix: `QUESTION` or `BATCH`."""
    return _view(
        _button(prefix, asked_id, _CONFIRM, Sentence("Confirm"), language, "success"),
        _button(prefix, asked_id, _DISCARD, Sentence("Cancel"), language, "secondary"),
    )


def cancelling(batch_id: str, language: str) -> discord.ui.View:
    """The button under the list of a batch that is being drawn."""
    return _view(_button(BATCH, batch_id, _CANCEL, Sentence("Cancel batch"), language, "danger"))


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
    return AnswerButton(
        discord.ui.Button(
            style=discord.ButtonStyle[style],
            custom_id=f"{prefix}:{asked_id}:{code}",
            label=translated(label, language),
        )
    )


def _view(*buttons: AnswerButton) -> discord.ui.View:
    shown = discord.ui.View(timeout=None)
    for button in buttons:
        shown.add_item(button)
    return shown
