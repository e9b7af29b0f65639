"""Super-resolution networks of the community, through the optional package spandrel."""

from __future__ import annotations

import torch

from engine.catalogue import ModelSpec
from engine.errors import BrokenModelError, Sentence
from engine.models import Solo
from engine.models.upscaler import Upscaler


def load(spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> Solo:
    """The network of one `.safetensors` file."""
    del dtype
    try:
        from spandrel import ModelLoader  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise BrokenModelError(
            Sentence(
                "{title} needs the extra `upscale`: pip install -c constraints.txt "
                "-e '.[upscale]'.",
                title=spec.info.title,
            )
        ) from error
    if spec.place.suffix != ".safetensors":
        raise BrokenModelError(
            Sentence("{place} is no .safetensors file; others can run code.", place=str(spec.place))
        )
    found = ModelLoader(device=device).load_from_file(spec.place).eval()
    return Upscaler(spec.info.name, found, int(found.scale), device, found.model)
