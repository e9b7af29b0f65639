"""Animals on four legs: from the side, standing, walking, sitting or lying, and from the front."""

# fmt: off - rows of points, not a point a line
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from doodle.pen import RGB, Pen, Point, curve, ellipse, limb, polygon, ring, union

if TYPE_CHECKING:
    from random import Random

    import skia


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """The proportions of an animal, in the units of its box."""

    length: float = 1.0  # of the body
    girth: float = 0.26
    legs: float = 0.5
    leg_width: float = 0.15
    neck: Point = (-0.22, -0.3)  # from the chest to the middle of the head
    neck_width: float = 0.3
    head: float = 0.24
    muzzle: Point = (-0.26, 0.1)  # from the middle of the head to the nose
    muzzle_widths: Point = (0.26, 0.14)
    ears: str = "pointed"
    tail: str = "long"
    nose: str | RGB = "ink"
    chest: str | None = "light"  # tone of belly and muzzle
    socks: str | None = None  # tone of the feet
    poses: tuple[str, ...] = ("stand", "walk", "sit", "lie")


CAT = Build(length=1.0, girth=0.22, legs=0.46, leg_width=0.13, head=0.26, muzzle=(-0.16, 0.09))
DOG = Build(
    ears="floppy", girth=0.27, muzzle=(-0.32, 0.1), muzzle_widths=(0.26, 0.19), tail="short_up"
)
FOX = Build(
    girth=0.2,
    legs=0.42,
    leg_width=0.12,
    muzzle=(-0.36, 0.14),
    muzzle_widths=(0.3, 0.06),
    tail="bushy",
    chest="chalk",
    socks="ink",
    head=0.23,
)
BEAR = Build(
    girth=0.36,
    legs=0.36,
    leg_width=0.24,
    neck=(-0.26, -0.2),
    neck_width=0.46,
    head=0.29,
    muzzle=(-0.26, 0.1),
    muzzle_widths=(0.28, 0.2),
    ears="round",
    tail="stub",
    poses=("stand", "walk", "sit"),
)
PIG = Build(
    girth=0.38,
    legs=0.26,
    leg_width=0.17,
    neck=(-0.3, -0.08),
    neck_width=0.5,
    head=0.3,
    muzzle=(-0.3, 0.06),
    muzzle_widths=(0.26, 0.22),
    ears="flap",
    tail="curl",
    nose="rose",
    chest=None,
    poses=("stand", "walk", "lie"),
)
HORSE = Build(
    length=1.0,
    girth=0.24,
    legs=0.62,
    leg_width=0.13,
    neck=(-0.28, -0.56),
    neck_width=0.28,
    head=0.17,
    muzzle=(-0.3, 0.2),
    muzzle_widths=(0.26, 0.18),
    ears="small",
    tail="mane",
    chest=None,
    socks="light",
    poses=("stand", "walk"),
)
DEER = Build(
    length=0.86,
    girth=0.2,
    legs=0.62,
    leg_width=0.09,
    neck=(-0.26, -0.52),
    neck_width=0.2,
    head=0.16,
    muzzle=(-0.26, 0.12),
    muzzle_widths=(0.2, 0.1),
    ears="leaf",
    tail="stub",
    chest="pale",
    poses=("stand", "walk"),
)
SHEEP = Build(
    girth=0.3,
    legs=0.34,
    leg_width=0.11,
    neck=(-0.26, -0.1),
    neck_width=0.2,
    head=0.2,
    muzzle=(-0.18, 0.14),
    muzzle_widths=(0.26, 0.16),
    ears="flap",
    tail="stub",
    chest=None,
    poses=("stand", "walk"),
)
LION = Build(
    girth=0.26,
    legs=0.44,
    leg_width=0.16,
    neck=(-0.2, -0.24),
    head=0.24,
    muzzle=(-0.22, 0.1),
    muzzle_widths=(0.26, 0.18),
    ears="round",
    tail="tuft",
)


