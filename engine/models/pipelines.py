"""A catalogue entry's files as a diffusers pipeline: a directory, one file, or quantised."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from engine.catalogue import ModelSpec
from engine.errors import BrokenModelError, Sentence
from engine.families import family_for

_DISPENSABLE = {
    "safety_checker",
    "feature_extractor",
    "image_encoder",
    "text_encoder_3",
    "tokenizer_3",
}
"""Parts that a family draws without."""
_ENDLESS = 10**6
"""Tokenizers whose files do not say how much text they take report more than this."""
OFFLINE = {"use_safetensors": True, "local_files_only": True}


def open_pipeline(spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> Any:  # noqa: ANN401
    """A diffusers pipeline as the container of its parts, not yet on the device."""
    pipeline = _open(spec, device, dtype)
    for part in pipeline.components.values():
        check_tokenizer(part, spec.config or spec.place)
    if spec.family.shares_passes and "unet" in pipeline.components:
        _check_unet(pipeline, spec)
    return pipeline


def check_tokenizer(part: Any, place: Path) -> None:  # noqa: ANN401
    """Refuse a tokenizer without files; transformers silently makes one that knows no word."""
    from transformers import CLIPTokenizer, PreTrainedTokenizerBase  # noqa: PLC0415

    if not isinstance(part, PreTrainedTokenizerBase):
        return
    endless = isinstance(part, CLIPTokenizer) and part.model_max_length > _ENDLESS
    known = len(part) - len(set(part.all_special_ids))
    if endless or known <= 1:  # T5's knows the space
        raise BrokenModelError(
            Sentence(
                "A tokenizer's files are missing in {place}, its vocabulary or its"
                " tokenizer_config.json; fetch the model anew.",
                place=str(place),
            )
        )


def _check_unet(pipeline: Any, spec: ModelSpec) -> None:  # noqa: ANN401
    """Refuse UNets that need more inputs than latents, a mask and a masked picture."""
    config, channels = pipeline.unet.config, int(pipeline.vae.config.latent_channels)
    found: Sentence | None = None
    if config.in_channels not in {channels, 2 * channels + 1}:
        found = Sentence("a denoiser of {channels} input channels", channels=config.in_channels)
    elif config.time_cond_proj_dim is not None:
        found = Sentence("a denoiser that is given its guidance (LCM's own)")
    if found is not None:
        raise BrokenModelError(
            Sentence(
                "{place} holds {found}, which the family {family!r} cannot draw with; set"
                ' `family = "{other}"` in the catalogue.',
                place=str(spec.place),
                found=found,
                family=spec.info.family,
                other=family_for("").name,
            )
        )


def _open(spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> Any:  # noqa: ANN401
    import diffusers  # noqa: PLC0415 - seconds, and only once a model is asked for
    import transformers  # noqa: PLC0415

    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    options: dict[str, Any] = {"dtype": dtype, "trust_remote_code": False} | OFFLINE
    if spec.place.is_file():
        if spec.quantise == "4bit":
            raise BrokenModelError(
                Sentence(
                    "{place} is a single file, which cannot be quantised; use a directory.",
                    place=str(spec.place),
                )
            )
        if spec.config is None or not (spec.config / "model_index.json").is_file():
            # diffusers would look for the config on its hub.
            raise BrokenModelError(
                Sentence(
                    "{place} is a single file; set `config` to the directory of its base model.",
                    place=str(spec.place),
                )
            )
        if not spec.family.pipelines:
            raise BrokenModelError(
                Sentence(
                    "{place} is a single file, which the family {family!r} cannot load; use a"
                    " directory.",
                    place=str(spec.place),
                    family=spec.info.family,
                )
            )
        single = getattr(diffusers, spec.family.pipelines[0])
        return single.from_single_file(
            str(spec.place), config=str(spec.config), torch_dtype=dtype, local_files_only=True
        )
    index = json.loads((spec.place / "model_index.json").read_text(encoding="utf-8"))
    _check_index(index, spec)
    if _has_pickles_only(spec.place):
        raise BrokenModelError(
            Sentence(
                "{place} has only pickles (.bin, .ckpt), which can run code; convert them to"
                " safetensors.",
                place=str(spec.place),
            )
        )
    if spec.quantise == "4bit":
        options["quantization_config"] = _four_bits(spec, device, dtype)
    if spec.denoiser is not None:
        part = "unet" if "unet" in index else "transformer"
        options[part] = _from_gguf(spec, spec.denoiser, index[part][1], part, dtype)
    if any(spec.place.glob("*/*.fp16.safetensors")):
        options["variant"] = "fp16"
    unwanted = {"safety_checker", "feature_extractor"} & set(index)
    options |= dict.fromkeys(unwanted | _lacking(index))
    if "safety_checker" in index:
        options["requires_safety_checker"] = False
    return diffusers.DiffusionPipeline.from_pretrained(spec.place, **options)


def _check_index(index: Mapping[str, Any], spec: ModelSpec) -> None:
    """Refuse directories that a family which shares passes cannot draw with."""
    family, found = spec.family, str(index.get("_class_name", ""))
    if not family.pipelines:
        return
    if found not in family.pipelines:
        raise BrokenModelError(
            Sentence(
                "{place} holds a {found}, which is not of the family {family!r};"
                ' set `family = "{other}"` in the catalogue.',
                place=str(spec.place),
                found=found,
                family=family.name,
                other=family_for(found).name,
            )
        )
    lacking = sorted(_lacking(index) - _DISPENSABLE)
    if lacking:
        raise BrokenModelError(_parts_missing(spec, lacking))


def _parts_missing(spec: ModelSpec, parts: Sequence[str]) -> Sentence:
    values = {
        "place": str(spec.place),
        "parts": ", ".join(parts),
        "family": spec.info.family,
        "other": family_for("").name,
    }
    if spec.family.missing_part_hint is None:
        return Sentence(
            "{place} lacks {parts}, which the family {family!r} draws with; set"
            ' `family = "{other}"` in the catalogue.',
            **values,
        )
    return Sentence(
        "{place} lacks {parts} ({hint}), which the family {family!r} draws with; set"
        ' `family = "{other}"` in the catalogue.',
        hint=spec.family.missing_part_hint,
        **values,
    )


def _lacking(index: Mapping[str, Any]) -> set[str]:
    """Parts that a directory says it lacks; diffusers wants to be told them again."""
    return {part for part, source in index.items() if source == [None, None]}


def _from_gguf(spec: ModelSpec, file: Path, class_name: str, part: str, dtype: torch.dtype) -> Any:  # noqa: ANN401
    """A denoiser whose weights stay quantised in memory, each layer unpacked as it is used."""
    import diffusers  # noqa: PLC0415

    if not file.is_file():
        raise BrokenModelError(
            Sentence("The denoiser is not at {file}; put the GGUF file there.", file=str(file))
        )
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
            Sentence(
                "{title} is to be loaded in 4 bits, which needs a CUDA card; leave out `quantise`"
                " in the catalogue.",
                title=spec.info.title,
            )
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
            Sentence(
                "{title} needs the extra `small`: pip install -c constraints.txt -e '.[small]'.",
                title=spec.info.title,
            )
        )


def _has_pickles_only(place: Path) -> bool:
    pickles = any(place.glob("*/*.bin")) or any(place.glob("*/*.ckpt"))
    return pickles and not any(place.glob("*/*.safetensors"))
