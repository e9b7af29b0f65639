"""Swin2SR (Conde et al. 2022), the super-resolution network of transformers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from engine.catalogue import ModelSpec
from engine.models.parts import load_network
from engine.models.upscaler import Network, Upscaler


def load(spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> Upscaler:
    """The network of a directory."""
    model = load_network("Swin2SRForImageSuperResolution", spec.place, device, dtype)
    scale = int(model.config.upscale)
    return Upscaler(spec.info.name, padding_network(model), scale, device, model)


def padding_network(model: Any, pad_to: int = 8) -> Network:  # noqa: ANN401
    """The network for pictures of any size: it pads them to its windows by repeating the edge."""

    def enlarge(pixels: Tensor) -> Tensor:
        height, width = pixels.shape[-2:]
        padding = (0, -width % pad_to, 0, -height % pad_to)
        given = torch.nn.functional.pad(pixels, padding, mode="replicate").to(model.dtype)
        output: Tensor = model(pixel_values=given).reconstruction
        scale = output.shape[-1] // given.shape[-1]
        return output[:, :, : height * scale, : width * scale]

    return enlarge