def beast(p: Pen, rng: Random, build: Build) -> tuple[float, float, float]:
    """Draw an animal from the side; return where its head is and how large: x, y, radius."""
    pose = rng.choice(build.poses)
    scale = rng.uniform(0.92, 1.08)
    girth, legs = build.girth * rng.uniform(0.9, 1.1), build.legs * rng.uniform(0.88, 1.12)
    half = build.length / 2
    if pose == "sit":
        rump, chest = (0.3, 0.72), (-0.16, 0.12)
        trunk = union(limb([rump, (0.14, 0.4), chest], girth * 2.3, girth * 1.6))
        trunk = union(trunk, ellipse(0.26, 0.72, girth * 1.25, 0.28))
        near = [
            limb(
                [(-0.2, 0.2), (-0.27, 0.6), (-0.26, 0.93)], build.leg_width * 1.2, build.leg_width
            ),
            limb([(0.3, 0.92), (0.08, 0.93)], build.leg_width, build.leg_width),
        ]
        far = [limb([(-0.1, 0.2), (-0.12, 0.6), (-0.12, 0.93)], build.leg_width, build.leg_width)]
        tail_at = (0.46, 0.86)
    elif pose == "lie":
        y = 0.98 - girth
        trunk = limb([(half * 0.9, y + 0.02), (0, y), (-half * 0.8, y)], girth * 2, girth * 1.8)
        near = [
            limb(
                [(-half * 0.6, 0.8), (-half - 0.25, 0.93)], build.leg_width * 1.2, build.leg_width
            ),
            limb([(half * 0.6, 0.86), (half * 0.25, 0.94)], build.leg_width * 1.5, build.leg_width),
        ]
        far = [limb([(-half * 0.5, 0.8), (-half - 0.1, 0.95)], build.leg_width, build.leg_width)]
        chest, tail_at = (-half * 0.85, y - 0.02), (half * 0.9 + girth * 0.6, y + 0.05)
    else:
        y = 1 - legs - girth * 0.8
        trunk = limb([(half * 0.85, y), (0, y + 0.03), (-half * 0.85, y)], girth * 1.9, girth * 2)
        swing = 0.17 if pose == "walk" else 0.04
        bottom = 1 - build.leg_width * 0.5
        near, far = [], []
        for hip, turn in ((-half * 0.8, 1), (half * 0.85, -1)):
            for group, side in ((near, 1), (far, -1)):
                step = side * turn * swing + rng.uniform(-0.02, 0.02) + (0.09 * (side < 0))
                knee = (hip + step * 0.35 + 0.03 * (hip > 0), (y + bottom) / 2 + 0.05)
                group.append(
                    limb(
                        [(hip + 0.03 * side, y + girth * 0.2), knee, (hip + step, bottom)],
                        build.leg_width * 1.5,
                        build.leg_width,
                    )
                )
        chest, tail_at = (-half * 0.85, y - girth * 0.2), (half * 0.9 + girth * 0.7, y - girth / 3)
    neck_x, neck_y = build.neck
    lift = rng.uniform(-0.05, 0.05)
    x, y = chest[0] + neck_x, chest[1] + (neck_y + lift if pose != "sit" else min(neck_y, -0.3))
    head = build.head * rng.uniform(0.94, 1.1) * scale
    nose = (x + build.muzzle[0], y + build.muzzle[1])
    _tail(p, rng, build, tail_at)
    for leg in far:
        p.fill(leg, "dark")
    if build.ears != "floppy":
        _ear(p, build, (x + head * 0.55, y), head, "dark")
    neck = limb([chest, (x, y)], build.neck_width * 1.25, build.neck_width)
    whole = union(
        trunk,
        *near,
        neck,
        ellipse(x, y, head, head * 0.94),
        limb([(x, y), nose], *build.muzzle_widths),
    )
    p.fill(whole)
    if build.chest:
        p.patch(
            curve(
                [
                    (nose[0] - 0.1, nose[1] + 0.01),
                    (x, y + head * 0.45),
                    (x + 0.05, y + head),
                    (x - head, y + head * 1.1),
                ]
            ),
            whole,
            build.chest,
        )
        if pose != "sit":
            p.patch(
                ellipse(-0.05, chest[1] + girth * 1.45, half * 0.8, girth * 0.6), whole, build.chest
            )
    if build.socks and pose in ("stand", "walk"):
        for leg in near:
            p.patch(ellipse(leg.getBounds().centerX(), 1.0, 0.3, 0.17), leg, build.socks)
    _ear(p, build, (x + head * 0.05, y), head, "body")
    p.fill(ellipse(*nose, build.muzzle_widths[1] * 0.42 + 0.02), build.nose, lined=False)
    p.eye(x - head * 0.35, y - head * 0.12, 0.05, shut=pose == "lie" and rng.random() < 0.6)
    return x, y, head


