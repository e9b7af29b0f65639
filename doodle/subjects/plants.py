"""Plants and fungi."""

# fmt: off - rows of points, not a point a line
from __future__ import annotations

import math
from typing import TYPE_CHECKING

from doodle.pen import Pen, curve, ellipse, limb, polygon, rect, ring, union

if TYPE_CHECKING:
    from random import Random


def flower(p: Pen, rng: Random) -> None:
    """A flower with round or pointed petals on a bent stem."""
    lean, count = rng.uniform(-0.22, 0.22), rng.choice((5, 6, 8))
    x, y = lean, -0.4
    p.fill(limb([(0, 1.0), (lean * 0.2, 0.4), (x, y)], 0.11, 0.09), "leaf")
    for side in (-1, 1):
        tall = rng.uniform(0.0, 0.3)
        p.fill(
            curve(
                [
                    (0, 0.92),
                    (side * 0.22, 0.5 - tall * 0.4),
                    (side * 0.58, 0.36 - tall),
                    (side * 0.46, 0.68 - tall * 0.4),
                ]
            ),
            "leaf",
        )
    turn, slim = rng.random(), rng.uniform(0.75, 1.05)
    for u, v in ring(count, turn=turn):
        tilt = math.degrees(math.atan2(v, u))
        p.fill(ellipse(x + u * 0.38, y + v * 0.38, 0.3, 1.5 / count * slim, tilt))
        p.patch(
            ellipse(x + u * 0.5, y + v * 0.5, 0.12, 0.4 / count, tilt), ellipse(x, y, 0.7), "light"
        )
    p.fill(ellipse(x, y, 0.22), "sun")
    p.fill(ellipse(x, y, 0.12), "flame", lined=False)


def tulip(p: Pen, rng: Random) -> None:
    """A closed blossom between tall leaves."""
    lean = rng.uniform(-0.15, 0.15)
    p.fill(limb([(0, 1.0), (lean * 0.3, 0.5), (lean, -0.1)], 0.1, 0.09), "leaf")
    for side in (-1, 1):
        top = rng.uniform(-0.15, 0.25)
        p.fill(
            curve([(0, 1.0), (side * 0.3, 0.6), (side * 0.48, top), (side * 0.12, 0.55)]),
            "moss" if side > 0 else "leaf",
        )
    wide = rng.uniform(0.36, 0.46)
    for side in (-1, 1):
        p.fill(
            curve(
                [
                    (lean, 0.02),
                    (lean + side * wide, -0.1),
                    (lean + side * wide * 1.1, -0.5),
                    (lean + side * wide * 0.8, -0.92),
                    (lean + side * 0.05, -0.5),
                ]
            ),
            "dark",
        )
    p.fill(
        curve(
            [
                (lean, 0.06),
                (lean + wide * 0.75, -0.2),
                (lean + 0.2, -0.7),
                (lean, -0.96),
                (lean - 0.2, -0.7),
                (lean - wide * 0.75, -0.2),
            ]
        )
    )
    p.line([(lean - 0.1, -0.1), (lean - 0.12, -0.4), (lean - 0.04, -0.66)], "light", 0.04)


def mushroom(p: Pen, rng: Random) -> None:
    """A spotted cap on a pale stalk; some with a small one beside it."""
    if rng.random() < 0.4:
        side = rng.choice((-1, 1))
        _mushroom(p, rng, side * 0.68, 0.58, 0.42)
    _mushroom(p, rng, 0.0, 0.0, 1.0)


def _mushroom(p: Pen, rng: Random, x: float, low: float, size: float) -> None:
    wide, tall = rng.uniform(0.72, 0.92) * size, rng.uniform(0.65, 0.95) * size
    brim = 1 - size * rng.uniform(0.85, 1.0)
    brim = max(brim, low)
    stalk = 0.2 * size
    p.fill(
        curve(
            [
                (x - stalk, brim),
                (x + stalk, brim),
                (x + stalk * 1.5, 0.9),
                (x, 0.98),
                (x - stalk * 1.5, 0.9),
            ]
        ),
        (246, 234, 208),
    )
    cap = curve(
        [
            (x - wide, brim + 0.06 * size),
            (x - wide * 0.78, brim - tall * 0.6),
            (x, brim - tall),
            (x + wide * 0.78, brim - tall * 0.6),
            (x + wide, brim + 0.06 * size),
            (x, brim + 0.16 * size),
        ]
    )
    p.fill(cap)
    turn = rng.uniform(-0.1, 0.1)
    for dx, dy, r in (
        (-0.55, -0.25, 0.15),
        (0.05, -0.62, 0.17),
        (0.5, -0.3, 0.13),
        (-0.12, -0.12, 0.11),
        (-0.42, -0.62, 0.09),
    ):
        p.patch(
            ellipse(x + (dx + turn) * wide, brim + dy * tall, r * size, r * size * 0.85),
            cap,
            "pale",
        )


