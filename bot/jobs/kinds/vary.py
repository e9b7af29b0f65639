"""V1–V4, Vary (Subtle, Strong) and /vary: four variations of one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bot.jobs.kinds.kind import Context, Written
from bot.jobs.kinds.source import Source
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
    """Variations of a picture."""

    kind: ClassVar[str] = "vary"

    source: Source
    variation: Variation

    @property
    def text(self) -> str:
        return self.source.text

    @property
    def title(self) -> str:
        remixed = self.source.remixed_from is not None
        return self.variation.remixed if remixed else self.variation.title

    @property
    def parent_id(self) -> str | None:
        return self.source.parent_id

    def write(self, context: Context) -> Written:
        return self.source.drawn_over(context, strength=self.variation.strength)
