"""Stable Diffusion 3 and 3.5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from engine.models.flow import FlowModel
from engine.models.text_cache import Embedding

T5_TOKENS = 256


class StableDiffusion3(FlowModel):
    """Two CLIP encoders and, where its files are there, a T5."""

    def embed(self, text: str, chunks: int) -> Embedding:
        del chunks
        hidden, _, pooled, _ = self.pipeline.encode_prompt(
            text,
            text,
            text,
            device=self.device,
            do_classifier_free_guidance=False,
            max_sequence_length=T5_TOKENS,
        )
        return {"encoder_hidden_states": hidden, "pooled_projections": pooled}

    def text_notes(self, text: str) -> tuple[str, ...]:
        if self.pipeline.text_encoder_3 is None:
            tokens, most = len(self.pipeline.tokenizer(text).input_ids), 77
        else:
            tokens, most = len(self.pipeline.tokenizer_3(text).input_ids), T5_TOKENS
        if tokens <= most:
            return ()
        return (f"The prompt has {tokens} tokens; this model reads the first {most}.",)

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
