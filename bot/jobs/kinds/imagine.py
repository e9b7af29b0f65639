"""/imagine: a grid for a prompt."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import engine
from bot.jobs.kinds import draw
from bot.jobs.kinds.kind import Context, Written
from bot.prompt import brief, grammar


@dataclass(frozen=True, slots=True, kw_only=True)
class Imagine:
    """Four pictures for a prompt as typed."""

    kind: ClassVar[str] = "imagine"
    title: ClassVar[str] = ""
    parent_id: ClassVar[None] = None

    text: str
    pictures: tuple[bytes, ...] = ()
    """What the prompt's links lead to, in their order."""

    def with_pictures(self, pictures: tuple[bytes, ...]) -> Imagine:
        return dataclasses.replace(self, pictures=pictures)

    def links(self, context: Context) -> tuple[str, ...]:
        """Of the pictures that it takes."""
        own = grammar.parse(self.text)
        return (*own.images, *brief.reference_links(own, self.model(context)))

    def model(self, context: Context) -> engine.ModelInfo:
        """The one that draws it."""
        own = grammar.parse(self.text)
        return brief.choose_model(own, context.models, default=context.default_model)

    def write(self, context: Context) -> Written:
        own = len(grammar.parse(self.text).images)
        return draw.from_text(
            self.text, context, pictures=self.pictures[:own], references=self.pictures[own:]
        )
