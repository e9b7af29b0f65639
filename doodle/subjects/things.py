"""Food, household things, figures, and what is in the sky."""

# fmt: off - rows of points, not a point a line
from __future__ import annotations

from typing import TYPE_CHECKING

import skia

from doodle.pen import Pen, curve, ellipse, limb, polygon, rect, ring, union, without

if TYPE_CHECKING:
    from random import Random


def apple(p: Pen, rng: Random) -> None:
    """An apple with a leaf; some have been bitten."""
    wide = rng.uniform(0.78, 0.92)
    lean = rng.uniform(-0.1, 0.15)
    p.fill(limb([(0, -0.4), (lean, -0.9)], 0.1, 0.12), "bark")
    p.fill(curve([(lean * 0.6, -0.66), (0.3, -0.98), (0.68, -0.88), (0.4, -0.62)]), "leaf")
    whole = curve(
        [
            (0, -0.5),
            (wide * 0.5, -0.62),
            (wide, -0.2),
            (wide * 0.82, 0.5),
            (wide * 0.38, 0.94),
            (0, 0.86),
            (-wide * 0.38, 0.94),
            (-wide * 0.82, 0.5),
            (-wide, -0.2),
            (-wide * 0.5, -0.62),
        ]
    )
    if rng.random() < 0.25:
        bite = union(*(ellipse(wide * 1.02, y, 0.24) for y in (-0.1, 0.2)))
        p.fill(ellipse(wide * 0.7, 0.05, 0.34, 0.42), (252, 240, 200), lined=False)
        whole = without(whole, bite)
    p.fill(whole)
    p.patch(ellipse(-wide * 0.52, -0.12, 0.12, 0.26, 18), whole, "pale")
    p.patch(
        curve([(0.1, 0.9), (wide * 0.6, 0.5), (wide * 0.85, -0.2), (wide * 1.2, 0.5), (0.5, 1.1)]),
        whole,
        "dark",
    )


def pear(p: Pen, rng: Random) -> None:
    """A pear with its stalk."""
    lean, wide = rng.uniform(-0.12, 0.12), rng.uniform(0.58, 0.72)
    p.fill(limb([(lean, -0.7), (lean + 0.1, -1.02)], 0.08, 0.1), "bark")
    if rng.random() < 0.6:
        p.fill(
            curve(
                [
                    (lean + 0.02, -0.78),
                    (lean + 0.3, -1.02),
                    (lean + 0.56, -0.86),
                    (lean + 0.28, -0.7),
                ]
            ),
            "leaf",
        )
    whole = curve(
        [
            (lean, -0.86),
            (lean + 0.3, -0.6),
            (0.34, -0.1),
            (wide, 0.42),
            (wide * 0.6, 0.92),
            (-wide * 0.6, 0.92),
            (-wide, 0.42),
            (-0.34, -0.1),
            (lean - 0.3, -0.6),
        ]
    )
    p.fill(whole)
    p.patch(ellipse(-wide * 0.5, 0.32, 0.11, 0.26, 12), whole, "pale")
    for x, y in ((0.1, 0.3), (0.26, 0.5), (0.05, 0.62), (0.2, 0.14)):
        p.fill(ellipse(x, y, 0.025), "dark", lined=False)


