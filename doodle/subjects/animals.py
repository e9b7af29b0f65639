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
    """Sits facing us, with large eyes."""
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
    """Has four wings spread."""
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


def dog(p: Pen) -> None:
    """Sits facing us with hanging ears and its tongue out."""
    p.line([(0.4, 0.75), (0.75, 0.6), (0.88, 0.25)], "body", 0.18, smooth=True)
    p.blob([(-0.45, 0.95), (-0.42, 0.3), (0, 0.05), (0.42, 0.3), (0.45, 0.95)])
    p.ellipse(0, -0.38, 0.52, 0.5)
    p.blob([(-0.4, -0.75), (-0.75, -0.6), (-0.8, 0.0), (-0.55, 0.05), (-0.45, -0.4)], "dark")
    p.blob([(0.4, -0.75), (0.75, -0.6), (0.8, 0.0), (0.55, 0.05), (0.45, -0.4)], "dark")
    p.ellipse(0, -0.12, 0.3, 0.22, "light")
    p.ellipse(0, 0.1, 0.1, 0.15, "rose")
    p.ellipse(0, -0.22, 0.13, 0.09, "ink")
    p.eyes(0, -0.5, 0.42, 0.08)


def bird(p: Pen) -> None:
    """Perches in profile, beak to the left."""
    p.line([(-0.05, 0.5), (-0.05, 0.95)], "flame", 0.08)
    p.line([(0.2, 0.5), (0.2, 0.95)], "flame", 0.08)
    p.polygon([(0.45, 0.1), (1.0, -0.15), (0.95, 0.3), (0.5, 0.45)], "dark")
    p.polygon([(-0.65, -0.5), (-1.0, -0.35), (-0.62, -0.22)], "sun")
    p.ellipse(0.1, 0.2, 0.58, 0.45)
    p.ellipse(-0.35, -0.4, 0.4, 0.38)
    p.blob([(-0.1, 0.1), (0.35, -0.1), (0.75, 0.2), (0.2, 0.45)], "light")
    p.dot(-0.45, -0.48, 0.08)


def duck(p: Pen) -> None:
    """Swims to the left."""
    p.polygon([(-0.85, -0.4), (-1.05, -0.22), (-0.75, -0.12)], "flame")
    p.blob(
        [
            (-0.65, 0.3),
            (-0.2, 0.15),
            (0.5, 0.25),
            (1.0, -0.15),
            (0.85, 0.6),
            (0.2, 0.85),
            (-0.5, 0.8),
        ]
    )
    p.ellipse(-0.45, -0.3, 0.42, 0.42)
    p.blob([(0.0, 0.4), (0.4, 0.3), (0.7, 0.4), (0.3, 0.62)], "dark")
    p.dot(-0.55, -0.4, 0.08)


def penguin(p: Pen) -> None:
    """Stands upright, with a white belly."""
    p.ellipse(-0.25, 0.92, 0.24, 0.1, "flame")
    p.ellipse(0.25, 0.92, 0.24, 0.1, "flame")
    p.ellipse(-0.62, 0.25, 0.14, 0.45, "dark", tilt=20)
    p.ellipse(0.62, 0.25, 0.14, 0.45, "dark", tilt=-20)
    p.ellipse(0, 0.05, 0.55, 0.88)
    p.ellipse(0, 0.28, 0.36, 0.55, "chalk")
    p.eyes(0, -0.5, 0.34, 0.07)
    p.polygon([(-0.12, -0.35), (0.12, -0.35), (0, -0.15)], "sun")


def bear(p: Pen) -> None:
    """A teddy bear with round ears, arms apart."""
    for side in (-1, 1):
        p.ellipse(side * 0.42, -0.82, 0.2, 0.2, "dark")
        p.ellipse(side * 0.62, 0.25, 0.18, 0.32, tilt=side * -35)
        p.ellipse(side * 0.35, 0.85, 0.24, 0.2, "dark")
    p.ellipse(0, 0.42, 0.5, 0.52)
    p.ellipse(0, -0.42, 0.52, 0.48)
    p.ellipse(0, -0.25, 0.24, 0.18, "light")
    p.ellipse(0, -0.32, 0.09, 0.07, "ink")
    p.eyes(0, -0.5, 0.4, 0.07)


