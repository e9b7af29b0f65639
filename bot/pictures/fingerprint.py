"""What a picture looks like, in a few bytes that survive recompression and resizing.

64 bits of its shapes, a perceptual hash by the cosine transform (Zauner 2010), find it; its colours
in 64 fields tell apart what has the same shapes.
"""

from __future__ import annotations

import functools
import math
import operator
from dataclasses import dataclass

from PIL import Image

_SIDE_PX, _LOW = 32, 8
"""The picture's size for the transform, and how many of its low frequencies a side count."""
_FIELDS = 8
_FLATTEST = 4.0
"""Of the cosines' mean size; a flatter picture has no shapes to know it by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """How a picture looks."""

    shapes: int
    """64 bits."""
    colours: bytes
    """Red, green and blue of 8×8 fields, row by row."""

    def bits_apart(self, other: Fingerprint) -> int:
        """Of the shapes, 0 … 64."""
        return (self.shapes ^ other.shapes).bit_count()

    def tones_apart(self, other: Fingerprint) -> float:
        """Of the colours, on average, 0 … 255."""
        pairs = zip(self.colours, other.colours, strict=True)
        return sum(abs(one - two) for one, two in pairs) / len(self.colours)


def of(picture: Image.Image) -> Fingerprint | None:
    """The fingerprint; None for a picture with no shapes, such as one of a single colour."""
    rgb = picture.convert("RGB")
    grey = rgb.convert("L").resize((_SIDE_PX, _SIDE_PX), Image.Resampling.BOX)
    cosines = _low_cosines(list(grey.tobytes()))
    if sum(map(abs, cosines)) / len(cosines) < _FLATTEST:
        return None
    middle = sorted(cosines)[len(cosines) // 2]
    shapes = sum(1 << place for place, cosine in enumerate(cosines) if cosine > middle)
    colours = rgb.resize((_FIELDS, _FIELDS), Image.Resampling.BOX).tobytes()
    return Fingerprint(shapes=shapes, colours=colours)


def _low_cosines(grey: list[int]) -> list[float]:
    """The 64 lowest frequencies of the two-dimensional DCT-II, without the mean.

    grey: 32×32, row by row. In the place of the mean stands the next frequency down the side.
    """
    table = _table()
    rows = [grey[at : at + _SIDE_PX] for at in range(0, len(grey), _SIDE_PX)]
    across = [[_dot(row, wave) for wave in table[:_LOW]] for row in rows]
    columns = [[row[place] for row in across] for place in range(_LOW)]
    found = [_dot(column, wave) for column in columns for wave in table[:_LOW]]
    found[0] = _dot(columns[0], table[_LOW])
    return found


@functools.cache
def _table() -> list[list[float]]:
    """Waves of 0 … 8 half turns over the side, each of unit length."""
    scale = math.sqrt(2 / _SIDE_PX)
    return [
        [
            scale * math.cos(math.pi * (place + 0.5) * half_turns / _SIDE_PX)
            for place in range(_SIDE_PX)
        ]
        for half_turns in range(_LOW + 1)
    ]


def _dot(one: list[float] | list[int], two: list[float]) -> float:
    total: float = sum(map(operator.mul, one, two))
    return total