def cake(p: Pen, rng: Random) -> None:
    """A birthday cake of one to three tiers, or a slice."""
    if rng.random() < 0.25:
        p.fill(polygon([(-1.0, 0.0), (0.9, -0.35), (0.9, 0.0), (-1.0, 0.12)], radius=0.03), "pale")
        p.fill(polygon([(-1.0, 0.05), (0.9, -0.05), (0.9, 0.85), (-1.0, 0.9)], radius=0.04))
        p.fill(polygon([(-1.0, 0.42), (0.9, 0.34), (0.9, 0.5), (-1.0, 0.56)]), "pale", lined=False)
        p.fill(ellipse(0.35, -0.35, 0.2), (224, 50, 70))
        return
    tiers = rng.choice((1, 2, 3))
    p.fill(ellipse(0, 0.88, 0.98, 0.12), "chalk")
    top, half = 0.88, 0.82
    for i in range(tiers):
        high = top - (0.95 if tiers == 1 else 0.56)
        tier = rect(-half, high, half, top, 0.08)
        p.fill(tier, "dark" if i % 2 else "body")
        drips = [(-half, high - 0.02), (half, high - 0.02), (half, high + 0.16)]
        for k in range(6):
            x = half - (k + 0.5) * half / 3
            drips.append((x, high + (0.3 if k % 2 else 0.12)))
        drips.append((-half, high + 0.16))
        p.patch(curve(drips), tier, "pale")
        top, half = high, half * 0.7
    for share in (-0.6, 0.0, 0.6) if tiers < 3 else (0.0,):
        x = share * half
        p.fill(rect(x - 0.05, top - 0.3, x + 0.05, top + 0.02, 0.02), "rose")
        p.fill(
            curve(
                [(x - 0.07, top - 0.38), (x, top - 0.56), (x + 0.07, top - 0.38), (x, top - 0.3)]
            ),
            "lamp",
            glows=True,
        )


def icecream(p: Pen, rng: Random) -> None:
    """One to three scoops of ice cream in a cone."""
    scoops = rng.choice((1, 2, 3))
    size = {1: 0.52, 2: 0.42, 3: 0.38}[scoops]
    edge = {1: 0.1, 2: 0.16, 3: 0.16}[scoops]
    cone = polygon([(-size * 0.82, edge), (size * 0.82, edge), (0, 1.02)], radius=0.04)
    p.fill(cone, (228, 176, 108))
    for i in range(-3, 4):
        p.patch(
            polygon(
                [
                    (i * 0.2 - 0.5, 0),
                    (i * 0.2 - 0.46, 0),
                    (i * 0.2 + 0.5, 1.0),
                    (i * 0.2 + 0.46, 1.0),
                ]
            ),
            cone,
            "wood",
        )
        p.patch(
            polygon(
                [
                    (i * 0.2 + 0.5, 0),
                    (i * 0.2 + 0.46, 0),
                    (i * 0.2 - 0.5, 1.0),
                    (i * 0.2 - 0.46, 1.0),
                ]
            ),
            cone,
            "wood",
        )
    spots = {
        1: ((0, -0.26),),
        2: ((-0.26, -0.1), (0.24, -0.14)),
        3: ((-0.28, -0.08), (0.28, -0.08), (0, -0.5)),
    }[scoops]
    for i, (x, y) in enumerate(spots):
        tone = ("body", "light", "dark")[i]
        ball = union(
            ellipse(x, y, size),
            *(
                ellipse(x + k * size * 0.45, y + size * 0.8, size * 0.27)
                for k in (-2, -0.7, 0.7, 2)
            ),
        )
        p.fill(ball, tone)
        p.fill(
            ellipse(x - size * 0.35, y - size * 0.4, size * 0.2, size * 0.13, -30),
            "pale",
            lined=False,
        )
    x, y = spots[-1]
    p.fill(ellipse(x + 0.05, y - size - 0.04, 0.11), (220, 44, 64))


def cup(p: Pen, rng: Random) -> None:
    """A steaming cup with a handle, some on a saucer."""
    side, tall = rng.choice((-1, 1)), rng.uniform(0.75, 1.0)
    top = 0.9 - tall
    if rng.random() < 0.5:
        p.fill(ellipse(0, 0.9, 0.95, 0.11), "pale")
    p.line(
        [
            (side * 0.5, top + 0.16),
            (side * 0.88, top + 0.12),
            (side * 0.9, top + tall * 0.55),
            (side * 0.45, top + tall * 0.68),
        ],
        "dark",
        0.12,
        lined=True,
    )
    whole = curve(
        [
            (-0.62, top),
            (0, top + 0.06),
            (0.62, top),
            (0.56, 0.66),
            (0.3, 0.9),
            (-0.3, 0.9),
            (-0.56, 0.66),
        ]
    )
    p.fill(whole)
    if rng.random() < 0.5:
        p.patch(rect(-1, top + tall * 0.4, 1, top + tall * 0.58), whole, "pale")
    p.fill(ellipse(0, top, 0.62, 0.13), "light")
    p.fill(ellipse(0, top + 0.01, 0.5, 0.085), "bark", lined=False)
    for x in (-0.26, 0.0, 0.26):
        p.line(
            [
                (x, top - 0.24),
                (x + 0.08, top - 0.42),
                (x - 0.06, top - 0.6),
                (x + 0.04, top - 0.78),
            ],
            (236, 236, 242),
            0.055,
        )


