"""A large picture as overlapping tiles, and back: how a drawing is made anew larger."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

STRIDE = 0.75
"""Of a tile's side: neighbours overlap by at least a quarter."""

Corner = tuple[int, int]
Size = tuple[int, int]
"""Width and height, px."""


def corners(size: Size, tile: Size) -> list[Corner]:
    """Left upper corners (x, y) of tiles that cover the picture, spread evenly."""
    xs, ys = (_offsets(whole, part) for whole, part in zip(size, tile, strict=True))
    return [(x, y) for y, x in itertools.product(ys, xs)]


def cut(picture: Image.Image, tile: Size) -> list[Image.Image]:
    """The tiles of a picture, in the order of their corners."""
    width, height = tile
    return [picture.crop((x, y, x + width, y + height)) for x, y in corners(picture.size, tile)]


def blend(tiles: Mapping[int, NDArray[np.uint8]], size: Size) -> NDArray[np.uint8]:
    """Tiles (h, w, 3) by number → (H, W, 3); where they overlap, the nearer middle counts more."""
    height, width = tiles[0].shape[:2]
    ramps = [1 - np.abs(np.linspace(-1, 1, side + 2)[1:-1]) for side in (height, width)]
    weight = np.outer(*ramps)[..., None]
    total = np.zeros((size[1], size[0], 3))
    weights = np.zeros((size[1], size[0], 1))
    for number, (x, y) in enumerate(corners(size, (width, height))):
        total[y : y + height, x : x + width] += weight * tiles[number]
        weights[y : y + height, x : x + width] += weight
    picture: NDArray[np.uint8] = np.round(total / weights).astype(np.uint8)
    return picture


def _offsets(whole: int, part: int) -> Sequence[int]:
    count = max(1, math.ceil((whole - part) / (part * STRIDE)) + 1)
    if count == 1:
        return [0]
    return [round(place * (whole - part) / (count - 1)) for place in range(count)]
