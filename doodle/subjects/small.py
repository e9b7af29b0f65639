"""Animals of the water and of the garden."""

# fmt: off - rows of points, not a point a line
from __future__ import annotations

import math
from typing import TYPE_CHECKING

from doodle.pen import Pen, common, curve, ellipse, limb, polygon, union

if TYPE_CHECKING:
    from random import Random


def fish(p: Pen, rng: Random) -> None:
    """A fish that swims to the left."""
    tall, fork = rng.uniform(0.4, 0.6), rng.uniform(0.3, 0.5)
    p.fill(
        curve(
            [
                (0.4, 0),
                (0.7, -fork),
                (1.05, -fork * 1.2),
                (0.86, 0.0),
                (1.05, fork * 1.2),
                (0.7, fork),
            ]
        ),
        "dark",
    )
    p.fill(
        curve([(-0.25, -tall * 0.7), (0.0, -tall * 1.5), (0.4, -tall * 1.3), (0.4, -0.1)]), "dark"
    )
    p.fill(curve([(-0.05, tall * 0.7), (0.15, tall * 1.35), (0.36, tall * 0.4)]), "dark")
    whole = curve(
        [
            (-0.95, 0.05),
            (-0.6, -tall * 0.75),
            (-0.1, -tall),
            (0.4, -tall * 0.5),
            (0.66, 0.0),
            (0.4, tall * 0.5),
            (-0.1, tall),
            (-0.6, tall * 0.8),
        ]
    )
    p.fill(whole)
    p.patch(ellipse(-0.2, tall * 0.9, 0.8, tall * 0.55), whole, "light")
    if rng.random() < 0.5:
        for x in (-0.22, 0.08, 0.36):
            p.patch(ellipse(x, 0, 0.055, 1.0), whole, "pale")
    else:
        for x, y in ((-0.1, -0.1), (0.12, -0.12), (0.02, 0.08), (0.24, 0.08), (0.34, -0.08)):
            p.line([(x, y - 0.06), (x + 0.06, y), (x, y + 0.06)], "dark", 0.035)
    p.fill(curve([(-0.2, 0.08), (0.1, 0.12), (0.06, 0.34), (-0.12, 0.26)]), "dark")
    p.line([(-0.9, 0.12), (-0.78, 0.17)], "ink", 0.03)
    p.eye(-0.58, -0.1, 0.085)


def whale(p: Pen, rng: Random) -> None:
    """A whale with its tail up, most of them spouting."""
    if rng.random() < 0.7:
        for side in (-1, 1):
            p.line(
                [
                    (-0.35, -0.4),
                    (-0.35 + side * 0.06, -0.72),
                    (-0.35 + side * 0.3, -0.84),
                    (-0.35 + side * 0.4, -0.68),
                ],
                "water",
                0.075,
            )
    lift = rng.uniform(-0.15, 0.1)
    whole = union(
        curve(
            [
                (-1.0, 0.12),
                (-0.8, -0.3),
                (-0.2, -0.44),
                (0.35, -0.1),
                (0.72, 0.05 + lift * 0.5),
                (0.86, -0.1 + lift),
                (0.96, 0.1 + lift),
                (0.8, 0.42),
                (0.3, 0.7),
                (-0.5, 0.72),
                (-0.92, 0.5),
            ]
        ),
        curve(
            [
                (0.86, -0.05 + lift),
                (0.6, -0.3 + lift),
                (0.55, -0.5 + lift),
                (0.86, -0.36 + lift),
                (1.14, -0.52 + lift),
                (1.1, -0.28 + lift),
            ]
        ),
    )
    p.fill(whole)
    belly = common(
        curve([(-1.1, 0.3), (-0.4, 0.36), (0.2, 0.4), (0.8, 0.3), (0.5, 0.9), (-0.8, 0.95)]), whole
    )
    p.fill(belly, "pale", lined=False)
    for y in (0.48, 0.58):
        p.line([(-0.86, y - 0.02), (-0.4, y + 0.02), (0.0, y)], "light", 0.03)
    p.fill(limb([(-0.25, 0.42), (-0.05, 0.74)], 0.2, 0.1), "dark")
    p.eye(-0.66, 0.1, 0.06)


def turtle(p: Pen, rng: Random) -> None:
    """A turtle on land or swimming, the shell in the scene's colour."""
    skin = (150, 190, 110)
    look = rng.uniform(-0.14, 0.1)
    swims = rng.random() < 0.4
    p.fill(polygon([(0.6, 0.4), (0.98, 0.52), (0.6, 0.6)], radius=0.05), skin)
    if swims:
        p.fill(limb([(-0.4, 0.5), (-0.5, 0.98)], 0.26, 0.12), skin)
        p.fill(limb([(0.5, 0.5), (0.72, 0.86)], 0.22, 0.1), skin)
    else:
        for x in (-0.42, 0.42):
            p.fill(limb([(x, 0.4), (x + rng.uniform(-0.08, 0.08), 0.9)], 0.26, 0.24), skin)
    p.fill(
        union(
            limb([(-0.5, 0.4), (-0.82, 0.1 + look)], 0.24, 0.24),
            ellipse(-0.86, 0.08 + look, 0.22, 0.2),
        ),
        skin,
    )
    high = rng.uniform(0.45, 0.65)
    shell = curve(
        [
            (-0.76, 0.5),
            (-0.6, 0.5 - high * 1.1),
            (0, 0.5 - high * 1.6),
            (0.6, 0.5 - high * 1.1),
            (0.78, 0.5),
            (0, 0.62),
        ]
    )
    p.fill(shell)
    for x, y, r in (
        (0, -0.05, 0.2),
        (-0.4, 0.16, 0.15),
        (0.4, 0.16, 0.15),
        (0, 0.36, 0.14),
        (-0.28, -0.28, 0.1),
        (0.28, -0.28, 0.1),
    ):
        p.patch(
            polygon(
                [
                    (x + r * math.sin(k * math.tau / 6), y + r * 0.9 * math.cos(k * math.tau / 6))
                    for k in range(6)
                ],
                radius=0.04,
            ),
            shell,
            "dark",
        )
    p.fill(limb([(-0.7, 0.52), (0, 0.58), (0.72, 0.52)], 0.1, 0.1), "light")
    p.eye(-0.92, 0.04 + look, 0.05)