def _ear(p: Pen, build: Build, at: Point, head: float, tone: str) -> None:
    x, y = at
    match build.ears:
        case "pointed":
            p.fill(
                polygon(
                    [
                        (x - head * 0.5, y - head * 0.6),
                        (x, y - head * 1.75),
                        (x + head * 0.5, y - head * 0.55),
                    ],
                    radius=0.03,
                ),
                tone,
            )
        case "floppy":
            p.fill(
                curve(
                    [
                        (x + head * 0.1, y - head * 0.8),
                        (x + head * 0.8, y - head * 0.5),
                        (x + head * 0.95, y + head * 0.6),
                        (x + head * 0.45, y + head * 0.75),
                        (x + head * 0.2, y),
                    ]
                ),
                "dark",
            )
        case "round":
            p.fill(ellipse(x, y - head * 0.85, head * 0.36), tone)
        case "flap":
            p.fill(
                curve(
                    [
                        (x - head * 0.2, y - head * 0.7),
                        (x + head * 0.2, y - head * 1.25),
                        (x + head * 0.6, y - head * 0.6),
                        (x + head * 0.2, y - head * 0.2),
                    ]
                ),
                "dark" if tone == "body" else tone,
            )
        case "small" | "leaf":
            wide = 0.32 if build.ears == "small" else 0.5
            p.fill(
                limb(
                    [(x + head * 0.3, y - head * 0.7), (x + head * 0.6, y - head * 1.6)],
                    head * wide,
                    head * 0.1,
                ),
                tone,
            )


def _tail(p: Pen, rng: Random, build: Build, at: Point) -> None:
    x, y = at
    lift = rng.uniform(-0.12, 0.12)
    match build.tail:
        case "long":
            p.fill(
                limb(
                    [
                        (x - 0.1, y),
                        (x + 0.2, y + 0.05),
                        (x + 0.32, y - 0.25 + lift),
                        (x + 0.22, y - 0.5 + lift),
                    ],
                    0.11,
                    0.09,
                )
            )
        case "short_up":
            p.fill(
                limb([(x - 0.1, y), (x + 0.14, y - 0.1), (x + 0.22, y - 0.34 + lift)], 0.13, 0.06)
            )
        case "bushy":
            tail = curve(
                [
                    (x - 0.12, y),
                    (x + 0.12, y - 0.12 + lift),
                    (x + 0.42, y - 0.3 + lift),
                    (x + 0.62, y - 0.24 + lift),
                    (x + 0.52, y + 0.08 + lift),
                    (x + 0.2, y + 0.16),
                ]
            )
            p.fill(tail)
            p.patch(ellipse(x + 0.62, y - 0.22 + lift, 0.22), tail, "chalk")
        case "mane":
            p.fill(
                curve(
                    [
                        (x - 0.14, y - 0.05),
                        (x + 0.12, y - 0.04),
                        (x + 0.24, y + 0.3),
                        (x + 0.16 + lift, y + 0.62),
                        (x + 0.04, y + 0.3),
                    ]
                ),
                "dark",
            )
        case "curl":
            p.line(
                [
                    (x - 0.08, y),
                    (x + 0.1, y - 0.06),
                    (x + 0.1, y - 0.2),
                    (x, y - 0.14),
                    (x + 0.14, y - 0.02),
                ],
                "dark",
                0.05,
            )
        case "tuft":
            end = (x + 0.36, y - 0.3 + lift)
            p.fill(limb([(x - 0.1, y), (x + 0.2, y + 0.12), end], 0.09, 0.06))
            p.fill(ellipse(*end, 0.1, 0.13, 20), "dark")
        case _:
            p.fill(ellipse(x, y, 0.1))


