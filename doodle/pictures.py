"""Draws many scenes as arrays, in several processes; the same seed gives the same pictures."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import numpy as np

from doodle.scenes import Scene, draw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from doodle.scenes import Vocabulary

SQUARE = (128, 128)
CHUNK = 256  # scenes that a process draws at a time
BLOCK = 32 * CHUNK
WORTH_PROCESSES = 1024  # fewer scenes than this are drawn faster than processes start


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Scenes and their pictures, (N, 3, H, W) uint8."""

    scenes: list[Scene]
    pixels: np.ndarray


def draw_random(
    vocabulary: Vocabulary, *, count: int, seed: int, size: tuple[int, int] = SQUARE
) -> Drawn:
    """Draw `count` random training scenes."""
    blocks = list(draw_blocks(vocabulary, count=count, seed=seed, size=size))
    return Drawn(
        scenes=[scene for block in blocks for scene in block.scenes],
        pixels=np.concatenate([block.pixels for block in blocks]),
    )


def draw_blocks(
    vocabulary: Vocabulary, *, count: int, seed: int, size: tuple[int, int] = SQUARE
) -> Iterator[Drawn]:
    """Draw the same scenes as `draw_random`, in blocks of a few hundred megabytes."""
    rng = Random(f"{seed} {size}")
    scenes = [vocabulary.sample(rng) for _ in range(count)]
    first = rng.getrandbits(32)
    for start in range(0, count, BLOCK):
        yield draw_all(scenes[start : start + BLOCK], seed=first + start, size=size)


def draw_all(scenes: list[Scene], *, seed: int, size: tuple[int, int] = SQUARE) -> Drawn:
    """Draw each scene once; scene i with seed + i."""
    chunks = [(scenes[i : i + CHUNK], seed + i, size) for i in range(0, len(scenes), CHUNK)]
    if len(scenes) < WORTH_PROCESSES:
        parts = [_chunk(chunk) for chunk in chunks]
    else:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
            parts = list(pool.map(_chunk, chunks))
    return Drawn(scenes=scenes, pixels=np.concatenate(parts))


def _chunk(work: tuple[list[Scene], int, tuple[int, int]]) -> np.ndarray:
    scenes, seed, size = work
    images = [draw(scene, seed=seed + i, size=size) for i, scene in enumerate(scenes)]
    return np.stack([np.asarray(image).transpose(2, 0, 1) for image in images])
