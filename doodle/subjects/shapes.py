"""Plain shapes, things in the sky, and a few more."""

import math

from doodle.drawing import Pen


def star(p: Pen) -> None:
    """A five-pointed star."""
    p.polygon(
        [
            (r * math.sin(math.tau * i / 10), 0.08 - r * math.cos(math.tau * i / 10))
            for i, r in enumerate((1.02, 0.44) * 5)
        ]
    )


def heart(p: Pen) -> None:
    """A heart."""
    p.blob(
        [
            (0, 0.92),
            (-0.55, 0.42),
            (-0.95, -0.15),
            (-0.7, -0.7),
            (-0.22, -0.72),
            (0, -0.42),
            (0.22, -0.72),
            (0.7, -0.7),
            (0.95, -0.15),
            (0.55, 0.42),
        ]
    )
    p.ellipse(-0.52, -0.32, 0.14, 0.2, "light", tilt=30)


def moon(p: Pen) -> None:
    """A crescent moon."""
    p.blob(
        [
            (0.35, -0.95),
            (-0.35, -0.8),
            (-0.75, -0.2),
            (-0.65, 0.45),
            (-0.1, 0.9),
            (0.6, 0.75),
            (0.05, 0.55),
            (-0.22, 0.0),
            (-0.08, -0.55),
        ]
    )


def sun(p: Pen) -> None:
    """A disc with twelve rays."""
    for i in range(12):
        x, y = math.sin(math.tau * i / 12), math.cos(math.tau * i / 12)
        p.polygon(
            [
                (0.5 * x - 0.14 * y, 0.5 * y + 0.14 * x),
                (x, y),
                (0.5 * x + 0.14 * y, 0.5 * y - 0.14 * x),
            ],
            "dark",
        )
    p.ellipse(0, 0, 0.6, 0.6)


def cloud(p: Pen) -> None:
    """A cloud."""
    p.blob(
        [
            (-1.0, 0.4),
            (-0.85, -0.05),
            (-0.5, -0.1),
            (-0.3, -0.55),
            (0.25, -0.6),
            (0.5, -0.2),
            (0.85, -0.1),
            (1.0, 0.4),
            (0.6, 0.58),
            (-0.6, 0.58),
        ]
    )


def snowman(p: Pen) -> None:
    """Two balls, a carrot and a scarf in the scene's colour."""
    p.ellipse(0, 0.45, 0.55, 0.52, "chalk")
    p.ellipse(0, -0.4, 0.4, 0.4, "chalk")
    p.blob(
        [
            (-0.42, -0.12),
            (0.42, -0.12),
            (0.45, 0.1),
            (0.3, 0.15),
            (0.32, 0.6),
            (0.12, 0.6),
            (0.1, 0.18),
            (-0.45, 0.1),
        ]
    )
    p.rect(-0.45, -0.78, 0.45, -0.66)
    p.rect(-0.28, -1.05, 0.28, -0.7)
    p.eyes(0, -0.48, 0.28, 0.05)
    p.polygon([(0, -0.38), (-0.4, -0.3), (0, -0.26)], "flame")


def ghost(p: Pen) -> None:
    """A ghost with a wavy hem."""
    p.blob(
        [
            (0, -0.95),
            (0.6, -0.6),
            (0.7, 0.2),
            (0.78, 0.9),
            (0.45, 0.7),
            (0.22, 0.95),
            (0, 0.72),
            (-0.22, 0.95),
            (-0.45, 0.7),
            (-0.78, 0.9),
            (-0.7, 0.2),
            (-0.6, -0.6),
        ]
    )
    p.ellipse(-0.22, -0.35, 0.11, 0.17, "ink")
    p.ellipse(0.22, -0.35, 0.11, 0.17, "ink")
    p.ellipse(0, 0.08, 0.11, 0.14, "ink")


def circle(p: Pen) -> None:
    """A disc."""
    p.ellipse(0, 0, 0.9, 0.9)


def square(p: Pen) -> None:
    """A square."""
    p.rect(-0.8, -0.8, 0.8, 0.8)


def triangle(p: Pen) -> None:
    """A triangle standing on its base."""
    p.polygon([(0, -0.9), (0.98, 0.8), (-0.98, 0.8)])


def diamond(p: Pen) -> None:
    """A cut gem."""
    p.polygon([(-0.5, -0.7), (0.5, -0.7), (0.98, -0.2), (0, 0.95), (-0.98, -0.2)])
    p.polygon([(-0.98, -0.2), (0.98, -0.2), (0.5, -0.7), (-0.5, -0.7)], "light")
    p.polygon([(-0.35, -0.2), (0.35, -0.2), (0, 0.95)], "light")


ALL = (star, heart, moon, sun, cloud, snowman, ghost, circle, square, triangle, diamond)
