"""The whole model as it ships and as the engine loads it, made of a training's weights."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from doodle import autoencoder, denoiser, known_words, text_encoder, weights
from doodle import judge as judges
from doodle import pair as pairs
from doodle import recipe as recipes
from doodle import tokenizer as tokenizers
from doodle.recipe import RecipeError
from doodle.training.parts import Parts

if TYPE_CHECKING:
    from pathlib import Path

JUDGE = "judge.safetensors"
PAIR = "clip"
NEEDED = ("vae", "text", "unet")


def write(name: str, trained: Path, folder: Path) -> None:
    """Write the pipeline of a training's folder, and its recipe; judge and pair if there are any.

    `name` is the recipe's, or its file. `folder` is emptied first. `RecipeError` if a part of the
    pipeline is missing, or is another recipe's.
    """
    recipe = recipes.load(name)
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
    written = recipes.path(name).read_bytes()  # it may be in the folder
    shutil.rmtree(folder, ignore_errors=True)
    weights.save(pipeline, folder)
    (folder / recipes.FILE).write_bytes(written)
    known_words.save(recipe.vocabulary, folder)
    if "judge" in parts:
        judges.save(judge, folder / JUDGE)
    if "pair" in parts:
        pairs.save(pair, words, folder / PAIR)
        known_words.save_wording(recipe.vocabulary, folder / PAIR)
