"""Stable Diffusion 1.x and 2.x."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from engine.catalogue import ModelSpec
from engine.messages import DrawJob
from engine.models.clip_text import ClipText
from engine.models.deep_cache import DEEP
from engine.models.image_prompts import ImagePrompts
from engine.models.latent import LatentModel
from engine.models.latent_loading import load_latent
from engine.models.text_cache import Embedding, Text


def load(spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> StableDiffusion:
    """The model of a catalogue entry."""
    return load_latent(StableDiffusion, spec, device, dtype)


class StableDiffusion(LatentModel):
    """A UNet that attends to one CLIP text encoder."""

    chunks_together = 16

    def __init__(self, name: str, pipeline: Any, *arguments: Any) -> None:  # noqa: ANN401
        super().__init__(name, pipeline, *arguments)
        self.inpaints = int(pipeline.unet.config.in_channels) > self.channels
        self._prompts: ImagePrompts | None = None
        if pipeline.unet.config.encoder_hid_dim_type == "ip_image_proj":
            self._prompts = ImagePrompts(pipeline, self.device)
        self._text = ClipText(pipeline.tokenizer, pipeline.text_encoder, penultimate=False)

    @property
    def denoiser(self) -> Any:  # noqa: ANN401
        return self.pipeline.unet

    def text_chunks(self, text: str) -> int:
        return self._text.chunks(text)

    def embed(self, texts: Sequence[Text]) -> list[Embedding]:
        return [{"encoder_hidden_states": hidden} for hidden, _ in self._text.encode(texts)]

    def image_prompt(
        self, job: DrawJob, pictures: Sequence[Image.Image], samples: int
    ) -> Embedding:
        if self._prompts is None:
            return {}
        if not pictures:
            return self._prompts.blank(samples)
        of_style = bool(job.style_inputs)
        weights = [given.weight for given in (job.style_inputs or job.inputs)]
        scale = job.style_scale if of_style else job.image_scale
        return self._prompts.embed(
            pictures, weights, samples=samples, scale=scale, only_style=of_style
        )

    def predict(
        self,
        latents: Tensor,
        timesteps: Tensor,
        conditioning: Mapping[str, Tensor],
        adapters: Sequence[str],
    ) -> Tensor:
        added: dict[str, Any] = dict(conditioning)
        hidden = added.pop("encoder_hidden_states")
        deep = {DEEP: added.pop(DEEP)} if DEEP in added else {}
        if self._prompts is None:
            return self._noise(adapters, latents, timesteps, hidden, added, deep)
        with self._prompts.using(added.pop("image_scale")) as guided:
            added["image_embeds"] = [added["image_embeds"]]
            return self._noise(adapters, latents, timesteps, hidden, added, deep, eager=guided)

    def _noise(
        self,
        adapters: Sequence[str],
        latents: Tensor,
        timesteps: Tensor,
        hidden: Tensor,
        added: dict[str, Any],
        deep: dict[str, Tensor],
        *,
        eager: bool = False,
    ) -> Tensor:
        noise: Tensor = self.forward(
            adapters,
            latents,
            timesteps,
            eager=eager,
            encoder_hidden_states=hidden,
            added_cond_kwargs=added or None,
            return_dict=False,
            **deep,
        )[0]
        return noise
