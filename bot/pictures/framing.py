"""Where a picture stands on a drawing that shows more than it: zoomed out, panned, another shape.

Pure: sizes in, sizes out, within what a model draws.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

import engine

LEAST_ZOOM, MOST_ZOOM = 1.0, 2.0
"""Of a zoom, as Midjourney's."""
_LINE_PX = 2
"""What is new is wider than such a line along the edge, or nothing."""
_USUAL_AREAS = 2
"""The largest drawing has so many times the model's usual area, or what the model draws: beyond
that models repeat themselves, and the price grows with the area."""
_LONGEST = 3.0
"""Of the sides, one by the other: a longer picture is shrunk no more, its other end is lost."""


class Direction(enum.Enum):
    """Where a pan goes, as (right, down)."""

    LEFT = (-1, 0)
    RIGHT = (1, 0)
    UP = (0, -1)
    DOWN = (0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A drawing, and where the earlier picture stands on it."""

    width_px: int
    height_px: int
    place: engine.Place
    scale: float
    """Of the placed picture to what it was."""
    cut: bool = False
    """Whether some of it is outside."""

    @property
    def is_full(self) -> bool:
        """Whether the picture fills all of it, so that nothing is new."""
        place = self.place
        return (
            place.left_px <= 0
            and place.top_px <= 0
            and place.left_px + place.width_px >= self.width_px
            and place.top_px + place.height_px >= self.height_px
        )


def zoomed(
    size: tuple[int, int],
    factor: float,
    model: engine.ModelInfo,
    *,
    ratio: float | None = None,
) -> Frame:
    """The picture in the middle of what is `factor` times as wide and high.

    The drawing is as large as the model draws, but the picture is enlarged only where it is smaller
    than anything that the model draws.
    ratio: of width to height, instead of the picture's own.
    """
    width, height = size[0] * factor, size[1] * factor
    ratio = size[0] / size[1] if ratio is None else ratio
    wide, high = max(width, height * ratio), max(height, width / ratio)
    width_px, height_px = _within(wide, high, model)
    return _middle(size, width_px, height_px, min(width_px / wide, height_px / high))


def squared(size: tuple[int, int], model: engine.ModelInfo) -> Frame:
    """The whole picture in a square."""
    return zoomed(size, 1.0, model, ratio=1.0)


def panned(size: tuple[int, int], direction: Direction, model: engine.ModelInfo) -> Frame:
    """The picture made longer by half of the model's usual side.

    Where that is more than the model draws it is shrunk; a picture that is long already loses its
    other end instead.
    """
    right, down = direction.value
    width, height = _within(*size, model)
    scale = min(width / size[0], height / size[1])
    placed = _scaled(size, scale)
    added = _steps(model.width_px / 2, model)
    wide, high = width + added * abs(right), height + added * abs(down)
    fitting = _within(wide, high, model)
    along = 0 if right else 1
    longest = max(wide / high, high / wide)
    grows = (wide, high)[along] >= (high, wide)[along]
    if fitting == (wide, high):
        return _at_end(placed, (wide, high), direction, scale)
    if not grows or longest <= _LONGEST:
        shrink = min(fitting[0] / wide, fitting[1] / high)
        return _at_end(_scaled(size, scale * shrink), fitting, direction, scale * shrink)
    # As it is, moved on by what is added.
    left, top = (width - placed[0]) // 2, (height - placed[1]) // 2
    return Frame(
        width_px=width,
        height_px=height,
        place=engine.Place(
            left_px=left - added * right,
            top_px=top - added * down,
            width_px=placed[0],
            height_px=placed[1],
        ),
        scale=scale,
        cut=True,
    )


def whole(size: tuple[int, int], model: engine.ModelInfo) -> Frame:
    """The picture on a drawing of its own size, or of the nearest that the model draws."""
    width, height = _within(*size, model)
    place = engine.Place(left_px=0, top_px=0, width_px=width, height_px=height)
    return Frame(width_px=width, height_px=height, place=place, scale=width / size[0])


def _middle(size: tuple[int, int], width: int, height: int, scale: float) -> Frame:
    """scale: of the drawing to what it would be around the picture at its own size."""
    placed = _scaled(size, scale)
    placed = (
        width if abs(width - placed[0]) <= _LINE_PX else placed[0],
        height if abs(height - placed[1]) <= _LINE_PX else placed[1],
    )
    place = engine.Place(
        left_px=(width - placed[0]) // 2,
        top_px=(height - placed[1]) // 2,
        width_px=placed[0],
        height_px=placed[1],
    )
    return Frame(width_px=width, height_px=height, place=place, scale=placed[0] / size[0])


def _at_end(
    placed: tuple[int, int], drawing: tuple[int, int], direction: Direction, scale: float
) -> Frame:
    """At the end that the pan goes away from, in the middle of the other axis."""
    right, down = direction.value
    left, top = (drawing[0] - placed[0]), (drawing[1] - placed[1])
    return Frame(
        width_px=drawing[0],
        height_px=drawing[1],
        place=engine.Place(
            left_px={-1: left, 0: left // 2, 1: 0}[right],
            top_px={-1: top, 0: top // 2, 1: 0}[down],
            width_px=placed[0],
            height_px=placed[1],
        ),
        scale=scale,
    )


def _within(width: float, height: float, model: engine.ModelInfo) -> tuple[int, int]:
    """The largest size in nearly this shape, and not above it, that the model draws."""
    most = min(model.max_pixels, _USUAL_AREAS * model.width_px * model.height_px)
    shrink = min(
        1.0,
        model.max_side_px / max(width, height),
        math.sqrt(most / (width * height)),
    )
    sides = [max(_steps(side * shrink, model), model.min_side_px) for side in (width, height)]
    while sides[0] * sides[1] > most and max(sides) > model.min_side_px:
        sides[sides.index(max(sides))] -= model.size_step_px
    return sides[0], sides[1]


def _steps(side: float, model: engine.ModelInfo) -> int:
    """The side in whole steps, down."""
    return max(int(side + 1e-6) // model.size_step_px, 1) * model.size_step_px


def _scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)
