"""Split a large picture into overlapping crops, and put them together again."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.policy.crop_layout import Size, corners


def split(picture: Image.Image, crop: Size) -> list[Image.Image]:
    """The crops of a picture, in the order of their corners."""
    width, height = crop
    return [picture.crop((x, y, x + width, y + height)) for x, y in corners(picture.size, crop)]


def blend(crops: Mapping[int, NDArray[np.uint8]], size: Size) -> NDArray[np.uint8]:
    """Crops (h, w, 3) by number → (H, W, 3); where they overlap, pixels nearer to a crop's middle
    count more.
    """
    height, width = crops[0].shape[:2]
    ramps = [1 - np.abs(np.linspace(-1, 1, side + 2)[1:-1]) for side in (height, width)]
    weight = np.outer(*ramps)[..., None]
    total = np.zeros((size[1], size[0], 3))
    weights = np.zeros((size[1], size[0], 1))
    for number, (x, y) in enumerate(corners(size, (width, height))):
        total[y : y + height, x : x + width] += weight * crops[number]
        weights[y : y + height, x : x + width] += weight
    picture: NDArray[np.uint8] = np.round(total / weights).astype(np.uint8)
    return picture
