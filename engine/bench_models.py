"""Models for benchmarks that need no files: a toy with random weights, its config in this file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from engine.catalogue import ModelSpec
from engine.messages import ModelInfo


def toy() -> Any:  # noqa: ANN401 - a diffusers pipeline
    """A Stable Diffusion layout with a UNet of 32 and 64 channels."""
    torch.manual_seed(0)
    words = byte_tokenizer()
    return StableDiffusionPipeline(
        vae=AutoencoderKL(
            block_out_channels=(8, 8, 16, 16),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            latent_channels=4,
            layers_per_block=1,
            norm_num_groups=4,
        ),
        text_encoder=CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(words),
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                eos_token_id=words.eos_token_id,
                bos_token_id=words.bos_token_id,
                pad_token_id=words.pad_token_id,
            )
        ),
        tokenizer=words,
        unet=UNet2DConditionModel(
            sample_size=8,
            block_out_channels=(32, 64),
            layers_per_block=2,
            norm_num_groups=8,
            attention_head_dim=8,
            cross_attention_dim=32,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        ),
        scheduler=DDIMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def byte_tokenizer() -> Any:  # noqa: ANN401 - a transformers tokenizer
    """CLIP's tokenizer with single bytes for words."""
    symbols = sorted(ByteLevel.alphabet())
    names = [*symbols, *(symbol + "</w>" for symbol in symbols)]
    names += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {name: number for number, name in enumerate(names)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77)


def toy_spec(place: Path) -> ModelSpec:
    """Its catalogue entry."""
    info = ModelInfo(
        name="toy",
        title="Toy UNet (32, 64)",
        aliases=(),
        family="sd",
        width_px=64,
        height_px=64,
        size_step_px=16,
        min_side_px=32,
        max_side_px=256,
        max_pixels=256 * 256,
        steps=30,
        guidance=4.0,
        scheduler="",
        source=str(place),
    )
    return ModelSpec(info=info, place=place)
