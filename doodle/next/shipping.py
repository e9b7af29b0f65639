"""The whole model as it ships and as the engine loads it, made of a training's weights."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from doodle import text_encoder, weights
from doodle import tokenizer as tokenizers
from doodle.next import autoencoder, denoiser, known_words
from doodle.next import judge as judges
from doodle.next import pair as pairs
from doodle.next.training.parts import Parts
from doodle.recipe import RecipeError

if TYPE_CHECKING:
    from pathlib import Path

    from doodle.next.recipe import Recipe

JUDGE = "judge.safetensors"
PAIR = "clip"
NEEDED = ("vae", "text", "unet")


def write(recipe: Recipe, trained: Path, folder: Path) -> None:
    """Write the pipeline of a training's folder; judge and CLIP pair beside it, if there are any.

    `folder` is emptied first. `RecipeError` if a part of the pipeline is missing, or is another
    recipe's.
    """
    parts = Parts(trained)
    parts.read()
    lacking = [part for part in NEEDED if part not in parts]
    if lacking:
        message = f"{trained} has no weights of {' and '.join(lacking)}; train them first."
        raise RecipeError(message)
    words = tokenizers.load(trained / "tokenizer")
    vae, text = autoencoder.build(recipe), text_encoder.build(recipe, words)
    unet, judge = denoiser.build(recipe), judges.Judge(recipe.vocabulary)
    pair = pairs.build(recipe, text)
    models = {"vae": vae, "text": text, "unet": unet, "judge": judge, "pair": pair}
    for part, model in models.items():
        parts.give(part, model)
    vae.register_to_config(scaling_factor=parts.number("vae", "scaling_factor"))
    pipeline = weights.assemble(autoencoder=vae, text_encoder=text, tokenizer=words, unet=unet)
    shutil.rmtree(folder, ignore_errors=True)
    weights.save(pipeline, folder)
    known_words.save(recipe.vocabulary, folder)
    if "judge" in parts:
        judges.save(judge, folder / JUDGE)
    if "pair" in parts:
        pairs.save(pair, words, folder / PAIR)
        known_words.save_wording(recipe.vocabulary, folder / PAIR)
