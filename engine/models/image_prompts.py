"""Pictures that guide a drawing beside its words: an IP-Adapter with a scale for each row."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from engine.device.async_copy import to_device
from engine.errors import BrokenModelError, Sentence, first_line
from engine.models.text_cache import Embedding


class ImagePrompts:
    """The IP-Adapter (Ye et al. 2023) of one pipeline's UNet.

    diffusers keeps one scale on each attention processor. Here it is one for each sample, so that
    rows with and without pictures share a pass; where none has any, the processors skip theirs.
    Of a picture whose style is followed only the layers see anything that decide about the style
    (InstantStyle, Wang et al. 2024).
    """

    def __init__(self, pipeline: Any, device: torch.device) -> None:  # noqa: ANN401
        from diffusers.models.embeddings import ImageProjection  # noqa: PLC0415 - seconds

        self._pipeline, self._device = pipeline, device
        self._unet = pipeline.unet
        processors = {
            name: each
            for name, each in self._unet.attn_processors.items()
            if hasattr(each, "to_k_ip")
        }
        style = style_layers(tuple(processors))
        self._of_style = [each for name, each in processors.items() if name in style]
        self._others = [each for name, each in processors.items() if name not in style]
        (projection,) = self._unet.encoder_hid_proj.image_projection_layers
        self._pooled = isinstance(projection, ImageProjection)
        """Whether the adapter sees one vector of a picture, or one for each of its patches."""
        self._scale(self._of_style, 0.0)
        self._scale(self._others, 0.0)

    def blank(self, samples: int) -> Embedding:
        """Conditioning of a row without pictures."""
        config = self._pipeline.image_encoder.config
        shape: tuple[int, ...] = (1, config.projection_dim)
        if not self._pooled:
            patches = (config.image_size // config.patch_size) ** 2
            shape = (1, patches + 1, config.hidden_size)
        return {
            "image_embeds": torch.zeros(
                samples, *shape, device=self._device, dtype=self._unet.dtype
            ),
            "image_scale": torch.zeros(samples, 2, dtype=torch.float32),
        }

    def embed(
        self,
        pictures: Sequence[Image.Image],
        weights: Sequence[float],
        *,
        samples: int,
        scale: float,
        only_style: bool = False,
    ) -> Embedding:
        """Conditioning of a row: the pictures' mean by weight; the negative sees none.

        only_style: whether their style alone is followed.
        """
        total = sum(weights)
        seen = [self._pipeline.encode_image(p, self._device, 1, not self._pooled) for p in pictures]
        wanted = sum(embeds * (w / total) for (embeds, _), w in zip(seen, weights, strict=True))
        text = 0 if samples == 1 else 1
        embeds = torch.cat([wanted if at == text else seen[0][1] for at in range(samples)])
        return {
            "image_embeds": embeds[:, None].to(self._unet.dtype),
            "image_scale": torch.tensor(
                [[scale, 0.0 if only_style else scale]] * samples, dtype=torch.float32
            ),
        }

    @contextlib.contextmanager
    def using(self, scales: Tensor) -> Iterator[bool]:
        """Set the scales for the pass within; yields whether any is above 0.

        scales: (B, 2) on the CPU, for the layers of style and for the others.
        """
        guided = [
            (processors, column)
            for processors, column in zip((self._of_style, self._others), scales.T, strict=True)
            if column.any()
        ]
        for processors, column in guided:
            values = column[:, None, None].to(self._unet.dtype)
            self._scale(processors, _PerSample(to_device(values, self._device)))
        try:
            yield bool(guided)
        finally:
            for processors, _ in guided:
                self._scale(processors, 0.0)

    def _scale(self, processors: Sequence[Any], scale: Any) -> None:  # noqa: ANN401 - a number, or what multiplies like one
        for processor in processors:
            processor.scale = [scale]


def style_layers(names: Sequence[str]) -> frozenset[str]:
    """Of the names of a UNet's attention processors those of the layers that decide about style.

    They lie in the first block of the upward half that attends to text at all: for SDXL its second
    attention; for Stable Diffusion 1.x and 2.x, whose very first block attends to nothing, all of
    it.
    """
    up = [name for name in names if name.startswith("up_blocks.")]
    if not up:
        return frozenset(names)
    first = min(int(name.split(".")[1]) for name in up)
    block = [name for name in up if name.startswith(f"up_blocks.{first}.")]
    second = [name for name in block if name.startswith(f"up_blocks.{first}.attentions.1.")]
    return frozenset(second if first == 0 and second else block)


class _PerSample:
    """Replaces the one number that diffusers expects: it is compared with 0, and multiplied."""

    def __init__(self, values: Tensor) -> None:
        self._values = values

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]

    def __mul__(self, states: Tensor) -> Tensor:
        return self._values * states


def attach(pipeline: Any, weights: Path, image_encoder: Path, dtype: torch.dtype) -> None:  # noqa: ANN401
    """Load an adapter and the tower that it was trained with into a pipeline; safetensors only."""
    from diffusers.models.embeddings import (  # noqa: PLC0415 - seconds
        ImageProjection,
        IPAdapterFullImageProjection,
        IPAdapterPlusImageProjection,
    )
    from transformers import CLIPVisionModelWithProjection  # noqa: PLC0415

    for place in (weights, image_encoder):
        if not place.exists():
            raise BrokenModelError(
                Sentence("The IP-Adapter's files are not at {place}.", place=str(place))
            )
    try:
        tower = CLIPVisionModelWithProjection.from_pretrained(
            image_encoder, dtype=dtype, use_safetensors=True, local_files_only=True
        )
        pipeline.register_modules(image_encoder=tower)
        pipeline.load_ip_adapter(
            str(weights.parent),
            subfolder="",
            weight_name=weights.name,
            image_encoder_folder=None,
            local_files_only=True,
        )
    except Exception as error:
        why = first_line(error)[:200]
        raise BrokenModelError(
            Sentence(
                "The IP-Adapter {file} does not fit this model or its tower: {why}.",
                file=str(weights),
                why=why,
            )
        ) from error
    (projection,) = pipeline.unet.encoder_hid_proj.image_projection_layers
    known = (ImageProjection, IPAdapterFullImageProjection, IPAdapterPlusImageProjection)
    if type(projection) not in known:
        raise BrokenModelError(
            Sentence(
                "{file} needs faces found in the picture (Face ID), which is not supported; use a"
                " plain, plus or full IP-Adapter.",
                file=str(weights),
            )
        )
