"""The pair: a CLIP model of pictures and captions, for describing, ranking and searching."""

from __future__ import annotations

from itertools import chain, islice
from random import Random
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import cross_entropy
from transformers import (
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    CLIPTextConfig,
    CLIPVisionConfig,
)

from doodle import tokenizer as tokenizers
from doodle import weights
from doodle.captions import caption
from doodle.pictures import draw_random
from doodle.tokenizer import token_ids
from doodle.training import Plan, Run, fit

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from torch import Tensor
    from transformers import CLIPTextModel, CLIPTokenizer

    from doodle.recipe import Recipe
    from doodle.scenes import Scene

SEEN_PX = 64
PATCH_PX = 8
CAPTIONS_EACH = 4
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
            text_config=text.to_dict(),
            vision_config=vision.to_dict(),
            projection_dim=part.width,
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

    In every second batch many scenes differ in the subject only. In random batches colour, place
    and style mostly suffice to find the match, so the subject would hardly be learnt.
    """
    part = recipe.pair
    torch.manual_seed(recipe.seed)
    pair = build(recipe, text_encoder).to(run.device)
    if run.finished("pair", part.steps):
        pair.load_state_dict(run.load("pair")["model"])
        return pair.eval()
    run.say(f"pair: drawing {part.pictures} scenes")
    drawn = draw_random(recipe.vocabulary, count=part.pictures, seed=recipe.seed + 3)
    rng = Random(recipe.seed)
    texts = [caption(scene, rng) for scene in drawn.scenes for _ in range(CAPTIONS_EACH)]
    ids = token_ids(tokenizer, texts)
    longest = int((ids != tokenizer.pad_token_id).sum(dim=1).max()) + 1  # its end included
    # The text tower is causal: what follows the end of a text has no effect.
    ids = ids[:, :longest].view(part.pictures, CAPTIONS_EACH, -1)
    alike = _alike(drawn.scenes)

    def loss(step: int) -> Tensor:
        rng = Random(f"{recipe.seed} {step}")
        if step % 2:
            chosen = _siblings(alike, part.batch, rng)
        else:
            chosen = rng.choices(range(part.pictures), k=part.batch)
        wording = rng.choices(range(CAPTIONS_EACH), k=len(chosen))
        with run.autocast():
            out = pair(
                input_ids=ids[chosen, wording].to(run.device),
                pixel_values=seen(drawn.pixels[chosen]).to(run.device),
            )
        partner = torch.arange(len(chosen), device=run.device)
        logits = out.logits_per_text.float()
        return (cross_entropy(logits, partner) + cross_entropy(logits.T, partner)) / 2

    fit(run, Plan(part="pair", steps=part.steps, learning_rate=part.learning_rate), pair, loss)
    return pair.eval()


def _alike(scenes: list[Scene]) -> list[list[list[int]]]:
    """Return the scenes' indices by subject, for each combination of colour, place and style."""
    found: dict[tuple[str, ...], dict[str, list[int]]] = {}
    for number, scene in enumerate(scenes):
        others = found.setdefault((scene.colour, scene.place, scene.style), {})
        others.setdefault(scene.subject, []).append(number)
    return [list(others.values()) for others in found.values()]


def _siblings(alike: list[list[list[int]]], count: int, rng: Random) -> list[int]:
    """Return indices of scenes in runs that differ in the subject only; no four words twice."""
    runs = (rng.sample(run, len(run)) for run in rng.sample(alike, len(alike)))
    return [rng.choice(numbers) for numbers in islice(chain.from_iterable(runs), count)]


def seen(pictures: np.ndarray) -> Tensor:
    """Return uint8 pictures (N, 3, H, W) as the picture tower's input: 64 by 64, from -1 to 1."""
    small = torch.nn.functional.interpolate(
        torch.from_numpy(pictures).float(), size=(SEEN_PX, SEEN_PX), mode="area"
    )
    return small / 127.5 - 1


def save(pair: CLIPModel, tokenizer: CLIPTokenizer, folder: Path) -> None:
    """Write model, tokenizer and image processor, so that CLIP's own loaders read them."""
    pair.save_pretrained(folder)
    weights.halve(folder / "model.safetensors")
    tokenizers.save(tokenizer, folder)
    CLIPImageProcessorPil(
        size={"shortest_edge": SEEN_PX},
        crop_size={"height": SEEN_PX, "width": SEEN_PX},
        image_mean=MEAN,
        image_std=STD,
    ).save_pretrained(folder)


def load(folder: Path) -> CLIPModel:
    """Read the pair in fp32."""
    weights.check(folder / "model.safetensors")
    return CLIPModel.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval()
