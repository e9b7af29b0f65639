"""The training scenes of the denoiser, drawn and encoded once, in files of a few hundred."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING

import torch

from doodle.next import autoencoder as vae
from doodle.next.captions import caption
from doodle.next.pictures import SQUARE, WIDE, Ahead, Drawn, fresh, workers
from doodle.tokenizer import token_ids

if TYPE_CHECKING:
    from collections.abc import Callable

    from diffusers import AutoencoderKL
    from torch import Tensor
    from transformers import CLIPTokenizer

    from doodle.next.recipe import Recipe
    from doodle.training import Run

CHUNK = 256  # scenes a file
CAPTIONS_EACH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """All scenes of one size."""

    latents: Tensor  # (N, C, H/8, W/8) fp16, scaled
    ids: Tensor  # (N, CAPTIONS_EACH, 77) int16


def encode_all(recipe: Recipe, run: Run, model: AutoencoderKL, words: CLIPTokenizer) -> None:
    """Draw and encode what is still missing; can be stopped and goes on where it was."""
    total = -(-recipe.latents.pictures // CHUNK)
    with Ahead(partial(pictures, recipe), workers=workers(run.device)) as ahead:
        for number in range(total):
            name = f"latents-{number:04}"
            if (run.folder / f"{name}.pt").exists():
                continue
            run.save(name, _chunk(recipe, run, model, words, ahead(number)))
            if number % 10 == 9 or number == total - 1:
                run.say(f"latents: {(number + 1) * CHUNK} of {recipe.latents.pictures} scenes")


def pictures(recipe: Recipe, number: int) -> Callable[[], Drawn]:
    """Return what draws one file's scenes, all of one size; sizes take turns by their share."""
    rng = Random(f"{recipe.seed} size {number}")
    size = rng.choice(WIDE) if rng.random() < recipe.latents.wide_share else SQUARE
    seed = f"{recipe.seed} latents {number}"
    return partial(fresh, recipe.vocabulary, seed=seed, count=CHUNK, size=size)


def load(run: Run) -> list[Bucket]:
    """Return the scenes encoded so far, a bucket for each size; ValueError if there are none."""
    found: dict[torch.Size, list[dict]] = {}
    for file in sorted(run.folder.glob("latents-*.pt")):
        state = run.load(file.stem)
        if state is not None:
            found.setdefault(state["latents"].shape[2:], []).append(state)
    if not found:
        message = f"{run.folder} has no latents; run the stage `latents` first."
        raise ValueError(message)
    return [
        Bucket(
            latents=torch.cat([state["latents"] for state in states]),
            ids=torch.cat([state["ids"] for state in states]),
        )
        for states in found.values()
    ]


def batch(buckets: list[Bucket], count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return latents (B, C, h, w) fp32 and ids (B, 77) of one size, chosen by its share."""
    shares = torch.tensor([float(len(bucket.latents)) for bucket in buckets])
    bucket = buckets[int(torch.multinomial(shares, 1, generator=generator))]
    chosen = torch.randint(len(bucket.latents), (count,), generator=generator)
    wording = torch.randint(CAPTIONS_EACH, (count,), generator=generator)
    return bucket.latents[chosen].float(), bucket.ids[chosen, wording].long()


def _chunk(
    recipe: Recipe, run: Run, model: AutoencoderKL, words: CLIPTokenizer, drawn: Drawn
) -> dict:
    rng = Random(f"{recipe.seed} captions {drawn.scenes[0].words()}")
    texts = [caption(scene, rng) for scene in drawn.scenes for _ in range(CAPTIONS_EACH)]
    return {
        "latents": vae.encode(model, torch.from_numpy(drawn.pixels), run),
        "ids": token_ids(words, texts).short().view(len(drawn.scenes), CAPTIONS_EACH, -1),
    }
