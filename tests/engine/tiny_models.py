"""Tiny randomly initialised copies of the families, built from configs; seeds are fixed."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from engine import ModelInfo, ModelSpec

WORDS = ["red", "blue", "cat", "dog", "night", "a", "at", "the", "sea", "very"]


def tokenizer(length=77):
    """A CLIP tokenizer of single bytes and ten words."""
    symbols = sorted(ByteLevel.alphabet())
    vocabulary = symbols + [symbol + "</w>" for symbol in symbols]
    merges = []
    for word in WORDS:
        pieces = [*word[:-1], word[-1] + "</w>"]
        while len(pieces) > 1:
            merges.append((pieces[0], pieces[1]))
            pieces[:2] = [pieces[0] + pieces[1]]
            vocabulary.append(pieces[0])
    vocabulary = [*dict.fromkeys(vocabulary), "<|startoftext|>", "<|endoftext|>"]
    names = {name: number for number, name in enumerate(vocabulary)}
    return CLIPTokenizer(vocab=names, merges=list(dict.fromkeys(merges)), model_max_length=length)


def text_config(words, hidden=32, projection=32):
    return CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=hidden,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        projection_dim=projection,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )


def autoencoder(channels=4, **options):
    return AutoencoderKL(
        block_out_channels=(16, 16, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=channels,
        layers_per_block=1,
        norm_num_groups=8,
        sample_size=64,
        **options,
    ).eval()


def unet(in_channels=4, **options):
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=in_channels,
        out_channels=4,
        block_out_channels=(32, 64),
        layers_per_block=1,
        norm_num_groups=8,
        attention_head_dim=8,
        cross_attention_dim=options.pop("cross_attention_dim", 32),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        **options,
    ).eval()


def scheduler(**options):
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        **options,
    )


def stable_diffusion(in_channels=4):
    torch.manual_seed(1)
    words = tokenizer()
    return StableDiffusionPipeline(
        vae=autoencoder(),
        text_encoder=CLIPTextModel(text_config(words)).eval(),
        tokenizer=words,
        unet=unet(in_channels),
        scheduler=scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


BUILDERS = {
    "sd": stable_diffusion,
    "sd-inpaint": lambda: stable_diffusion(in_channels=9),
}
"""By name; the family is the name up to the first hyphen."""


def spec(name, place, **fields):
    """A catalogue entry for a tiny model."""
    info = ModelInfo(
        name=name,
        title=f"Tiny {name}",
        aliases=(),
        family=name.split("-")[0] if name != "z-image" else name,
        width_px=64,
        height_px=64,
        size_step_px=16,
        min_side_px=32,
        max_side_px=256,
        max_pixels=256 * 256,
        steps=4,
        guidance=5.0,
        scheduler="",
        source=str(place),
    )
    return ModelSpec(info=info, place=Path(place), **fields)
