"""Plants and fungi."""

import math

from doodle.drawing import Pen


def flower(p: Pen) -> None:
    """Six round petals on a stem with two leaves."""
    p.line([(0, -0.1), (0, 1.0)], "leaf", 0.13)
    p.blob([(0, 0.75), (-0.3, 0.4), (-0.62, 0.42), (-0.4, 0.75)], "leaf")
    p.blob([(0, 0.75), (0.3, 0.4), (0.62, 0.42), (0.4, 0.75)], "leaf")
    for i in range(6):
        turn = math.tau * i / 6
        p.ellipse(0.4 * math.sin(turn), -0.4 - 0.4 * math.cos(turn), 0.27, 0.27)
    p.ellipse(0, -0.4, 0.25, 0.25, "sun")


def mushroom(p: Pen) -> None:
    """A spotted cap on a pale stalk."""
    p.blob([(-0.26, -0.1), (0.26, -0.1), (0.34, 0.85), (0, 0.97), (-0.34, 0.85)], (244, 232, 208))
    p.blob([(-0.98, 0.05), (-0.8, -0.5), (0, -0.9), (0.8, -0.5), (0.98, 0.05), (0, 0.16)])
    for x, y, r in ((-0.45, -0.3, 0.16), (0.1, -0.55, 0.17), (0.52, -0.22, 0.15)):
        p.ellipse(x, y, r, r * 0.9, "light")


def tree(p: Pen) -> None:
    """A round crown on a trunk."""
    p.polygon([(-0.16, 0.1), (0.16, 0.1), (0.24, 1.0), (-0.24, 1.0)], "bark")
    for x, y, r in ((-0.45, -0.1, 0.42), (0.45, -0.1, 0.42), (0, -0.5, 0.5)):
        p.ellipse(x, y, r, r)
    p.ellipse(0, -0.15, 0.48, 0.4)
    p.ellipse(-0.15, -0.6, 0.2, 0.14, "light")


def cactus(p: Pen) -> None:
    """A tall cactus with two arms, in a pot."""
    p.line([(-0.1, 0.2), (-0.6, 0.2), (-0.6, -0.35)], "body", 0.26)
    p.line([(0.1, 0.0), (0.6, 0.0), (0.6, -0.6)], "body", 0.26)
    p.blob([(-0.24, 0.6), (-0.24, -0.7), (0, -0.98), (0.24, -0.7), (0.24, 0.6)])
    p.polygon([(-0.5, 0.5), (0.5, 0.5), (0.36, 1.0), (-0.36, 1.0)], (190, 100, 66))


def pine(p: Pen) -> None:
    """A fir in three tiers."""
    p.rect(-0.13, 0.6, 0.13, 1.0, "bark")
    for low, half, high in ((0.72, 0.85, 0.0), (0.2, 0.66, -0.5), (-0.25, 0.46, -1.0)):
        p.polygon([(-half, low), (half, low), (0, high)])


def tulip(p: Pen) -> None:
    """A closed blossom of three petals between two tall leaves."""
    p.line([(0, 0.0), (0, 1.0)], "leaf", 0.12)
    for side in (-1, 1):
        p.blob([(0, 1.0), (side * 0.5, 0.5), (side * 0.55, -0.05), (side * 0.2, 0.45)], "leaf")
    p.polygon(
        [
            (-0.5, -0.85),
            (-0.2, -0.5),
            (0, -1.0),
            (0.2, -0.5),
            (0.5, -0.85),
            (0.5, -0.2),
            (0.2, 0.1),
            (-0.2, 0.1),
            (-0.5, -0.2),
        ]
    )


ALL = (flower, mushroom, tree, cactus, pine, tulip)
