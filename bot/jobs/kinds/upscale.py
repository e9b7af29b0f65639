"""Upscale (Subtle, Creative) and /upscale: one picture, larger."""

from __future__ import annotations

import dataclasses
import enum
import math
from dataclasses import dataclass
from typing import ClassVar

import engine
from bot.errors import InvalidPicture
from bot.jobs.kinds.draw import SINGLE
from bot.jobs.kinds.kind import Context, Kind, Written
from bot.jobs.kinds.source import Source
from bot.jobs.records import FOUND, Role
from bot.pictures.decoder import STORED_SIDE_PX
from bot.prompt import grammar, sizes
from bot.prompt.resolved import as_json
from engine import Sentence

UPSCALED = Kind(
    follow_ups={Role.SINGLE: tuple(name for name in SINGLE if name != "making_of")},
    asks_first=True,
)
FACTOR = 2
"""How many times as large a picture becomes."""
STRENGTH = 0.3
"""Of the creative way: 0 keeps the picture, 1 ignores it."""


class Way(enum.Enum):
    """How a picture is made larger; the value is the title of the result."""

    SUBTLE = Sentence("Upscaled (Subtle)")
    """By the catalogue's super-resolution network, which adds nothing."""
    CREATIVE = Sentence("Upscaled (Creative)")
    """Drawn anew in overlapping parts, for its words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upscale:
    """One picture, twice as large."""

    kind: ClassVar[str] = "upscale"

    source: Source
    way: Way = Way.SUBTLE

    @property
    def text(self) -> str:
        return self.source.text

    @property
    def title(self) -> str:
        return self.way.value

    @property
    def parent_id(self) -> str | None:
        return self.source.parent_id

    def write(self, context: Context) -> Written:
        refuse_too_large(self.source.size)
        if self.way is Way.CREATIVE:
            return self._creative(context)
        job = engine.UpscaleJob(
            id=context.job_id, owner=context.owner, picture=self.source.picture, factor=FACTOR
        )
        written = Written(
            job=job, model=None, notes=self.source.told, resolved=self.source.resolved
        )
        return self._named(written) if self.source.reworded else written

    def _named(self, written: Written) -> Written:
        """The subtle way with words: they say how soon it is done and who sees it."""
        self.source.refuse_links()
        note = Sentence(
            "The subtle way draws nothing new: its words count in what goes on from it."
        )
        resolved = {
            "model": written.resolved.get("model", ""),
            "prompt": as_json(grammar.parse(self.text, beside=1)),
        }
        found = self.source.resolved.get(FOUND)
        if found and not self.source.has_other_words:
            resolved[FOUND] = found
        return dataclasses.replace(written, notes=(*written.notes, note), resolved=resolved)

    def _creative(self, context: Context) -> Written:
        written = self.source.drawn_over(context, strength=STRENGTH)
        job, model = written.job, written.model
        assert isinstance(job, engine.DrawJob)
        assert model is not None
        width_px, height_px, enlarge = part_of(model, self.source.size)
        job = dataclasses.replace(
            job,
            images=1,
            width_px=width_px,
            height_px=height_px,
            enlarge=enlarge,
            tile=False,
            chaos=0.0,  # it would lead each part elsewhere
        )
        return dataclasses.replace(written, job=job)


def refuse_too_large(size: tuple[int, int]) -> None:
    """InvalidPicture where a picture has more pixels a side than are kept of members' pictures."""
    width, height = size
    if max(size) > STORED_SIDE_PX:
        scale = STORED_SIDE_PX / max(size)
        raise InvalidPicture(
            Sentence(
                "This picture has {width}×{height} pixels. The largest of its shape that can be "
                "upscaled has {most_width}×{most_height}.",
                width=width,
                height=height,
                most_width=int(width * scale),
                most_height=int(height * scale),
            )
        )


def part_of(model: engine.ModelInfo, size: tuple[int, int]) -> tuple[int, int, int]:
    """(width, height, enlargement) of a creative upscale: a part's size, and how many make a side.

    The part is as near to the model's own size as 2 or 4 of them a side allow. A small picture
    becomes more than twice as large; InvalidPicture names the largest that the model can take.
    """
    step, own = model.size_step_px, model.width_px * model.height_px
    found = []
    for enlarge in (2, 4):
        sides = [max(round(side * FACTOR / enlarge / step), 1) * step for side in size]
        width, height = sides
        in_range = model.min_side_px <= min(sides) and max(sides) <= model.max_side_px
        if in_range and width * height <= model.max_pixels:
            found.append((width, height, enlarge))
    if found:
        return min(found, key=lambda part: abs(math.log(part[0] * part[1] / own)))
    if size[0] * size[1] <= own:
        return (*sizes.fit(model, size), FACTOR)
    width, height = sizes.fit(model, size, large=True)
    raise InvalidPicture(
        Sentence(
            "This picture has {width}×{height} pixels. The largest of its shape that {title} can "
            "upscale creatively has {most_width}×{most_height}; the subtle way takes larger ones.",
            width=size[0],
            height=size[1],
            title=model.title,
            most_width=width * 4 // FACTOR,
            most_height=height * 4 // FACTOR,
        )
    )
