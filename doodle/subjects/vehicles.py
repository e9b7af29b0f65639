"""Vehicles, heading left."""

# fmt: off - rows of points, not a point a line
from __future__ import annotations

from typing import TYPE_CHECKING

import skia

from doodle.pen import Pen, curve, ellipse, limb, polygon, rect, ring, union

if TYPE_CHECKING:
    from random import Random


def _wheel(p: Pen, x: float, y: float, radius: float, hub: str = "stone") -> None:
    p.fill(ellipse(x, y, radius), "ink")
    p.fill(ellipse(x, y, radius * 0.55), hub, lined=False)
    p.fill(ellipse(x, y, radius * 0.2), "ink", lined=False)


def car(p: Pen, rng: Random) -> None:
    """A car: small and round, a saloon, or a pickup; or seen from the front."""
    kind = rng.choice(("round", "saloon", "pickup", "front"))
    if kind == "front":
        for x in (-0.6, 0.6):
            p.fill(rect(x - 0.16, 0.5, x + 0.16, 0.98, 0.08), "ink")
        p.fill(polygon([(-0.74, 0.1), (-0.5, -0.62), (0.5, -0.62), (0.74, 0.1)], radius=0.16))
        p.fill(
            polygon([(-0.58, 0.02), (-0.42, -0.48), (0.42, -0.48), (0.58, 0.02)], radius=0.1),
            "glass",
        )
        p.fill(rect(-0.86, 0.0, 0.86, 0.74, 0.2))
        p.fill(rect(-0.36, 0.3, 0.36, 0.5, 0.06), "steel")
        p.fill(rect(-0.9, 0.6, 0.9, 0.8, 0.08), "light")
        for x in (-0.6, 0.6):
            p.fill(ellipse(x, 0.3, 0.16), "lamp", glows=True)
        return
    low, radius = 0.62, rng.uniform(0.24, 0.3)
    if kind == "round":
        top = curve([(-0.62, 0.1), (-0.45, -0.4), (0, -0.58), (0.45, -0.42), (0.7, 0.1)])
        whole = union(
            top,
            curve(
                [
                    (-1.0, low),
                    (-1.0, 0.24),
                    (-0.6, 0.02),
                    (0.6, 0.02),
                    (1.0, 0.2),
                    (1.0, low),
                    (0, low + 0.08),
                ]
            ),
        )
    elif kind == "saloon":
        top = polygon([(-0.5, 0.1), (-0.3, -0.42), (0.38, -0.42), (0.68, 0.1)], radius=0.14)
        whole = union(top, rect(-1.05, 0.04, 1.05, low + 0.04, 0.2))
    else:
        top = polygon([(-0.5, 0.1), (-0.34, -0.46), (0.12, -0.46), (0.16, 0.1)], radius=0.12)
        whole = union(top, rect(-1.05, 0.08, 1.05, low + 0.04, 0.12))
    p.fill(whole)
    right = 0.02 if kind == "pickup" else 0.44
    p.fill(
        polygon([(-0.38, 0.04), (-0.26, -0.3), (-0.02, -0.32), (-0.02, 0.04)], radius=0.05), "glass"
    )
    if kind != "pickup":
        p.fill(
            polygon(
                [(0.07, 0.04), (0.07, -0.32), (right - 0.12, -0.3), (right + 0.06, 0.04)],
                radius=0.05,
            ),
            "glass",
        )
    p.patch(rect(-1.2, low - 0.12, 1.2, low + 0.2), whole, "dark")
    p.line([(0.12, 0.22), (0.24, 0.22)], "dark", 0.04)
    p.fill(ellipse(-0.94, 0.28, 0.08, 0.1), "lamp", glows=True)
    p.fill(ellipse(0.97, 0.28, 0.05, 0.09), (214, 60, 60), lined=False)
    for x in (-0.56, 0.56):
        _wheel(p, x, 0.98 - radius, radius)


