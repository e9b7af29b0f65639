"""The autoencoder's decoder with compiled code."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

from engine.models.compiled import Compiled
from engine.models.how import HowCompiled

TOGETHER = 4
"""Pictures that compiled code decodes together: a grid. With one at a time for what is left over,
each size is compiled twice, not once for every number of pictures."""


class DecoderPass(nn.Module):
    """From scaled latents to pixels; one graph, because the last layers are the largest."""

    def __init__(self, vae: AutoencoderKL) -> None:
        super().__init__()
        self.post_quant_conv = vae.post_quant_conv
        self.decoder = vae.decoder

    def forward(self, latents: Tensor) -> Tensor:
        """(B, C, h, w) → (B, 3, H, W)."""
        given = latents if self.post_quant_conv is None else self.post_quant_conv(latents)
        pixels: Tensor = self.decoder(given)
        return pixels


class CompiledDecoder:
    """Decodes with compiled code where there is some for this size, else as the pipeline does."""

    def __init__(self, vae: Any, how: HowCompiled) -> None:  # noqa: ANN401 - an autoencoder
        self._vae = vae
        self.code: Compiled | None = None
        """None where the autoencoder is of another kind, or is brought to the device in parts."""
        if isinstance(vae, AutoencoderKL) and not hasattr(vae, "_hf_hook"):
            self.code = Compiled(DecoderPass(vae), HowCompiled(whole=True, autotune=how.autotune))

    def decode(self, latents: Tensor) -> Tensor:
        """(B, C, h, w) → (B, 3, H, W); whatever has no code yet is decoded together."""
        if self.code is None or self._vae.use_slicing or self._vae.use_tiling:
            return self._eager(latents)
        grids, alone = divmod(len(latents), TOGETHER)
        parts = torch.split(latents, [TOGETHER] * grids + [1] * alone)
        made = [self.code.serve((part,), {}) for part in parts]
        if None in made:
            return self._eager(latents)
        return torch.cat([served[0] for served in made if served is not None])

    def _eager(self, latents: Tensor) -> Tensor:
        pixels: Tensor = self._vae.decode(latents, return_dict=False)[0]
        return pixels
