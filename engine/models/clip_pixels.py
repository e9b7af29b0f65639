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
    """As the `preprocessor_config.json` of a checkpoint says, where it has one."""
    path = place / "preprocessor_config.json"
    if not path.is_file():
        return ClipPreprocessing()
    said = json.loads(path.read_text(encoding="utf-8"))
    usual = ClipPreprocessing()
    return ClipPreprocessing(
        said.get("image_mean", usual.mean),
        said.get("image_std", usual.deviation),
        said.get("do_center_crop") is not False,
    )
