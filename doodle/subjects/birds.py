"""Birds: perched, swimming or in flight."""

# fmt: off - rows of points, not a point a line
from __future__ import annotations

from typing import TYPE_CHECKING

from doodle.pen import Pen, curve, ellipse, limb, polygon, union

if TYPE_CHECKING:
    from random import Random


def bird(p: Pen, rng: Random) -> None:
    """A songbird that perches or flies."""
    plump = rng.uniform(0.9, 1.1)
    if rng.random() < 0.45:
        up = rng.choice((-1, 1))
        far = curve(
            [(0.0, 0.0), (0.28, -0.75 * up), (0.62, -0.98 * up), (0.5, -0.3 * up), (0.3, 0.05)]
        )
        p.fill(far, "dark")
        p.fill(
            polygon(
                [(0.55, 0.0), (1.1, -0.18), (1.0, 0.05), (1.12, 0.24), (0.5, 0.14)], radius=0.06
            ),
            "dark",
        )
        p.fill(polygon([(-0.72, -0.18), (-1.0, -0.08), (-0.72, 0.0)], radius=0.03), "flame")
        whole = union(
            limb([(-0.5, -0.1), (0.1, 0.05), (0.6, 0.06)], 0.5 * plump, 0.14),
            ellipse(-0.52, -0.1, 0.27),
        )
        p.fill(whole)
        p.patch(ellipse(-0.2, 0.3, 0.55, 0.2), whole, "pale")
        near = curve(
            [(-0.2, -0.02), (0.0, -0.8 * up), (0.22, -1.1 * up), (0.34, -0.5 * up), (0.3, 0.02)]
        )
        p.fill(near)
        p.eye(-0.58, -0.16, 0.055)
        return
    for x in (0.0, 0.18):
        p.line([(x, 0.5), (x - 0.03, 0.94), (x - 0.16, 0.98)], "flame", 0.055, smooth=False)
    tail = rng.uniform(-0.2, 0.15)
    p.fill(
        polygon([(0.4, 0.2), (1.0, 0.1 + tail), (1.02, 0.32 + tail), (0.45, 0.5)], radius=0.08),
        "dark",
    )
    p.fill(polygon([(-0.62, -0.42), (-0.98, -0.3), (-0.62, -0.2)], radius=0.04), "flame")
    whole = union(ellipse(0.1, 0.24, 0.5 * plump, 0.4 * plump, 12), ellipse(-0.36, -0.3, 0.36))
    p.fill(whole)
    p.patch(ellipse(-0.3, 0.36, 0.4, 0.3), whole, "pale")
    p.fill(curve([(-0.08, 0.12), (0.3, -0.08), (0.78, 0.24), (0.36, 0.5), (0.04, 0.42)]), "dark")
    p.line([(0.1, 0.22), (0.34, 0.18), (0.58, 0.26)], "light", 0.04)
    p.eye(-0.46, -0.36, 0.07)


def owl(p: Pen, rng: Random) -> None:
    """An owl that looks at us."""
    wide = rng.uniform(0.58, 0.7)
    whole = curve(
        [
            (0, -0.78),
            (wide * 0.85, -0.72),
            (wide, -0.2),
            (wide * 1.02, 0.4),
            (wide * 0.55, 0.88),
            (-wide * 0.55, 0.88),
            (-wide * 1.02, 0.4),
            (-wide, -0.2),
            (-wide * 0.85, -0.72),
        ]
    )
    for side in (-1, 1):
        p.fill(
            polygon(
                [
                    (side * wide * 0.95, -0.4),
                    (side * wide * 1.0, -1.02),
                    (side * wide * 0.3, -0.72),
                ],
                radius=0.06,
            )
        )
        for dx in (-0.09, 0.03):
            p.fill(ellipse(side * 0.22 + dx, 0.92, 0.07, 0.06), "flame")
    p.fill(whole)
    belly = ellipse(0, 0.42, wide * 0.62, 0.42)
    p.fill(belly, "pale", lined=False)
    for row, count in ((0.24, 3), (0.42, 4), (0.6, 3)):
        for i in range(count):
            x = (i - (count - 1) / 2) * 0.2
            p.line([(x - 0.06, row), (x, row + 0.07), (x + 0.06, row)], "body", 0.035)
    spread = rng.choice((0.0, 0.0, 0.5))
    for side in (-1, 1):
        wing = curve(
            [
                (side * wide * 0.92, -0.15),
                (side * (wide * 1.12 + spread), 0.1 - spread),
                (side * (wide * 1.1 + spread * 0.8), 0.4 - spread * 0.4),
                (side * wide * 0.8, 0.72),
            ]
        )
        p.fill(wing, "dark")
    look, shut = rng.uniform(-0.05, 0.05), rng.random() < 0.12
    for side in (-1, 1):
        p.fill(ellipse(side * 0.27, -0.36, 0.28), "light", lined=False)
        if shut:
            p.eye(side * 0.27, -0.36, 0.12, shut=True)
            continue
        p.fill(ellipse(side * 0.27, -0.36, 0.2), "chalk")
        p.fill(ellipse(side * 0.27 + look, -0.36, 0.115), "ink", lined=False)
        p.fill(ellipse(side * 0.27 + look - 0.04, -0.41, 0.04), "chalk", lined=False)
    p.fill(polygon([(-0.09, -0.24), (0.09, -0.24), (0, -0.02)], radius=0.03), "flame")


