"""Shapes with coordinates in a box, which a style then turns into pixels.

A `Pen` collects `Shape`s. Subjects draw in their own box, x and y from -1 to 1 with y
pointing down and the feet at y = 1; places draw in a frame whose height is 1 and whose width is the
picture's aspect ratio.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

Point = tuple[float, float]
RGB = tuple[int, int, int]

PAINTS: dict[str, RGB] = {
    "ink": (38, 34, 44),
    "chalk": (252, 250, 244),
    "leaf": (62, 140, 66),
    "bark": (112, 74, 48),
    "sand": (238, 214, 160),
    "sun": (255, 206, 64),
    "flame": (250, 120, 40),
    "glass": (176, 222, 240),
    "stone": (150, 152, 160),
    "rose": (240, 120, 130),
    "water": (58, 140, 205),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One closed polygon, or one open stroke when `width` is set."""

    points: tuple[Point, ...]
    rgb: RGB
    width: float | None = None  # of the stroke, in the pen's units; None for a filled polygon
    outlined: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Pen:
    """Collects shapes; `body`, `dark` and `light` are the three tones of the scene's colour."""

    body: RGB
    outlined: bool = True
    shapes: list[Shape] = field(default_factory=list)

    def polygon(self, points: list[Point], fill: str | RGB = "body") -> None:
        """Draw a closed polygon with straight edges."""
        self._add(tuple(points), fill)

    def blob(self, points: list[Point], fill: str | RGB = "body") -> None:
        """Draw a closed smooth curve through the points (a Catmull-Rom spline)."""
        self._add(tuple(_spline(points, closed=True)), fill)

    def ellipse(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        fill: str | RGB = "body",
        tilt: float = 0.0,
    ) -> None:
        """Draw an ellipse about (x, y), turned clockwise by `tilt` degrees."""
        self._add(_ellipse(x, y, rx, ry, tilt), fill)

    def rect(self, x0: float, y0: float, x1: float, y1: float, fill: str | RGB = "body") -> None:
        """Draw an upright rectangle from one corner to the other."""
        self._add(((x0, y0), (x1, y0), (x1, y1), (x0, y1)), fill)

    def line(
        self,
        points: list[Point],
        fill: str | RGB = "ink",
        width: float = 0.06,
        *,
        smooth: bool = False,
    ) -> None:
        """Draw an open stroke through the points."""
        path = tuple(_spline(points, closed=False)) if smooth else tuple(points)
        self.shapes.append(
            Shape(points=path, rgb=self.tone(fill), width=width, outlined=self.outlined)
        )

    def eyes(self, x: float, y: float, apart: float, radius: float = 0.07) -> None:
        """Draw two eyes with a glint, `apart` from each other, around (x, y)."""
        for side in (-0.5, 0.5):
            self.dot(x + side * apart, y, radius)

    def dot(self, x: float, y: float, radius: float = 0.07) -> None:
        """Draw one eye: a white circle with a pupil."""
        self.shapes.append(
            Shape(
                points=_ellipse(x, y, radius * 1.5, radius * 1.5),
                rgb=PAINTS["chalk"],
                outlined=False,
            )
        )
        self.shapes.append(
            Shape(points=_ellipse(x, y, radius, radius), rgb=PAINTS["ink"], outlined=False)
        )

    def tone(self, fill: str | RGB) -> RGB:
        """Return the RGB of a fill: a tone of the scene's colour, the name of a paint, or RGB."""
        match fill:
            case "body":
                return self.body
            case "dark":
                return mix(self.body, (20, 14, 40), 0.32)
            case "light":
                return mix(self.body, (255, 255, 255), 0.45)
            case str():
                return PAINTS[fill]
            case _:
                return fill

    def _add(self, points: tuple[Point, ...], fill: str | RGB) -> None:
        self.shapes.append(Shape(points=points, rgb=self.tone(fill), outlined=self.outlined))


def mix(a: RGB, b: RGB, share: float) -> RGB:
    """Return the mixture of two colours with `share` (0-1) of `b`."""
    return (
        round(a[0] + (b[0] - a[0]) * share),
        round(a[1] + (b[1] - a[1]) * share),
        round(a[2] + (b[2] - a[2]) * share),
    )


def placed(shapes: list[Shape], x: float, y: float, scale: float) -> list[Shape]:
    """Return the shapes scaled, then moved so that their origin lies at (x, y)."""
    return [
        replace(
            shape,
            points=tuple((x + px * scale, y + py * scale) for px, py in shape.points),
            width=None if shape.width is None else shape.width * scale,
        )
        for shape in shapes
    ]


def _ellipse(x: float, y: float, rx: float, ry: float, tilt: float = 0.0) -> tuple[Point, ...]:
    cos, sin = math.cos(math.radians(tilt)), math.sin(math.radians(tilt))
    circle = [
        (math.cos(math.tau * i / 28) * rx, math.sin(math.tau * i / 28) * ry) for i in range(28)
    ]
    return tuple((x + u * cos - v * sin, y + u * sin + v * cos) for u, v in circle)


def _spline(points: list[Point], *, closed: bool, steps: int = 6) -> list[Point]:
    if closed:
        around = [points[-1], *points, points[0], points[1]]
    else:
        around = [points[0], *points, points[-1]]
    path = [
        _catmull_rom(around[i : i + 4], step / steps)
        for i in range(len(around) - 3)
        for step in range(steps)
    ]
    return path if closed else [*path, points[-1]]


def _catmull_rom(four: list[Point], t: float) -> Point:
    weights = (
        -0.5 * t + t * t - 0.5 * t**3,
        1 - 2.5 * t * t + 1.5 * t**3,
        0.5 * t + 2 * t * t - 1.5 * t**3,
        -0.5 * t * t + 0.5 * t**3,
    )
    return (
        sum(w * p[0] for w, p in zip(weights, four, strict=True)),
        sum(w * p[1] for w, p in zip(weights, four, strict=True)),
    )
