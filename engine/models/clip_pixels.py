"""Pictures as CLIP's vision towers were trained to see them."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

MEAN = np.array([0.48145466, 0.4578275, 0.40821073])
DEVIATION = np.array([0.26862954, 0.26130258, 0.27577711])


def clip_pixels(picture: Image.Image, side_px: int) -> Tensor:
    """(1, 3, side, side) fp32, the whole picture squeezed to a square."""
    square = picture.resize((side_px, side_px), Image.Resampling.BICUBIC)
    pixels = (np.asarray(square) / 255 - MEAN) / DEVIATION
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
