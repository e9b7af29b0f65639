"""Shapes in a box, which a style then turns into pixels.

A `Pen` collects `Shape`s. Subjects draw in their own box, x and y from -1 to 1 with y pointing
down, feet at y = 1, facing left; places draw in a frame whose height is 1 and whose width is the
picture's aspect ratio.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import skia

from doodle.words import RGB

Point = tuple[float, float]

_UNION = skia.kUnion_PathOp

PAINTS: dict[str, RGB] = {
    "ink": (40, 34, 48),
    "chalk": (252, 249, 242),
    "leaf": (74, 150, 74),
    "moss": (46, 112, 66),
    "bark": (124, 82, 54),
    "sand": (240, 214, 162),
    "sun": (255, 208, 72),
    "flame": (250, 128, 48),
    "glass": (182, 224, 242),
    "stone": (150, 152, 164),
    "steel": (98, 102, 118),
    "rose": (242, 132, 142),
    "water": (70, 150, 214),
    "wood": (190, 136, 88),
    "lamp": (255, 226, 130),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One path to fill, or to stroke where `width` is set."""

    path: skia.Path
    rgb: RGB
    width: float | None = None  # of the stroke, in the pen's units; None for a filled path
    lined: bool = True  # False for what has no outline of its own: an eye, a patch, a sky
    below: RGB | None = None  # the colour at the lower end, of a gradient
    glows: bool = False  # a light source
    named: bool = False  # a part of a place that captions name: the sun, the moon


@dataclass(frozen=True, slots=True, kw_only=True)
class Pen:
    """Collects shapes; `body`, `dark`, `light` and `pale` are tones of the scene's colour."""

    body: RGB
    shapes: list[Shape] = field(default_factory=list)

    def fill(
        self,
        path: skia.Path,
        tone: str | RGB = "body",
        *,
        lined: bool = True,
        below: str | RGB | None = None,
        glows: bool = False,
        named: bool = False,
    ) -> skia.Path:
        """Draw a filled path and return it, so that patches can be laid on it."""
        end, rgb = None if below is None else self.tone(below), self.tone(tone)
        self.shapes.append(
            Shape(path=path, rgb=rgb, lined=lined, below=end, glows=glows, named=named)
        )
        return path

    def patch(self, path: skia.Path, base: skia.Path, tone: str | RGB = "light") -> None:
        """Draw the part of a path that lies on another one, without an outline."""
        self.fill(common(path, base), tone, lined=False)

    def line(
        self,
        points: list[Point],
        tone: str | RGB = "ink",
        width: float = 0.05,
        *,
        smooth: bool = True,
        lined: bool = False,
    ) -> None:
        """Draw an open stroke through the points."""
        path = curve(points, closed=False) if smooth else polygon(points, closed=False)
        self.shapes.append(Shape(path=path, rgb=self.tone(tone), width=width, lined=lined))

    def eye(self, x: float, y: float, radius: float = 0.07, *, shut: bool = False) -> None:
        """Draw one eye with a glint, or a closed one."""
        if shut:
            self.line(
                [(x - radius * 1.3, y), (x, y + radius * 0.8), (x + radius * 1.3, y)],
                "ink",
                radius * 0.6,
            )
            return
        self.fill(ellipse(x, y, radius * 1.35, radius * 1.45), "chalk", lined=False)
        self.fill(ellipse(x - radius * 0.1, y, radius, radius * 1.15), "ink", lined=False)
        self.fill(ellipse(x - radius * 0.35, y - radius * 0.4, radius * 0.38), "chalk", lined=False)

    def tone(self, fill: str | RGB) -> RGB:
        """Return the RGB of a fill: a tone of the scene's colour, the name of a paint, or RGB."""
        match fill:
            case "body":
                return self.body
            case "dark":
                return mix(self.body, (24, 14, 56), 0.3)
            case "light":
                return mix(self.body, (255, 250, 240), 0.42)
            case "pale":
                return mix(self.body, (255, 250, 240), 0.78)
            case str():
                return PAINTS[fill]
            case _:
                return fill


def mix(a: RGB, b: RGB, share: float) -> RGB:
    """Return the mixture of two colours with `share` (0-1) of `b`."""
    return (
        round(a[0] + (b[0] - a[0]) * share),
        round(a[1] + (b[1] - a[1]) * share),
        round(a[2] + (b[2] - a[2]) * share),
    )


def ellipse(x: float, y: float, rx: float, ry: float | None = None, tilt: float = 0.0) -> skia.Path:
    """Return an ellipse about (x, y), turned clockwise by `tilt` degrees; a circle without `ry`."""
    ry = rx if ry is None else ry
    path = skia.Path()
    path.addOval(skia.Rect.MakeLTRB(x - rx, y - ry, x + rx, y + ry))
    if tilt:
        path.transform(skia.Matrix().preRotate(tilt, x, y))
    return path


def rect(x0: float, y0: float, x1: float, y1: float, radius: float = 0.0) -> skia.Path:
    """Return an upright rectangle from one corner to the other, its corners rounded."""
    path = skia.Path()
    path.addRoundRect(skia.Rect.MakeLTRB(x0, y0, x1, y1), radius, radius)
    return path


