"""The pair: a CLIP model of pictures and captions, for describing, ranking and searching."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import interpolate
from transformers import (
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    CLIPTextConfig,
    CLIPVisionConfig,
)

from doodle import tokenizer as tokenizers
from doodle import weights
from doodle.autoencoder import signed

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor
    from transformers import CLIPTextModel, CLIPTokenizer

    from doodle.recipe import Recipe

SEEN_PX = 96  # the whole picture, whatever its shape, is squeezed to a square of this side
PATCH_PX = 12
MEAN = STD = (0.5, 0.5, 0.5)


def build(recipe: Recipe, text_encoder: CLIPTextModel) -> CLIPModel:
    """Return an untrained pair whose text tower starts as a copy of the text encoder."""
    part = recipe.pair
    vision = CLIPVisionConfig(
        hidden_size=part.width,
        intermediate_size=part.width * 4,
        num_hidden_layers=part.layers,
        num_attention_heads=part.heads,
        image_size=SEEN_PX,
        patch_size=PATCH_PX,
        projection_dim=part.width,
    )
    text = CLIPTextConfig(**text_encoder.config.to_dict())
    pair = CLIPModel(
        CLIPConfig(
            text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=part.width
        )
    )
    pair.load_state_dict(text_tower(text_encoder.state_dict()), strict=False)
    return pair


def text_tower(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a text encoder's weights by the names that they have in a pair."""
    return {
        f"text_model.{key}".replace("text_model.text_model.", "text_model."): value
        for key, value in state.items()
    }


def seen(pictures: Tensor) -> Tensor:
    """Return uint8 pictures (N, 3, H, W) as the picture tower's input (N, 3, S, S), from -1 to 1.

    S is `SEEN_PX`; the engine's bicubic squeezing of whole pictures differs by 0.1 at most,
    as Pillow rounds and clips between its two passes; embeddings by less than 0.0001 (cosine).
    """
    size = (SEEN_PX, SEEN_PX)
    return interpolate(signed(pictures), size=size, mode="bicubic", antialias=True).clamp(-1, 1)


def save(pair: CLIPModel, tokenizer: CLIPTokenizer, folder: Path) -> None:
    """Write model, tokenizer and image processor, so that CLIP's own loaders read them."""
    pair.save_pretrained(folder)
    weights.halve(folder / "model.safetensors")
    tokenizers.save(tokenizer, folder)
    CLIPImageProcessorPil(
        size={"height": SEEN_PX, "width": SEEN_PX},
        do_center_crop=False,
        image_mean=MEAN,
        image_std=STD,
    ).save_pretrained(folder)


def load(folder: Path) -> CLIPModel:
    """Read the pair in fp32."""
    weights.check(folder / "model.safetensors")
    return CLIPModel.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval()
