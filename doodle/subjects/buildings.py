"""Buildings."""

# fmt: off - rows of points, not a point a line
from __future__ import annotations

from typing import TYPE_CHECKING

import skia

from doodle.pen import Pen, curve, ellipse, limb, moved, polygon, rect

if TYPE_CHECKING:
    from random import Random


def house(p: Pen, rng: Random) -> None:
    """A house with a gabled roof, seen from the front or the corner."""
    lit = rng.choice(("lamp", "glass"))
    roof = rng.choice(((176, 84, 68), (110, 86, 110), "dark"))
    high = rng.uniform(-0.15, 0.1)
    if rng.random() < 0.5:
        wide = rng.uniform(0.62, 0.8)
        side = rng.choice((-1, 1))
        p.fill(rect(side * wide * 0.5 - 0.1, high - 0.72, side * wide * 0.5 + 0.1, high), "stone")
        p.fill(rect(-wide, high - 0.05, wide, 0.98))
        p.fill(
            polygon([(-wide - 0.2, high), (0, high - 0.85), (wide + 0.2, high)], radius=0.05), roof
        )
        door = rng.choice((-0.35, 0.0)) * wide
        p.fill(rect(door - 0.15, 0.42, door + 0.15, 0.98, 0.04), "bark")
        p.fill(ellipse(door + 0.09, 0.72, 0.03), "sun", lined=False)
        for x in (-0.62, 0.62) if door == 0 else (0.45,):
            _window(p, x * wide, high + 0.35, 0.17, lit)
        p.fill(ellipse(0, high - 0.34, 0.13), lit, glows=lit == "lamp")
    else:
        p.fill(rect(0.35, high - 0.78, 0.55, high - 0.1), "stone")
        p.fill(
            polygon(
                [(-0.85, high), (-0.5, high - 0.62), (-0.14, high), (-0.14, 0.98), (-0.85, 0.98)]
            )
        )
        p.fill(rect(-0.14, high, 0.88, 0.98), "dark")
        p.fill(
            polygon(
                [(-0.5, high - 0.7), (0.66, high - 0.7), (1.0, high + 0.06), (-0.1, high + 0.06)],
                radius=0.03,
            ),
            roof,
        )
        p.line([(-0.96, high + 0.12), (-0.5, high - 0.68)], roof, 0.1, lined=True)
        p.fill(rect(-0.64, 0.45, -0.36, 0.98, 0.03), "bark")
        for x in (0.14, 0.58):
            _window(p, x, high + 0.38, 0.15, lit)
        p.fill(ellipse(-0.5, high - 0.12, 0.1), lit, glows=lit == "lamp")


def _window(p: Pen, x: float, y: float, half: float, paint: str) -> None:
    p.fill(rect(x - half, y - half, x + half, y + half, 0.02), paint, glows=paint == "lamp")
    p.line([(x, y - half), (x, y + half)], "chalk", 0.035, smooth=False)
    p.line([(x - half, y), (x + half, y)], "chalk", 0.035, smooth=False)


def castle(p: Pen, rng: Random) -> None:
    """A castle with two to four towers, flags on some."""
    flags = rng.choice(("flame", "rose", "water"))
    low = rng.uniform(0.0, 0.2)
    towers = rng.choice(
        (
            ((-0.72, -0.3, 0.24), (0.72, -0.3, 0.24)),
            ((0.0, -0.52, 0.26), (-0.74, -0.15, 0.22), (0.74, -0.15, 0.22)),
            ((-0.3, -0.5, 0.2), (0.36, -0.3, 0.2), (-0.76, 0.0, 0.2), (0.78, 0.05, 0.2)),
        )
    )
    back = [tower for tower in towers if abs(tower[0]) < 0.5]
    for x, top, half in back:
        _tower(p, x, top, half, flags, "dark")
    p.fill(rect(-0.75, low, 0.75, 0.98))
    for i in range(6):
        x = -0.62 + i * 0.248
        p.fill(rect(x - 0.075, low - 0.13, x + 0.075, low + 0.02))
    for x, top, half in towers:
        if (x, top, half) not in back:
            _tower(p, x, top, half, flags, "body")
    p.fill(curve([(-0.2, 0.99), (-0.2, 0.6), (0, 0.42), (0.2, 0.6), (0.2, 0.99)]), "bark")
    for x in (-0.36, 0.36):
        p.fill(rect(x - 0.05, low + 0.2, x + 0.05, low + 0.4, 0.05), "lamp", glows=True)


def _tower(p: Pen, x: float, top: float, half: float, flag: str, tone: str) -> None:
    p.line([(x, top - 0.4), (x, top - 0.72)], "ink", 0.03, smooth=False)
    p.fill(polygon([(x, top - 0.72), (x + 0.2, top - 0.65), (x, top - 0.58)]), flag)
    p.fill(rect(x - half, top, x + half, 0.98), tone)
    p.fill(
        polygon(
            [(x - half * 1.3, top + 0.04), (x, top - 0.5), (x + half * 1.3, top + 0.04)],
            radius=0.03,
        ),
        "dark" if tone == "body" else (96, 76, 116),
    )
    p.fill(rect(x - 0.06, top + 0.18, x + 0.06, top + 0.4, 0.06), "lamp", glows=True)


