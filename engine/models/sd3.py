"""Stable Diffusion 3 and 3.5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from engine.catalogue import ModelSpec
from engine.errors import Sentence
from engine.models.flow import FlowModel
from engine.models.latent_loading import load_latent
from engine.models.text_cache import Embedding, Text, reads_the_first

T5_TOKENS = 256


def load(spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> StableDiffusion3:
    """The model of a catalogue entry."""
    return load_latent(StableDiffusion3, spec, device, dtype)


class StableDiffusion3(FlowModel):
    """Two CLIP encoders and, where its files are present, a T5."""

    def embed(self, texts: Sequence[Text]) -> list[Embedding]:
        return [self._embedding(text) for text, _ in texts]

    def _embedding(self, text: str) -> Embedding:
        hidden, _, pooled, _ = self.pipeline.encode_prompt(
            text,
            text,
            text,
            device=self.device,
            do_classifier_free_guidance=False,
            max_sequence_length=T5_TOKENS,
        )
        return {"encoder_hidden_states": hidden, "pooled_projections": pooled}

    def text_notes(self, text: str) -> tuple[Sentence, ...]:
        if self.pipeline.text_encoder_3 is None:
            tokens, most = len(self.pipeline.tokenizer(text).input_ids), 77
        else:
            tokens, most = len(self.pipeline.tokenizer_3(text).input_ids), T5_TOKENS
        if tokens <= most:
            return ()
        return (reads_the_first(tokens, most),)

    def predict(
        self,
        latents: Tensor,
        timesteps: Tensor,
        conditioning: Mapping[str, Tensor],
        adapters: Sequence[str],
    ) -> Tensor:
        velocity: Tensor = self.forward(
            adapters,
            hidden_states=latents,
            timestep=timesteps,
            encoder_hidden_states=conditioning["encoder_hidden_states"],
            pooled_projections=conditioning["pooled_projections"],
            return_dict=False,
        )[0]
        return velocity
