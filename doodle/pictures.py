"""Fresh scenes as arrays; what is drawn depends on the seed and the number alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from doodle.drawing import draw
from doodle.scenes import SQUARE, Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Scenes and their pictures, (N, 3, H, W) uint8."""

    scenes: list[Scene]
    pixels: np.ndarray


def drawn(scenes: list[Scene], *, seed: int, size: tuple[int, int] = SQUARE) -> Drawn:
    """Draw each scene once; scene i with seed + i."""
    images = [draw(scene, seed=seed + i, size=size) for i, scene in enumerate(scenes)]
    pixels = np.stack([np.asarray(image).transpose(2, 0, 1) for image in images])
    return Drawn(scenes=scenes, pixels=pixels)
