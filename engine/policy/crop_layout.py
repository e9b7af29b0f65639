"""Where the overlapping crops lie in which a large picture is drawn anew."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

STRIDE = 0.75
"""Of a crop's side: neighbours overlap by at least a quarter."""

Corner = tuple[int, int]
Size = tuple[int, int]
"""Width and height, px."""


def corners(size: Size, crop: Size) -> list[Corner]:
    """Left upper corners (x, y) of crops that cover the picture, spread evenly."""
    xs, ys = (_offsets(full, part) for full, part in zip(size, crop, strict=True))
    return [(x, y) for y, x in itertools.product(ys, xs)]


def _offsets(full: int, part: int) -> Sequence[int]:
    count = max(1, math.ceil((full - part) / (part * STRIDE)) + 1)
    if count == 1:
        return [0]
    return [round(place * (full - part) / (count - 1)) for place in range(count)]
