"""From a catalogue entry to a model on the device: no pickles, and never over the network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from engine.catalogue import ModelSpec
from engine.errors import BrokenModelError, JobError, first_line
from engine.messages import ModelInfo
from engine.models import CONSTRUCTING, Denoiser, Solo
from engine.models.clip_pixels import preprocessing_of
from engine.models.describer import Captioner, ClipRanking, wording_of
from engine.models.flux import Flux
from engine.models.image_prompts import attach
from engine.models.latent import LatentModel
from engine.models.pipelines import OFFLINE, check_tokenizer, open_pipeline
from engine.models.preview import TinyDecoder, calibrate
from engine.models.safety import SafetyCheck, load_safety
from engine.models.sd3 import StableDiffusion3
from engine.models.sdxl import StableDiffusionXL
from engine.models.solo_pipeline import WholePipeline
from engine.models.stable_diffusion import StableDiffusion
from engine.models.upscaler import Lanczos, Upscaler, swin2sr
from engine.models.z_image import ZImage
from engine.policy.cost import DESCRIBER, UPSCALER

_FAMILIES: dict[str, type[Any]] = {
    "sd": StableDiffusion,
    "sdxl": StableDiffusionXL,
    "sd3": StableDiffusion3,
    "flux": Flux,
    "z-image": ZImage,
}


def by_role(specs: Mapping[str, ModelSpec]) -> dict[str, ModelSpec]:
    """Every entry by the name that tickets use, upscaler and describer by their role."""
    roles = {"swin2sr": UPSCALER, "spandrel": UPSCALER, "clip": DESCRIBER, "captioner": DESCRIBER}
    entries = reversed(tuple(specs.items()))
    named = {roles.get(spec.info.family, name): spec for name, spec in entries}
    return {UPSCALER: _LANCZOS} | named


def load(spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> Denoiser | Solo:
    """The model, ready on the device; BrokenModelError with one sentence where it cannot be."""
    if spec is _LANCZOS:
        return Lanczos()
    try:
        return _loaded(spec, device, dtype)
    except JobError as error:
        # Members read it; what it is raised from goes to the log and has the paths in full.
        raise BrokenModelError(_without_folders(str(error), spec)) from error


def _loaded(spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> Denoiser | Solo:
    if not spec.place.exists():
        how = f"; get it with: python -m engine fetch {spec.info.name}" if spec.hub_id else ""
        raise BrokenModelError(f"The files of {spec.info.title} are not at {spec.place}{how}.")
    if device.type == "cuda":
        device = torch.device("cuda", device.index or 0)
        # Each thread has its own; what places weights by itself (4 bits, streams) goes by it.
        torch.cuda.set_device(device)
    try:
        with CONSTRUCTING:
            return _load(spec, device, dtype)
    except JobError:
        raise
    except torch.OutOfMemoryError as error:
        raise BrokenModelError(
            f"{spec.info.title} does not fit into the device's memory; choose a smaller model, or"
            " let the catalogue offload or quantise it."
        ) from error
    except Exception as error:
        raise BrokenModelError(
            f"{spec.info.title} cannot be loaded from {spec.place}: {first_line(error)}."
        ) from error


def _without_folders(text: str, spec: ModelSpec) -> str:
    places = (
        spec.place,
        spec.config,
        spec.denoiser,
        spec.safety_checker,
        spec.preview_vae,
        spec.ip_adapter,
        spec.image_encoder,
    )
    for place in filter(None, places):
        text = text.replace(str(place), place.name)
    return text


def _load(spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> Denoiser | Solo:
    name = spec.info.name
    match spec.info.family:
        case "swin2sr":
            network = _transformer("Swin2SRForImageSuperResolution", spec.place, device, dtype)
            return Upscaler(name, swin2sr(network), int(network.config.upscale), device)
        case "spandrel":
            return _community_upscaler(spec, device)
        case "clip":
            model = _transformer("CLIPModel", spec.place, device, torch.float32)
            tokenizer = _part("CLIPTokenizer", spec.place)
            check_tokenizer(tokenizer, spec.place)
            return ClipRanking(
                name, model, tokenizer, wording_of(spec.place), preprocessing_of(spec.place)
            )
        case "captioner":
            model = _transformer("AutoModelForImageTextToText", spec.place, device, dtype)
            processor = _part("AutoProcessor", spec.place)
            check_tokenizer(getattr(processor, "tokenizer", None), spec.place)
            return Captioner(name, model, processor)
        case "pipeline":
            pipeline = open_pipeline(spec, device, dtype)
            _place(pipeline, spec, device)
            return WholePipeline(name, pipeline, _safety(spec, device, dtype))
        case family:
            pipeline = open_pipeline(spec, device, dtype)
            if spec.ip_adapter is not None and spec.image_encoder is not None:
                attach(pipeline, spec.ip_adapter, spec.image_encoder, dtype)
            _place(pipeline, spec, device)
            loras = {lora.name: lora.path for lora in spec.loras}
            denoiser: LatentModel = _FAMILIES[family](name, pipeline, device, loras)
            denoiser.safety = _safety(spec, device, dtype)
            if spec.preview_vae is not None:
                denoiser.preview = _tiny_decoder(spec.preview_vae, device, dtype)
            calibrate(denoiser)
            if spec.compiled:
                # Last: its thread holds the weights, and nobody would end it for a failed load.
                denoiser.compile(whole=spec.compiled == "whole")
            return denoiser


def _place(pipeline: Any, spec: ModelSpec, device: torch.device) -> None:  # noqa: ANN401
    """Parts onto the device, or streamed to it group by group for small cards."""
    from diffusers.hooks import apply_group_offloading  # noqa: PLC0415

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
        if device.type == "cuda" and name in {"unet", "vae"}:
            part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    vae = pipeline.components.get("vae")
    if vae is not None and vae.dtype == torch.float16 and vae.config.get("force_upcast", False):
        # In half precision this autoencoder overflows to black pictures.
        vae.to(torch.float32)


def _safety(spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> SafetyCheck | None:
    if spec.safety_checker is None:
        return None
    return load_safety(spec.safety_checker, device, dtype)


def _tiny_decoder(place: Path, device: torch.device, dtype: torch.dtype) -> TinyDecoder:
    from diffusers import AutoencoderTiny  # noqa: PLC0415

    found = AutoencoderTiny.from_pretrained(place, torch_dtype=dtype, **OFFLINE)
    return TinyDecoder(found.eval().requires_grad_(requires_grad=False).to(device))


def _transformer(class_name: str, place: Path, device: torch.device, dtype: torch.dtype) -> Any:  # noqa: ANN401
    import transformers  # noqa: PLC0415

    transformers.utils.logging.disable_progress_bar()
    model = getattr(transformers, class_name).from_pretrained(place, dtype=dtype, **OFFLINE)
    return model.eval().requires_grad_(requires_grad=False).to(device)


def _part(class_name: str, place: Path) -> Any:  # noqa: ANN401
    import transformers  # noqa: PLC0415

    return getattr(transformers, class_name).from_pretrained(place, local_files_only=True)


def _community_upscaler(spec: ModelSpec, device: torch.device) -> Solo:
    try:
        from spandrel import ModelLoader  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise BrokenModelError(
            f"{spec.info.title} needs the extra `upscale`: pip install 'darkroom[upscale]'."
        ) from error
    if spec.place.suffix != ".safetensors":
        raise BrokenModelError(f"{spec.place} is no .safetensors file; others can run code.")
    found = ModelLoader(device=device).load_from_file(spec.place).eval()
    return Upscaler(spec.info.name, found, int(found.scale), device)


_LANCZOS = ModelSpec(
    info=ModelInfo(
        name="lanczos",
        title="Lanczos",
        aliases=(),
        family="lanczos",
        width_px=0,
        height_px=0,
        size_step_px=1,
        min_side_px=0,
        max_side_px=0,
        max_pixels=0,
        steps=1,
        guidance=1.0,
        scheduler="",
    ),
    place=Path(),
)