def bus(p: Pen, rng: Random) -> None:
    """A long bus with a row of windows; some have two floors."""
    two = rng.random() < 0.35
    top = -0.98 if two else -0.5
    p.fill(rect(-1.05, top, 1.05, 0.72, 0.14))
    for y in (-0.82, -0.06) if two else (-0.3,):
        for x in (-0.78, -0.33, 0.12, 0.57):
            p.fill(rect(x - 0.18, y, x + 0.2, y + 0.42, 0.05), "glass")
        p.fill(rect(0.82, y, 1.0, y + 0.42, 0.05), "glass")
    p.fill(rect(-1.04, 0.44, 1.04, 0.53), "pale", lined=False)
    p.fill(ellipse(-0.98, 0.62, 0.07), "lamp", glows=True)
    radius = rng.uniform(0.22, 0.27)
    for x in (-0.6, 0.6):
        _wheel(p, x, 0.98 - radius, radius)


def train(p: Pen, rng: Random) -> None:
    """A steam engine."""
    x = -0.62 + rng.uniform(-0.05, 0.1)
    drift = rng.uniform(0.06, 0.2)
    for i, r in enumerate((0.12, 0.16, 0.2)):
        p.fill(ellipse(x + i * drift * 1.4, -0.72 - i * 0.16, r), (228, 228, 236))
    p.fill(polygon([(x - 0.16, -0.62), (x + 0.16, -0.62), (x + 0.1, -0.2), (x - 0.1, -0.2)]), "ink")
    p.fill(rect(-0.95, -0.28, 0.3, 0.36, 0.2))
    for u in (-0.4, -0.05):
        p.fill(rect(u - 0.03, -0.28, u + 0.03, 0.36), "sun", lined=False)
    p.fill(ellipse(-0.14, -0.3, 0.13, 0.11), "sun")
    p.fill(rect(0.2, -0.7, 0.94, 0.5, 0.04), "dark")
    p.fill(rect(0.08, -0.84, 1.05, -0.66, 0.06))
    p.fill(rect(0.36, -0.5, 0.78, -0.08, 0.05), "glass")
    p.fill(rect(-0.98, 0.34, 1.0, 0.54, 0.04), "steel")
    p.fill(polygon([(-0.95, 0.5), (-1.2, 0.96), (-0.8, 0.96)]), "steel")
    p.fill(ellipse(-0.97, 0.04, 0.1, 0.12), "lamp", glows=True)
    for u, r in ((-0.58, 0.2), (-0.1, 0.2), (0.56, 0.3)):
        _wheel(p, u, 0.98 - r, r, "sun")
    p.line([(-0.58, 0.8), (0.5, 0.76)], "stone", 0.06, smooth=False)


def boat(p: Pen, rng: Random) -> None:
    """A sailing boat, or a steamer."""
    if rng.random() < 0.7:
        bend = rng.uniform(0.0, 0.14)
        p.line([(0, 0.5), (0, -1.02)], "bark", 0.07, smooth=False, lined=True)
        p.fill(curve([(0.06, -0.95), (0.4 + bend, -0.35), (0.82, 0.3), (0.06, 0.36)]))
        p.fill(curve([(-0.06, -0.75), (-0.3 - bend, -0.2), (-0.68, 0.3), (-0.06, 0.32)]), "light")
        p.fill(polygon([(0.0, -1.02), (0.24, -0.95), (0.0, -0.88)]), "flame")
        hull = curve([(-0.98, 0.44), (0, 0.5), (1.02, 0.4), (0.74, 0.9), (0, 0.98), (-0.7, 0.9)])
        p.fill(hull, "dark" if rng.random() < 0.6 else "wood")
        p.patch(ellipse(0, 0.5, 1.2, 0.08), hull, "pale")
        return
    p.fill(ellipse(0.22, -0.82, 0.16), (228, 228, 236))
    p.fill(rect(0.08, -0.66, 0.34, 0.1, 0.03), "flame")
    p.fill(rect(0.08, -0.5, 0.34, -0.38), "chalk", lined=False)
    p.fill(rect(-0.5, -0.15, 0.62, 0.45, 0.06), "chalk")
    for x in (-0.3, 0.05, 0.4):
        p.fill(ellipse(x, 0.1, 0.1), "glass")
    hull = curve([(-1.05, 0.26), (-0.3, 0.36), (0.9, 0.34), (0.86, 0.86), (0, 0.95), (-0.7, 0.88)])
    p.fill(hull)
    p.patch(rect(-1.2, 0.74, 1.2, 1.0), hull, "dark")


