"""The pair: a CLIP model of pictures and captions, for describing, ranking and searching."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import cross_entropy, interpolate
from transformers import (
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    CLIPTextConfig,
    CLIPVisionConfig,
)

from doodle import tokenizer as tokenizers
from doodle import weights
from doodle.next.captions import ALL, caption, said_as
from doodle.next.pictures import SQUARE, WIDE, Ahead, drawn, workers
from doodle.next.places import SKIES
from doodle.next.scenes import is_held_out
from doodle.tokenizer import token_ids
from doodle.training import Plan, Run, fit

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from torch import Tensor
    from transformers import CLIPTextModel, CLIPTokenizer

    from doodle.next.recipe import Recipe
    from doodle.next.scenes import Scene, Vocabulary

SEEN_PX = 96  # the whole picture, whatever its shape, is squeezed to a square of this side
PATCH_PX = 12
GROUP = 8  # scenes of a batch that differ in one part alone
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
    own = {
        f"text_model.{key}".replace("text_model.text_model.", "text_model."): value
        for key, value in text_encoder.state_dict().items()
    }
    pair.load_state_dict(own, strict=False)
    return pair


def train(
    recipe: Recipe, run: Run, *, tokenizer: CLIPTokenizer, text_encoder: CLIPTextModel
) -> CLIPModel:
    """Train both towers to find the matching picture or caption in a batch (Radford et al. 2021).

    In every second batch, groups of scenes differ in one part only: in random batches two parts
    mostly suffice to find the match, and the others would hardly be learnt.
    """
    part = recipe.pair
    torch.manual_seed(recipe.seed)
    pair = build(recipe, text_encoder).to(run.device)

    def pictures(step: int) -> partial:
        rng = Random(f"{recipe.seed} pair {step}")
        scenes = (
            siblings(recipe.vocabulary, part.batch, rng)
            if step % 2
            else [recipe.vocabulary.sample(rng) for _ in range(part.batch)]
        )
        size = (SQUARE, SQUARE, *WIDE)[step % 6]
        half = size[0] // 2, size[1] // 2
        return partial(drawn, scenes, seed=rng.getrandbits(40), size=half)

    def loss(step: int) -> Tensor:
        shown = ahead(step)
        rng = Random(f"{recipe.seed} caption {step}")
        texts = [
            said_as(scene, ALL, rng) if step % 2 else caption(scene, rng) for scene in shown.scenes
        ]
        ids = token_ids(tokenizer, texts)
        with run.autocast():
            out = pair(input_ids=ids.to(run.device), pixel_values=seen(shown.pixels).to(run.device))
        partner = torch.arange(len(texts), device=run.device)
        logits = out.logits_per_text.float()
        return (cross_entropy(logits, partner) + cross_entropy(logits.T, partner)) / 2

    plan = Plan(part="pair", steps=part.steps, learning_rate=part.learning_rate, decay_from=0.4)
    with Ahead(pictures, workers=workers(run.device)) as ahead:
        fit(run, plan, pair, loss)
    return pair.eval()


def siblings(vocabulary: Vocabulary, count: int, rng: Random) -> list[Scene]:
    """Return groups of scenes that differ in one of the four words; none is held out."""
    found: list[Scene] = []
    while len(found) < count:
        first = replace(vocabulary.sample(rng), relation=None, second=None, second_colour=None)
        part = rng.choice(("subject", "subject", "colour", "place", "style"))
        words = getattr(vocabulary, f"{part}s")
        group = [
            replace(first, **{part: word}) for word in rng.sample(words, min(GROUP, len(words)))
        ]
        found += [
            replace(scene, sky=rng.choice(SKIES.get(scene.place, ("",))))
            for scene in group
            if not is_held_out(scene)
        ]
    return found[:count]


def seen(pictures: np.ndarray) -> Tensor:
    """Return uint8 pictures (N, 3, H, W) as the picture tower's input, from -1 to 1."""
    small = interpolate(
        torch.from_numpy(pictures).float(), size=(SEEN_PX, SEEN_PX), mode="bilinear", antialias=True
    )
    return small / 127.5 - 1


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
