"""The places of scenes: each function draws one, in a frame 1 high and `wide` wide."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from doodle.drawing import RGB, Pen


def meadow(p: Pen, wide: float, rng: Random) -> None:
    """A green hill under a blue sky with a sun and a cloud."""
    _bands(p, wide, [(0, (150, 210, 245)), (0.4, (186, 228, 250))])
    p.ellipse(0.16, 0.16, 0.1, 0.1, "sun")
    _cloud(p, wide - 0.24 + _shift(rng), 0.17)
    _ground(p, wide, 0.68, (120, 196, 90))


def night(p: Pen, wide: float, rng: Random) -> None:
    """A dark blue sky with a big yellow moon and a few stars."""
    _bands(p, wide, [(0, (22, 28, 72)), (0.4, (34, 44, 100))])
    p.ellipse(wide - 0.18, 0.17, 0.12, 0.12, (255, 240, 170))
    for x, y in ((0.1, 0.12), (0.34, 0.07), (0.2, 0.3), (0.07, 0.48), (0.9, 0.45)):
        p.ellipse(x * wide + _shift(rng), y + _shift(rng), 0.017, 0.017, "chalk")
    _ground(p, wide, 0.74, (24, 40, 70))


def sunset(p: Pen, wide: float, rng: Random) -> None:
    """Bands of violet, rose and orange, with half a sun on the horizon."""
    _bands(
        p,
        wide,
        [
            (0, (120, 70, 140)),
            (0.2, (200, 90, 130)),
            (0.38, (245, 130, 100)),
            (0.55, (255, 175, 90)),
        ],
    )
    p.ellipse(wide * 0.5 + _shift(rng), 0.68, 0.36, 0.36, (255, 222, 110))
    _ground(p, wide, 0.74, (110, 56, 90))


def snow(p: Pen, wide: float, rng: Random) -> None:
    """A pale sky, flakes, and white ground."""
    _bands(p, wide, [(0, (176, 196, 216)), (0.4, (200, 214, 228))])
    _ground(p, wide, 0.66, (246, 250, 255))
    for i in range(round(14 * wide)):
        x, y = _scattered(i, wide)
        p.ellipse(x + _shift(rng), y * 0.9 + _shift(rng), 0.022, 0.022, "chalk")


def forest(p: Pen, wide: float, rng: Random) -> None:
    """Dark firs to both sides and a mossy floor."""
    _bands(p, wide, [(0, (120, 165, 120)), (0.35, (90, 140, 96))])
    for x in (0.06, 0.3, wide - 0.3, wide - 0.06):
        _fir(p, x + _shift(rng), 0.82, 0.24, (30, 82, 52))
    _ground(p, wide, 0.78, (64, 92, 48))


def sea(p: Pen, wide: float, rng: Random) -> None:
    """Blue water with waves below an open sky, and a beach."""
    _bands(p, wide, [(0, (190, 232, 250)), (0.42, (40, 120, 200)), (0.62, (58, 150, 215))])
    for y in (0.5, 0.58, 0.7):
        for x in range(round(4 * wide)):
            left = x * 0.26 + y * 0.2 + _shift(rng)
            p.line(
                [(left, y), (left + 0.06, y - 0.02), (left + 0.12, y)], "chalk", 0.016, smooth=True
            )
    _ground(p, wide, 0.84, (242, 218, 160))


def rain(p: Pen, wide: float, rng: Random) -> None:
    """Grey clouds and slanting drops."""
    _bands(p, wide, [(0, (112, 124, 140)), (0.35, (140, 150, 164))])
    _ground(p, wide, 0.78, (84, 104, 104))
    for i in range(round(16 * wide)):
        x, y = _scattered(i, wide)
        x, y = x + _shift(rng), 0.22 + y * 0.7
        p.line([(x, y), (x - 0.03, y + 0.09)], (205, 225, 245), 0.018)
    for x in (0.14, 0.5, 0.86):
        _cloud(p, x * wide + _shift(rng), 0.09, (78, 86, 100))


def city(p: Pen, wide: float, rng: Random) -> None:
    """A row of towers with lit windows along a street."""
    _bands(p, wide, [(0, (200, 205, 225))])
    count = round(5 * wide)
    for i in range(count):
        x = (i + 0.5) * wide / count
        top = (0.12, 0.3, 0.2, 0.36, 0.08)[i % 5] + _shift(rng)
        p.rect(x - 0.085, top, x + 0.085, 0.9, ((92, 98, 128), (116, 112, 140))[i % 2])
        for y in range(4):
            for dx in (-0.035, 0.035):
                top_y = top + 0.05 + y * 0.1
                p.rect(x + dx - 0.018, top_y, x + dx + 0.018, top_y + 0.045, (255, 226, 130))
    p.rect(-0.1, 0.8, wide + 0.1, 1.1, (72, 72, 82))
    for i in range(round(4 * wide)):
        p.rect(0.04 + i * 0.26, 0.91, 0.17 + i * 0.26, 0.935, (235, 225, 170))


def stars(p: Pen, wide: float, rng: Random) -> None:
    """Deep violet space, full of stars, with a ringed planet."""
    _bands(p, wide, [(0, (18, 8, 34)), (0.35, (36, 14, 58)), (0.7, (20, 8, 38))])
    for i in range(round(26 * wide)):
        x, y = _scattered(i, wide)
        p.ellipse(x + _shift(rng), y + _shift(rng), 0.011, 0.011, "chalk")
    p.ellipse(0.16, 0.16, 0.08, 0.08, (214, 130, 190))
    p.line([(0.04, 0.2), (0.28, 0.12)], (250, 210, 160), 0.02)


def desert(p: Pen, wide: float, rng: Random) -> None:
    """Dunes under a hot sky."""
    _bands(p, wide, [(0, (250, 214, 140)), (0.35, (253, 230, 170))])
    p.ellipse(wide - 0.18 + _shift(rng), 0.16, 0.11, 0.11, (255, 250, 220))
    _ground(p, wide, 0.6, (230, 170, 92))
    _ground(p, wide, 0.78, (206, 140, 70))


def mountains(p: Pen, wide: float, rng: Random) -> None:
    """Two peaks with snow on them."""
    _bands(p, wide, [(0, (196, 220, 240))])
    for x, top in ((0.22, 0.14), (wide - 0.25, 0.06)):
        x += _shift(rng)  # noqa: PLW2901 - the same peak, moved
        p.polygon([(x - 0.45, 0.86), (x, top), (x + 0.45, 0.86)], (112, 124, 150))
        p.polygon(
            [(x - 0.1, top + 0.16), (x, top), (x + 0.1, top + 0.16), (x, top + 0.12)], "chalk"
        )
    _ground(p, wide, 0.76, (96, 140, 100))


def underwater(p: Pen, wide: float, rng: Random) -> None:
    """Blue-green water with bubbles and weeds."""
    _bands(p, wide, [(0, (64, 190, 200)), (0.3, (34, 150, 180)), (0.6, (18, 110, 150))])
    _ground(p, wide, 0.86, (190, 180, 130))
    for x in (0.07, 0.2, wide - 0.2, wide - 0.07):
        x += _shift(rng)  # noqa: PLW2901 - the same weed, moved
        p.line(
            [(x, 0.92), (x - 0.04, 0.75), (x + 0.03, 0.6), (x, 0.48)],
            (30, 140, 90),
            0.035,
            smooth=True,
        )
    for i in range(round(9 * wide)):
        x, y = _scattered(i, wide)
        p.ellipse(x + _shift(rng), y * 0.8, 0.022, 0.022, (190, 236, 240))


def autumn(p: Pen, wide: float, rng: Random) -> None:
    """Falling leaves between bare trunks."""
    _bands(p, wide, [(0, (250, 226, 190)), (0.4, (244, 206, 156))])
    for x in (0.08, wide - 0.1):
        p.rect(x - 0.04, -0.1, x + 0.04, 0.85, "bark")
        p.ellipse(x + _shift(rng), 0.05, 0.24, 0.14, (214, 104, 36))
    _ground(p, wide, 0.78, (176, 100, 48))
    for i in range(round(12 * wide)):
        x, y = _scattered(i, wide)
        p.ellipse(x + _shift(rng), 0.2 + y * 0.75, 0.03, 0.016, (226, 120, 40), tilt=40)


def room(p: Pen, wide: float, rng: Random) -> None:
    """A papered wall with a window and a wooden floor."""
    _bands(p, wide, [(0, (244, 216, 196)), (0.76, (176, 122, 78))])
    x = 0.2 + _shift(rng)
    p.rect(x - 0.14, 0.08, x + 0.14, 0.42, "chalk")
    p.rect(x - 0.11, 0.11, x + 0.11, 0.39, "glass")
    p.line([(x, 0.1), (x, 0.4)], "chalk", 0.02)
    p.rect(wide - 0.28, 0.12, wide - 0.08, 0.34, (150, 90, 60))
    p.rect(wide - 0.25, 0.15, wide - 0.11, 0.31, (140, 190, 150))
    for y in (0.84, 0.92):
        p.line([(-0.1, y), (wide + 0.1, y)], (140, 92, 56), 0.01)


def _shift(rng: Random) -> float:
    return rng.uniform(-0.012, 0.012)


def _scattered(i: int, wide: float) -> tuple[float, float]:
    """Return the i-th point of an even scatter over the frame (Roberts' R2 sequence)."""
    return (i * 0.7549) % 1.0 * wide, (i * 0.5698) % 1.0


def _bands(p: Pen, wide: float, stops: list[tuple[float, RGB]]) -> None:
    for top, rgb in stops:
        p.rect(-0.1, -0.1 if top == 0 else top, wide + 0.1, 1.1, rgb)


def _ground(p: Pen, wide: float, top: float, rgb: RGB) -> None:
    p.blob(
        [
            (-0.3, top + 0.02),
            (wide * 0.3, top - 0.02),
            (wide * 0.7, top + 0.02),
            (wide + 0.3, top - 0.01),
            (wide + 0.3, 1.3),
            (-0.3, 1.3),
        ],
        rgb,
    )


def _cloud(p: Pen, x: float, y: float, rgb: RGB = (252, 250, 244)) -> None:
    p.blob(
        [
            (x - 0.17, y + 0.05),
            (x - 0.13, y - 0.02),
            (x - 0.05, y - 0.06),
            (x + 0.06, y - 0.05),
            (x + 0.13, y - 0.01),
            (x + 0.17, y + 0.05),
        ],
        rgb,
    )


def _fir(p: Pen, x: float, foot: float, half: float, rgb: RGB) -> None:
    p.rect(x - 0.025, foot - 0.1, x + 0.025, foot, "bark")
    for i in range(3):
        low = foot - 0.06 - i * 0.2
        narrow = half * (0.75 - 0.18 * i)
        p.polygon([(x - narrow, low), (x + narrow, low), (x, low - 0.32)], rgb)


PLACES: dict[str, Callable[[Pen, float, Random], None]] = {
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
