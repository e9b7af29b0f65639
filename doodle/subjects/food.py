"""Food and household things."""

from doodle.drawing import Pen


def apple(p: Pen) -> None:
    """An apple with a leaf."""
    p.line([(0, -0.5), (0.08, -0.95)], "bark", 0.13)
    p.blob([(0.08, -0.75), (0.35, -1.0), (0.65, -0.85), (0.4, -0.65)], "leaf")
    p.blob(
        [
            (0, -0.52),
            (0.45, -0.65),
            (0.85, -0.2),
            (0.62, 0.6),
            (0.25, 0.92),
            (0, 0.84),
            (-0.25, 0.92),
            (-0.62, 0.6),
            (-0.85, -0.2),
            (-0.45, -0.65),
        ]
    )
    p.ellipse(-0.45, -0.15, 0.12, 0.24, "light", tilt=20)


def umbrella(p: Pen) -> None:
    """An open umbrella with a hooked handle."""
    p.line(
        [(0, -0.2), (0, 0.75), (0.12, 0.95), (0.32, 0.9), (0.36, 0.7)], "bark", 0.11, smooth=True
    )
    p.blob(
        [
            (-1.0, 0.12),
            (-0.78, -0.45),
            (0, -0.85),
            (0.78, -0.45),
            (1.0, 0.12),
            (0.62, 0.0),
            (0.33, 0.1),
            (0, 0.0),
            (-0.33, 0.1),
            (-0.62, 0.0),
        ]
    )
    p.blob(
        [(-0.33, 0.08), (-0.25, -0.4), (0, -0.84), (0.25, -0.4), (0.33, 0.08), (0, 0.0)], "light"
    )


def pear(p: Pen) -> None:
    """A pear with its stalk."""
    p.line([(0, -0.7), (0.1, -1.0)], "bark", 0.11)
    p.blob(
        [
            (0, -0.85),
            (0.28, -0.6),
            (0.35, -0.1),
            (0.68, 0.45),
            (0.4, 0.92),
            (-0.4, 0.92),
            (-0.68, 0.45),
            (-0.35, -0.1),
            (-0.28, -0.6),
        ]
    )
    p.ellipse(-0.32, 0.4, 0.11, 0.22, "light", tilt=15)


def cherries(p: Pen) -> None:
    """Two cherries on one stalk."""
    p.line([(-0.45, 0.3), (-0.1, -0.3), (0.25, -0.85)], "leaf", 0.09, smooth=True)
    p.line([(0.5, 0.4), (0.42, -0.2), (0.25, -0.85)], "leaf", 0.09, smooth=True)
    p.blob([(0.25, -0.85), (0.6, -1.0), (0.95, -0.8), (0.6, -0.65)], "leaf")
    for x, y in ((-0.48, 0.45), (0.48, 0.52)):
        p.ellipse(x, y, 0.42, 0.42)
        p.ellipse(x - 0.14, y - 0.14, 0.1, 0.1, "light")


def cake(p: Pen) -> None:
    """A layered cake with three candles."""
    for x in (-0.4, 0, 0.4):
        p.rect(x - 0.05, -0.72, x + 0.05, -0.2, "chalk")
        p.ellipse(x, -0.84, 0.08, 0.13, "flame")
    p.rect(-0.8, -0.25, 0.8, 0.8)
    p.blob(
        [
            (-0.85, -0.3),
            (0.85, -0.3),
            (0.82, 0.1),
            (0.55, 0.25),
            (0.28, 0.05),
            (0, 0.28),
            (-0.28, 0.05),
            (-0.55, 0.25),
            (-0.82, 0.1),
        ],
        "light",
    )
    p.rect(-1.0, 0.75, 1.0, 0.92, "stone")


def icecream(p: Pen) -> None:
    """A scoop of ice cream in a cone."""
    p.polygon([(-0.42, 0.0), (0.42, 0.0), (0, 1.0)], (226, 176, 110))
    p.line([(-0.2, 0.1), (0.1, 0.7)], "bark", 0.05)
    p.line([(0.2, 0.1), (-0.1, 0.7)], "bark", 0.05)
    p.ellipse(0, -0.4, 0.55, 0.5)
    p.blob([(-0.55, -0.1), (0.55, -0.1), (0.4, 0.12), (0.15, 0.02), (-0.1, 0.15), (-0.4, 0.08)])
    p.ellipse(0.1, -0.92, 0.12, 0.12, (220, 40, 60))


def cup(p: Pen) -> None:
    """A steaming cup with a handle."""
    p.line([(0.5, 0.05), (0.9, 0.0), (0.9, 0.5), (0.45, 0.55)], "dark", 0.13, smooth=True)
    p.blob([(-0.65, -0.15), (0.65, -0.15), (0.55, 0.7), (0.3, 0.88), (-0.3, 0.88), (-0.55, 0.7)])
    p.ellipse(0, -0.15, 0.65, 0.14, "bark")
    for x in (-0.25, 0.2):
        p.line(
            [(x, -0.42), (x + 0.1, -0.6), (x - 0.05, -0.76), (x + 0.05, -0.95)],
            "stone",
            0.07,
            smooth=True,
        )


def lamp(p: Pen) -> None:
    """A table lamp."""
    p.rect(-0.07, 0.0, 0.07, 0.85, "bark")
    p.ellipse(0, 0.9, 0.42, 0.12, "bark")
    p.polygon([(-0.35, -0.9), (0.35, -0.9), (0.75, 0.1), (-0.75, 0.1)])
    p.ellipse(0, 0.14, 0.2, 0.12, "sun")


def hat(p: Pen) -> None:
    """A top hat with a band."""
    p.rect(-0.55, -0.8, 0.55, 0.5)
    p.rect(-0.56, 0.15, 0.56, 0.42, "light")
    p.ellipse(0, 0.55, 1.0, 0.2)


def robot(p: Pen) -> None:
    """A friendly robot with an antenna."""
    p.line([(0, -0.7), (0, -0.95)], "ink", 0.07)
    p.ellipse(0, -0.95, 0.09, 0.09, "flame")
    p.rect(-0.78, 0.1, -0.5, 0.6, "dark")
    p.rect(0.5, 0.1, 0.78, 0.6, "dark")
    p.rect(-0.35, 0.65, -0.08, 1.0, "dark")
    p.rect(0.08, 0.65, 0.35, 1.0, "dark")
    p.rect(-0.52, 0.02, 0.52, 0.75)
    p.rect(-0.45, -0.72, 0.45, -0.05)
    p.eyes(0, -0.45, 0.4, 0.09)
    p.rect(-0.22, -0.25, 0.22, -0.15, "ink")
    p.ellipse(0, 0.38, 0.16, 0.16, "sun")


ALL = (apple, umbrella, pear, cherries, cake, icecream, cup, lamp, hat, robot)
