"""Noise at each of 1,000 times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from diffusers import DDPMScheduler

from doodle import weights

if TYPE_CHECKING:
    from torch import Tensor


class Noise:
    """The noise that the denoiser learns to take away."""

    def __init__(self, device: torch.device) -> None:
        kept = DDPMScheduler(**weights.NOISE).alphas_cumprod.to(device)
        self._signal, self._noise = kept.sqrt(), (1 - kept).sqrt()

    def add(self, clean: Tensor, when: Tensor) -> tuple[Tensor, Tensor]:
        """Return latents (B, C, h, w) with the noise of their times, and v (Salimans & Ho 2022)."""
        noise = torch.randn_like(clean)
        signal, share = (each[when].view(-1, 1, 1, 1) for each in (self._signal, self._noise))
        return signal * clean + share * noise, signal * noise - share * clean
