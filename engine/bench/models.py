"""Models with random weights for the benchmarks, so that no files are needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    T5Config,
    T5EncoderModel,
)

from engine.catalogue import ModelSpec
from engine.messages import ModelInfo

SD15_UNET: dict[str, Any] = {
    "sample_size": 64,
    "block_out_channels": (320, 640, 1280, 1280),
    "layers_per_block": 2,
    "attention_head_dim": 8,
    "cross_attention_dim": 768,
}
SDXL_UNET: dict[str, Any] = {
    "sample_size": 128,
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "layers_per_block": 2,
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
    "use_linear_projection": True,
}


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


def toy_flow() -> Any:  # noqa: ANN401 - a diffusers pipeline
    """A Stable Diffusion 3 layout with a transformer of two blocks of 32 channels."""
    torch.manual_seed(0)
    words = byte_tokenizer()
    text = CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        projection_dim=32,
        eos_token_id=words.eos_token_id,
        bos_token_id=words.bos_token_id,
        pad_token_id=words.pad_token_id,
    )
    return StableDiffusion3Pipeline(
        transformer=SD3Transformer2DModel(
            sample_size=8,
            in_channels=16,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=4,
            joint_attention_dim=64,
            caption_projection_dim=32,
            pooled_projection_dim=64,
            pos_embed_max_size=32,
        ),
        vae=AutoencoderKL(
            block_out_channels=(8, 8, 16, 16),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            latent_channels=16,
            layers_per_block=1,
            norm_num_groups=4,
            use_quant_conv=False,
            use_post_quant_conv=False,
            shift_factor=0.0609,
            scaling_factor=1.5305,
        ),
        text_encoder=CLIPTextModelWithProjection(text),
        text_encoder_2=CLIPTextModelWithProjection(text),
        text_encoder_3=T5EncoderModel(
            T5Config(vocab_size=len(words), d_model=64, d_ff=64, d_kv=8, num_layers=1, num_heads=4)
        ),
        tokenizer=words,
        tokenizer_2=words,
        tokenizer_3=words,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    )


@contextmanager
def made_on(device: torch.device, dtype: torch.dtype) -> Iterator[None]:
    """Within this context networks are made on the device, in its number format.

    A card draws random weights for a model of full size in seconds, a host in minutes.
    """
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with device:
            yield
    finally:
        torch.set_default_dtype(before)


def full_size(name: str, device: torch.device, dtype: torch.dtype) -> Any:  # noqa: ANN401
    """Stable Diffusion 1.5 ("sd15") or SDXL ("sdxl") at full size with random weights."""
    torch.manual_seed(0)
    words = byte_tokenizer()
    large = name != "sd15"
    text = {
        "vocab_size": len(words),
        "eos_token_id": words.eos_token_id,
        "bos_token_id": words.bos_token_id,
        "pad_token_id": words.pad_token_id,
    }
    scheduler = EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
    )
    with made_on(device, dtype):
        vae = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            latent_channels=4,
            layers_per_block=2,
            scaling_factor=0.13025 if large else 0.18215,
        )
        small_text = CLIPTextModel(
            CLIPTextConfig(
                hidden_size=768,
                intermediate_size=3072,
                num_hidden_layers=12,
                num_attention_heads=12,
                projection_dim=768,
                **text,
            )
        )
        unet = UNet2DConditionModel(**(SDXL_UNET if large else SD15_UNET))
        if large:
            large_text = CLIPTextModelWithProjection(
                CLIPTextConfig(
                    hidden_size=1280,
                    intermediate_size=5120,
                    num_hidden_layers=32,
                    num_attention_heads=20,
                    projection_dim=1280,
                    hidden_act="gelu",
                    **text,
                )
            )
    if large:
        return StableDiffusionXLPipeline(
            vae=vae,
            text_encoder=small_text,
            text_encoder_2=large_text,
            tokenizer=words,
            tokenizer_2=words,
            unet=unet,
            scheduler=scheduler,
        )
    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=small_text,
        tokenizer=words,
        unet=unet,
        scheduler=scheduler,
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


def spec_of(
    name: str, title: str, place: Path, side_px: int, *, family: str = "sd", compiled: str = ""
) -> ModelSpec:
    """A catalogue entry for one of these."""
    info = ModelInfo(
        name=name,
        title=title,
        aliases=(),
        family=family,
        width_px=side_px,
        height_px=side_px,
        size_step_px=16,
        min_side_px=32,
        max_side_px=side_px * 4,
        max_pixels=(side_px * 4) ** 2,
        steps=30,
        guidance=4.0,
        scheduler="",
        source=str(place),
    )
    return ModelSpec(info=info, place=place, compiled=compiled)


def toy_spec(place: Path, name: str = "toy") -> ModelSpec:
    """The toy's catalogue entry."""
    return spec_of(name, "Toy UNet (32, 64)", place, 64)


def toy_flow_spec(place: Path) -> ModelSpec:
    """The catalogue entry of the toy for flow matching."""
    return spec_of("toy-flow", "Toy transformer", place, 64, family="sd3")
