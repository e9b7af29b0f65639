"""Buildings."""

from doodle.drawing import Pen


def house(p: Pen) -> None:
    """A wide house with a gabled roof, door and window."""
    p.rect(0.38, -0.85, 0.6, -0.3, "stone")
    p.rect(-0.75, -0.1, 0.75, 0.95)
    p.polygon([(-1.0, -0.05), (0, -0.88), (1.0, -0.05)], "dark")
    p.rect(-0.5, 0.3, -0.1, 0.95, "bark")
    p.rect(0.15, 0.2, 0.55, 0.58, "sun")


def castle(p: Pen) -> None:
    """Two towers with pointed roofs and a gate between them."""
    p.rect(-0.55, 0.0, 0.55, 0.95)
    for x in (-0.4, -0.13, 0.13, 0.4):
        p.rect(x - 0.09, -0.18, x + 0.09, 0.02)
    for x in (-0.68, 0.68):
        p.rect(x - 0.27, -0.35, x + 0.27, 0.95)
        p.polygon([(x - 0.36, -0.32), (x, -1.0), (x + 0.36, -0.32)], "dark")
        p.rect(x - 0.08, -0.12, x + 0.08, 0.18, "ink")
    p.blob([(-0.22, 0.95), (-0.22, 0.5), (0, 0.32), (0.22, 0.5), (0.22, 0.95)], "ink")


def lighthouse(p: Pen) -> None:
    """A banded tower with a lamp on top."""
    p.polygon([(-0.28, -0.45), (0.28, -0.45), (0.45, 1.0), (-0.45, 1.0)], "chalk")
    p.polygon([(-0.32, -0.1), (0.32, -0.1), (0.36, 0.22), (-0.36, 0.22)])
    p.polygon([(-0.4, 0.55), (0.4, 0.55), (0.44, 0.86), (-0.44, 0.86)])
    p.rect(-0.36, -0.52, 0.36, -0.4, "ink")
    p.rect(-0.2, -0.8, 0.2, -0.5, "sun")
    p.polygon([(-0.3, -0.78), (0.3, -0.78), (0, -1.05)])


def windmill(p: Pen) -> None:
    """A mill with four sails."""
    p.polygon([(-0.3, -0.25), (0.3, -0.25), (0.48, 1.0), (-0.48, 1.0)])
    p.polygon([(-0.36, -0.22), (0, -0.6), (0.36, -0.22)], "dark")
    p.rect(-0.14, 0.6, 0.14, 1.0, "bark")
    for x, y in ((0.72, 0.72), (-0.72, 0.72), (0.72, -0.72), (-0.72, -0.72)):
        p.line([(0, -0.25), (x, -0.25 + y)], "chalk", 0.17)
    p.ellipse(0, -0.25, 0.1, 0.1, "ink")


def tent(p: Pen) -> None:
    """A tent with its flap open."""
    p.polygon([(-1.0, 0.85), (0, -0.75), (1.0, 0.85)])
    p.polygon([(-0.35, 0.85), (0, -0.2), (0.35, 0.85)], "ink")
    p.polygon([(0, -0.2), (0.35, 0.85), (0.5, 0.6)], "light")
    p.line([(0, -0.75), (0, -1.0)], "bark", 0.09)


ALL = (house, castle, lighthouse, windmill, tent)
