"""Vehicles."""

from doodle.drawing import Pen


def car(p: Pen) -> None:
    """A small car heading left."""
    p.blob([(-0.55, 0.1), (-0.35, -0.45), (0.35, -0.48), (0.62, 0.1)])
    p.polygon([(-0.38, 0.02), (-0.25, -0.32), (0.0, -0.32), (0.0, 0.02)], "glass")
    p.polygon([(0.1, 0.02), (0.1, -0.32), (0.32, -0.32), (0.46, 0.02)], "glass")
    p.blob([(-1.0, 0.5), (-0.98, 0.12), (-0.5, 0.0), (0.6, 0.0), (0.98, 0.12), (1.0, 0.5)])
    p.ellipse(-0.9, 0.25, 0.09, 0.08, "sun")
    for x in (-0.52, 0.52):
        p.ellipse(x, 0.55, 0.27, 0.27, "ink")
        p.ellipse(x, 0.55, 0.12, 0.12, "stone")


def boat(p: Pen) -> None:
    """A sailing boat, two sails over a hull."""
    p.line([(0, 0.5), (0, -1.0)], "bark", 0.1)
    p.polygon([(0.08, -0.92), (0.85, 0.3), (0.08, 0.3)])
    p.polygon([(-0.08, -0.7), (-0.7, 0.3), (-0.08, 0.3)], "light")
    p.polygon([(-1.0, 0.42), (1.0, 0.42), (0.65, 0.92), (-0.65, 0.92)], "dark")


def rocket(p: Pen) -> None:
    """Stands upright above its flame."""
    p.blob([(-0.2, 0.6), (0.2, 0.6), (0.1, 0.85), (0, 1.05), (-0.1, 0.85)], "flame")
    p.polygon([(-0.3, 0.1), (-0.72, 0.72), (-0.25, 0.6)], "dark")
    p.polygon([(0.3, 0.1), (0.72, 0.72), (0.25, 0.6)], "dark")
    p.blob(
        [
            (0, -1.05),
            (0.3, -0.55),
            (0.36, 0.1),
            (0.25, 0.65),
            (-0.25, 0.65),
            (-0.36, 0.1),
            (-0.3, -0.55),
        ]
    )
    p.ellipse(0, -0.3, 0.17, 0.17, "glass")


def balloon(p: Pen) -> None:
    """A hot-air balloon with a basket."""
    p.line([(-0.4, 0.2), (-0.16, 0.72)], "ink", 0.05)
    p.line([(0.4, 0.2), (0.16, 0.72)], "ink", 0.05)
    p.blob(
        [
            (0, -1.0),
            (0.6, -0.78),
            (0.78, -0.25),
            (0.3, 0.42),
            (-0.3, 0.42),
            (-0.78, -0.25),
            (-0.6, -0.78),
        ]
    )
    p.blob([(0, -0.98), (0.3, -0.3), (0.14, 0.42), (-0.14, 0.42), (-0.3, -0.3)], "light")
    p.rect(-0.22, 0.66, 0.22, 1.0, "bark")


def train(p: Pen) -> None:
    """A steam engine heading left."""
    p.rect(-0.75, -0.7, -0.5, -0.1, "ink")
    p.ellipse(-0.62, -0.85, 0.22, 0.13, "stone")
    p.rect(-0.9, -0.2, 0.3, 0.45)
    p.rect(0.2, -0.65, 0.9, 0.45, "dark")
    p.rect(0.1, -0.78, 1.0, -0.6)
    p.rect(0.36, -0.45, 0.74, -0.1, "glass")
    for x in (-0.62, -0.1, 0.5):
        p.ellipse(x, 0.6, 0.27, 0.27, "ink")
        p.ellipse(x, 0.6, 0.1, 0.1, "sun")


def bus(p: Pen) -> None:
    """A long bus with a row of windows."""
    p.blob([(-1.0, 0.5), (-1.0, -0.5), (-0.9, -0.62), (0.9, -0.62), (1.0, -0.5), (1.0, 0.5)])
    for x in (-0.72, -0.25, 0.22, 0.69):
        p.rect(x - 0.18, -0.4, x + 0.18, 0.0, "glass")
    p.rect(-0.98, 0.18, 0.98, 0.28, "light")
    for x in (-0.58, 0.58):
        p.ellipse(x, 0.55, 0.25, 0.25, "ink")
        p.ellipse(x, 0.55, 0.1, 0.1, "stone")


def plane(p: Pen) -> None:
    """An aeroplane seen from above, nose up."""
    p.polygon(
        [
            (-0.12, -0.2),
            (-1.0, 0.25),
            (-1.0, 0.48),
            (0.0, 0.2),
            (1.0, 0.48),
            (1.0, 0.25),
            (0.12, -0.2),
        ],
        "dark",
    )
    p.polygon(
        [(0, 0.55), (-0.45, 0.85), (-0.45, 1.0), (0, 0.88), (0.45, 1.0), (0.45, 0.85)], "dark"
    )
    p.ellipse(0, 0.0, 0.18, 1.0)
    p.ellipse(0, -0.62, 0.1, 0.16, "glass")


def saucer(p: Pen) -> None:
    """A flying saucer with a glass dome."""
    p.polygon([(-0.3, 0.2), (0.3, 0.2), (0.65, 1.0), (-0.65, 1.0)], (250, 240, 170))
    p.ellipse(0, -0.22, 0.45, 0.45, "glass")
    p.ellipse(0, 0.05, 1.0, 0.32)
    for x in (-0.62, 0, 0.62):
        p.ellipse(x, 0.1, 0.1, 0.08, "sun")


def bicycle(p: Pen) -> None:
    """A bicycle heading left."""
    for x in (-0.58, 0.58):
        p.ellipse(x, 0.4, 0.42, 0.42, "ink")
        p.ellipse(x, 0.4, 0.3, 0.3, "chalk")
    p.line(
        [(-0.58, 0.4), (-0.35, -0.3), (0.3, -0.3), (0.58, 0.4), (0, 0.4), (-0.35, -0.3)],
        "body",
        0.13,
    )
    p.line([(0, 0.4), (0.38, -0.5)], "body", 0.13)
    p.line([(0.18, -0.52), (0.58, -0.52)], "ink", 0.13)
    p.line([(-0.35, -0.3), (-0.42, -0.62), (-0.72, -0.62)], "ink", 0.1)


ALL = (car, boat, rocket, balloon, train, bus, plane, saucer, bicycle)