def whale(p: Pen) -> None:
    """Swims to the left, with a jet of water above it."""
    p.line([(-0.3, -0.4), (-0.35, -0.75), (-0.6, -0.9)], "water", 0.09, smooth=True)
    p.line([(-0.3, -0.4), (-0.25, -0.75), (0.0, -0.9)], "water", 0.09, smooth=True)
    p.blob(
        [
            (0.6, 0.2),
            (0.8, -0.3),
            (0.6, -0.6),
            (0.92, -0.45),
            (1.05, -0.65),
            (1.05, -0.2),
            (0.9, 0.4),
        ]
    )
    p.blob(
        [(-1.0, 0.1), (-0.7, -0.4), (-0.1, -0.45), (0.5, 0.0), (0.9, 0.2), (0.5, 0.7), (-0.5, 0.75)]
    )
    p.blob([(-0.95, 0.3), (-0.4, 0.4), (0.3, 0.35), (0.3, 0.68), (-0.5, 0.74)], "light")
    p.dot(-0.62, 0.02, 0.07)


def turtle(p: Pen) -> None:
    """Walks to the left under a domed shell."""
    p.ellipse(-0.82, 0.2, 0.25, 0.22, "light")
    for x in (-0.45, 0.45):
        p.rect(x - 0.15, 0.4, x + 0.15, 0.8, "light")
    p.polygon([(0.65, 0.35), (1.0, 0.55), (0.65, 0.55)], "light")
    p.blob([(-0.7, 0.5), (-0.6, -0.1), (0, -0.5), (0.6, -0.1), (0.75, 0.5), (0, 0.58)])
    for x, y in ((-0.3, 0.15), (0.05, -0.15), (0.38, 0.2)):
        p.ellipse(x, y, 0.15, 0.13, "dark")
    p.dot(-0.9, 0.15, 0.06)


def snail(p: Pen) -> None:
    """Creeps to the left, with a spiral shell."""
    p.line([(-0.7, 0.2), (-0.95, -0.3)], "sand", 0.07)
    p.line([(-0.6, 0.2), (-0.6, -0.35)], "sand", 0.07)
    p.blob([(-1.0, 0.3), (-0.7, 0.05), (-0.45, 0.4), (0.6, 0.55), (1.0, 0.8), (-0.7, 0.82)], "sand")
    p.ellipse(0.2, 0.05, 0.62, 0.6)
    p.ellipse(0.24, 0.1, 0.42, 0.4, "light")
    p.ellipse(0.27, 0.12, 0.24, 0.22)
    p.dot(-0.78, 0.3, 0.05)


def crab(p: Pen) -> None:
    """Raises both claws."""
    for side in (-1, 1):
        for y in (0.45, 0.62, 0.78):
            p.line(
                [(side * 0.4, y - 0.15), (side * 0.8, y - 0.1), (side * 0.95, y + 0.12)],
                "dark",
                0.09,
            )
        p.line([(side * 0.45, 0.1), (side * 0.8, -0.2)], "dark", 0.13)
        p.ellipse(side * 0.78, -0.45, 0.27, 0.27)
        p.polygon([(side * 0.78, -0.45), (side * 0.65, -0.8), (side * 0.92, -0.8)], "ink")
        p.line([(side * 0.2, 0.0), (side * 0.2, -0.3)], "dark", 0.07)
    p.ellipse(0, 0.35, 0.62, 0.42)
    p.eyes(0, -0.32, 0.4, 0.08)


def elephant(p: Pen) -> None:
    """Faces us, two great ears and a trunk."""
    for side in (-1, 1):
        p.ellipse(side * 0.66, -0.3, 0.38, 0.5, "dark")
        p.polygon([(side * 0.2, 0.3), (side * 0.45, 0.3), (side * 0.42, 0.62)], "chalk")
    p.ellipse(0, -0.25, 0.55, 0.58)
    p.line([(0, 0.0), (0.02, 0.5), (0.12, 0.8), (0.35, 0.82)], "body", 0.28, smooth=True)
    p.eyes(0, -0.3, 0.5, 0.07)


ALL = (
    cat,
    fox,
    rabbit,
    owl,
    fish,
    butterfly,
    dog,
    bird,
    duck,
    penguin,
    bear,
    whale,
    turtle,
    snail,
    crab,
    elephant,
)
