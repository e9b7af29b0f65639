"""A recipe: everything that decides what a training run makes, read from one TOML file."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

import darkroom
from doodle.scenes import Vocabulary

RECIPES = Path(__file__).parent / "recipes"

_LATENTS = ("autoencoder", "tokenizer", "text_encoder", "denoiser", "wide_share")
NEEDS: dict[str, tuple[str, ...]] = {  # what each checkpoint depends on in a recipe
    "autoencoder": ("autoencoder",),
    "autoencoder_finished": ("autoencoder",),
    "text_encoder": ("tokenizer", "text_encoder"),
    "text_encoder_finished": ("tokenizer", "text_encoder"),
    "latents": _LATENTS,
    "denoiser": _LATENTS,
    "judge": ("judge",),
    "pair": ("tokenizer", "text_encoder", "pair"),
}


class RecipeError(ValueError):
    """A recipe that cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Autoencoder:
    """The part that turns pictures into latents and back: 8 times smaller, 4 channels."""

    channels: tuple[int, ...]
    pictures: int
    steps: int
    batch: int
    crop_px: int
    learning_rate: float
    kl_weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokenizer:
    """How many tokens the tokenizer knows."""

    vocabulary: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TextEncoder:
    """The small CLIP text tower, and how it is first trained to name the parts of a caption."""

    width: int
    layers: int
    heads: int
    steps: int
    batch: int
    learning_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Denoiser:
    """The UNet; text encoder and UNet are trained together on cached latents."""

    channels: tuple[int, ...]
    pictures: int
    steps: int
    batch: int
    learning_rate: float
    decay_from: float  # share of the steps after which the learning rate falls


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """The classifier that evaluation uses."""

    pictures: int
    steps: int
    batch: int
    learning_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The small CLIP model: its picture tower, and how both towers are trained."""

    width: int
    layers: int
    heads: int
    pictures: int
    steps: int
    batch: int
    learning_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One way to make a set of weights."""

    name: str
    seed: int
    vocabulary: Vocabulary
    wide_share: float  # of the pictures that are not square
    autoencoder: Autoencoder
    tokenizer: Tokenizer
    text_encoder: TextEncoder
    denoiser: Denoiser
    judge: Judge
    pair: Pair

    def fingerprint(self, part: str) -> str:
        """Return a hash of all that a part's checkpoint depends on.

        Numbers of steps are left out: a run may be made longer or shorter before it is resumed.
        """
        fields = {key: asdict(self)[key] for key in ("seed", "vocabulary", *NEEDS[part])}
        for table in fields.values():
            if isinstance(table, dict):
                table.pop("steps", None)
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]


def load(name: str) -> Recipe:
    """Read a recipe by its name, or by its file's path."""
    return read(path(name))


def path(name: str) -> Path:
    """Return a recipe's file: by name for those in doodle/recipes, else by the file's path."""
    file = Path(name) if name.endswith(".toml") else RECIPES / f"{name}.toml"
    if not file.is_file():
        known = ", ".join(sorted(file.stem for file in RECIPES.glob("*.toml")))
        message = f"There is no recipe {name!r}; choose one of: {known}."
        raise RecipeError(message)
    return file


def read(file: Path) -> Recipe:
    """Read a recipe from a TOML file."""
    if not file.is_file():
        train = f"{darkroom.command()} doodle train"
        message = f"{file} is missing; restore it or train anew with `{train}`."
        raise RecipeError(message)
    return parse(tomllib.loads(file.read_text()))


def parse(raw: dict) -> Recipe:
    """Build a recipe from the TOML file's tables."""
    return Recipe(
        name=raw["name"],
        seed=raw["seed"],
        wide_share=raw["wide_share"],
        vocabulary=Vocabulary(**_tuples(raw["scenes"])),
        autoencoder=Autoencoder(**_tuples(raw["autoencoder"])),
        tokenizer=Tokenizer(**raw["tokenizer"]),
        text_encoder=TextEncoder(**raw["text_encoder"]),
        denoiser=Denoiser(**_tuples(raw["denoiser"])),
        judge=Judge(**raw["judge"]),
        pair=Pair(**raw["pair"]),
    )


def _tuples(table: dict) -> dict:
    return {key: tuple(v) if isinstance(v, list) else v for key, v in table.items()}