def duck(p: Pen, rng: Random) -> None:
    """A duck, swimming or standing on its feet."""
    if rng.random() < 0.5:
        for x in (0.05, 0.3):
            p.line([(x, 0.6), (x, 0.92)], "flame", 0.07)
            p.fill(curve([(x - 0.2, 0.97), (x + 0.05, 0.9), (x + 0.05, 0.99)]), "flame")
    neck = rng.uniform(-0.1, 0.1)
    p.fill(
        curve(
            [
                (-0.7, -0.34 + neck),
                (-1.02, -0.26 + neck),
                (-1.0, -0.14 + neck),
                (-0.68, -0.14 + neck),
            ]
        ),
        "flame",
    )
    whole = union(
        curve(
            [
                (-0.52, 0.3),
                (-0.1, 0.16),
                (0.5, 0.18),
                (1.0, -0.14),
                (0.92, 0.4),
                (0.5, 0.74),
                (-0.2, 0.76),
                (-0.54, 0.56),
            ]
        ),
        limb([(-0.42, -0.24 + neck), (-0.32, 0.4)], 0.34, 0.5),
        ellipse(-0.46, -0.28 + neck, 0.32),
    )
    p.fill(whole)
    p.fill(curve([(-0.12, 0.34), (0.3, 0.2), (0.76, 0.28), (0.44, 0.56), (0.06, 0.58)]), "dark")
    p.line([(0.08, 0.42), (0.5, 0.4)], "light", 0.035)
    p.eye(-0.54, -0.34 + neck, 0.06)


def penguin(p: Pen, rng: Random) -> None:
    """A penguin that stands upright or slides on its belly."""
    if rng.random() < 0.25:
        p.fill(limb([(0.75, 0.55), (1.0, 0.35)], 0.2, 0.1), "flame")
        whole = union(
            limb([(-0.5, 0.5), (0.2, 0.55), (0.8, 0.6)], 0.8, 0.4), ellipse(-0.6, 0.36, 0.34)
        )
        p.fill(polygon([(-0.86, 0.34), (-1.14, 0.46), (-0.84, 0.52)], radius=0.03), "flame")
        p.fill(whole)
        p.patch(ellipse(-0.2, 0.92, 0.9, 0.26), whole, "chalk")
        p.fill(limb([(-0.1, 0.45), (0.3, 0.16 + rng.uniform(-0.1, 0.1))], 0.22, 0.1), "dark")
        p.eye(-0.7, 0.28, 0.06)
        return
    wave = rng.choice((0.0, 0.0, 0.7))
    for side in (-1, 1):
        p.fill(ellipse(side * 0.24, 0.93, 0.22, 0.08), "flame")
        lift = wave if side > 0 else 0.0
        p.fill(limb([(side * 0.44, 0.0), (side * 0.7, 0.45 - lift)], 0.2, 0.12), "dark")
    whole = union(ellipse(0, 0.3, 0.52, 0.62), ellipse(0, -0.44, 0.42))
    p.fill(whole)
    p.patch(
        union(
            ellipse(0, 0.4, 0.36, 0.5),
            ellipse(-0.15, -0.36, 0.19, 0.22),
            ellipse(0.15, -0.36, 0.19, 0.22),
        ),
        whole,
        "chalk",
    )
    for side in (-1, 1):
        p.eye(side * 0.16, -0.44, 0.06)
    p.fill(polygon([(-0.12, -0.32), (0.12, -0.32), (0, -0.14)], radius=0.03), "flame")


ALL = (bird, owl, duck, penguin)
