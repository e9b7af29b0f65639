"""Pictures as CLIP's vision towers were trained to see them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor


@dataclass(frozen=True, slots=True)
class ClipPreprocessing:
    """The numbers of a tower's own preprocessing; by default those of the published CLIPs."""

    mean: Sequence[float] = (0.48145466, 0.4578275, 0.40821073)
    deviation: Sequence[float] = (0.26862954, 0.26130258, 0.27577711)
    crops: bool = True
    """Whether it was trained to see the middle square of a picture, or else all of it, squeezed."""

    def pixels(self, picture: Image.Image, side_px: int) -> Tensor:
        """(1, 3, side, side) fp32, the whole picture squeezed to a square."""
        square = picture.resize((side_px, side_px), Image.Resampling.BICUBIC)
        pixels = (np.asarray(square) / 255 - np.array(self.mean)) / np.array(self.deviation)
        return torch.from_numpy(pixels).permute(2, 0, 1)[None].float()


def preprocessing_of(place: Path) -> ClipPreprocessing:
    """As the files of a checkpoint say, where it has them; ValueError if they cannot be meant."""
    path = place / "preprocessor_config.json"
    if path.is_file():
        said = json.loads(path.read_text(encoding="utf-8"))
    else:  # transformers 5 writes one file for picture and text
        path = place / "processor_config.json"
        whole = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        said = whole.get("image_processor") or {}
    usual = ClipPreprocessing()
    mean, deviation = said.get("image_mean"), said.get("image_std")
    for name, numbers in (("image_mean", mean), ("image_std", deviation)):
        if numbers is not None and not _are_three(numbers):
            raise ValueError(f"{name} in {path} must be three numbers, not {numbers!r}")
    if deviation is not None and not all(deviation):
        raise ValueError(f"image_std in {path} must have no 0")
    crops = said.get("do_center_crop")
    return ClipPreprocessing(
        usual.mean if mean is None else mean,
        usual.deviation if deviation is None else deviation,
        usual.crops if crops is None else bool(crops),
    )


def _are_three(numbers: object) -> bool:
    return (
        isinstance(numbers, list)
        and len(numbers) == len(ClipPreprocessing().mean)
        and all(isinstance(each, int | float) for each in numbers)
    )
