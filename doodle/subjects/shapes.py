"""Plain shapes and things of the sky."""

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


ALL = (star, heart)
