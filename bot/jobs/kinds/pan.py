"""⬅ ➡ ⬆ ⬇: four pictures that go on from one in a direction."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import engine
from bot.jobs.kinds.kind import Context, Written
from bot.jobs.kinds.source import Source, within_mask
from bot.pictures import framing
from bot.pictures.framing import Direction, Frame
from engine import Sentence

TITLES: Mapping[Direction, Sentence] = MappingProxyType(
    {
        Direction.LEFT: Sentence("Pan Left"),
        Direction.RIGHT: Sentence("Pan Right"),
        Direction.UP: Sentence("Pan Up"),
        Direction.DOWN: Sentence("Pan Down"),
    }
)
_NOTICED = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class Pan:
    """The picture and what lies beside it."""

    kind: ClassVar[str] = "pan"

    source: Source
    direction: Direction

    @property
    def title(self) -> str:
        return TITLES[self.direction]

    @property
    def text(self) -> str:
        return self.source.text

    @property
    def parent_id(self) -> str | None:
        return self.source.parent_id

    def write(self, context: Context) -> Written:
        written = self.source.drawn_over(context, strength=1.0)
        assert written.model is not None
        model = within_mask(written.model, context)
        frame = framing.panned(self.source.size, self.direction, model)
        placed = self.source.outpainted(
            written,
            context,
            width_px=frame.width_px,
            height_px=frame.height_px,
            place=frame.place,
            strength=self.source.strength_around(model, written),
        )
        return dataclasses.replace(placed, notes=(*placed.notes, *_notes(frame, model)))


def _notes(frame: Frame, model: engine.ModelInfo) -> tuple[Sentence, ...]:
    """What became of the picture where the model draws no larger one."""
    size = {"title": model.title, "width": frame.width_px, "height": frame.height_px}
    if frame.cut:
        return (
            Sentence(
                "{title} draws nothing longer than {width} × {height} px, so the other end of the "
                "picture is cut off.",
                **size,
            ),
        )
    if frame.scale < _NOTICED:
        return (
            Sentence(
                "The picture is shown at {percent} % of its size, so that all of it fits into the "
                "{width} × {height} px that {title} draws.",
                percent=round(100 * frame.scale),
                **size,
            ),
        )
    return ()