def front(
    p: Pen, rng: Random, *, ears: str, chest: str = "light", wide: float = 1.0, nose: str = "ink"
) -> None:
    """Draw an animal that sits and looks at us."""
    tilt = rng.uniform(-0.06, 0.06)
    head, body = rng.uniform(0.46, 0.54), rng.uniform(0.4, 0.48) * wide
    x, y = tilt, -0.34 + rng.uniform(-0.05, 0.05)
    trunk = union(
        curve(
            [
                (0, y),
                (body * 0.75, 0.3),
                (body, 0.75),
                (body * 0.8, 0.97),
                (-body * 0.8, 0.97),
                (-body, 0.75),
                (-body * 0.75, 0.3),
            ]
        ),
        ellipse(-body * 0.72, 0.84, 0.22, 0.16),
        ellipse(body * 0.72, 0.84, 0.22, 0.16),
    )
    p.fill(trunk)
    p.patch(ellipse(0, 0.48, body * 0.55, 0.36), trunk, chest)
    for side in (-1, 1):
        leg = limb([(side * 0.15, 0.4), (side * 0.16, 0.92)], 0.2, 0.2)
        p.fill(leg)
    skull = ellipse(x, y, head * 1.08 * wide**0.5, head * 0.9)
    for side in (-1, 1):
        _front_ear(p, ears, (x, y), side, head)
    p.fill(skull)
    p.patch(ellipse(x, y + head * 0.55, head * 0.5, head * 0.42), skull, chest)
    gap, size = head * rng.uniform(0.42, 0.5), rng.uniform(0.075, 0.1)
    shut = rng.random() < 0.12
    for side in (-1, 1):
        p.eye(x + side * gap, y - head * 0.02, size, shut=shut)
    p.fill(
        curve([(x - 0.08, y + head * 0.3), (x + 0.08, y + head * 0.3), (x, y + head * 0.46)]),
        nose,
        lined=False,
    )
    p.line(
        [
            (x - 0.12, y + head * 0.6),
            (x - 0.05, y + head * 0.68),
            (x, y + head * 0.5),
            (x + 0.05, y + head * 0.68),
            (x + 0.12, y + head * 0.6),
        ],
        "ink",
        0.03,
    )


def _front_ear(p: Pen, ears: str, at: Point, side: int, head: float) -> None:
    x, y = at
    match ears:
        case "pointed":
            for tone, size in (("body", 1.0), ("rose", 0.55)):
                middle = (x + side * head * 0.72, y - head * 0.85)
                corners = ((-0.42, 0.35), (0.2, -0.75), (0.42, 0.55))
                p.fill(
                    polygon(
                        [
                            (middle[0] + side * dx * head * size, middle[1] + dy * head * size)
                            for dx, dy in corners
                        ],
                        radius=0.05,
                    ),
                    tone,
                    lined=tone == "body",
                )
        case "floppy":
            p.fill(
                curve(
                    [
                        (x + side * head * 0.7, y - head * 0.75),
                        (x + side * head * 1.35, y - head * 0.5),
                        (x + side * head * 1.45, y + head * 0.5),
                        (x + side * head * 1.1, y + head * 0.55),
                        (x + side * head * 0.9, y - head * 0.2),
                    ]
                ),
                "dark",
            )
        case "round":
            p.fill(ellipse(x + side * head * 0.78, y - head * 0.68, head * 0.36))
            p.fill(
                ellipse(x + side * head * 0.78, y - head * 0.66, head * 0.2), "light", lined=False
            )
        case "long":
            tilt = side * 9
            p.fill(ellipse(x + side * head * 0.45, y - head * 1.25, head * 0.28, head * 0.8, tilt))
            p.fill(
                ellipse(x + side * head * 0.45, y - head * 1.2, head * 0.13, head * 0.58, tilt),
                "rose",
                lined=False,
            )


