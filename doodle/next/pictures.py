"""Fresh scenes as arrays; what is drawn depends on the seed and the number alone."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Self

import numpy as np

from doodle.next.scenes import Scene, draw

if TYPE_CHECKING:
    from collections.abc import Callable

    from doodle.next.scenes import Vocabulary

SQUARE = (256, 256)
WIDE = ((384, 256), (256, 384), (448, 256), (256, 448))
"""3:2, 2:3, 16:9, 9:16, as near as multiples of 64 come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Scenes and their pictures, (N, 3, H, W) uint8."""

    scenes: list[Scene]
    pixels: np.ndarray


def fresh(
    vocabulary: Vocabulary, *, seed: str, count: int, size: tuple[int, int] = SQUARE
) -> Drawn:
    """Draw `count` random training scenes, always the same for the same seed."""
    rng = Random(seed)
    scenes = [vocabulary.sample(rng) for _ in range(count)]
    return drawn(scenes, seed=rng.getrandbits(40), size=size)


def drawn(scenes: list[Scene], *, seed: int, size: tuple[int, int] = SQUARE) -> Drawn:
    """Draw each scene once; scene i with seed + i."""
    images = [draw(scene, seed=seed + i, size=size) for i, scene in enumerate(scenes)]
    pixels = np.stack([np.asarray(image).transpose(2, 0, 1) for image in images])
    return Drawn(scenes=scenes, pixels=pixels)


class Ahead:
    """Draws the pictures of coming steps in other processes, so that a card need not wait.

    `job(step)` returns what draws a step's pictures: a call that can be sent to a process. Without
    workers the pictures are drawn when they are asked for.
    """

    def __init__(self, job: Callable[[int], Callable[[], Drawn]], *, workers: int) -> None:
        self._job, self._workers = job, workers
        self._pool: ProcessPoolExecutor | None = None
        self._coming: dict[int, Future[Drawn]] = {}

    def __enter__(self) -> Self:
        if self._workers:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._workers, mp_context=context)
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def __call__(self, step: int) -> Drawn:
        """Return a step's pictures, and have those of the next steps begun."""
        if self._pool is None:
            return self._job(step)()
        for later in range(step, step + 2 * self._workers):
            if later not in self._coming:
                self._coming[later] = self._pool.submit(self._job(later))
        return self._coming.pop(step).result()


def workers(device: str) -> int:
    """Return how many processes draw ahead: on the CPU none, as drawing is a small part there."""
    return 0 if device == "cpu" else max(1, (os.cpu_count() or 2) - 1)