def lighthouse(p: Pen, rng: Random) -> None:
    """A banded tower with a lamp, on a rock."""
    top = rng.uniform(-0.5, -0.35)
    if rng.random() < 0.6:
        p.fill(curve([(-0.9, 1.0), (-0.6, 0.78), (-0.1, 0.84), (0.4, 0.74), (0.85, 1.0)]), "stone")
    tower = polygon([(-0.24, top), (0.24, top), (0.4, 0.9), (-0.4, 0.9)])
    p.fill(tower, "chalk")
    bands = rng.choice((2, 3))
    for i in range(bands):
        y = top + 0.08 + i * 1.3 / bands
        p.patch(rect(-0.6, y, 0.6, y + 0.65 / bands), tower, "body")
    p.fill(rect(-0.07, 0.62, 0.07, 0.88, 0.05), "bark")
    if rng.random() < 0.5:
        for side in (-1, 1):
            p.fill(
                polygon([(0, top - 0.2), (side * 1.0, top - 0.42), (side * 1.0, top + 0.02)]),
                (255, 240, 180),
                lined=False,
                glows=True,
            )
    p.fill(rect(-0.34, top - 0.06, 0.34, top + 0.04, 0.02), "steel")
    p.fill(rect(-0.17, top - 0.32, 0.17, top - 0.06, 0.02), "lamp", glows=True)
    p.fill(curve([(-0.26, top - 0.3), (0, top - 0.58), (0.26, top - 0.3), (0, top - 0.28)]))


def windmill(p: Pen, rng: Random) -> None:
    """A mill with four sails."""
    p.fill(polygon([(-0.28, -0.25), (0.28, -0.25), (0.46, 1.0), (-0.46, 1.0)], radius=0.03))
    p.fill(curve([(-0.34, -0.22), (-0.2, -0.52), (0.2, -0.52), (0.34, -0.22), (0, -0.16)]), "dark")
    p.fill(rect(-0.12, 0.62, 0.12, 1.0, 0.05), "bark")
    for y in (0.1, 0.36):
        p.fill(rect(-0.08, y, 0.08, y + 0.15, 0.02), "lamp", glows=True)
    turn = rng.uniform(0, 90)
    for i in range(4):
        matrix = skia.Matrix().preRotate(turn + i * 90, 0, -0.3)
        p.fill(moved(rect(-0.02, -1.12, 0.19, -0.46, 0.01), matrix), "chalk")
        p.fill(moved(rect(-0.035, -1.15, 0.03, -0.3), matrix), "wood")
        for k in range(3):
            p.fill(
                moved(rect(-0.02, -1.0 + k * 0.19, 0.19, -0.97 + k * 0.19), matrix),
                "wood",
                lined=False,
            )
    p.fill(ellipse(0, -0.3, 0.08), "ink")


def tent(p: Pen, rng: Random) -> None:
    """A tent, from the front or from its side."""
    if rng.random() < 0.5:
        p.line([(0, -0.75), (0, -0.95)], "bark", 0.07, smooth=False)
        whole = polygon([(-1.0, 0.9), (0, -0.8), (1.0, 0.9)], radius=0.05)
        p.fill(whole)
        p.fill(polygon([(-0.34, 0.9), (0, -0.25), (0.34, 0.9)]), "ink", lined=False)
        p.fill(curve([(0, -0.25), (0.36, 0.9), (0.56, 0.84), (0.26, 0.3)]), "light")
        p.fill(curve([(0, -0.25), (-0.36, 0.9), (-0.56, 0.84), (-0.26, 0.3)]), "light")
    else:
        p.fill(polygon([(-0.45, -0.55), (0.6, -0.62), (1.05, 0.8), (0.1, 0.92)]), "dark")
        p.fill(polygon([(-1.05, 0.88), (-0.45, -0.6), (0.12, 0.92)], radius=0.03))
        p.fill(polygon([(-0.72, 0.9), (-0.45, 0.0), (-0.18, 0.9)]), "ink", lined=False)
        p.line([(-0.45, -0.55), (-1.1, 0.3)], "sand", 0.03)
        for x in (0.3, 0.66):
            p.line([(x - 0.3, -0.58), (x + 0.1, 0.88)], "body", 0.05)
    if rng.random() < 0.3:
        p.fill(limb([(0.75, 1.0), (0.98, 0.92)], 0.09, 0.08), "bark")
        p.fill(curve([(0.78, 0.95), (0.86, 0.6), (0.96, 0.92)]), "flame", glows=True)


ALL = (house, castle, lighthouse, windmill, tent)