def cat(p: Pen, rng: Random) -> None:
    """A cat, sitting, walking or asleep; some have stripes."""
    if rng.random() < 0.5:
        p.fill(limb([(0.35, 0.9), (0.7, 0.85), (0.85, 0.5), (0.72, 0.25)], 0.14, 0.12))
        front(p, rng, ears="pointed", nose="rose")
        for side in (-1, 1):
            for dy in (0, 0.08):
                p.line([(side * 0.26, -0.08 + dy), (side * 0.62, -0.12 + dy * 1.6)], "ink", 0.02)
        return
    beast(p, rng, CAT)


def dog(p: Pen, rng: Random) -> None:
    """A dog with hanging ears."""
    if rng.random() < 0.45:
        p.fill(limb([(0.35, 0.8), (0.7, 0.7), (0.8, 0.4)], 0.14, 0.08))
        front(p, rng, ears="floppy")
        p.fill(ellipse(0, 0.12, 0.07, 0.11), "rose", lined=False)
        return
    x, y, head = beast(p, rng, DOG)
    p.fill(ellipse(x + head * 0.2, y + head * 1.05, 0.12, 0.05, 20), (214, 60, 60), lined=False)


def fox(p: Pen, rng: Random) -> None:
    """A fox with its great tail."""
    if rng.random() < 0.3:
        tail = curve([(0.3, 0.92), (0.72, 0.98), (0.98, 0.6), (0.9, 0.1), (0.6, 0.5)])
        p.fill(tail)
        p.patch(ellipse(0.92, 0.14, 0.25), tail, "chalk")
        front(p, rng, ears="pointed", chest="chalk")
        return
    beast(p, rng, FOX)


def bear(p: Pen, rng: Random) -> None:
    """A bear on all fours, or sitting like a toy."""
    if rng.random() < 0.5:
        for side in (-1, 1):
            p.fill(limb([(side * 0.35, 0.2), (side * 0.66, 0.5)], 0.26, 0.22))
        front(p, rng, ears="round", wide=1.2)
        return
    beast(p, rng, BEAR)


def rabbit(p: Pen, rng: Random) -> None:
    """A rabbit, from the front or hunched from the side."""
    if rng.random() < 0.5:
        front(p, rng, ears="long", nose="rose")
        return
    x, y = -0.42, 0.1 + rng.uniform(-0.06, 0.06)
    p.fill(ellipse(0.74, 0.62, 0.16), "pale")
    for tone, dx, tilt in (("dark", 0.16, 24 + rng.uniform(-8, 8)), ("body", 0.0, 6)):
        p.fill(ellipse(x + dx, y - 0.58, 0.11, 0.38, tilt), tone)
    p.fill(ellipse(x + 0.01, y - 0.55, 0.05, 0.27, 6), "rose", lined=False)
    whole = union(
        ellipse(0.22, 0.56, 0.52, 0.42),
        ellipse(x, y, 0.3, 0.27),
        ellipse(-0.12, 0.42, 0.3),
        limb([(-0.3, 0.6), (-0.36, 0.93)], 0.18, 0.13),
        limb([(0.4, 0.9), (0.0, 0.93)], 0.2, 0.13),
    )
    p.fill(whole)
    p.patch(ellipse(0, 0.8, 0.3, 0.2), whole)
    p.line([(0.1, 0.75), (0.2, 0.5), (0.5, 0.45)], "dark", 0.03)
    p.fill(ellipse(x - 0.28, y + 0.02, 0.05), "rose", lined=False)
    p.eye(x - 0.08, y - 0.06, 0.06)


