"""The CLIP text tower: first trained to name the parts of a caption, then with the UNet."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import torch
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

from doodle.captions import JAPANESE_SHARE, LEFT_OUT_SHARE, english, japanese
from doodle.tokenizer import CONTEXT_TOKENS, token_ids
from doodle.training import Plan, Run, fit, seeded

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import CLIPTokenizer

    from doodle.recipe import Recipe
    from doodle.scenes import Scene

UNSAID = -100  # the label that cross entropy skips
CAPTIONS = 60_000


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


def train(recipe: Recipe, run: Run, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Train the encoder to know which words mean the same, before a UNet has to learn from it.

    Linear heads predict subject, colour, place and style from the end of the text. They are not
    kept.
    """
    part = recipe.text_encoder
    torch.manual_seed(recipe.seed)
    encoder = build(recipe, tokenizer)
    finished = run.load("text_encoder_finished")
    if finished:
        encoder.load_state_dict(finished["model"])
        return encoder
    words = recipe.vocabulary
    sizes = [len(kind) for kind in (words.subjects, words.colours, words.places, words.styles)]
    heads = nn.ModuleList(nn.Linear(part.width, size) for size in sizes)
    model = nn.ModuleDict({"encoder": encoder, "heads": heads}).to(run.device)
    ids, labels = _labelled_captions(recipe, tokenizer)

    def loss(step: int) -> Tensor:
        generator = seeded(recipe.seed, step)
        chosen = torch.randint(len(ids), (part.batch,), generator=generator)
        batch, wanted = ids[chosen].to(run.device), labels[chosen].to(run.device)
        with run.autocast():
            hidden = encoder(batch).last_hidden_state
        states = ends(hidden.float(), batch, tokenizer.eos_token_id)
        named = [
            nn.functional.cross_entropy(
                head(states).flatten(0, 1), wanted[:, i].repeat_interleave(3), ignore_index=UNSAID
            )
            for i, head in enumerate(heads)
        ]
        return torch.stack(named).sum()

    plan = Plan(part="text_encoder", steps=part.steps, learning_rate=part.learning_rate)
    fit(run, plan, model, loss)
    run.save("text_encoder_finished", {"model": encoder.state_dict()})
    return encoder


def ends(hidden: Tensor, ids: Tensor, eos: int) -> Tensor:
    """Return the states at the end of the text, at the last token, and between: (B, 3, width)."""
    end = (ids == eos).int().argmax(dim=1)
    last = torch.full_like(end, ids.shape[1] - 1)
    places = torch.stack([end, (end + last) // 2, last], dim=1)
    return hidden.gather(1, places[..., None].expand(-1, -1, hidden.shape[-1]))


def _labelled_captions(recipe: Recipe, tokenizer: CLIPTokenizer) -> tuple[Tensor, Tensor]:
    """Return captions' ids (N, 77) and what they name (N, 4), UNSAID for what is left out."""
    rng = Random(recipe.seed)
    texts, labels = [], []
    for _ in range(CAPTIONS):
        scene = recipe.vocabulary.sample(rng)
        said = [True, *(rng.random() > LEFT_OUT_SHARE for _ in range(3))]
        language = japanese if rng.random() < JAPANESE_SHARE * 2 else english
        texts.append(language(scene, rng, colour=said[1], place=said[2], style=said[3]))
        labels.append(_labels(recipe, scene, said))
    return token_ids(tokenizer, texts), torch.tensor(labels)


def _labels(recipe: Recipe, scene: Scene, said: list[bool]) -> list[int]:
    words = recipe.vocabulary
    indices = (
        words.subjects.index(scene.subject),
        words.colours.index(scene.colour),
        words.places.index(scene.place),
        words.styles.index(scene.style),
    )
    return [index if named else UNSAID for index, named in zip(indices, said, strict=True)]
