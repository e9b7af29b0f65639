"""Vary (Region): four pictures in which one part is drawn anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bot.jobs.kinds.kind import Context, Written
from bot.jobs.kinds.source import Source, within_mask
from bot.pictures import framing
from engine import Sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """The picture, drawn anew where the mask is white."""

    kind: ClassVar[str] = "region"
    title: ClassVar[str] = Sentence("Variations (Region)")

    source: Source
    mask: bytes
    """A grey PNG in the shape of the picture, see `pictures.region`."""

    @property
    def text(self) -> str:
        return self.source.text

    @property
    def parent_id(self) -> str | None:
        return self.source.parent_id

    def write(self, context: Context) -> Written:
        written = self.source.drawn_over(context, strength=1.0)
        assert written.model is not None
        frame = framing.whole(self.source.size, within_mask(written.model, context))
        return self.source.outpainted(
            written,
            context,
            width_px=frame.width_px,
            height_px=frame.height_px,
            place=frame.place,
            mask=self.mask,
        )