def pig(p: Pen, rng: Random) -> None:
    """A round pig with a snout."""
    x, y, _ = beast(p, rng, PIG)
    p.fill(ellipse(x - 0.33, y + 0.06, 0.08, 0.12), "light")
    for dy in (-0.04, 0.04):
        p.fill(ellipse(x - 0.35, y + 0.06 + dy, 0.02), "ink", lined=False)


def horse(p: Pen, rng: Random) -> None:
    """A horse with a mane."""
    x, y, head = beast(p, rng, HORSE)
    mane = curve(
        [
            (x - head * 0.3, y - head * 1.3),
            (x + head * 0.6, y - head),
            (x + head * 1.7, y + 0.25),
            (x + head * 1.9, y + 0.6),
            (x + head * 1.1, y + 0.4),
            (x + head * 0.5, y),
        ]
    )
    p.fill(mane, "dark")


def deer(p: Pen, rng: Random) -> None:
    """A deer with antlers."""
    x, y, head = beast(p, rng, DEER)
    for side, tone in ((0.5, "wood"), (-0.2, "bark")):
        root = (x + head * side, y - head * 0.8)
        p.line(
            [root, (root[0] + 0.05, root[1] - 0.2), (root[0] - 0.06, root[1] - 0.42)], tone, 0.055
        )
        p.line([(root[0] + 0.04, root[1] - 0.15), (root[0] + 0.2, root[1] - 0.34)], tone, 0.05)
    if rng.random() < 0.5:
        for dx, dy in ((0.0, 0.0), (0.16, 0.05), (0.3, -0.02), (0.12, -0.07)):
            p.fill(ellipse(dx - 0.1, 1 - 0.62 - 0.2 + dy, 0.035), "pale", lined=False)


def sheep(p: Pen, rng: Random) -> None:
    """A woolly sheep: fleece in the scene's colour, dark face and legs."""
    walk = rng.random() < 0.5
    face: RGB = (70, 62, 72)
    for i, x in enumerate((-0.38, -0.18, 0.26, 0.44)):
        step = (0.08 if i % 2 else -0.08) * walk
        p.fill(limb([(x, 0.5), (x + step, 0.94)], 0.12, 0.1), face)
    wide, tall = rng.uniform(0.56, 0.64), rng.uniform(0.38, 0.44)
    count = rng.choice((11, 12, 13))
    fleece = union(
        ellipse(0.05, 0.28, wide, tall),
        *(ellipse(0.05 + x * wide, 0.28 + y * tall, 0.17) for x, y in ring(count)),
    )
    p.fill(fleece)
    for x, y in ((0.2, 0.1), (0.4, 0.35), (0.0, 0.4), (-0.1, 0.12)):
        p.line([(x - 0.07, y), (x, y + 0.06), (x + 0.07, y)], "dark", 0.03)
    x, y = -0.62, 0.02 + rng.uniform(-0.1, 0.12)
    p.fill(ellipse(x + 0.24, y - 0.06, 0.16, 0.07, 30), face)
    p.fill(ellipse(x, y, 0.2, 0.27, 14), face)
    p.fill(union(ellipse(x + 0.05, y - 0.22, 0.14), ellipse(x + 0.16, y - 0.18, 0.12)), "light")
    p.eye(x - 0.06, y - 0.04, 0.05)


