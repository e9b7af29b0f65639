"""What judge and pair see in picture files, as numbers for other programs' benchmarks."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import normalize
from transformers import CLIPTokenizer

from doodle import judge as judging
from doodle import pair as pairing
from doodle import recipe as recipes
from doodle.tokenizer import token_ids

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from torch import Tensor

IN_A_PASS = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Of each picture, and of each text; embeddings are the pair's, of length 1."""

    subjects: list[str]
    """What the judge takes for the picture's subject."""
    pictures: list[list[float]]
    texts: list[list[float]]


@torch.no_grad()
def look(weights: Path, files: Sequence[Path], texts: Sequence[str]) -> Seen:
    """Look at pictures and read texts. weights: the folder of the model."""
    recipe = recipes.read(weights / "recipe.toml")
    judge = judging.load(recipe.vocabulary, weights / "judge.safetensors")
    pair = pairing.load(weights / "clip")
    subjects: list[str] = []
    embedded: list[list[float]] = []
    for pixels in _passes(files):
        subjects += [answer["subject"] for answer in judging.answers(judge, pixels)]
        seen = pairing.seen(torch.from_numpy(pixels))
        embedded += _unit(pair.get_image_features(pixel_values=seen))
    said: list[list[float]] = []
    if texts:
        ids = token_ids(CLIPTokenizer.from_pretrained(weights / "clip"), list(texts))
        said = _unit(pair.get_text_features(input_ids=ids))
    return Seen(subjects=subjects, pictures=embedded, texts=said)


def _passes(files: Sequence[Path]) -> Iterator[np.ndarray]:
    """Go through the pictures (N, 3, H, W) uint8 in their order, as many of one size at once."""
    for start in range(0, len(files), IN_A_PASS):
        pictures = [_pixels(file) for file in files[start : start + IN_A_PASS]]
        for _, alike in groupby(pictures, key=lambda picture: picture.shape):
            yield np.stack([*alike])


def _pixels(file: Path) -> np.ndarray:
    with Image.open(file) as picture:
        return np.asarray(picture.convert("RGB")).transpose(2, 0, 1)


def _unit(features: object) -> list[list[float]]:
    tensor: Tensor = getattr(features, "pooler_output", features)
    return normalize(tensor, dim=-1).tolist()
