"""Fresh scenes as arrays; what is drawn depends on the seed and the number alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from doodle.next.scenes import Scene, draw

SQUARE = (256, 256)
WIDE = ((384, 256), (256, 384), (448, 256), (256, 448))
"""3:2, 2:3, 16:9, 9:16, as near as multiples of 64 come."""


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
