"""How large a picture is drawn, from `--ar`, `--hd` and what the model draws. Pure."""

from __future__ import annotations

import math

import engine

SHAPES = ((1, 1), (5, 4), (4, 3), (3, 2), (16, 9), (2, 1))
"""With their uprights, those of pictures of models that are fast in few sizes only. In steps of 64
pixels they are 7 sizes around 512 × 512 and 9 around 1024 × 1024, as some come out alike."""
NEAR = 1.12
"""How many times wider or narrower than was asked a picture of one of those shapes may be."""


def drawn(
    model: engine.ModelInfo, aspect: tuple[int, int], *, large: bool = False
) -> tuple[int, int]:
    """(width, height) in pixels of a drawing in this shape: what fits best, or where the model is
    fast in few sizes only the nearest of those, if one is near.

    large: the largest area that it draws, instead of its usual one.
    """
    exact = fit(model, aspect, large=large)
    if not model.few_sizes:
        return exact
    shapes = (*SHAPES, *((height, width) for width, height in SHAPES))
    sizes = {fit(model, shape, large=large) for shape in shapes}
    nearest = min(sizes, key=lambda size: (_difference(size, aspect), size))
    return nearest if _difference(nearest, aspect) <= math.log(NEAR) else exact


def fit(
    model: engine.ModelInfo, aspect: tuple[int, int], *, large: bool = False
) -> tuple[int, int]:
    """(width, height) in pixels: the model's area in the shape of `aspect`, within its limits.

    large: the largest area that it draws, instead of its usual one.
    """
    ratio = aspect[0] / aspect[1]
    area = model.max_pixels if large else model.width_px * model.height_px
    width, height = math.sqrt(area * ratio), math.sqrt(area / ratio)
    grow = max(1.0, model.min_side_px / min(width, height))
    width, height = width * grow, height * grow
    shrink = min(1.0, math.sqrt(model.max_pixels / (width * height)))
    width, height = width * shrink, height * shrink

    def snap(side: float) -> int:
        side = min(max(side, model.min_side_px), model.max_side_px)
        return max(round(side / model.size_step_px), 1) * model.size_step_px

    width_px, height_px = snap(width), snap(height)
    if width_px * height_px > model.max_pixels:
        # A step less on either side or both: what is nearest to the shape.
        sides = [
            (width_px - columns * model.size_step_px, height_px - rows * model.size_step_px)
            for columns, rows in ((0, 1), (1, 0), (1, 1))
        ]
        width_px, height_px = min(
            (
                side
                for side in sides
                if side[0] * side[1] <= model.max_pixels and min(side) >= model.min_side_px
            ),
            key=lambda side: _difference(side, aspect),
            default=(width_px, height_px),
        )
    while width_px * height_px > model.max_pixels:
        if width_px >= height_px:
            width_px -= model.size_step_px
        else:
            height_px -= model.size_step_px
    return width_px, height_px


def _difference(size: tuple[int, int], aspect: tuple[int, int]) -> float:
    """How far two shapes are apart: the logarithm of how many times one is wider."""
    return abs(math.log(size[0] / size[1] / (aspect[0] / aspect[1])))