def tree(p: Pen, rng: Random) -> None:
    """A leafy tree, its crown round, wide or tall."""
    lean = rng.uniform(-0.1, 0.1)
    trunk = union(
        limb([(0, 1.0), (lean * 0.5, 0.4), (lean, -0.1)], 0.32, 0.16),
        limb([(lean * 0.6, 0.4), (lean + 0.3, 0.0)], 0.12, 0.08),
        limb([(lean * 0.5, 0.5), (lean - 0.3, 0.05)], 0.12, 0.08),
    )
    p.fill(trunk, "bark")
    wide, tall = rng.choice(((0.62, 0.5), (0.75, 0.42), (0.48, 0.62)))
    y = -0.98 + tall * 1.3
    count = rng.choice((7, 8, 9))
    crown = union(
        ellipse(lean, y, wide, tall),
        *(
            ellipse(lean + u * wide * 0.8, y + v * tall * 0.8, rng.uniform(0.24, 0.34))
            for u, v in ring(count, turn=rng.random())
        ),
    )
    p.fill(crown)
    p.patch(ellipse(lean - wide * 0.3, y - tall * 0.4, wide * 0.55, tall * 0.5), crown, "light")
    p.patch(ellipse(lean + wide * 0.2, y + tall * 1.15, wide * 1.1, tall * 0.45), crown, "dark")
    for _ in range(5):
        x, v = lean + rng.uniform(-0.8, 0.6) * wide, y + rng.uniform(-0.5, 0.5) * tall
        p.line([(x, v), (x + 0.07, v - 0.06), (x + 0.14, v)], "dark", 0.03)


def pine(p: Pen, rng: Random) -> None:
    """A fir in three to five tiers; some with snow or lights."""
    p.fill(rect(-0.11, 0.6, 0.11, 1.0), "bark")
    tiers, wide = rng.choice((3, 4, 5)), rng.uniform(0.62, 0.82)
    decked = rng.choice(("", "", "snow", "lights"))
    for i in range(tiers):
        low = 0.74 - i * 1.3 / tiers
        half = wide * (1 - i * 0.75 / tiers)
        high = low - 1.75 / tiers - 0.1
        tier = curve(
            [
                (0, max(-1.02, high)),
                (half * 0.4, low - 0.4 / tiers * 2),
                (half, low),
                (half * 0.35, low - 0.03),
                (0, low + 0.04),
                (-half * 0.35, low - 0.03),
                (-half, low),
                (-half * 0.4, low - 0.4 / tiers * 2),
            ]
        )
        p.fill(tier, "body" if i % 2 else "dark")
        p.patch(
            ellipse(-half * 0.5, low - 0.2, half * 0.5, 0.22),
            tier,
            "pale" if decked == "snow" else "light",
        )
        if decked == "lights":
            for x, paint in ((-0.5, "sun"), (0.05, "rose"), (0.55, "glass")):
                p.fill(ellipse(x * half, low - 0.1, 0.055), paint, lined=False, glows=True)


def cactus(p: Pen, rng: Random) -> None:
    """A cactus with one to three arms, in the ground or in a pot."""
    pot = rng.random() < 0.4
    bottom = 0.62 if pot else 0.98
    parts = [limb([(0, bottom), (0, 0.2), (0, -0.72)], 0.44, 0.4)]
    for side in rng.choice(((-1, 1), (-1, 1), (1,), (-1,))):
        y, top = rng.uniform(-0.1, 0.35), rng.uniform(-0.6, -0.2)
        parts.append(
            limb([(0, y), (side * 0.4, y), (side * 0.58, y - 0.14), (side * 0.6, top)], 0.24, 0.24)
        )
    whole = union(*parts)
    p.fill(whole)
    for x in (-0.11, 0.0, 0.11):
        p.line([(x, bottom - 0.1), (x, -0.75)], "dark", 0.025)
    for i in range(6):
        p.line([(-0.17, -0.5 + i * 0.24), (-0.1, -0.53 + i * 0.24)], "pale", 0.025)
    if rng.random() < 0.5:
        for u, v in ring(5):
            p.fill(ellipse(u * 0.1, -0.9 + v * 0.1, 0.09), "rose")
        p.fill(ellipse(0, -0.9, 0.06), "sun", lined=False)
    if pot:
        p.fill(
            polygon([(-0.44, 0.6), (0.44, 0.6), (0.32, 1.0), (-0.32, 1.0)], radius=0.05),
            (206, 116, 76),
        )
        p.fill(rect(-0.5, 0.5, 0.5, 0.66, 0.04), (222, 132, 90))


ALL = (flower, tulip, mushroom, tree, pine, cactus)
