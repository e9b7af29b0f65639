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
        signal, share = self._shares(when)
        return signal * clean + share * noise, signal * noise - share * clean

    def clean(self, noisy: Tensor, v: Tensor, when: Tensor) -> Tensor:
        """Return the latents without noise that v says."""
        signal, share = self._shares(when)
        return signal * noisy - share * v

    def _shares(self, when: Tensor) -> tuple[Tensor, Tensor]:
        return self._signal[when].view(-1, 1, 1, 1), self._noise[when].view(-1, 1, 1, 1)
