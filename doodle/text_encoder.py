"""The CLIP text tower."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from transformers import CLIPTextConfig, CLIPTextModel

from doodle.tokenizer import CONTEXT_TOKENS

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import CLIPTokenizer

    from doodle.recipe import Recipe


def build(recipe: Recipe, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Return an untrained text encoder for this tokenizer."""
    part = recipe.text_encoder
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=part.width,
            intermediate_size=part.width * 4,
            num_hidden_layers=part.layers,
            num_attention_heads=part.heads,
            max_position_embeddings=CONTEXT_TOKENS,
            projection_dim=part.width,
            hidden_act="quick_gelu",
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def ends(hidden: Tensor, ids: Tensor, eos: int) -> Tensor:
    """Return the states at the end of the text, at the last token, and between: (B, 3, width)."""
    end = (ids == eos).int().argmax(dim=1)
    last = torch.full_like(end, ids.shape[1] - 1)
    places = torch.stack([end, (end + last) // 2, last], dim=1)
    return hidden.gather(1, places[..., None].expand(-1, -1, hidden.shape[-1]))
