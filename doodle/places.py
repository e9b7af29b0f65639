"""The places of scenes: each function draws one, in a frame 1 high and `wide` wide.

A place has depth (far, middle, near), and its light and weather differ from scene to scene; what
makes it the place that it is (the moon of a night, the firs of a forest) is always there.
"""

# fmt: off - rows of points, not a point a line
from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from doodle.pen import RGB, Pen, curve, ellipse, mix, polygon, rect, union, without

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    import skia

INK: RGB = (24, 18, 52)
WHITE: RGB = (255, 255, 255)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a place draws behind and in front of its things, and how things stand in it."""

    back: Pen
    front: Pen = field(default_factory=lambda: Pen(body=INK))
    ground: float  # where the ground begins
    tint: tuple[RGB, float] = (WHITE, 0.0)  # the light on what stands there
    floats: bool = False  # nothing stands on the ground


def meadow(wide: float, rng: Random, sky: str) -> Place:
    """Green hills under a blue sky, flowers in the grass."""
    p, g = Pen(body=INK), rng.uniform(0.58, 0.72)
    hue = rng.uniform(0, 1)
    air = mix((96, 178, 240), (150, 214, 240), hue)
    _sky(p, wide, air, mix(air, (255, 248, 222), 0.7))
    _weather(p, wide, rng, air, sky, low=g - 0.1)
    green = mix((120, 190, 80), (94, 184, 110), rng.random())
    _hills(p, wide, rng, g - 0.1, 0.1, mix(green, air, 0.5))
    for _ in range(rng.choice((0, 2, 4))):
        _round_tree(
            p,
            rng.uniform(0, wide),
            g - 0.02,
            rng.uniform(0.04, 0.07),
            mix(green, (30, 90, 70), 0.45),
        )
    _hills(p, wide, rng, g - 0.02, 0.06, mix(green, (40, 110, 80), 0.25))
    _ground(p, wide, rng, g + 0.06, green, mix(green, (30, 96, 60), 0.3))
    petals = rng.choice((WHITE, (255, 220, 90), (244, 130, 160), (180, 130, 230)))
    for _ in range(round(9 * wide)):
        x, y = rng.uniform(0, wide), rng.uniform(g + 0.1, 1.0)
        size = 0.006 + 0.016 * (y - g)
        p.line([(x, y), (x, y - size * 2)], mix(green, INK, 0.3), 0.004)
        p.fill(ellipse(x, y - size * 2, size), petals, lined=False)
    return Place(
        back=p,
        front=_grass(wide, rng, mix(green, (20, 80, 50), 0.4)),
        ground=g + 0.08,
        tint=((255, 244, 200), 0.05),
    )


def night(wide: float, rng: Random, sky: str) -> Place:
    """A dark blue sky with a moon and stars over dark hills."""
    p, g = Pen(body=INK), rng.uniform(0.62, 0.76)
    air = mix((14, 20, 62), (36, 22, 78), rng.random())
    _sky(p, wide, air, mix(air, (70, 84, 168), 0.6))
    _stars(p, wide, rng, round(22 * wide), g)
    x, y, r = rng.uniform(0.12, 0.88) * wide, rng.uniform(0.13, 0.27), rng.uniform(0.065, 0.1)
    if sky == "moon":
        p.fill(ellipse(x, y, r * 1.5), mix(air, (250, 240, 190), 0.2), lined=False)
        disc = ellipse(x, y, r)
        if rng.random() < 0.4:
            disc = without(disc, ellipse(x + r * 0.45, y - r * 0.1, r * 0.85))
        p.fill(disc, (255, 243, 190), glows=True, named=True)
    far = mix(air, (60, 70, 140), 0.5)
    if rng.random() < 0.5:
        _mountains(p, wide, rng, g, 0.2, far)
    else:
        _hills(p, wide, rng, g - 0.12, 0.1, far)
    _hills(p, wide, rng, g - 0.03, 0.06, mix(far, (14, 18, 52), 0.45))
    if rng.random() < 0.4:
        for x in (0.14, 0.2, 0.84):
            p.fill(ellipse(x * wide, g - 0.03, 0.008), (255, 214, 120), lined=False, glows=True)
    _ground(p, wide, rng, g + 0.05, (28, 40, 86), (16, 22, 56))
    return Place(
        back=p, front=_grass(wide, rng, (12, 18, 46)), ground=g + 0.08, tint=((40, 50, 130), 0.2)
    )


def sunset(wide: float, rng: Random, sky: str) -> Place:
    """A sky from violet to gold, the sun low over dark hills."""
    p, g = Pen(body=INK), rng.uniform(0.62, 0.74)
    top = mix((98, 60, 150), (214, 84, 120), rng.random())
    _sky(p, wide, top, (255, 180, 96))
    x = rng.uniform(0.2, 0.8) * wide
    r = rng.uniform(0.12, 0.2)
    for k, share in ((1.9, 0.2), (1.4, 0.32)):
        p.fill(
            ellipse(x, g - 0.04, r * k), mix((255, 168, 96), (255, 226, 130), share), lined=False
        )
    p.fill(ellipse(x, g - 0.04, r), (255, 232, 150), below=(255, 178, 84), glows=True)
    for _ in range(rng.choice((1, 2, 3))):
        y = rng.uniform(0.1, g - 0.3)
        _streak(p, rng.uniform(0, wide), y, rng.uniform(0.2, 0.4), mix(top, (255, 190, 130), 0.6))
    ridge = mix(top, (130, 50, 90), 0.4)
    if rng.random() < 0.5:
        _mountains(p, wide, rng, g, 0.16, ridge)
    _hills(p, wide, rng, g - 0.03, 0.07, mix(ridge, (90, 30, 80), 0.5))
    _ground(p, wide, rng, g + 0.05, (132, 62, 96), (78, 34, 78))
    return Place(
        back=p, front=_grass(wide, rng, (66, 26, 66)), ground=g + 0.08, tint=((255, 140, 70), 0.12)
    )


def snow(wide: float, rng: Random, sky: str) -> Place:
    """White hills and firs, flakes in the air."""
    p, g = Pen(body=INK), rng.uniform(0.58, 0.7)
    air = mix((150, 182, 214), (188, 190, 216), rng.random())
    _sky(p, wide, air, (232, 236, 244))
    if rng.random() < 0.4:
        _mountains(p, wide, rng, g, 0.26, mix(air, (120, 140, 180), 0.5), caps=True)
    _hills(p, wide, rng, g - 0.07, 0.08, mix(air, WHITE, 0.5))
    for _ in range(rng.choice((3, 5, 7))):
        _fir(
            p,
            rng.uniform(0, wide),
            g + rng.uniform(-0.02, 0.05),
            rng.uniform(0.12, 0.24),
            (70, 112, 116),
            snow=True,
        )
    _ground(p, wide, rng, g + 0.05, (248, 251, 255), (206, 220, 240))
    front = Pen(body=INK)
    for i in range(round(26 * wide)):
        target = front if i % 3 == 0 else p
        target.fill(
            ellipse(rng.uniform(0, wide), rng.uniform(0, 1), rng.uniform(0.005, 0.013)),
            WHITE,
            lined=False,
        )
    return Place(back=p, front=front, ground=g + 0.08, tint=((200, 220, 250), 0.07))


def forest(wide: float, rng: Random, sky: str) -> Place:
    """Trees behind trees, light between them, ferns before."""
    p, g = Pen(body=INK), rng.uniform(0.66, 0.76)
    mist = mix((150, 196, 150), (186, 200, 128), rng.random())
    _sky(p, wide, mix(mist, (70, 130, 90), 0.3), mist)
    deep = mix((24, 78, 56), (40, 84, 44), rng.random())
    firs = rng.random() < 0.6
    for share, size in ((0.62, 0.4), (0.34, 0.56), (0.08, 0.76)):
        tone = mix(deep, mist, share)
        for i in range(round(6 * wide * (1.2 - size) + 2)):
            count = round(6 * wide * (1.2 - size) + 2)
            x = wide * (i + rng.uniform(0.1, 0.9)) / count
            if size > 0.7 and 0.25 * wide < x < 0.75 * wide:
                continue
            if firs:
                _fir(p, x, g + 0.06 * (1 - share), size * rng.uniform(0.85, 1.1), tone)
            else:
                _trunk(p, x, g + 0.06 * (1 - share), size, tone, rng)
    if rng.random() < 0.5:
        for i in range(3):
            x = wide * (0.2 + 0.25 * i)
            p.fill(
                polygon([(x, 0), (x + 0.08, 0), (x - 0.1, g), (x - 0.26, g)]),
                mix(mist, (255, 255, 220), 0.3),
                lined=False,
            )
    _ground(p, wide, rng, g + 0.05, (98, 124, 62), (52, 82, 44))
    for _ in range(rng.choice((0, 2, 3))):
        x, y = rng.uniform(0, wide), rng.uniform(g + 0.1, 0.98)
        p.fill(rect(x - 0.007, y - 0.03, x + 0.007, y), (240, 230, 210))
        p.fill(
            curve([(x - 0.026, y - 0.025), (x, y - 0.06), (x + 0.026, y - 0.025)]), (206, 70, 60)
        )
    return Place(
        back=p,
        front=_grass(wide, rng, (28, 60, 36), tall=0.12),
        ground=g + 0.08,
        tint=((60, 110, 70), 0.1),
    )


def sea(wide: float, rng: Random, sky: str) -> Place:
    """Blue water and waves under an open sky, a beach before it."""
    p, horizon = Pen(body=INK), rng.uniform(0.38, 0.5)
    g = rng.uniform(0.72, 0.8)
    air = mix((116, 196, 244), (178, 220, 246), rng.random())
    _sky(p, wide, air, mix(air, (255, 244, 224), 0.7))
    _weather(p, wide, rng, air, sky, low=horizon)
    if rng.random() < 0.4:
        x = rng.uniform(0.1, 0.9) * wide
        p.fill(
            curve(
                [
                    (x - 0.2, horizon + 0.02),
                    (x - 0.08, horizon - 0.07),
                    (x + 0.1, horizon - 0.04),
                    (x + 0.24, horizon + 0.02),
                ]
            ),
            (110, 150, 140),
        )
    water = mix((28, 106, 196), (34, 150, 190), rng.random())
    p.fill(rect(0, horizon, wide, 1), mix(water, air, 0.25), below=water, lined=False)
    for row in range(4):
        y = horizon + 0.04 + (g - horizon) * row / 4.4
        for i in range(round(4 * wide)):
            x = wide * (i + rng.uniform(0, 1)) / round(4 * wide)
            w = 0.03 + 0.02 * row
            p.line(
                [(x - w, y), (x - w / 2, y - 0.01), (x, y), (x + w / 2, y - 0.01), (x + w, y)],
                mix(water, WHITE, 0.6),
                0.006 + 0.001 * row,
            )
    _ground(p, wide, rng, g - 0.012, WHITE, WHITE)
    _ground(p, wide, rng, g + 0.02, (246, 224, 168), (226, 190, 128))
    for _ in range(rng.choice((0, 2, 4))):
        x, y = rng.uniform(0, wide), rng.uniform(g + 0.08, 0.97)
        p.fill(ellipse(x, y, 0.016, 0.011), rng.choice(((244, 150, 130), (250, 240, 230))))
    return Place(back=p, ground=g + 0.05, tint=((255, 250, 230), 0.04))


def rain(wide: float, rng: Random, sky: str) -> Place:
    """Grey clouds, slanting drops, puddles."""
    p, g = Pen(body=INK), rng.uniform(0.64, 0.74)
    grey = mix((104, 118, 140), (128, 134, 146), rng.random())
    _sky(p, wide, mix(grey, INK, 0.2), mix(grey, WHITE, 0.32))
    _hills(p, wide, rng, g - 0.08, 0.09, mix(grey, (90, 120, 120), 0.5))
    _hills(p, wide, rng, g - 0.02, 0.05, (92, 118, 112))
    _ground(p, wide, rng, g + 0.05, (104, 128, 116), (64, 86, 88))
    for _ in range(rng.choice((1, 2, 3))):
        x, y = rng.uniform(0, wide), rng.uniform(g + 0.12, 0.96)
        p.fill(ellipse(x, y, rng.uniform(0.06, 0.14), 0.018), (168, 190, 206))
    for i in range(round(5 * wide)):
        x = wide * (i + rng.random()) / round(5 * wide)
        _cloud(p, x, rng.uniform(0.0, 0.1), rng.uniform(0.12, 0.18), mix(grey, INK, 0.35))
    front, lean = Pen(body=INK), rng.uniform(-0.05, 0.05)
    for i in range(round(34 * wide)):
        x, y = rng.uniform(0, wide), rng.uniform(0.12, 1)
        long = rng.uniform(0.05, 0.09)
        (front if i % 3 == 0 else p).line(
            [(x, y), (x + lean, y + long)], (214, 230, 246), 0.006, smooth=False
        )
    return Place(back=p, front=front, ground=g + 0.08, tint=((110, 124, 150), 0.1))


def city(wide: float, rng: Random, sky: str) -> Place:
    """Towers with lit windows behind a street."""
    p, g = Pen(body=INK), rng.uniform(0.72, 0.8)
    air = rng.choice(((150, 190, 226), (236, 190, 170), (176, 176, 216)))
    _sky(p, wide, air, mix(air, (255, 244, 230), 0.6))
    stone = mix(air, (92, 84, 122), 0.55)
    for share, low, high, step in ((0.5, 0.12, 0.42, 0.13), (0.0, 0.3, 0.6, 0.2)):
        tone = mix(stone, air, share)
        x = rng.uniform(-0.1, 0.0)
        while x < wide:
            half = step * rng.uniform(0.8, 1.2)
            top = rng.uniform(low, high)
            tower = mix(tone, rng.choice(((214, 120, 100), (90, 120, 170), (240, 220, 190))), 0.22)
            p.fill(rect(x, top, x + half, g), tower)
            if rng.random() < 0.4:
                p.fill(rect(x + half * 0.3, top - 0.03, x + half * 0.7, top), tower)
            if share == 0:
                _windows(p, rng, x, top, half, g)
            x += half + (0.01 if share == 0 else -0.005)
    p.fill(rect(0, g, wide, g + 0.03), (206, 202, 206))
    p.fill(rect(0, g + 0.03, wide, 1), (98, 98, 112), below=(70, 70, 86), lined=False)
    x = rng.uniform(-0.1, 0)
    while x < wide:
        p.fill(
            rect(x, (1 + g) / 2 + 0.02, x + 0.1, (1 + g) / 2 + 0.032), (250, 232, 160), lined=False
        )
        x += 0.2
    return Place(back=p, ground=g + 0.03, tint=(air, 0.06))


def desert(wide: float, rng: Random, sky: str) -> Place:
    """Dunes, cacti and rocks under a hot sky."""
    p, g = Pen(body=INK), rng.uniform(0.58, 0.7)
    air = mix((250, 206, 134), (122, 196, 226), rng.choice((0.0, 0.2, 0.8, 1.0)))
    _sky(p, wide, air, (255, 236, 190))
    _weather(p, wide, rng, air, sky, low=g)
    sand = mix((236, 178, 98), (240, 194, 130), rng.random())
    if rng.random() < 0.6:
        for _ in range(2):
            x, top = rng.uniform(0.0, 1.0) * wide, g - rng.uniform(0.12, 0.22)
            p.fill(
                polygon(
                    [
                        (x - 0.2, g),
                        (x - 0.14, top + 0.03),
                        (x - 0.1, top),
                        (x + 0.08, top),
                        (x + 0.13, top + 0.04),
                        (x + 0.2, g),
                    ],
                    radius=0.01,
                ),
                mix((190, 96, 70), air, 0.3),
            )
    _hills(p, wide, rng, g - 0.07, 0.1, mix(sand, air, 0.35))
    _hills(p, wide, rng, g, 0.08, mix(sand, (206, 128, 70), 0.3))
    for _ in range(rng.choice((1, 2, 3))):
        x, y, s = rng.uniform(0, wide), g + rng.uniform(0.0, 0.06), rng.uniform(0.05, 0.1)
        green = (88, 140, 84)
        p.line([(x, y), (x, y - s * 2)], green, s * 0.36, lined=True)
        for side in (-1, 1):
            p.line(
                [
                    (x, y - s * 0.8),
                    (x + side * s * 0.5, y - s * 0.8),
                    (x + side * s * 0.5, y - s * 1.4),
                ],
                green,
                s * 0.24,
                lined=True,
            )
    _ground(p, wide, rng, g + 0.06, sand, mix(sand, (206, 126, 70), 0.4))
    for _ in range(round(3 * wide)):
        x, y = rng.uniform(0, wide), rng.uniform(g + 0.12, 0.97)
        p.line(
            [(x - 0.07, y), (x, y - 0.012), (x + 0.07, y)], mix(sand, (190, 110, 60), 0.5), 0.006
        )
    return Place(back=p, ground=g + 0.09, tint=((255, 200, 120), 0.07))


def mountains(wide: float, rng: Random, sky: str) -> Place:
    """Peaks with snow on them, rank behind rank, over a valley."""
    p, g = Pen(body=INK), rng.uniform(0.66, 0.74)
    air = mix((130, 184, 232), (238, 190, 190), rng.choice((0, 0, 0.3, 0.8)))
    _sky(p, wide, air, mix(air, (255, 248, 232), 0.75))
    _weather(p, wide, rng, air, sky, low=g)
    rock = mix((96, 110, 150), (120, 104, 130), rng.random())
    _mountains(p, wide, rng, g, 0.46, mix(rock, air, 0.5), caps=True)
    _mountains(p, wide, rng, g, 0.32, rock, caps=True)
    _hills(p, wide, rng, g - 0.03, 0.05, (74, 124, 96))
    for _ in range(rng.choice((4, 7, 10))):
        _fir(
            p,
            rng.uniform(0, wide),
            g + rng.uniform(0.0, 0.05),
            rng.uniform(0.06, 0.13),
            (44, 96, 80),
        )
    green = mix((116, 168, 92), (146, 168, 96), rng.random())
    _ground(p, wide, rng, g + 0.05, green, mix(green, (50, 100, 70), 0.4))
    return Place(
        back=p,
        front=_grass(wide, rng, (58, 100, 62)),
        ground=g + 0.08,
        tint=((220, 230, 250), 0.04),
    )


def underwater(wide: float, rng: Random, sky: str) -> Place:
    """Blue-green water, light from above, weeds, corals and bubbles."""
    p, g = Pen(body=INK), rng.uniform(0.78, 0.86)
    water = mix((24, 120, 176), (20, 140, 150), rng.random())
    _sky(p, wide, mix(water, (190, 244, 240), 0.55), mix(water, (8, 40, 92), 0.45))
    for i in range(3):
        x = wide * (0.15 + 0.3 * i + rng.uniform(-0.06, 0.06))
        p.fill(
            polygon([(x, 0), (x + 0.1, 0), (x + 0.02, 0.8), (x - 0.16, 0.8)]),
            mix(water, (170, 236, 236), 0.4),
            lined=False,
        )
    _hills(p, wide, rng, g - 0.12, 0.12, mix(water, (10, 50, 100), 0.4))
    _ground(p, wide, rng, g, (216, 200, 150), (132, 150, 136))
    for _ in range(round(5 * wide)):
        x, tall = (
            rng.choice((rng.uniform(0, 0.3), rng.uniform(0.7, 1))) * wide,
            rng.uniform(0.14, 0.4),
        )
        y, sway = g + rng.uniform(0.02, 0.1), rng.choice((-1, 1)) * 0.02
        p.line(
            [
                (x, y),
                (x + sway, y - tall * 0.33),
                (x - sway, y - tall * 0.66),
                (x + sway, y - tall),
            ],
            rng.choice(((30, 120, 80), (60, 150, 90))),
            0.02,
            lined=True,
        )
    for _ in range(rng.choice((1, 2, 3))):
        x, y, tone = (
            rng.uniform(0, wide),
            g + 0.06,
            rng.choice(((244, 120, 110), (250, 170, 100), (210, 120, 190))),
        )
        for dx, top in ((0, 0.12), (-0.04, 0.08), (0.04, 0.09)):
            p.line(
                [(x, y), (x + dx, y - top * 0.5), (x + dx * 1.3, y - top)], tone, 0.022, lined=True
            )
    front = Pen(body=INK)
    for i in range(round(12 * wide)):
        x, y, r = rng.uniform(0, wide), rng.uniform(0.05, 0.9), rng.uniform(0.008, 0.02)
        (front if i % 4 == 0 else p).fill(ellipse(x, y, r), mix(water, (220, 250, 250), 0.7))
    return Place(back=p, front=front, ground=g + 0.02, tint=(water, 0.16), floats=True)


def stars(wide: float, rng: Random, sky: str) -> Place:
    """Space: a violet haze, stars, planets, and the ground of a moon."""
    p, g = Pen(body=INK), rng.uniform(0.76, 0.86)
    dark = mix((18, 10, 46), (8, 12, 40), rng.random())
    _sky(p, wide, dark, mix(dark, (92, 40, 120), 0.6))
    for _ in range(2):
        x, y = rng.uniform(0, wide), rng.uniform(0.1, 0.6)
        haze = mix(dark, rng.choice(((130, 60, 160), (50, 90, 170))), 0.3)
        p.fill(ellipse(x, y, 0.3, 0.12, rng.uniform(-40, 40)), haze, lined=False)
    _stars(p, wide, rng, round(34 * wide), 1.0)
    for _ in range(rng.choice((1, 1, 2))):
        x, y, r = rng.uniform(0.1, 0.9) * wide, rng.uniform(0.12, 0.4), rng.uniform(0.06, 0.12)
        tone = rng.choice(((240, 150, 110), (120, 190, 220), (220, 130, 190), (240, 206, 130)))
        disc = p.fill(ellipse(x, y, r), mix(tone, WHITE, 0.2), below=mix(tone, INK, 0.4))
        p.patch(ellipse(x, y - r * 0.2, r * 1.3, r * 0.16, -14), disc, mix(tone, WHITE, 0.4))
        if rng.random() < 0.6:
            p.line(
                [
                    (x - r * 1.8, y + r * 0.5),
                    (x - r * 0.6, y + r * 0.42),
                    (x + r * 0.6, y + r * 0.05),
                    (x + r * 1.8, y - r * 0.5),
                ],
                mix(tone, WHITE, 0.6),
                0.012,
            )
    soil = mix((110, 100, 140), (150, 104, 104), rng.random())
    p.fill(ellipse(wide / 2, g + 1.6, 1.62 * max(1.0, wide), 1.62), soil, below=mix(soil, INK, 0.5))
    for _ in range(round(4 * wide)):
        x, y = rng.uniform(0, wide), rng.uniform(g + 0.08, 0.98)
        p.fill(ellipse(x, y, rng.uniform(0.02, 0.06), 0.012), mix(soil, INK, 0.35))
    return Place(back=p, ground=g + 0.06, tint=((80, 60, 150), 0.13), floats=rng.random() < 0.3)


def autumn(wide: float, rng: Random, sky: str) -> Place:
    """Red and golden trees, leaves that fall."""
    p, g = Pen(body=INK), rng.uniform(0.64, 0.74)
    air = mix((250, 224, 180), (206, 220, 226), rng.random())
    _sky(p, wide, air, (255, 240, 214))
    _hills(p, wide, rng, g - 0.08, 0.1, mix((214, 140, 80), air, 0.45))
    leaves = ((222, 92, 44), (240, 150, 40), (200, 62, 50), (244, 190, 70))
    for size in (0.1, 0.15, 0.2):
        count = round(3 * wide + 1)
        for i in range(count):
            x = wide * (i + rng.random()) / count
            if size > 0.18 and 0.3 * wide < x < 0.7 * wide:
                continue
            _round_tree(
                p, x, g + 0.05 + size * 0.2, size, mix(rng.choice(leaves), air, 0.5 - size * 2)
            )
    _ground(p, wide, rng, g + 0.05, (214, 144, 74), (150, 84, 50))
    front = Pen(body=INK)
    for i in range(round(26 * wide)):
        x = rng.uniform(0, wide)
        y = rng.uniform(g + 0.08, 1) if i % 2 else rng.uniform(0, 1)
        turn = rng.uniform(0, 180)
        (front if i % 5 == 0 else p).fill(
            ellipse(x, y, 0.018, 0.009, turn), rng.choice(leaves), lined=False
        )
    return Place(back=p, front=front, ground=g + 0.08, tint=((255, 170, 90), 0.08))


def room(wide: float, rng: Random, sky: str) -> Place:
    """A wall with a window and pictures, a floor of boards, a rug."""
    p, g = Pen(body=INK), rng.uniform(0.68, 0.78)
    wall = rng.choice(
        ((246, 214, 190), (190, 216, 214), (226, 206, 230), (238, 226, 190), (170, 190, 216))
    )
    p.fill(rect(0, 0, wide, g), mix(wall, WHITE, 0.1), below=mix(wall, INK, 0.08), lined=False)
    if rng.random() < 0.4:
        for i in range(round(9 * wide)):
            x = (i + 0.5) / 9
            p.fill(rect(x - 0.018, 0, x + 0.018, g), mix(wall, WHITE, 0.35), lined=False)
    outside = rng.choice(((150, 208, 244), (40, 50, 110), (252, 190, 140)))
    side = rng.choice((0.22, 0.78))
    half, tall = rng.uniform(0.1, 0.14), rng.uniform(0.14, 0.18)
    x, y = max(half + 0.03, min(wide - half - 0.03, side * wide)), rng.uniform(0.22, 0.3)
    p.fill(
        rect(x - half - 0.02, y - tall - 0.02, x + half + 0.02, y + tall + 0.02), (252, 246, 236)
    )
    p.fill(rect(x - half, y - tall, x + half, y + tall), outside, below=mix(outside, WHITE, 0.4))
    p.line([(x, y - tall), (x, y + tall)], (252, 246, 236), 0.016, smooth=False)
    p.line([(x - half, y), (x + half, y)], (252, 246, 236), 0.016, smooth=False)
    drape = rng.choice(((214, 90, 90), (90, 130, 170), (220, 170, 90)))
    for s in (-1, 1):
        p.fill(
            curve(
                [
                    (x + s * (half - 0.03), y - tall - 0.05),
                    (x + s * (half + 0.06), y - tall - 0.05),
                    (x + s * (half + 0.06), y + tall + 0.06),
                    (x + s * (half + 0.01), y + tall + 0.04),
                ]
            ),
            drape,
        )
    u = max(0.09, min(wide - 0.09, (1 - side) * wide + rng.uniform(-0.05, 0.05)))
    v = rng.uniform(0.2, 0.3)
    if abs(u - x) > half + 0.1:
        p.fill(rect(u - 0.075, v - 0.09, u + 0.075, v + 0.09), (150, 100, 66))
        p.fill(
            rect(u - 0.058, v - 0.073, u + 0.058, v + 0.073),
            rng.choice(((126, 180, 150), (230, 170, 120), (150, 160, 210))),
        )
        p.fill(ellipse(u, v + 0.03, 0.03), (250, 240, 220), lined=False)
    board = rng.choice(((196, 140, 92), (160, 108, 76), (214, 170, 120)))
    p.fill(rect(0, g - 0.03, wide, g), (250, 244, 234))
    p.fill(rect(0, g, wide, 1), board, below=mix(board, INK, 0.25), lined=False)
    for i in range(round(7 * wide) + 1):
        at = i / 7 + rng.uniform(-0.01, 0.01)
        p.line(
            [(at, g), (wide / 2 + (at - wide / 2) * 1.5, 1)],
            mix(board, INK, 0.3),
            0.005,
            smooth=False,
        )
    if rng.random() < 0.6:
        rug = rng.choice(((206, 90, 90), (90, 140, 150), (230, 190, 120)))
        p.fill(ellipse(wide / 2, g + 0.14, 0.36 * min(1.2, wide), 0.07), rug)
        p.fill(
            ellipse(wide / 2, g + 0.14, 0.3 * min(1.2, wide), 0.052),
            mix(rug, WHITE, 0.3),
            lined=False,
        )
    return Place(back=p, ground=g + 0.06, tint=((255, 236, 200), 0.04))


def _sky(p: Pen, wide: float, above: RGB, below: RGB) -> None:
    p.fill(rect(0, 0, wide, 1), above, below=below, lined=False)


def _weather(p: Pen, wide: float, rng: Random, air: RGB, sky: str, *, low: float) -> None:
    """Draw what a bright sky shows: the sun, clouds, a rainbow, or nothing."""
    if sky == "sun":
        x, y = rng.uniform(0.12, 0.88) * wide, rng.uniform(0.12, 0.24)
        _disc(p, x, y, rng.uniform(0.06, 0.085), (255, 230, 122), air)
    if sky == "rainbow":
        x, r = rng.uniform(0.3, 0.7) * wide, rng.uniform(0.4, 0.5) * min(1.0, wide * 1.2)
        for i, tone in enumerate(
            (
                (240, 90, 90),
                (250, 170, 80),
                (252, 232, 110),
                (110, 200, 120),
                (90, 160, 230),
                (160, 110, 210),
            )
        ):
            p.fill(ellipse(x, low + 0.04, r - i * 0.022), mix(tone, air, 0.25), lined=False)
        p.fill(ellipse(x, low + 0.04, r - 6 * 0.022), mix(air, WHITE, 0.3), lined=False)
    count = {"clouds": rng.choice((3, 4)), "sun": rng.choice((0, 1)), "rainbow": 1}.get(sky, 0)
    for i in range(count):
        x = wide * (i + rng.uniform(0.1, 0.9)) / count
        _cloud(p, x, rng.uniform(0.08, 0.3), rng.uniform(0.09, 0.16), WHITE)


def _disc(p: Pen, x: float, y: float, radius: float, rgb: RGB, sky: RGB) -> None:
    p.fill(ellipse(x, y, radius * 1.45), mix(sky, rgb, 0.35), lined=False)
    p.fill(ellipse(x, y, radius), rgb, glows=True, named=True)


def _stars(p: Pen, wide: float, rng: Random, count: int, low: float) -> None:
    for _ in range(count):
        x, y, r = rng.uniform(0, wide), rng.uniform(0, low), rng.uniform(0.003, 0.007)
        if rng.random() < 0.2:
            p.fill(
                polygon(
                    [
                        (x, y - r * 3),
                        (x + r * 0.7, y - r * 0.7),
                        (x + r * 3, y),
                        (x + r * 0.7, y + r * 0.7),
                        (x, y + r * 3),
                        (x - r * 0.7, y + r * 0.7),
                        (x - r * 3, y),
                        (x - r * 0.7, y - r * 0.7),
                    ]
                ),
                (255, 250, 220),
                lined=False,
                glows=True,
            )
        else:
            p.fill(ellipse(x, y, r), (240, 240, 255), lined=False, glows=True)


def _cloud(p: Pen, x: float, y: float, size: float, rgb: RGB) -> None:
    whole = union(
        ellipse(x, y, size, size * 0.3),
        ellipse(x - size * 0.35, y - size * 0.18, size * 0.36),
        ellipse(x + size * 0.25, y - size * 0.26, size * 0.44),
    )
    p.fill(whole, rgb, below=mix(rgb, (190, 206, 226) if sum(rgb) > 600 else INK, 0.3))


def _streak(p: Pen, x: float, y: float, long: float, rgb: RGB) -> None:
    p.fill(
        union(ellipse(x, y, long, 0.02), ellipse(x + long * 0.4, y - 0.025, long * 0.6, 0.018)), rgb
    )


def _hills(p: Pen, wide: float, rng: Random, y: float, rough: float, rgb: RGB) -> None:
    count = max(3, round(3 * wide) + 1)
    ridge = [(wide * i / count, y + rng.uniform(-rough, rough * 0.3)) for i in range(count + 1)]
    points = [(-0.4, 1.2), (-0.3, y), *ridge, (wide + 0.3, y), (wide + 0.4, 1.2)]
    p.fill(curve(points), rgb, below=mix(rgb, INK, 0.12))


def _mountains(
    p: Pen, wide: float, rng: Random, low: float, high: float, rgb: RGB, *, caps: bool = False
) -> None:
    count = max(2, round(2.4 * wide))
    for i in rng.sample(range(count), count):
        x = wide * (i + rng.uniform(0.2, 0.8)) / count
        top, half = low - high * rng.uniform(0.6, 1.0), high * rng.uniform(0.8, 1.1)
        peak = polygon(
            [
                (x - half, low + 0.02),
                (x - half * 0.4, (low + top) / 2 + 0.02),
                (x, top),
                (x + half * 0.35, (low + top) / 2 - 0.02),
                (x + half, low + 0.02),
            ],
            radius=0.015,
        )
        p.fill(peak, mix(rgb, WHITE, 0.08), below=mix(rgb, WHITE, 0.2))
        p.patch(
            polygon(
                [
                    (x, top - 0.1),
                    (x + half * 1.2, low + 0.1),
                    (x + half * 0.1, low + 0.1),
                    (x - half * 0.06, (low + top) / 2),
                ]
            ),
            peak,
            mix(rgb, INK, 0.2),
        )
        if caps:
            s = (low - top) * 0.34
            p.patch(
                polygon(
                    [
                        (x - half, top - 0.05),
                        (x + half, top - 0.05),
                        (x + half * 0.34, top + s),
                        (x + half * 0.1, top + s * 0.7),
                        (x, top + s * 1.1),
                        (x - half * 0.12, top + s * 0.75),
                        (x - half * 0.34, top + s),
                    ]
                ),
                peak,
                (248, 250, 255),
            )


def _fir(p: Pen, x: float, low: float, tall: float, rgb: RGB, *, snow: bool = False) -> None:
    p.fill(rect(x - tall * 0.04, low - tall * 0.12, x + tall * 0.04, low), (96, 68, 52))
    for i in range(3):
        base = low - tall * (0.1 + 0.27 * i)
        half = tall * (0.3 - 0.07 * i)
        tier = polygon(
            [(x - half, base), (x, base - tall * 0.38), (x + half, base)], radius=tall * 0.03
        )
        p.fill(tier, mix(rgb, WHITE, 0.06 * i), below=mix(rgb, INK, 0.15))
        if snow:
            p.patch(
                ellipse(x - half * 0.3, base - tall * 0.2, half * 0.6, tall * 0.12), tier, WHITE
            )


def _trunk(p: Pen, x: float, low: float, size: float, rgb: RGB, rng: Random) -> None:
    half = 0.045 * size
    p.fill(
        polygon([(x - half, -0.1), (x + half, -0.1), (x + half * 1.5, low), (x - half * 1.5, low)]),
        mix(rgb, (90, 62, 44), 0.55),
    )
    top = 0.3 - 0.24 * size
    p.fill(
        union(
            *(
                ellipse(
                    x + rng.uniform(-0.1, 0.1),
                    top + rng.uniform(-0.12, 0.04),
                    0.16 * size + 0.05,
                    0.11,
                )
                for _ in range(3)
            )
        ),
        rgb,
    )


def _round_tree(p: Pen, x: float, low: float, size: float, rgb: RGB) -> None:
    p.fill(rect(x - size * 0.12, low - size * 1.2, x + size * 0.12, low), (112, 78, 58))
    crown = union(
        ellipse(x, low - size * 1.9, size, size * 0.95),
        ellipse(x - size * 0.6, low - size * 1.4, size * 0.6),
        ellipse(x + size * 0.6, low - size * 1.4, size * 0.6),
    )
    p.fill(crown, mix(rgb, WHITE, 0.12), below=mix(rgb, INK, 0.15))


def _ground(p: Pen, wide: float, rng: Random, y: float, above: RGB, below: RGB) -> None:
    bend = rng.uniform(-0.025, 0.025)
    points = [(-0.5, y), (wide * 0.25, y - bend), (wide * 0.6, y + bend), (wide + 0.5, y)]
    path: skia.Path = curve([*points, (wide + 0.5, 1.3), (-0.5, 1.3)])
    p.fill(path, above, below=below)


def _windows(p: Pen, rng: Random, x: float, top: float, wide: float, low: float) -> None:
    columns = max(2, round(wide / 0.065))
    step = wide / (columns + 0.5)
    y = top + 0.04
    while y < low - 0.07:
        for i in range(columns):
            lit = rng.random() < 0.55
            left = x + step * (i + 0.45)
            p.fill(
                rect(left, y, left + step * 0.55, y + 0.035),
                (255, 228, 140) if lit else (110, 124, 150),
                lined=False,
                glows=lit,
            )
        y += 0.062


def _grass(wide: float, rng: Random, rgb: RGB, *, tall: float = 0.07) -> Pen:
    """Return blades at the lower edge, near the eye; none in every third scene."""
    pen = Pen(body=rgb)
    if rng.random() < 0.35:
        return pen
    for corner in rng.choice(((0.0,), (1.0,), (0.0, 1.0))):
        for _ in range(7):
            x = corner * wide + rng.uniform(-0.16, 0.16)
            lean = rng.uniform(-0.05, 0.05)
            pen.fill(
                curve(
                    [
                        (x - 0.014, 1.02),
                        (x + lean * 0.5, 1 - tall * 0.6),
                        (x + lean, 1 - tall * rng.uniform(0.7, 1.4)),
                        (x + lean * 0.4 + 0.012, 1 - tall * 0.5),
                        (x + 0.014, 1.02),
                    ]
                )
            )
    return pen


PLACES: dict[str, Callable[[float, Random, str], Place]] = {
    function.__name__: function
    for function in (
        meadow,
        night,
        sunset,
        snow,
        forest,
        sea,
        rain,
        city,
        stars,
        desert,
        mountains,
        underwater,
        autumn,
        room,
    )
}