def umbrella(p: Pen, rng: Random) -> None:
    """An open umbrella with a hooked handle, upright or leant."""
    pen = Pen(body=p.body)
    pen.line(
        [(0, -0.85), (0, 0.72), (0.06, 0.92), (0.24, 0.96), (0.34, 0.76)], "bark", 0.075, lined=True
    )
    high = rng.uniform(0.72, 0.95)
    top = curve(
        [
            (-1.0, 0.1),
            (-0.8, 0.1 - high * 0.62),
            (0, 0.1 - high),
            (0.8, 0.1 - high * 0.62),
            (1.0, 0.1),
            (0.66, -0.02),
            (0.34, 0.08),
            (0, -0.02),
            (-0.34, 0.08),
            (-0.66, -0.02),
        ]
    )
    pen.fill(top)
    pen.patch(
        curve(
            [(-0.34, 0.12), (-0.28, -0.4), (0, 0.1 - high), (0.28, -0.4), (0.34, 0.12), (0, 0.02)]
        ),
        top,
        "light",
    )
    for side in (-1, 1):
        pen.line([(side * 0.34, 0.07), (side * 0.28, -0.38), (0, 0.1 - high)], "dark", 0.03)
    if rng.random() < 0.3:
        for x, y in ((-0.62, -0.2), (0.62, -0.2), (0.0, -0.45), (-0.3, -0.48), (0.32, -0.48)):
            pen.patch(ellipse(x, y, 0.09), top, "pale")
    tilt = skia.Matrix().preRotate(rng.choice((0, 0, -18, 18)), 0, 0.2)
    for shape in pen.shapes:
        shape.path.transform(tilt)
    p.shapes.extend(pen.shapes)


def lamp(p: Pen, rng: Random) -> None:
    """A table lamp that is lit."""
    slim = rng.uniform(0.26, 0.42)
    p.fill(ellipse(0, 0.92, 0.42, 0.1), "dark")
    if rng.random() < 0.5:
        p.fill(
            curve([(-0.1, 0.0), (0.1, 0.0), (0.3, 0.55), (0.14, 0.9), (-0.14, 0.9), (-0.3, 0.55)]),
            "dark",
        )
    else:
        p.fill(rect(-0.06, 0.0, 0.06, 0.9), "wood")
    p.fill(ellipse(0, 0.06, 0.62, 0.12), "lamp", lined=False, glows=True)
    shade = polygon([(-slim, -0.9), (slim, -0.9), (0.76, 0.06), (-0.76, 0.06)], radius=0.05)
    p.fill(shade)
    p.patch(
        polygon([(-slim * 0.4, -0.9), (slim * 0.4, -0.9), (0.3, 0.06), (-0.3, 0.06)]),
        shade,
        "light",
    )


