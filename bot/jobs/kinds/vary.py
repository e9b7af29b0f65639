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
from bot.prompt import grammar
from engine import Sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """How far a variation goes from its picture."""

    title: Sentence
    strength: float
    """0 keeps the picture, 1 ignores it."""


SUBTLE = Variation(title=Sentence("Variations (Subtle)"), strength=0.45)
STRONG = Variation(title=Sentence("Variations (Strong)"), strength=0.75)


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
    told: Sentence | None = None
    """Which picture it is, where the member did not press its button."""

    @property
    def title(self) -> str:
        return self.variation.title

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
        if self.reworded and grammar.parse(self.text, beside=1).images:
            raise InvalidLink(
                "A variation starts from its own picture; leave the link out, or use /imagine.",
                command=self.text,
            )
        return self._from_text(context)

    def _from_text(self, context: Context) -> Written:
        """New words; what they do not say stays: the model, and on it the shape."""
        parent = self.parent if isinstance(self.parent, engine.DrawJob) else None
        written = draw.from_text(
            self.text,
            context,
            pictures=(self.picture,),
            strength=self.variation.strength,
            model=parent.model if parent else "",
        )
        job = written.job
        assert isinstance(job, engine.DrawJob)
        if not self.reworded:  # a button takes a new seed, also where the text names one
            return dataclasses.replace(written, job=dataclasses.replace(job, seed=context.seed))
        prompt = grammar.parse(self.text, beside=1)
        if parent is None or parent.model != job.model or "ar" in prompt.parameters.given:
            return written
        shaped = dataclasses.replace(job, width_px=parent.width_px, height_px=parent.height_px)
        return dataclasses.replace(written, job=shaped)