def rocket(p: Pen, rng: Random) -> None:
    """A rocket that stands, or flies at a slant on its flame."""
    flies = rng.random() < 0.6
    pen = Pen(body=p.body)
    if flies:
        long = rng.uniform(0.95, 1.2)
        pen.fill(
            curve([(-0.2, 0.6), (0.2, 0.6), (0.14, 0.85), (0, long), (-0.14, 0.85)]),
            "flame",
            glows=True,
        )
        pen.fill(curve([(-0.1, 0.62), (0.1, 0.62), (0, 0.88)]), "sun", lined=False, glows=True)
    for side in (-1, 1):
        pen.fill(
            curve(
                [(side * 0.26, 0.0), (side * 0.66, 0.5), (side * 0.68, 0.86), (side * 0.24, 0.62)]
            ),
            "dark",
        )
    slim = rng.uniform(0.32, 0.42)
    whole = curve(
        [
            (0, -1.05),
            (slim * 0.75, -0.6),
            (slim, 0.0),
            (slim * 0.7, 0.66),
            (0, 0.7),
            (-slim * 0.7, 0.66),
            (-slim, 0.0),
            (-slim * 0.75, -0.6),
        ]
    )
    pen.fill(whole)
    pen.patch(rect(-1, -1.2, 1, -0.62), whole, "dark")
    pen.patch(rect(-1, 0.38, 1, 0.48), whole, "pale")
    pen.fill(ellipse(0, -0.24, 0.2), "steel")
    pen.fill(ellipse(0, -0.24, 0.14), "glass", lined=False)
    pen.fill(limb([(0, 0.3), (0, 0.72)], 0.09, 0.07), "dark")
    tilt = skia.Matrix().preRotate(rng.choice((-40, -22, 0, 18)) if flies else 0)
    for shape in pen.shapes:
        shape.path.transform(tilt)
    p.shapes.extend(pen.shapes)


def balloon(p: Pen, rng: Random) -> None:
    """A hot-air balloon with a basket."""
    wide = rng.uniform(0.66, 0.8)
    for x in (-0.34, -0.12, 0.12, 0.34):
        p.line([(x, 0.25), (x * 0.45, 0.74)], "bark", 0.03, smooth=False)
    whole = curve(
        [
            (0, -1.02),
            (wide * 0.75, -0.82),
            (wide, -0.3),
            (wide * 0.6, 0.2),
            (0.2, 0.44),
            (-0.2, 0.44),
            (-wide * 0.6, 0.2),
            (-wide, -0.3),
            (-wide * 0.75, -0.82),
        ]
    )
    p.fill(whole)
    match rng.choice(("stripes", "stripes", "band", "stars")):
        case "stripes":
            p.patch(ellipse(0, -0.3, wide * 0.24, 0.8), whole, "pale")
            for side in (-1, 1):
                p.patch(
                    ellipse(side * wide * 0.72, -0.28, wide * 0.16, 0.62, side * -6), whole, "pale"
                )
        case "band":
            p.patch(rect(-1, -0.45, 1, -0.12), whole, "pale")
            p.patch(rect(-1, -0.36, 1, -0.21), whole, "dark")
        case _:
            for x, y in ((-0.36, -0.5), (0.05, -0.7), (0.36, -0.35), (-0.1, -0.2), (0.2, 0.05)):
                star = [
                    (x + u * r, y + v * r)
                    for (u, v), r in zip(ring(10), (0.13, 0.055) * 5, strict=True)
                ]
                p.patch(polygon(star), whole, "pale")
    p.fill(rect(-0.17, 0.7, 0.17, 1.0, 0.05), "wood")
    p.fill(rect(-0.2, 0.68, 0.2, 0.77, 0.03), "bark")


