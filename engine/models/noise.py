"""Random numbers of a picture, drawn in the order of diffusers' pipelines; mixing of latents."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from engine.device.async_copy import to_device


def generator_for(seed: int, index: int) -> torch.Generator:
    """Picture `index` of a job has its own CPU generator, so that it is the same on any device."""
    return torch.Generator("cpu").manual_seed((seed + index) % 2**32)


def draw(
    shape: Sequence[int], generator: torch.Generator, device: torch.device, dtype: torch.dtype
) -> Tensor:
    """Normal noise, drawn on the CPU."""
    return to_device(torch.randn(tuple(shape), generator=generator, dtype=dtype), device)


def mix(latents: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Several latents mixed on the sphere (Shoemake 1985), one after another by weight."""
    mixed, total = latents[0], weights[0]
    for other, weight in zip(latents[1:], weights[1:], strict=True):
        total += weight
        mixed = _slerp(mixed, other, weight / total)
    return mixed


def _slerp(one: Tensor, other: Tensor, share: float) -> Tensor:
    """From `one` (share 0) to `other` (share 1) at a norm between theirs."""
    a, b = one.flatten().float(), other.flatten().float()
    cosine = torch.clamp(torch.dot(a, b) / (a.norm() * b.norm()).clamp_min(1e-12), -1.0, 1.0)
    angle = float(torch.arccos(cosine))
    if angle < 1e-3:
        return torch.lerp(one, other, share)
    near = math.sin((1 - share) * angle) / math.sin(angle)
    far = math.sin(share * angle) / math.sin(angle)
    return near * one + far * other
