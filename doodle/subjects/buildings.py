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


ALL = (house, castle)
