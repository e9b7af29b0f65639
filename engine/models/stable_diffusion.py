"""Stable Diffusion 1.x and 2.x."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from engine.models.clip_text import ClipText
from engine.models.latent import LatentModel
from engine.models.texts import Embedding


class StableDiffusion(LatentModel):
    """A UNet that attends to one CLIP text encoder."""

    def __init__(self, name: str, pipeline: Any, *arguments: Any) -> None:  # noqa: ANN401
        super().__init__(name, pipeline, *arguments)
        self.inpaints = int(pipeline.unet.config.in_channels) > self.channels
        self._text = ClipText(pipeline.tokenizer, pipeline.text_encoder, penultimate=False)

    @property
    def denoiser(self) -> Any:  # noqa: ANN401
        return self.pipeline.unet

    def text_chunks(self, text: str) -> int:
        return self._text.chunks(text)

    def embed(self, text: str, chunks: int) -> Embedding:
        hidden, _ = self._text.encode(text, chunks)
        return {"encoder_hidden_states": hidden}

    def predict(
        self,
        latents: Tensor,
        timesteps: Tensor,
        conditioning: Mapping[str, Tensor],
        adapters: Sequence[str],
    ) -> Tensor:
        noise: Tensor = self.forward(
            adapters, latents, timesteps, **conditioning, return_dict=False
        )[0]
        return noise
