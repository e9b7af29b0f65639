"""A prompt → how much each of its words matters to the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import engine
from bot.jobs.kinds.kind import Context, Kind, Written
from bot.jobs.records import Role, TextRow
from bot.prompt import brief, grammar
from engine import Sentence

WEAK = 0.3
"""A word that weighs less than this share of the heaviest one is struck through."""


def struck(texts: Sequence[TextRow]) -> str:
    """The words in a row, the weak ones struck through, the heavy ones bold."""
    heaviest = max((row.weight for row in texts), default=0.0)
    return " ".join(_marked(row, heaviest) for row in texts)


def _marked(row: TextRow, heaviest: float) -> str:
    if row.weight < WEAK * heaviest:
        return f"~~{row.text}~~"
    return f"**{row.text}**" if row.weight > 0.8 * heaviest else row.text


SHORTENED = Kind(follow_ups={Role.TEXT: ("reroll",)}, say=struck)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shorten:
    """Word weights of a prompt as typed."""

    kind: ClassVar[str] = "shorten"
    title: ClassVar[str] = Sentence("Shortened")
    parent_id: ClassVar[None] = None

    text: str

    def write(self, context: Context) -> Written:
        prompt = grammar.parse(self.text)
        model = brief.choose_model(prompt, context.models, default=context.default_model)
        job = engine.WordWeightsJob(
            id=context.job_id, owner=context.owner, model=model.name, text=prompt.text
        )
        return Written(job=job, model=model)
