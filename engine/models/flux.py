"""Flux.1: guidance is an input of the distilled model, so each row has only one sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.catalogue import ModelSpec
from engine.device.async_copy import to_device
from engine.errors import Sentence
from engine.messages import DrawJob
from engine.models.flow import FlowModel
from engine.models.latent_loading import load_latent
from engine.models.text_cache import Embedding, Text, reads_the_first

T5_TOKENS = 512


def load(spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> Flux:
    """The model of a catalogue entry."""
    return load_latent(Flux, spec, device, dtype)


class Flux(FlowModel):
    """A transformer over 2 × 2 patches of latents; rows keep their latents unpacked."""

    def __init__(self, name: str, pipeline: Any, *arguments: Any) -> None:  # noqa: ANN401
        super().__init__(name, pipeline, *arguments)
        self._places: dict[tuple[int, int], Tensor] = {}
        """Where each patch lies, (patches, 3), by height and width: copied to the device once."""

    def embed(self, texts: Sequence[Text]) -> list[Embedding]:
        return [self._embedding(text) for text, _ in texts]

    def _embedding(self, text: str) -> Embedding:
        hidden, pooled, _ = self.pipeline.encode_prompt(
            text, text, device=self.device, max_sequence_length=T5_TOKENS
        )
        return {"encoder_hidden_states": hidden, "pooled_projections": pooled}

    def text_notes(self, text: str) -> tuple[Sentence, ...]:
        tokens = len(self.pipeline.tokenizer_2(text).input_ids)
        if tokens <= T5_TOKENS:
            return ()
        return (reads_the_first(tokens, T5_TOKENS),)

    def guided(self, job: DrawJob) -> bool:
        del job
        return False

    def extra_conditioning(self, job: DrawJob, samples: int) -> Embedding:
        if not self.denoiser.config.guidance_embeds:
            return {}
        return {
            "guidance": torch.full([samples], job.guidance, device=self.device, dtype=torch.float32)
        }

    def sigmas(self, steps: int) -> Sequence[float] | None:
        if getattr(self.scheduler.config, "use_flow_sigmas", False):
            return None
        spaced: Sequence[float] = np.linspace(1.0, 1 / steps, steps)  # type: ignore[assignment]
        return spaced

    def shifts(self, scheduler: Any) -> bool:  # noqa: ANN401
        del scheduler
        return True

    def predict(
        self,
        latents: Tensor,
        timesteps: Tensor,
        conditioning: Mapping[str, Tensor],
        adapters: Sequence[str],
    ) -> Tensor:
        count, channels, height, width = latents.shape
        hidden = conditioning["encoder_hidden_states"]
        packed: Tensor = self.forward(
            adapters,
            hidden_states=self.pipeline._pack_latents(  # noqa: SLF001 - static, and its layout is the weights'
                latents, count, channels, height, width
            ),
            timestep=timesteps.to(latents.dtype) / 1000,
            guidance=conditioning.get("guidance"),
            pooled_projections=conditioning["pooled_projections"],
            encoder_hidden_states=hidden,
            txt_ids=torch.zeros(hidden.shape[1], 3, device=self.device, dtype=hidden.dtype),
            img_ids=self._places_of(height // 2, width // 2, hidden.dtype),
            return_dict=False,
        )[0]
        unpacked: Tensor = self.pipeline._unpack_latents(  # noqa: SLF001
            packed, height * self.vae_scale, width * self.vae_scale, self.vae_scale
        )
        return unpacked

    def _places_of(self, height: int, width: int, dtype: torch.dtype) -> Tensor:
        if (height, width) not in self._places:
            places = self.pipeline._prepare_latent_image_ids(  # noqa: SLF001
                1, height, width, torch.device("cpu"), dtype
            )
            self._places[height, width] = to_device(places, self.device)
        return self._places[height, width]