def snail(p: Pen, rng: Random) -> None:
    """A snail, the shell in the scene's colour."""
    lift = rng.uniform(-0.08, 0.08)
    skin = (236, 206, 150)
    for x, top in ((-0.98, -0.3), (-0.66, -0.36)):
        p.fill(limb([(-0.74, 0.3), (x, top + lift)], 0.09, 0.06), skin)
        p.fill(ellipse(x, top + lift, 0.075), "ink", lined=False)
    p.fill(
        curve(
            [
                (-1.0, 0.36),
                (-0.84, 0.08),
                (-0.58, 0.14),
                (-0.4, 0.52),
                (0.5, 0.6),
                (1.06, 0.92),
                (0.3, 0.97),
                (-0.8, 0.96),
                (-1.0, 0.7),
            ]
        ),
        skin,
    )
    size = rng.uniform(0.54, 0.66)
    x, y = 0.18, 0.8 - size
    p.fill(ellipse(x, y, size))
    spiral = [
        (
            x + size * 0.84 * (1 - k / 26) * math.cos(k * 0.55 + 1.2),
            y + size * 0.84 * (1 - k / 26) * math.sin(k * 0.55 + 1.2),
        )
        for k in range(25)
    ]
    p.line(spiral, "dark", 0.075)
    p.line([(-0.9, 0.42), (-0.82, 0.48), (-0.72, 0.44)], "ink", 0.03)


def butterfly(p: Pen, rng: Random) -> None:
    """A butterfly with its wings spread, or folded in flight."""
    narrow = rng.choice((1.0, 1.0, 0.62))
    low = rng.uniform(0.75, 1.0)
    for side in (-1, 1):
        near = narrow if side > 0 else 1.0
        upper = curve(
            [
                (side * 0.06, -0.05),
                (side * 0.3 * near, -0.7),
                (side * 0.75 * near, -0.96),
                (side * 1.02 * near, -0.7),
                (side * 0.86 * near, -0.1),
                (side * 0.4 * near, 0.1),
            ]
        )
        lower = curve(
            [
                (side * 0.06, 0.02),
                (side * 0.55 * near, 0.04),
                (side * 0.84 * near, 0.36),
                (side * 0.64 * near, 0.88 * low),
                (side * 0.26 * near, 0.7 * low),
            ]
        )
        p.fill(lower, "dark")
        p.patch(ellipse(side * 0.52 * near, 0.44, 0.17 * near, 0.2), lower, "light")
        p.fill(upper)
        p.patch(ellipse(side * 0.64 * near, -0.5, 0.2 * near, 0.24), upper, "light")
        p.patch(ellipse(side * 0.66 * near, -0.5, 0.1 * near, 0.12), upper, "chalk")
        p.line([(0, -0.5), (side * 0.12, -0.8), (side * 0.26, -0.92)], "ink", 0.04)
        p.fill(ellipse(side * 0.27, -0.93, 0.05), "ink", lined=False)
    p.fill(limb([(0, -0.42), (0, 0.1), (0, 0.6)], 0.18, 0.1), "ink")
    p.fill(ellipse(0, -0.46, 0.12), "ink")


def crab(p: Pen, rng: Random) -> None:
    """A crab with both claws raised, or one."""
    for side in (-1, 1):
        for y, out in ((0.4, 0.95), (0.56, 0.9), (0.7, 0.76)):
            p.line(
                [(side * 0.4, y - 0.1), (side * out * 0.8, y - 0.16), (side * out, y + 0.2)],
                "dark",
                0.085,
                lined=True,
            )
        lift = rng.uniform(-0.12, 0.16)
        x, y = side * 0.8, -0.42 + lift
        p.fill(limb([(side * 0.45, 0.15), (side * 0.82, 0.0 + lift), (x, y + 0.1)], 0.15, 0.13))
        p.fill(
            curve(
                [
                    (x - 0.26, y + 0.02),
                    (x - 0.22, y - 0.3),
                    (x - 0.04, y - 0.42),
                    (x, y - 0.1),
                    (x + 0.06, y - 0.42),
                    (x + 0.24, y - 0.28),
                    (x + 0.26, y + 0.04),
                    (x, y + 0.2),
                ]
            )
        )
        p.line([(side * 0.18, 0.05), (side * 0.2, -0.2)], "body", 0.07, lined=True)
    shell = curve([(-0.66, 0.3), (-0.4, 0.0), (0.4, 0.0), (0.66, 0.3), (0.46, 0.66), (-0.46, 0.66)])
    p.fill(shell)
    p.patch(ellipse(0, 0.62, 0.5, 0.16), shell, "light")
    for side in (-1, 1):
        p.eye(side * 0.2, -0.22, 0.085)
    p.line([(-0.13, 0.34), (0, 0.42), (0.13, 0.34)], "ink", 0.04)


ALL = (fish, whale, turtle, snail, butterfly, crab)
