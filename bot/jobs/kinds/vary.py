"""V1–V4, Vary (Subtle, Strong) and /vary: four variations of one picture."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import engine
from bot.errors import InvalidLink
from bot.jobs.kinds import draw
from bot.jobs.kinds.kind import Context, Written
from bot.jobs.kinds.remix import refuse_other_links
from bot.prompt import grammar
from engine import Sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """How far a variation goes from its picture."""

    title: Sentence
    remixed: Sentence
    """Its title where the prompt was edited first."""
    strength: float
    """0 keeps the picture, 1 ignores it."""


SUBTLE = Variation(
    title=Sentence("Variations (Subtle)"), remixed=Sentence("Remix (Subtle)"), strength=0.45
)
STRONG = Variation(
    title=Sentence("Variations (Strong)"), remixed=Sentence("Remix (Strong)"), strength=0.75
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vary:
    """Variations of a picture that the job `parent` made."""

    kind: ClassVar[str] = "vary"

    parent: engine.Job
    picture: bytes
    variation: Variation
    text: str
    """The parent's prompt, or the new one."""
    resolved: Mapping[str, Any]
    """The parent's, see `Written`."""
    reworded: bool = False
    """Whether `text` is new: it is read, instead of doing what the parent did."""
    remixed_from: str | None = None
    """The parent's prompt, where it was edited in remix mode."""
    told: Sentence | None = None
    """Which picture it is, where the member did not press its button."""

    @property
    def title(self) -> str:
        return self.variation.title if self.remixed_from is None else self.variation.remixed

    @property
    def parent_id(self) -> str:
        return self.parent.id

    def write(self, context: Context) -> Written:
        written = self._written(context)
        if self.told is None:
            return written
        return dataclasses.replace(written, notes=(self.told, *written.notes))

    def _written(self, context: Context) -> Written:
        if isinstance(self.parent, engine.DrawJob) and not self.reworded:
            return draw.over(
                self.parent,
                context,
                self.resolved,
                picture=self.picture,
                strength=self.variation.strength,
            )
        if self.remixed_from is not None:
            refuse_other_links(self.text, self.remixed_from)
        elif self.reworded and grammar.parse(self.text, beside=1).images:
            raise InvalidLink(
                "A variation starts from its own picture; leave the link out, or use /imagine.",
                command=self.text,
            )
        return self._from_text(context)

    def _from_text(self, context: Context) -> Written:
        """New words; what they do not say stays: the model, and on it the shape."""
        strength = self.variation.strength
        if self.reworded and isinstance(self.parent, engine.DrawJob):
            return draw.reworded(
                self.text, self.parent, context, picture=self.picture, strength=strength
            )
        written = draw.from_text(
            self.text, context, pictures=(self.picture,), strength=strength, links=False
        )
        if self.reworded:
            return written
        # A button takes a new seed, also where the text names one.
        assert isinstance(written.job, engine.DrawJob)
        job = dataclasses.replace(written.job, seed=context.seed)
        return dataclasses.replace(written, job=job)