def hat(p: Pen, rng: Random) -> None:
    """A top hat, a straw hat, or a witch's."""
    match rng.choice(("top", "straw", "pointed")):
        case "top":
            p.fill(ellipse(0, 0.62, 1.0, 0.2))
            p.fill(
                curve(
                    [
                        (-0.6, -0.8),
                        (0, -0.74),
                        (0.6, -0.8),
                        (0.5, -0.1),
                        (0.54, 0.6),
                        (0, 0.7),
                        (-0.54, 0.6),
                        (-0.5, -0.1),
                    ]
                )
            )
            p.fill(ellipse(0, -0.79, 0.6, 0.1), "dark")
            p.fill(polygon([(-0.52, 0.26), (0.52, 0.26), (0.54, 0.52), (-0.54, 0.52)]), "pale")
        case "straw":
            p.fill(ellipse(0, 0.5, 1.05, 0.26))
            p.fill(
                curve(
                    [
                        (-0.56, 0.42),
                        (-0.46, -0.24),
                        (0, -0.42),
                        (0.46, -0.24),
                        (0.56, 0.42),
                        (0, 0.54),
                    ]
                )
            )
            p.fill(
                curve(
                    [(-0.57, 0.4), (-0.53, 0.12), (0, 0.22), (0.53, 0.12), (0.57, 0.4), (0, 0.52)]
                ),
                "pale",
            )
        case _:
            p.fill(ellipse(0, 0.62, 1.02, 0.2))
            p.fill(
                curve(
                    [
                        (-0.55, 0.6),
                        (-0.3, -0.1),
                        (-0.16, -0.7),
                        (0.3, -0.95),
                        (0.14, -0.5),
                        (0.32, 0.0),
                        (0.55, 0.6),
                        (0, 0.72),
                    ]
                )
            )
            p.fill(
                curve(
                    [(-0.56, 0.58), (-0.46, 0.3), (0, 0.42), (0.46, 0.3), (0.56, 0.58), (0, 0.7)]
                ),
                "dark",
            )
            p.fill(rect(-0.13, 0.4, 0.13, 0.64, 0.03), "sun")


def robot(p: Pen, rng: Random) -> None:
    """A friendly robot, one arm up on some."""
    p.line([(0, -0.7), (0, -0.92)], "steel", 0.05, smooth=False)
    p.fill(ellipse(0, -0.95, 0.085), "flame", glows=True)
    wave = rng.choice((0, 0, 1))
    for side in (-1, 1):
        lift = wave if side > 0 else 0
        end = (side * 0.82, -0.2) if lift else (side * 0.76, 0.56)
        p.fill(limb([(side * 0.46, 0.16), (side * 0.72, 0.2), end], 0.15, 0.14), "dark")
        p.fill(ellipse(*end, 0.12), "steel")
        p.fill(limb([(side * 0.22, 0.68), (side * 0.22, 0.88)], 0.2, 0.2), "dark")
        p.fill(rect(side * 0.24 - 0.18, 0.84, side * 0.24 + 0.18, 1.0, 0.07), "steel")
    p.fill(rect(-0.5, 0.02, 0.5, 0.76, 0.12))
    p.fill(rect(-0.3, 0.18, 0.3, 0.56, 0.06), "pale")
    match rng.choice(("heart", "dials", "light")):
        case "dials":
            for x in (-0.14, 0.14):
                p.fill(ellipse(x, 0.37, 0.1), "glass")
        case "heart":
            p.fill(
                curve(
                    [(0, 0.48), (-0.14, 0.34), (-0.07, 0.25), (0, 0.31), (0.07, 0.25), (0.14, 0.34)]
                ),
                "rose",
            )
        case _:
            p.fill(ellipse(0, 0.37, 0.13), "lamp", glows=True)
    head = rng.choice((0.1, 0.28))
    p.fill(rect(-0.48, -0.74, 0.48, -0.04, head))
    for side in (-1, 1):
        p.fill(rect(side * 0.53 - 0.06, -0.5, side * 0.53 + 0.06, -0.26, 0.03), "steel")
    p.fill(rect(-0.37, -0.6, 0.37, -0.2, 0.14), "ink")
    for side in (-1, 1):
        p.fill(ellipse(side * 0.17, -0.4, 0.09), "lamp", lined=False, glows=True)
    p.line([(-0.12, -0.13), (0, -0.09), (0.12, -0.13)], "ink", 0.035)


