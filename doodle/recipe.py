"""A recipe: the scenes that a model draws, and the sizes of its parts, read from one TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from doodle import words
from doodle.scenes import Vocabulary, is_held_out

if TYPE_CHECKING:
    from collections.abc import Collection

RECIPES = Path(__file__).parent / "recipes"
DRAWN: dict[str, Collection] = {
    "subjects": words.SUBJECT_WORDS,
    "colours": words.COLOUR_WORDS,
    "places": words.PLACE_WORDS,
    "styles": words.STYLE_WORDS,
    "sizes": words.SIZE_WORDS,
    "counts": (1, *words.COUNT_WORDS),
    "relations": words.RELATION_WORDS,
}
FILE = "recipe.toml"
"""A copy of the recipe beside the weights."""


class RecipeError(ValueError):
    """A recipe or weights that cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Autoencoder:
    """The part that turns pictures into latents and back."""

    channels: tuple[int, ...]  # each level after the first halves the side
    latents: int  # channels of the latents


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokenizer:
    """How many tokens the tokenizer knows."""

    vocabulary: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TextEncoder:
    """The small CLIP text tower."""

    width: int
    layers: int
    heads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Denoiser:
    """The UNet."""

    channels: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The small CLIP model's picture tower."""

    width: int
    layers: int
    heads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One kind of model."""

    name: str
    seed: int  # of the tokenizer's captions and of weights before any training
    vocabulary: Vocabulary
    autoencoder: Autoencoder
    tokenizer: Tokenizer
    text_encoder: TextEncoder
    denoiser: Denoiser
    pair: Pair


def path(name: str) -> Path:
    """Return a recipe's file: by name for those beside this module, else by the file's path."""
    file = Path(name) if name.endswith(".toml") else RECIPES / f"{name}.toml"
    if not file.is_file():
        known = ", ".join(sorted(file.stem for file in RECIPES.glob("*.toml")))
        message = f"There is no recipe {name!r}; choose one of: {known}."
        raise RecipeError(message)
    return file


def load(name: str) -> Recipe:
    """Read a recipe by its name, or by its file's path."""
    return read(path(name))


def read(file: Path) -> Recipe:
    """Read a recipe from a TOML file; `RecipeError` if there is none."""
    if not file.is_file():
        message = f"{file} is missing; restore it, or copy it from {RECIPES}."
        raise RecipeError(message)
    try:
        return parse(tomllib.loads(file.read_text(encoding="utf-8")))
    except RecipeError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        message = f"{file} is no recipe: {error}."
        raise RecipeError(message) from error


def parse(raw: dict) -> Recipe:
    """Build a recipe from the TOML file's tables; `RecipeError` if its scenes cannot be drawn."""
    vocabulary = Vocabulary(**_tuples(raw["scenes"]))
    _check(vocabulary)
    return Recipe(
        name=raw["name"],
        seed=raw["seed"],
        vocabulary=vocabulary,
        autoencoder=Autoencoder(**_tuples(raw["autoencoder"])),
        tokenizer=Tokenizer(**raw["tokenizer"]),
        text_encoder=TextEncoder(**raw["text_encoder"]),
        denoiser=Denoiser(**_tuples(raw["denoiser"])),
        pair=Pair(**raw["pair"]),
    )


def _check(vocabulary: Vocabulary) -> None:
    for kind, drawn in DRAWN.items():
        said = getattr(vocabulary, kind)
        known = {(type(word), word) for word in drawn}
        unknown = [word for word in said if (type(word), word) not in known]
        choice = f"choose of: {', '.join(map(str, drawn))}."
        twice = kind != "sizes" and len({*said}) < len(said)  # a size is as frequent as it is named
        if twice or not isinstance(said, tuple):
            message = f"The recipe's {kind} must be a list in which nothing comes twice; {choice}"
        elif unknown:
            message = f"Nothing draws {unknown[0]!r}, one of the recipe's {kind}; {choice}"
        elif not said and kind != "relations":
            message = f"The recipe names no {kind}; {choice}"
        else:
            continue
        raise RecipeError(message)
    if 1 not in vocabulary.counts:
        message = "The recipe's counts must have 1, as most scenes show one thing."
        raise RecipeError(message)
    if vocabulary.relations and len(vocabulary.subjects) == 1:
        message = "The recipe has relations, which take two subjects; name another subject."
        raise RecipeError(message)
    if all(is_held_out(scene) for scene in vocabulary.combinations()):
        message = "All combinations of the recipe's words are held out; name more of them."
        raise RecipeError(message)


def _tuples(table: dict) -> dict:
    return {key: tuple(v) if isinstance(v, list) else v for key, v in table.items()}
