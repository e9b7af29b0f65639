"""Zoom Out and Make Square: four pictures that show what is around one."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from dataclasses import dataclass
from typing import ClassVar

from bot.errors import UserError
from bot.jobs.kinds.kind import Context, Written
from bot.jobs.kinds.source import Source, within_mask
from bot.pictures import framing
from bot.pictures.framing import LEAST_ZOOM, MOST_ZOOM
from bot.prompt import grammar
from bot.prompt.markdown import harmless_line
from engine import Sentence

CUSTOM = "2"
"""What stands in the form of a custom zoom at first."""
_LONGEST = 40
_NUMBER = re.compile(r"[x×]?\s*(\d+(?:[.,]\d+)?)\s*[x×]?", re.IGNORECASE)


def factor_of(text: str) -> float:
    """A zoom as a member types it, such as "1.5", "1,5x" or "２"; UserError where it is none."""
    found = _NUMBER.fullmatch(unicodedata.normalize("NFKC", text).strip())
    factor = float(found[1].replace(",", ".")) if found and len(text) < _LONGEST else 0.0
    if not LEAST_ZOOM <= factor <= MOST_ZOOM:
        raise UserError(
            Sentence(
                "A zoom is a number from {least:g} to {most:g}, such as 1.5; “{text}” is not.",
                least=LEAST_ZOOM,
                most=MOST_ZOOM,
                text=harmless_line(text, _LONGEST),
            )
        )
    return factor


@dataclass(frozen=True, slots=True, kw_only=True)
class Zoom:
    """The picture in the middle of what is `factor` times as large."""

    kind: ClassVar[str] = "zoom"

    source: Source
    factor: float
    """1 … 2."""
    squares: bool = False
    """Whether it is made square, whatever its shape was."""

    @property
    def title(self) -> str:
        return Sentence("Make Square") if self.squares else Sentence("Zoom Out")

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
        frame = framing.zoomed(self.source.size, self.factor, model, ratio=self._ratio())
        if frame.is_full:
            raise UserError(self._already())
        placed = self.source.outpainted(
            written,
            context,
            shaped=not self.squares,
            width_px=frame.width_px,
            height_px=frame.height_px,
            place=frame.place,
            strength=self.source.strength_around(model, written),
        )
        note = Sentence(
            "{width} × {height} px, with the earlier picture at {percent} % of its size.",
            width=frame.width_px,
            height=frame.height_px,
            percent=round(frame.scale * 100),
        )
        return dataclasses.replace(placed, notes=(*placed.notes, note))

    def _ratio(self) -> float | None:
        """Of the new picture; None: as it was."""
        if self.squares:
            return 1.0
        before = self.source.remixed_from
        if before is None:
            return None
        asked = [grammar.parse(text, beside=1).parameters for text in (self.source.text, before)]
        if asked[0].ar == asked[1].ar:
            return None
        width, height = asked[0].ar
        return width / height

    def _already(self) -> Sentence:
        if self.squares:
            return Sentence("This picture is square already.")
        return Sentence(
            "A zoom of 1 leaves this picture as it is; choose more, or another shape with --ar."
        )