def snowman(p: Pen, rng: Random) -> None:
    """A snowman whose scarf and hat have the scene's colour."""
    for side in (-1, 1):
        y = rng.uniform(-0.3, 0.2)
        p.line([(side * 0.4, 0.2), (side * 0.86, y)], "bark", 0.055, smooth=False)
        p.line([(side * 0.7, (y + 0.1) * 0.8), (side * 0.84, y + 0.2)], "bark", 0.045, smooth=False)
    p.fill(ellipse(0, 0.5, 0.56, 0.5), "chalk")
    p.fill(ellipse(0, -0.3, 0.4, 0.38), "chalk")
    for y in (0.3, 0.52):
        p.fill(ellipse(0, y, 0.06), "ink", lined=False)
    side = rng.choice((-1, 1))
    p.fill(
        curve([(side * 0.12, 0.06), (side * 0.34, 0.06), (side * 0.38, 0.6), (side * 0.16, 0.62)])
    )
    p.fill(limb([(-0.36, 0.0), (0, 0.08), (0.36, 0.0)], 0.2, 0.2))
    if rng.random() < 0.6:
        p.fill(rect(-0.3, -1.06, 0.3, -0.6, 0.04))
        p.fill(rect(-0.3, -0.76, 0.3, -0.66), "pale", lined=False)
        p.fill(rect(-0.5, -0.66, 0.5, -0.55, 0.05))
    else:
        p.fill(
            curve([(-0.4, -0.5), (-0.3, -0.85), (0, -0.98), (0.3, -0.85), (0.4, -0.5), (0, -0.56)])
        )
        p.fill(ellipse(0, -1.0, 0.12), "pale")
    for u in (-1, 1):
        p.fill(ellipse(u * 0.15, -0.36, 0.055), "ink", lined=False)
    p.fill(polygon([(0, -0.28), (-side * 0.42, -0.2), (0, -0.16)], radius=0.02), "flame")


def ghost(p: Pen, rng: Random) -> None:
    """A ghost with a wavy hem."""
    waves, sway = rng.choice((3, 4)), rng.uniform(-0.2, 0.2)
    hem = []
    for i in range(2 * waves + 1):
        x = 0.72 - i * 1.44 / (2 * waves)
        hem.append((x + sway, 0.95 if i % 2 == 0 else 0.72))
    whole = curve([(0, -0.98), (0.5, -0.72), (0.66, -0.1), *hem, (-0.66, -0.1), (-0.5, -0.72)])
    arms = union(
        *(
            limb([(s * 0.5, 0.05), (s * 0.88, rng.uniform(-0.25, 0.25))], 0.28, 0.16)
            for s in (-1, 1)
        )
    )
    p.fill(union(whole, arms))
    for side in (-1, 1):
        p.fill(ellipse(side * 0.22, -0.4, 0.1, 0.16), "ink", lined=False)
        p.fill(ellipse(side * 0.22 - 0.03, -0.46, 0.035, 0.05), "chalk", lined=False)
        p.fill(ellipse(side * 0.4, -0.2, 0.09, 0.05), "rose", lined=False)
    if rng.random() < 0.5:
        p.fill(ellipse(0, -0.1, 0.1, 0.13), "ink", lined=False)
    else:
        p.line([(-0.14, -0.16), (0, -0.06), (0.14, -0.16)], "ink", 0.045)


def star(p: Pen, rng: Random) -> None:
    """A five-pointed star, plain, rounded, or with a face."""
    fat, turn = rng.uniform(0.42, 0.54), rng.uniform(-0.03, 0.03)
    points = [
        (u * r, 0.06 + v * r)
        for (u, v), r in zip(ring(10, turn=turn), (1.02, fat) * 5, strict=True)
    ]
    whole = polygon(points, radius=rng.choice((0.03, 0.16)))
    p.fill(whole, glows=True)
    if rng.random() < 0.5:
        for i in range(5):
            p.patch(polygon([(0, 0.06), points[2 * i], points[2 * i + 1]]), whole, "light")
        return
    p.patch(ellipse(-0.2, -0.25, 0.3, 0.4, 30), whole, "light")
    for side in (-1, 1):
        p.eye(side * 0.2, 0.0, 0.07)
    p.line([(-0.12, 0.2), (0, 0.28), (0.12, 0.2)], "ink", 0.04)


