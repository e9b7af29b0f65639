"""Stable Diffusion XL: two CLIP text encoders, a pooled text, and the picture's size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from engine.catalogue import ModelSpec
from engine.messages import DrawJob
from engine.models.clip_text import ClipText
from engine.models.latent_loading import load_latent
from engine.models.stable_diffusion import StableDiffusion
from engine.models.text_cache import Embedding, Text


def load(spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> StableDiffusionXL:
    """The model of a catalogue entry."""
    return load_latent(StableDiffusionXL, spec, device, dtype)


class StableDiffusionXL(StableDiffusion):
    """Like Stable Diffusion, with a second text encoder and the picture's size as inputs."""

    def __init__(self, name: str, pipeline: Any, *arguments: Any) -> None:  # noqa: ANN401
        super().__init__(name, pipeline, *arguments)
        pairs = (
            (pipeline.tokenizer, pipeline.text_encoder),
            (pipeline.tokenizer_2, pipeline.text_encoder_2),
        )
        self._texts_of = [ClipText(*pair, penultimate=True) for pair in pairs if pair[1]]
        self._zero_negative = bool(pipeline.config.force_zeros_for_empty_prompt)

    @property
    def posterior_dtype(self) -> torch.dtype:
        """float32 where the pipeline encodes in it, which here is done only in float16."""
        upcast = self.vae.config.get("force_upcast", False)
        return torch.float32 if upcast else self.picture_noise_dtype

    def text_chunks(self, text: str) -> int:
        return max(encoder.chunks(text) for encoder in self._texts_of)

    def embed(self, texts: Sequence[Text]) -> list[Embedding]:
        by_encoder = [encoder.encode(texts) for encoder in self._texts_of]
        return [
            {
                "encoder_hidden_states": torch.cat([hidden for hidden, _ in encoded], dim=-1),
                "text_embeds": next(pooled for _, pooled in encoded if pooled is not None),
            }
            for encoded in zip(*by_encoder, strict=True)
        ]

    def embed_negative(self, text: str, chunks: int) -> Embedding:
        """Zeros where there is no text and the checkpoint was trained that way."""
        embedding = super().embed_negative(text, chunks)
        if text or not self._zero_negative:
            return embedding
        return {key: torch.zeros_like(tensor) for key, tensor in embedding.items()}

    def extra_conditioning(self, job: DrawJob, samples: int) -> Embedding:
        size = (job.height_px, job.width_px)
        ids = torch.tensor([[*size, 0, 0, *size]] * samples)
        return {"time_ids": ids.to(self.device, self.noise_dtype)}
