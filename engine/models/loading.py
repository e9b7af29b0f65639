"""From a catalogue entry to a model on the device; safetensors only, never over the network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch

from engine.catalogue import ModelSpec
from engine.errors import JobError
from engine.models import Denoiser, Solo
from engine.models.flux import Flux
from engine.models.sd3 import StableDiffusion3
from engine.models.sdxl import StableDiffusionXL
from engine.models.stable_diffusion import StableDiffusion
from engine.models.z_image import ZImage
from engine.tickets import DESCRIBER, UPSCALER

_FAMILIES: dict[str, tuple[str | tuple[str, ...], type[Any]]] = {
    "sd": (("StableDiffusionPipeline", "StableDiffusionI"), StableDiffusion),
    "sdxl": ("StableDiffusionXL", StableDiffusionXL),
    "sd3": ("StableDiffusion3", StableDiffusion3),
    "flux": ("Flux", Flux),
    "z-image": ("ZImage", ZImage),
}
"""family → (beginnings of its pipelines' class names, class)"""


class BrokenModelError(JobError):
    """The files of a model are missing or damaged; the text is for members and operator alike."""


def load(spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> Denoiser | Solo:
    """The model, ready on the device; BrokenModelError with one sentence where it cannot be."""
    if not spec.info.installed and not spec.place.exists():
        how = f"; get it with: python -m engine fetch {spec.info.name}" if spec.hub_id else ""
        raise BrokenModelError(f"The files of {spec.info.title} are not at {spec.place}{how}.")
    try:
        return _load(spec, device, dtype)
    except JobError:
        raise
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        raise BrokenModelError(
            f"{spec.info.title} cannot be loaded from {spec.place}: {_first_line(error)}."
        ) from error


def _load(spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> Denoiser | Solo:
    _prefix, family = _FAMILIES[spec.info.family]
    pipeline = _pipeline(spec, dtype)
    for part in pipeline.components.values():
        if isinstance(part, torch.nn.Module):
            part.to(device).eval().requires_grad_(requires_grad=False)
    loras = {lora.name: lora.path for lora in spec.loras}
    model: Denoiser = family(spec.info.name, pipeline, device, loras)
    return model


def _pipeline(spec: ModelSpec, dtype: torch.dtype) -> Any:  # noqa: ANN401
    """A diffusers pipeline as the container of its parts."""
    import diffusers  # noqa: PLC0415 - seconds, and only once a model is asked for
    import transformers  # noqa: PLC0415

    index = json.loads((spec.place / "model_index.json").read_text(encoding="utf-8"))
    prefix, _ = _FAMILIES[spec.info.family]
    if not str(index.get("_class_name", "")).startswith(prefix):
        raise BrokenModelError(
            f"{spec.place} holds a {index.get('_class_name')}, which is not of the family"
            f" {spec.info.family!r}; set `family` in the catalogue."
        )
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    options: dict[str, Any] = {
        part: None for part in ("safety_checker", "feature_extractor") if part in index
    }
    if "safety_checker" in index:
        options["requires_safety_checker"] = False
    return diffusers.DiffusionPipeline.from_pretrained(
        spec.place,
        dtype=dtype,
        use_safetensors=True,
        local_files_only=True,
        trust_remote_code=False,
        **options,
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def by_role(specs: Mapping[str, ModelSpec]) -> dict[str, ModelSpec]:
    """Every entry by the name that tickets use, upscaler and describer by their role."""
    roles = {"swin2sr": UPSCALER, "spandrel": UPSCALER, "clip": DESCRIBER, "captioner": DESCRIBER}
    return {
        roles.get(spec.info.family, name): spec for name, spec in reversed(tuple(specs.items()))
    }
