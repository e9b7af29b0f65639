"""Z-Image: a caption of any length from a language model, latents kept in fp32."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from engine.catalogue import ModelSpec
from engine.device.async_copy import non_blocking
from engine.errors import Sentence
from engine.models.flow import FlowModel
from engine.models.latent_loading import load_latent
from engine.models.text_cache import Embedding, Text

CAPTION_TOKENS = 512


def load(spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> ZImage:
    """The model of a catalogue entry."""
    return load_latent(ZImage, spec, device, dtype)


class ZImage(FlowModel):
    """Guidance 1 means none, as for every model here; diffusers' pipeline counts it from 0."""

    def __init__(self, name: str, pipeline: Any, *arguments: Any) -> None:  # noqa: ANN401
        super().__init__(name, pipeline, *arguments)
        self.noise_dtype = torch.float32
        self.makes_contiguous = False

    def embed(self, texts: Sequence[Text]) -> list[Embedding]:
        return [self._embedding(text) for text, _ in texts]

    def _embedding(self, text: str) -> Embedding:
        """The caption's embedding, padded, and its length on the CPU, so that any captions share a
        pass.
        """
        (caption,), _ = self.pipeline.encode_prompt(
            text, device=self.device, do_classifier_free_guidance=False
        )
        padded = caption.new_zeros(1, CAPTION_TOKENS, caption.shape[-1])
        padded[0, : len(caption)] = caption
        return {"caption": padded, "length": torch.tensor([len(caption)])}

    def text_notes(self, text: str) -> tuple[Sentence, ...]:
        tokens = len(self.pipeline.tokenizer(text).input_ids)
        if tokens <= CAPTION_TOKENS - 16:  # room for the template around it
            return ()
        return (
            Sentence(
                "The prompt has {tokens} tokens; this model reads about {most}.",
                tokens=tokens,
                most=CAPTION_TOKENS - 16,
            ),
        )

    def sigmas(self, steps: int) -> Sequence[float] | None:
        spaced: list[float] = torch.linspace(1.0, 1 / steps, steps, dtype=torch.float32).tolist()
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
        lengths = conditioning["length"].tolist()
        captions = [c[:n] for c, n in zip(conditioning["caption"], lengths, strict=True)]
        given = latents.to(self.denoiser.dtype).unsqueeze(2)
        outputs = self.forward(
            adapters,
            list(given.unbind(dim=0)),
            (1000 - timesteps) / 1000,
            captions,
            return_dict=False,
        )[0]
        return -torch.stack([output.float() for output in outputs]).squeeze(2)

    def eagerly(self) -> AbstractContextManager[object]:
        """The context of an eager pass, whose forward copies lengths and positions each time."""
        return non_blocking(self.device)

    def guide(self, predictions: Sequence[Tensor], scale: Tensor, avoid_weight: Tensor) -> Tensor:
        if len(predictions) == 1:
            return predictions[0]
        negative, text, *avoided = predictions
        guided = text + (scale - 1) * (text - negative)
        for prediction in avoided:
            guided = guided + scale * avoid_weight * (prediction - negative)
        return guided
