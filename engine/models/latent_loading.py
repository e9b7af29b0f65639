"""From a catalogue entry to a latent diffusion model, whatever its family."""

from __future__ import annotations

from typing import TypeVar

import torch

from engine.catalogue import IN_8_BITS, ModelSpec
from engine.models.few_steps import merge
from engine.models.how import how_compiled
from engine.models.image_prompts import attach
from engine.models.latent import LatentModel
from engine.models.parts import place_on_device, safety_of, tiny_decoder
from engine.models.pipelines import open_pipeline
from engine.models.preview import calibrate
from engine.models.small_weights import in_8_bits
from engine.scheduler_table import FEW_STEPS

M = TypeVar("M", bound=LatentModel)


def load_latent(kind: type[M], spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> M:
    """A model of this kind with all that its entry names, ready on the device."""
    pipeline = open_pipeline(spec, device, dtype)
    if spec.ip_adapter is not None and spec.image_encoder is not None:
        attach(pipeline, spec.ip_adapter, spec.image_encoder, dtype)
    if spec.few_steps_lora is not None:
        merge(pipeline, spec.few_steps_lora, FEW_STEPS[spec.few_steps])
    if spec.fused_qkv:
        pipeline.unet.fuse_qkv_projections()
    place_on_device(pipeline, spec, device)
    loras = {lora.name: lora.path for lora in spec.loras}
    model = kind(spec.info.name, pipeline, device, loras)
    if spec.quantise in IN_8_BITS:
        in_8_bits(model.denoiser, spec)
    model.safety = safety_of(spec, device, dtype)
    if spec.preview_vae is not None:
        model.preview = tiny_decoder(spec.preview_vae, device, dtype)
    model.tile_from = spec.tile_from
    calibrate(model)
    if spec.deep_every > 1:
        model.reuse_deep_features(spec.deep_every)
    how = how_compiled(spec, device)
    if how is not None:
        # Last: its thread keeps the weights alive, and nothing would end it if the load failed.
        model.compile(how, graphs=spec.cuda_graphs)
    return model