def lion(p: Pen, rng: Random) -> None:
    """A lion, the mane darker than the rest."""
    count = rng.choice((10, 12))
    if rng.random() < 0.5:
        p.fill(limb([(0.35, 0.9), (0.7, 0.9), (0.86, 0.6)], 0.1, 0.08))
        p.fill(ellipse(0.87, 0.52, 0.11, 0.15), "dark")
        mane = union(
            ellipse(0, -0.34, 0.66),
            *(ellipse(x * 0.62, -0.34 + y * 0.62, 0.2) for x, y in ring(count)),
        )
        p.fill(mane, "dark")
        front(p, rng, ears="round")
        return
    pen = Pen(body=p.body)
    x, y, head = beast(pen, rng, LION)
    mane = _mane(x + head * 0.45, y + head * 0.15, head * 1.35, count)
    face = Pen(body=p.body)
    nose = (x + LION.muzzle[0], y + LION.muzzle[1])
    skull = union(ellipse(x, y, head * 0.92), limb([(x, y), nose], *LION.muzzle_widths))
    face.fill(skull)
    face.fill(ellipse(x + head * 0.3, y - head * 0.8, head * 0.3))
    face.fill(ellipse(*nose, 0.07), "ink", lined=False)
    face.eye(x - head * 0.35, y - head * 0.12, 0.05)
    p.shapes.extend(pen.shapes)
    p.fill(mane, "dark")
    p.shapes.extend(face.shapes)


def _mane(x: float, y: float, radius: float, count: int) -> skia.Path:
    tufts = (ellipse(x + u * radius, y + v * radius, radius * 0.34) for u, v in ring(count))
    return union(ellipse(x, y, radius), *tufts)


def elephant(p: Pen, rng: Random) -> None:
    """An elephant from the side, trunk up or down."""
    walk, up = rng.random() < 0.5, rng.random() < 0.4
    step = 0.1 * walk
    p.line([(0.72, 0.0), (0.84, 0.2), (0.8, 0.45)], "dark", 0.06)
    for x, by in ((-0.12, step), (0.36, -step)):
        p.fill(limb([(x + 0.06, 0.2), (x + 0.08 + by, 0.9)], 0.28, 0.26), "dark")
    x, y = -0.5, -0.16 + rng.uniform(-0.05, 0.05)
    down = [(x - 0.15, y + 0.1), (x - 0.32, y + 0.4), (x - 0.3, y + 0.72), (x - 0.42, y + 0.86)]
    raised = [(x - 0.15, y + 0.1), (x - 0.38, y + 0.3), (x - 0.52, y + 0.02), (x - 0.42, y - 0.3)]
    whole = union(
        ellipse(0.2, 0.12, 0.58, 0.46),
        ellipse(x, y, 0.34, 0.36),
        limb(raised if up else down, 0.26, 0.12),
        limb([(-0.2, 0.2), (-0.22 - step, 0.9)], 0.3, 0.28),
        limb([(0.52, 0.2), (0.54 + step, 0.9)], 0.32, 0.28),
    )
    p.fill(whole)
    for foot in (-0.22 - step, 0.54 + step):
        for dx in (-0.07, 0.02):
            p.fill(ellipse(foot + dx, 1.0, 0.04, 0.045), "light", lined=False)
    p.fill(
        limb([(x - 0.1, y + 0.24), (x - 0.24, y + 0.44), (x - 0.4, y + 0.42)], 0.09, 0.03), "chalk"
    )
    flap = rng.uniform(0.26, 0.34)
    ear = curve(
        [
            (x + 0.04, y - 0.24),
            (x + flap, y - 0.34),
            (x + flap + 0.14, y + 0.02),
            (x + flap - 0.04, y + 0.4),
            (x + 0.1, y + 0.22),
        ]
    )
    p.fill(ear, "dark")
    p.patch(ellipse(x + flap - 0.02, y + 0.02, 0.16, 0.24), ear, "rose")
    p.eye(x - 0.12, y - 0.04, 0.05)


ALL = (cat, dog, fox, rabbit, bear, horse, elephant, pig, sheep, deer, lion)
