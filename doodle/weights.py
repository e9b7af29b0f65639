"""The weights on disk: a Stable Diffusion pipeline, written in fp16, read with no network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

import darkroom
from doodle import tokenizer as tokenizers

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

WEIGHTS = Path(__file__).parent / "weights"
PARTS = (
    "text_encoder/model.safetensors",
    "unet/diffusion_pytorch_model.safetensors",
    "vae/diffusion_pytorch_model.safetensors",
)
NOISE = {
    "num_train_timesteps": 1000,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.02,  # more than usual, as small latents need more noise to be hidden
    "prediction_type": "v_prediction",
}


class WeightsError(RuntimeError):
    """Weights that cannot be read; the text names the file."""


def assemble(
    *,
    autoencoder: AutoencoderKL,
    text_encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    unet: UNet2DConditionModel,
) -> StableDiffusionPipeline:
    """Return the pipeline of these parts, with its default sampler."""
    pipeline = StableDiffusionPipeline(
        vae=autoencoder,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=DDIMScheduler(
            **NOISE,
            timestep_spacing="trailing",
            steps_offset=1,
            clip_sample=False,
            set_alpha_to_one=False,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def save(pipeline: StableDiffusionPipeline, folder: Path) -> None:
    """Write a pipeline in fp16; the one in memory keeps its precision."""
    pipeline.save_pretrained(folder)
    tokenizers.save(pipeline.tokenizer, folder / "tokenizer")
    for part in PARTS:
        halve(folder / part)


def load(folder: Path = WEIGHTS, *, device: str = "cpu") -> StableDiffusionPipeline:
    """Load a pipeline in fp32, after checking every file."""
    if not (folder / "model_index.json").is_file():
        message = f"{folder / 'model_index.json'} is missing; restore the folder or train anew."
        raise WeightsError(message)
    for part in PARTS:
        check(folder / part)
    pipeline = StableDiffusionPipeline.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, use_safetensors=True
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(device)


def check(path: Path) -> None:
    """Raise `WeightsError` if a weight file is missing, truncated or not a weight file."""
    if not path.is_file():
        train = f"{darkroom.command()} doodle train"
        message = f"{path} is missing; restore it or train anew with `{train}`."
        raise WeightsError(message)
    try:
        with safe_open(path, framework="pt") as file:
            file.keys()
    except (SafetensorError, json.JSONDecodeError, OSError) as error:
        message = f"{path} is damaged ({error}); restore it or train anew."
        raise WeightsError(message) from error


def halve(path: Path) -> None:
    """Rewrite a safetensors file in fp16."""
    tensors = {
        key: tensor.half() if tensor.is_floating_point() else tensor
        for key, tensor in load_file(path).items()
    }
    temporary = path.with_suffix(".partial")
    save_file(tensors, temporary, metadata={"format": "pt"})
    temporary.replace(path)
