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


ALL = (flower, mushroom, tree)