def plane(p: Pen, rng: Random) -> None:
    """An aeroplane: an airliner, or an old one with a propeller."""
    pen = Pen(body=p.body)
    if rng.random() < 0.55:
        pen.fill(
            polygon([(0.0, -0.05), (0.5, -0.58), (0.66, -0.55), (0.36, -0.02)], radius=0.04), "dark"
        )
        whole = curve(
            [
                (-1.05, 0.1),
                (-0.8, -0.1),
                (-0.3, -0.16),
                (0.5, -0.14),
                (0.98, -0.06),
                (1.02, 0.04),
                (0.5, 0.2),
                (-0.5, 0.26),
                (-0.95, 0.22),
            ]
        )
        pen.fill(polygon([(0.66, -0.06), (0.86, -0.5), (1.08, -0.5), (0.98, 0.0)], radius=0.04))
        pen.fill(whole)
        pen.patch(rect(-1.2, 0.1, 1.2, 0.4), whole, "pale")
        for i in range(7):
            pen.fill(ellipse(-0.55 + i * 0.18, -0.02, 0.045, 0.055), "glass", lined=False)
        pen.fill(curve([(-0.96, 0.02), (-0.82, -0.06), (-0.74, 0.02)]), "glass")
        pen.fill(
            polygon([(-0.25, 0.12), (0.12, 0.12), (0.6, 0.56), (0.42, 0.6)], radius=0.05), "dark"
        )
        pen.fill(limb([(-0.02, 0.36), (0.18, 0.37)], 0.14, 0.1), "steel")
    else:
        pen.fill(
            polygon([(0.62, -0.1), (0.78, -0.48), (1.02, -0.48), (0.98, 0.02)], radius=0.05), "dark"
        )
        whole = curve(
            [
                (-0.86, 0.0),
                (-0.6, -0.24),
                (-0.1, -0.26),
                (0.9, -0.1),
                (1.0, 0.04),
                (0.3, 0.26),
                (-0.5, 0.3),
                (-0.84, 0.2),
            ]
        )
        pen.fill(whole)
        pen.fill(curve([(-0.24, -0.22), (-0.08, -0.44), (0.2, -0.4), (0.26, -0.2)]), "glass")
        for y in (-0.52, 0.2):
            pen.fill(rect(-0.62, y, 0.3, y + 0.13, 0.06), "light" if y < 0 else "dark")
        for x in (-0.48, 0.14):
            pen.line([(x, -0.42), (x - 0.02, 0.22)], "bark", 0.035, smooth=False)
        pen.fill(ellipse(-0.92, 0.1, 0.045, 0.42), "wood")
        pen.fill(ellipse(-0.92, 0.1, 0.09), "ink")
        pen.line([(-0.35, 0.28), (-0.4, 0.5)], "ink", 0.05, smooth=False)
        _wheel(pen, -0.4, 0.55, 0.13)
    tilt = skia.Matrix().preRotate(rng.uniform(-4, 16))
    for shape in pen.shapes:
        shape.path.transform(tilt)
    p.shapes.extend(pen.shapes)


def bicycle(p: Pen, rng: Random) -> None:
    """A bicycle, some with a basket."""
    radius = rng.uniform(0.38, 0.44)
    low = 0.97 - radius
    for x in (-0.6, 0.6):
        p.shapes.append(_tyre(p, x, low, radius))
        for u, v in ring(8, turn=rng.random()):
            p.line([(x, low), (x + u * radius, low + v * radius)], "stone", 0.018, smooth=False)
        p.fill(ellipse(x, low, 0.06), "steel", lined=False)
    crank = (-0.02, low + 0.06)
    for points in (
        [(0.6, low), crank, (-0.4, -0.3), (0.28, -0.26), (0.6, low)],
        [crank, (0.34, -0.48)],
        [(-0.6, low), (-0.36, -0.52)],
    ):
        p.line(points, "body", 0.105, smooth=False, lined=True)
    p.fill(limb([(0.18, -0.52), (0.52, -0.5)], 0.12, 0.16), "ink")
    p.line([(-0.36, -0.5), (-0.4, -0.68), (-0.66, -0.62)], "ink", 0.075)
    p.fill(ellipse(*crank, 0.13), "steel")
    p.line([(crank[0] - 0.1, crank[1] - 0.14), (crank[0] + 0.1, crank[1] + 0.14)], "ink", 0.05)
    if rng.random() < 0.5:
        p.fill(
            polygon([(-1.02, -0.52), (-0.56, -0.52), (-0.62, -0.16), (-0.96, -0.16)], radius=0.04),
            "wood",
        )


def _tyre(p: Pen, x: float, y: float, radius: float):  # noqa: ANN202 - a shape of the pen
    pen = Pen(body=p.body)
    points = [(x + u * radius, y + v * radius) for u, v in ring(16)]
    pen.line([*points, points[0]], "ink", 0.085)
    return pen.shapes[0]


ALL = (car, bus, train, boat, rocket, balloon, plane, bicycle)