def polygon(points: list[Point], *, closed: bool = True, radius: float = 0.0) -> skia.Path:
    """Return straight edges through the points, its corners rounded."""
    path = skia.Path()
    path.addPoly([skia.Point(*point) for point in points], closed)
    if radius:
        rounded = skia.Path()
        paint = skia.Paint(PathEffect=skia.CornerPathEffect.Make(radius))
        paint.getFillPath(path, rounded)
        return rounded
    return path


def curve(points: list[Point], *, closed: bool = True) -> skia.Path:
    """Return a smooth curve through the points (Catmull-Rom, as cubic Bézier curves)."""
    around = [points[-1], *points, points[0], points[1]] if closed else None
    around = around or [points[0], *points, points[-1]]
    path = skia.Path()
    path.moveTo(*around[1])
    for before, a, b, after in zip(around, around[1:], around[2:], around[3:], strict=False):
        path.cubicTo(
            a[0] + (b[0] - before[0]) / 6,
            a[1] + (b[1] - before[1]) / 6,
            b[0] - (after[0] - a[0]) / 6,
            b[1] - (after[1] - a[1]) / 6,
            *b,
        )
    if closed:
        path.close()
    return path


def limb(points: list[Point], start: float, end: float) -> skia.Path:
    """Return a thick curve through the points, with round ends; widths at start and end."""
    spine = skia.PathMeasure(curve(points, closed=False), False)
    length, count = spine.getLength(), 10
    left, right = [], []
    for i in range(count + 1):
        at, along = spine.getPosTan(length * i / count)
        half = (start + (end - start) * i / count) / 2
        left.append((at.x() - along.y() * half, at.y() + along.x() * half))
        right.append((at.x() + along.y() * half, at.y() - along.x() * half))
    outline = curve([*left, *reversed(right)])
    return union(outline, ellipse(*points[0], start / 2), ellipse(*points[-1], end / 2))


def union(*paths: skia.Path) -> skia.Path:
    """Return the area that any of the paths covers."""
    whole = paths[0]
    for path in paths[1:]:
        # Skia leaves parts out where edges nearly touch; a little aside, they do not.
        for shift in (0.0, 0.0017, -0.0023, 0.0031, 0.0):
            aside = moved(path, skia.Matrix.Translate(shift, shift / 2))
            both = _op(whole, aside, _UNION)
            if both is not None and _holds(both, whole, path):
                break
        else:
            both = _op(_flattened(whole), _flattened(path), _UNION)
        whole = both or whole
    return whole


def _op(a: skia.Path, b: skia.Path, kind: skia.PathOp) -> skia.Path | None:
    """Return what skia makes of two paths; None for the few paths where it finds no answer."""
    try:
        return skia.Op(a, b, kind)
    except RuntimeError:
        return None


def _flattened(path: skia.Path) -> skia.Path:
    """Return the path with short straight edges, which skia can always unite."""
    whole = skia.Path()
    measure = skia.PathMeasure(path, False)
    while True:
        length = measure.getLength()
        whole.addPoly([measure.getPosTan(length * i / 90)[0] for i in range(90)], True)
        if not measure.nextContour():
            break
    return whole


def _holds(both: skia.Path, *paths: skia.Path) -> bool:
    bounds = both.getBounds()
    tight = [path.computeTightBounds() for path in paths]
    slack = 0.02
    return (
        bounds.left() <= min(b.left() for b in tight) + slack
        and bounds.top() <= min(b.top() for b in tight) + slack
        and bounds.right() >= max(b.right() for b in tight) - slack
        and bounds.bottom() >= max(b.bottom() for b in tight) - slack
        and all(both.contains(*point) for path in paths for point in _inside(path))
    )


def _inside(path: skia.Path) -> list[Point]:
    """Return a few points that the path covers."""
    box = path.getBounds()
    points = [
        (box.left() + box.width() * x / 6, box.top() + box.height() * y / 6)
        for x in range(1, 6)
        for y in range(1, 6)
    ]
    return [point for point in points if path.contains(*point)]


def common(a: skia.Path, b: skia.Path) -> skia.Path:
    """Return the area that both paths cover."""
    return _cut(a, b, skia.kIntersect_PathOp) or skia.Path()


def without(a: skia.Path, b: skia.Path) -> skia.Path:
    """Return the area of one path that another does not cover."""
    return _cut(a, b, skia.kDifference_PathOp) or a


def _cut(a: skia.Path, b: skia.Path, kind: skia.PathOp) -> skia.Path | None:
    """Return what skia makes of two paths, with short straight edges where it fails otherwise."""
    found = _op(a, b, kind)
    return _op(_flattened(a), _flattened(b), kind) if found is None else found


def moved(path: skia.Path, matrix: skia.Matrix) -> skia.Path:
    """Return a path under a transformation."""
    other = skia.Path(path)
    other.transform(matrix)
    return other


def ring(count: int, *, turn: float = 0.0) -> list[Point]:
    """Return points on a circle of radius 1, clockwise from above."""
    return [
        (math.sin(math.tau * (i / count + turn)), -math.cos(math.tau * (i / count + turn)))
        for i in range(count)
    ]
