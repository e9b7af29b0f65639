"""A catalogue entry's files as a diffusers pipeline: a directory, one file, or quantised."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import torch

from engine.catalogue import ModelSpec
from engine.failures import BrokenModelError

_SINGLE_FILE = {
    "sd": "StableDiffusionPipeline",
    "sdxl": "StableDiffusionXLPipeline",
    "sd3": "StableDiffusion3Pipeline",
    "flux": "FluxPipeline",
    "z-image": "ZImagePipeline",
}
OFFLINE = {"use_safetensors": True, "local_files_only": True}


def open_pipeline(
    spec: ModelSpec, device: torch.device, dtype: torch.dtype, prefixes: tuple[str, ...]
) -> Any:  # noqa: ANN401
    """A diffusers pipeline as the container of its parts, not yet on the device."""
    import diffusers  # noqa: PLC0415 - seconds, and only once a model is asked for
    import transformers  # noqa: PLC0415

    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    options: dict[str, Any] = {"dtype": dtype, "trust_remote_code": False} | OFFLINE
    if spec.place.is_file():
        if spec.quantise:
            raise BrokenModelError(
                f"{spec.place} is a single file, which cannot be quantised; use a directory."
            )
        if spec.config is None or not (spec.config / "model_index.json").is_file():
            # diffusers would look for it on its hub.
            raise BrokenModelError(
                f"{spec.place} is a single file; set `config` to the directory of its base model."
            )
        single = getattr(diffusers, _SINGLE_FILE[spec.info.family])
        return single.from_single_file(
            str(spec.place), config=str(spec.config), torch_dtype=dtype, local_files_only=True
        )
    index = json.loads((spec.place / "model_index.json").read_text(encoding="utf-8"))
    found = str(index.get("_class_name", ""))
    if prefixes and not found.startswith(prefixes):
        raise BrokenModelError(
            f"{spec.place} holds a {found}, which is not of the family {spec.info.family!r};"
            " set `family` in the catalogue."
        )
    if _has_pickles_only(spec.place):
        raise BrokenModelError(
            f"{spec.place} has only pickles (.bin, .ckpt), which can run code; convert them to"
            " safetensors."
        )
    if spec.quantise:
        options["quantization_config"] = _four_bits(spec, device, dtype)
    if spec.denoiser is not None:
        part = "unet" if "unet" in index else "transformer"
        options[part] = _from_gguf(spec, spec.denoiser, index[part][1], part, dtype)
    if any(spec.place.glob("*/*.fp16.safetensors")):
        options["variant"] = "fp16"
    options |= {part: None for part in ("safety_checker", "feature_extractor") if part in index}
    if "safety_checker" in index:
        options["requires_safety_checker"] = False
    return diffusers.DiffusionPipeline.from_pretrained(spec.place, **options)


def _from_gguf(spec: ModelSpec, file: Path, class_name: str, part: str, dtype: torch.dtype) -> Any:  # noqa: ANN401
    """A denoiser whose weights stay quantised in memory, each layer unpacked as it is used."""
    import diffusers  # noqa: PLC0415

    if not file.is_file():
        raise BrokenModelError(f"The denoiser is not at {file}; put the GGUF file there.")
    _need("gguf", spec)
    return getattr(diffusers, class_name).from_single_file(
        str(file),
        config=str(spec.place),
        subfolder=part,
        quantization_config=diffusers.GGUFQuantizationConfig(compute_dtype=dtype),
        torch_dtype=dtype,
        local_files_only=True,
    )


def _four_bits(spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> Any:  # noqa: ANN401
    if device.type != "cuda":
        raise BrokenModelError(
            f"{spec.info.title} is to be loaded in 4 bits, which needs a CUDA card; leave out"
            " `quantise` in the catalogue."
        )
    _need("bitsandbytes", spec)
    from diffusers import PipelineQuantizationConfig  # noqa: PLC0415

    return PipelineQuantizationConfig(
        quant_backend="bitsandbytes_4bit",
        quant_kwargs={
            "load_in_4bit": True,
            "bnb_4bit_quant_type": "nf4",
            "bnb_4bit_compute_dtype": dtype,
        },
        components_to_quantize=["transformer", "unet", "text_encoder_2", "text_encoder_3"],
    )


def _need(package: str, spec: ModelSpec) -> None:
    if importlib.util.find_spec(package) is None:
        raise BrokenModelError(
            f"{spec.info.title} needs the extra `small`: pip install 'darkroom[small]'."
        )


def _has_pickles_only(place: Path) -> bool:
    pickles = any(place.glob("*/*.bin")) or any(place.glob("*/*.ckpt"))
    return pickles and not any(place.glob("*/*.safetensors"))
