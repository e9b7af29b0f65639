"""Load and place the parts of a checkpoint: networks, processors, checkers, decoders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from engine.catalogue import ModelSpec
from engine.models.how import orders
from engine.models.pipelines import OFFLINE
from engine.models.preview import TinyDecoder
from engine.models.safety import SafetyCheck, load_safety


def place_on_device(pipeline: Any, spec: ModelSpec, device: torch.device) -> None:  # noqa: ANN401
    """Move the parts to the device, or stream them to it group by group on small cards."""
    from diffusers.hooks import apply_group_offloading  # noqa: PLC0415

    in_order = orders(spec, device)
    for name, part in pipeline.components.items():
        if not isinstance(part, torch.nn.Module):
            continue
        part.eval().requires_grad_(requires_grad=False)
        if spec.offload and device.type == "cuda" and name in {"unet", "transformer"}:
            apply_group_offloading(
                part, onload_device=device, offload_type="leaf_level", use_stream=True
            )
        elif any(each.device != device for each in part.parameters()):
            part.to(device)  # bitsandbytes has put its own there already
        if name in in_order:
            part.to(memory_format=in_order[name])  # type: ignore[call-overload]
    vae = pipeline.components.get("vae")
    if vae is not None and vae.dtype == torch.float16 and vae.config.get("force_upcast", False):
        # In half precision this autoencoder overflows to black pictures.
        vae.to(torch.float32)


def safety_of(spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> SafetyCheck | None:
    if spec.safety_checker is None:
        return None
    return load_safety(spec.safety_checker, device, dtype)


def tiny_decoder(place: Path, device: torch.device, dtype: torch.dtype) -> TinyDecoder:
    from diffusers import AutoencoderTiny  # noqa: PLC0415

    found = AutoencoderTiny.from_pretrained(place, torch_dtype=dtype, **OFFLINE)
    return TinyDecoder(found.eval().requires_grad_(requires_grad=False).to(device))


def load_network(class_name: str, place: Path, device: torch.device, dtype: torch.dtype) -> Any:  # noqa: ANN401
    import transformers  # noqa: PLC0415

    transformers.utils.logging.disable_progress_bar()
    model = getattr(transformers, class_name).from_pretrained(
        place, dtype=dtype, trust_remote_code=False, **OFFLINE
    )
    return model.eval().requires_grad_(requires_grad=False).to(device)


def load_processor(class_name: str, place: Path) -> Any:  # noqa: ANN401
    import transformers  # noqa: PLC0415

    return getattr(transformers, class_name).from_pretrained(
        place, local_files_only=True, trust_remote_code=False
    )
