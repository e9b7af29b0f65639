"""Checks the header of a LoRA's file before anything is loaded into a model."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from engine.errors import JobError, Sentence

_MARKS_OF_PRODUCTS = ("lokr_", "hada_")
_MARKS_OF_DORA = ("dora_scale", "lora_magnitude_vector")
_MARKS_OF_CONTROL = (
    "norm_q",
    "norm_k",
    "norm_added_q",
    "norm_added_k",
    "query_norm",
    "key_norm",
    "lora_B.bias",
)
"""Parts of the names of weights that diffusers would write into the model itself, for everybody."""
_LAYER = re.compile(
    r"(?P<part>unet|transformer|text_encoder(?:_\d)?)\.(?P<name>.+?)"
    r"(?:_lora|\.lora|\.lora_linear_layer)?\.(?P<side>lora_[AB]|down|up)(?:\.\w+)?\.weight"
)


def check_lora(name: str, path: Path, pipeline: Any) -> None:  # noqa: ANN401
    """JobError with one sentence where the file cannot be a LoRA of this pipeline.

    diffusers widens a layer that is too narrow for a LoRA, and skips layers that are not there.
    """
    if path.suffix != ".safetensors":
        raise JobError(
            Sentence("The LoRA {name} is no .safetensors file; others can run code.", name=name)
        )
    if not path.is_file():
        raise JobError(
            Sentence(
                "The LoRA {name} is not there: its file {file} is missing; choose another.",
                name=name,
                file=path.name,
            )
        )
    tensors = _outline(name, path)
    _check_kind(name, tensors)
    missing, found = 0, 0
    for key, tensor in _converted(tensors, pipeline).items():
        layer = _LAYER.fullmatch(key)
        part = layer and pipeline.components.get(layer["part"])
        if layer is None or not isinstance(part, nn.Module) or tensor.ndim < 2:
            continue
        module = _layer_of(part, layer["name"].replace(".processor", ""))
        if module is not None:
            found += 1
            _check_width(name, layer["name"], layer["side"], tensor, module)
        elif layer["part"] in {"unet", "transformer"}:
            missing += 1
    if missing > found:
        raise JobError(
            Sentence(
                "The LoRA {name} was made for another model: only {found} of its {all} weights have"
                " a place in this one; choose another.",
                name=name,
                found=found,
                all=found + missing,
            )
        )


def _check_kind(name: str, weights: Collection[str]) -> None:
    def any_has(marks: Sequence[str]) -> bool:
        return any(mark in weight for weight in weights for mark in marks)

    if any_has(_MARKS_OF_PRODUCTS):
        raise JobError(
            Sentence(
                "The LoRA {name} is a LoKr or LoHa, which cannot share passes; choose another.",
                name=name,
            )
        )
    if any_has(_MARKS_OF_DORA):
        raise JobError(
            Sentence(
                "The LoRA {name} is a DoRA, which cannot share passes; choose another.", name=name
            )
        )
    if any_has(_MARKS_OF_CONTROL):
        raise JobError(
            Sentence(
                "The LoRA {name} changes the model itself, as control LoRAs do; choose another.",
                name=name,
            )
        )


def _outline(name: str, path: Path) -> dict[str, Tensor]:
    """The weights by name with their shapes; values are read only of single numbers."""
    outline = {}
    try:
        with safe_open(path, "pt") as file:
            for key in file.keys():  # noqa: SIM118 - no mapping
                shape = file.get_slice(key).get_shape()
                many = any(side > 1 for side in shape)
                outline[key] = torch.zeros(1).expand(shape) if many else file.get_tensor(key)
    except (SafetensorError, OSError) as error:
        raise JobError(
            Sentence(
                "The LoRA {name} cannot be read: its file {file} is damaged; choose another.",
                name=name,
                file=path.name,
            )
        ) from error
    return outline


def _converted(tensors: dict[str, Tensor], pipeline: Any) -> Mapping[str, Tensor]:  # noqa: ANN401
    """The weights under the names that they have in this model, whichever trainer wrote them."""
    unet = pipeline.components.get("unet")
    options = {} if unet is None else {"unet_config": unet.config}
    found = pipeline.lora_state_dict(tensors, **options)
    converted: Mapping[str, Tensor] = found[0] if isinstance(found, tuple) else found
    return converted


def _layer_of(part: nn.Module, name: str) -> nn.Module | None:
    try:
        module = part.get_submodule(name)
    except AttributeError:
        return None
    return getattr(module, "base_layer", module)


def _check_width(name: str, layer: str, side: str, tensor: Tensor, module: nn.Module) -> None:
    enters = side in {"lora_A", "down"}
    names = ("in_features", "in_channels") if enters else ("out_features", "out_channels")
    ours = next((getattr(module, each) for each in names if hasattr(module, each)), None)
    theirs = tensor.shape[1 if enters else 0]
    if ours is not None and theirs != ours:
        raise JobError(
            Sentence(
                "The LoRA {name} was made for another model: its {layer} is {theirs} wide and this"
                " model's is {ours}; choose another.",
                name=name,
                layer=layer,
                theirs=theirs,
                ours=ours,
            )
        )