def heart(p: Pen, rng: Random) -> None:
    """A heart, plain, banded or with an arrow."""
    wide, turn = rng.uniform(0.88, 1.02), rng.choice((0, 0, -12, 12))
    whole = skia.Path()
    whole.moveTo(0, 0.92)
    whole.cubicTo(-wide * 0.5, 0.5, -wide * 1.1, 0.1, -wide, -0.4)
    whole.cubicTo(-wide * 0.85, -0.95, -0.15, -0.95, 0, -0.42)
    whole.cubicTo(0.15, -0.95, wide * 0.85, -0.95, wide, -0.4)
    whole.cubicTo(wide * 1.1, 0.1, wide * 0.5, 0.5, 0, 0.92)
    whole.close()
    whole.transform(skia.Matrix().preRotate(turn))
    arrow = rng.random() < 0.2
    if arrow:
        p.line([(-1.1, 0.35), (1.1, -0.45)], "wood", 0.07, smooth=False, lined=True)
        p.fill(polygon([(1.18, -0.5), (0.95, -0.52), (1.02, -0.3)]), "steel")
    p.fill(whole)
    if rng.random() < 0.3:
        p.patch(rect(-1.2, -0.15, 1.2, 0.12), whole, "light")
    p.patch(ellipse(-wide * 0.52, -0.4, 0.14, 0.22, 35), whole, "pale")
    if arrow:
        p.line([(-1.1, 0.35), (-0.5, 0.13)], "wood", 0.07, smooth=False)


def moon(p: Pen, rng: Random) -> None:
    """A crescent moon, some asleep."""
    cut = rng.uniform(0.3, 0.5)
    whole = without(ellipse(0, 0, 0.96), ellipse(cut, -0.12, 0.8))
    p.fill(whole, glows=True)
    for x, y, r in ((-0.62, 0.3, 0.1), (-0.3, 0.7, 0.07), (-0.72, -0.2, 0.06)):
        p.patch(ellipse(x, y, r), whole, "dark")
    if rng.random() < 0.4:
        p.eye(-0.6, 0.02, 0.07, shut=True)


def sun(p: Pen, rng: Random) -> None:
    """A sun with rays, some smiling."""
    count, turn = rng.choice((8, 10, 12)), rng.random() / 12
    short = rng.choice((1.0, 0.82))
    for i, (x, y) in enumerate(ring(count, turn=turn)):
        far = 1.0 if i % 2 else short
        half = 1.1 / count
        p.fill(
            polygon(
                [
                    (0.62 * x - half * y, 0.62 * y + half * x),
                    (far * x, far * y),
                    (0.62 * x + half * y, 0.62 * y - half * x),
                ],
                radius=0.03,
            ),
            "dark",
        )
    disc = p.fill(ellipse(0, 0, 0.58), glows=True)
    p.patch(ellipse(-0.18, -0.2, 0.3, 0.24, -30), disc, "light")
    if rng.random() < 0.5:
        for side in (-1, 1):
            p.eye(side * 0.2, -0.08, 0.06)
        p.line([(-0.2, 0.16), (0, 0.28), (0.2, 0.16)], "ink", 0.045)


def cloud(p: Pen, rng: Random) -> None:
    """A cloud."""
    bumps = [
        (-0.6, 0.2, 0.34),
        (-0.2, -0.1, rng.uniform(0.38, 0.48)),
        (0.25, -0.02, rng.uniform(0.34, 0.44)),
        (0.62, 0.22, 0.32),
        (0.0, 0.3, 0.3),
    ]
    whole = union(rect(-0.85, 0.12, 0.88, 0.54, 0.2), *(ellipse(*bump) for bump in bumps))
    p.fill(whole)
    p.patch(ellipse(-0.2, -0.15, 0.34, 0.26), whole, "light")
    p.patch(rect(-1.2, 0.4, 1.2, 0.8), whole, "dark")
    if rng.random() < 0.35:
        for side in (-1, 1):
            p.eye(side * 0.2, 0.14, 0.06)
        p.line([(-0.1, 0.28), (0, 0.34), (0.1, 0.28)], "ink", 0.035)


ALL = (
    apple,
    pear,
    cake,
    icecream,
    cup,
    umbrella,
    lamp,
    hat,
    robot,
    snowman,
    ghost,
    star,
    heart,
    moon,
    sun,
    cloud,
)
