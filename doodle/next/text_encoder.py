"""The CLIP text tower: first trained to name the parts of a caption, then with the UNet."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import torch
from torch import nn

from doodle.next.captions import PLAIN_STYLE, Said, caption, said_as, what_is_said
from doodle.text_encoder import UNSAID, build, ends
from doodle.tokenizer import build as build_tokenizer
from doodle.tokenizer import token_ids
from doodle.training import Plan, Run, fit

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import CLIPTextModel, CLIPTokenizer

    from doodle.next.recipe import Recipe
    from doodle.next.scenes import Scene, Vocabulary


def tokenizer(recipe: Recipe) -> CLIPTokenizer:
    """Return the tokenizer of the recipe's captions."""
    return build_tokenizer(recipe, caption)


def train(recipe: Recipe, run: Run, words: CLIPTokenizer) -> CLIPTextModel:
    """Train the encoder to know which words mean the same, before a UNet has to learn from it.

    Linear heads predict what the caption says, from the end of the text and from its padding. They
    are not kept. What a caption leaves unsaid is not asked, but for the style: it is the plain one.
    """
    part = recipe.text_encoder
    torch.manual_seed(recipe.seed)
    encoder = build(recipe, words)
    possible = questions(recipe.vocabulary)
    heads = nn.ModuleList(nn.Linear(part.width, len(each)) for each in possible.values())
    model = nn.ModuleDict({"encoder": encoder, "heads": heads}).to(run.device)

    def loss(step: int) -> Tensor:
        texts, labels = _captions(recipe, possible, step)
        ids = token_ids(words, texts).to(run.device)
        wanted = torch.tensor(labels, device=run.device)
        with run.autocast():
            hidden = encoder(ids).last_hidden_state
        states = ends(hidden.float(), ids, words.eos_token_id)
        named = [
            nn.functional.cross_entropy(
                head(states).flatten(0, 1), wanted[:, i].repeat_interleave(3), ignore_index=UNSAID
            )
            for i, head in enumerate(heads)
            if bool((wanted[:, i] != UNSAID).any())
        ]
        return torch.stack(named).sum()

    plan = Plan(
        part="text_encoder", steps=part.steps, learning_rate=part.learning_rate, decay_from=0.5
    )
    fit(run, plan, model, loss)
    return encoder


def questions(vocabulary: Vocabulary) -> dict[str, tuple]:
    """Return what may be asked of a scene, each with its possible answers."""
    return {
        "subject": vocabulary.subjects,
        "colour": vocabulary.colours,
        "place": vocabulary.places,
        "style": vocabulary.styles,
        "count": vocabulary.counts,
        "relation": (None, *vocabulary.relations),
        "second": (None, *vocabulary.subjects),
        "second_colour": (None, *vocabulary.colours),
    }


def _captions(
    recipe: Recipe, possible: dict[str, tuple], step: int
) -> tuple[list[str], list[list[int]]]:
    rng = Random(f"{recipe.seed} text {step}")
    texts, labels = [], []
    for _ in range(recipe.text_encoder.batch):
        scene = recipe.vocabulary.sample(rng)
        said = what_is_said(scene, rng)
        texts.append(said_as(scene, said, rng))
        labels.append([_label(scene, said, name, each) for name, each in possible.items()])
    return texts, labels


def _label(scene: Scene, said: Said, name: str, possible: tuple) -> int:
    unsaid = {
        "colour": not said.colour,
        "second_colour": not said.colour,
        "place": not said.place,
        "style": not said.style and scene.style != PLAIN_STYLE,
    }
    return UNSAID if unsaid.get(name) else possible.index(getattr(scene, name))
