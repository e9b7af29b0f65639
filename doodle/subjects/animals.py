"""Animals, each with a silhouette of its own."""

from doodle.drawing import Pen


def cat(p: Pen) -> None:
    """Sits facing us, ears up, tail curled to the right."""
    p.line([(0.45, 0.85), (0.85, 0.75), (0.9, 0.3), (0.72, 0.1)], "body", 0.2, smooth=True)
    p.blob([(-0.45, 0.95), (-0.5, 0.5), (-0.28, 0.05), (0.28, 0.05), (0.5, 0.5), (0.45, 0.95)])
    p.polygon([(-0.58, -0.35), (-0.62, -1.0), (-0.12, -0.68)])
    p.polygon([(0.58, -0.35), (0.62, -1.0), (0.12, -0.68)])
    p.ellipse(0, -0.32, 0.62, 0.5)
    p.eyes(0, -0.38, 0.5, 0.09)
    p.polygon([(-0.08, -0.18), (0.08, -0.18), (0, -0.08)], "rose")
    p.ellipse(0, 0.55, 0.2, 0.3, "light")


def fox(p: Pen) -> None:
    """Stands in profile, nose to the left, a great bushy tail behind."""
    p.blob([(0.3, 0.25), (0.6, -0.25), (1.0, -0.62), (1.02, 0.0), (0.7, 0.42)])
    p.polygon([(0.82, -0.48), (1.02, -0.8), (1.05, -0.2)], "chalk")
    for x in (-0.42, -0.2, 0.25, 0.45):
        p.rect(x - 0.08, 0.3, x + 0.08, 0.95, "dark")
    p.blob([(-0.6, 0.1), (-0.2, -0.15), (0.4, -0.05), (0.6, 0.25), (0.4, 0.5), (-0.4, 0.5)])
    p.polygon([(-0.7, -0.5), (-0.66, -0.95), (-0.4, -0.6)])
    p.polygon([(-0.42, -0.5), (-0.25, -0.95), (-0.12, -0.45)])
    p.polygon([(-1.05, -0.02), (-0.7, -0.58), (-0.15, -0.5), (-0.15, 0.1), (-0.5, 0.3)])
    p.polygon([(-1.05, -0.02), (-0.5, 0.3), (-0.45, 0.05)], "chalk")
    p.ellipse(-1.0, -0.02, 0.08, 0.08, "ink")
    p.dot(-0.5, -0.22, 0.08)


def rabbit(p: Pen) -> None:
    """Sits facing us under two long ears."""
    p.ellipse(-0.25, -0.68, 0.16, 0.42, tilt=-8)
    p.ellipse(0.25, -0.68, 0.16, 0.42, tilt=8)
    p.ellipse(-0.25, -0.65, 0.07, 0.28, "rose", tilt=-8)
    p.ellipse(0.25, -0.65, 0.07, 0.28, "rose", tilt=8)
    p.ellipse(0, 0.58, 0.52, 0.42)
    p.ellipse(-0.3, 0.92, 0.26, 0.12, "light")
    p.ellipse(0.3, 0.92, 0.26, 0.12, "light")
    p.ellipse(0, 0.02, 0.48, 0.4)
    p.eyes(0, -0.05, 0.42, 0.08)
    p.ellipse(0, 0.1, 0.07, 0.05, "rose")


def owl(p: Pen) -> None:
    """Sits facing us, all eyes."""
    p.polygon([(-0.62, -0.5), (-0.62, -1.0), (-0.1, -0.75)])
    p.polygon([(0.62, -0.5), (0.62, -1.0), (0.1, -0.75)])
    p.blob(
        [
            (0, -0.85),
            (0.65, -0.6),
            (0.75, 0.2),
            (0.4, 0.9),
            (-0.4, 0.9),
            (-0.75, 0.2),
            (-0.65, -0.6),
        ]
    )
    p.blob([(-0.72, -0.05), (-0.5, 0.2), (-0.5, 0.7), (-0.85, 0.45)], "dark")
    p.blob([(0.72, -0.05), (0.5, 0.2), (0.5, 0.7), (0.85, 0.45)], "dark")
    p.ellipse(0, 0.42, 0.38, 0.42, "light")
    for x in (-0.3, 0.3):
        p.ellipse(x, -0.38, 0.29, 0.29, "chalk")
        p.ellipse(x, -0.38, 0.15, 0.15, "ink")
    p.polygon([(-0.1, -0.22), (0.1, -0.22), (0, 0.04)], "sun")


def fish(p: Pen) -> None:
    """Swims to the left."""
    p.polygon([(0.45, 0.0), (1.0, -0.52), (0.88, 0.0), (1.0, 0.52)], "dark")
    p.blob([(-0.1, -0.45), (0.2, -0.78), (0.42, -0.3)], "dark")
    p.blob(
        [
            (-0.95, 0.02),
            (-0.55, -0.45),
            (0.1, -0.5),
            (0.6, -0.05),
            (0.6, 0.05),
            (0.1, 0.52),
            (-0.55, 0.47),
        ]
    )
    p.line([(-0.42, -0.4), (-0.28, 0.0), (-0.42, 0.42)], "light", 0.09, smooth=True)
    p.line([(0.0, -0.3), (0.12, 0.0), (0.0, 0.32)], "light", 0.09, smooth=True)
    p.dot(-0.62, -0.12, 0.09)


def butterfly(p: Pen) -> None:
    """Spreads four wings flat."""
    for side in (-1, 1):
        p.blob(
            [
                (side * 0.08, -0.1),
                (side * 0.45, -0.85),
                (side * 1.0, -0.75),
                (side * 0.85, -0.05),
                (side * 0.4, 0.12),
            ]
        )
        p.blob(
            [
                (side * 0.08, 0.05),
                (side * 0.6, 0.1),
                (side * 0.85, 0.5),
                (side * 0.5, 0.85),
                (side * 0.18, 0.55),
            ],
            "dark",
        )
        p.ellipse(side * 0.62, -0.45, 0.17, 0.17, "light")
        p.line([(0, -0.55), (side * 0.22, -0.98)], "ink", 0.06)
    p.ellipse(0, 0.0, 0.11, 0.6, "ink")


ALL = (cat, fox, rabbit, owl, fish, butterfly)
