"""A recipe: everything that decides what a training run makes, read from one TOML file."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

from doodle.next.scenes import Vocabulary
from doodle.recipe import RecipeError

RECIPES = Path(__file__).parent / "recipes"

_TEXT = ("tokenizer", "text_encoder")
NEEDS: dict[str, tuple[str, ...]] = {  # what each checkpoint depends on in a recipe
    "autoencoder": ("autoencoder",),
    "autoencoder_finished": ("autoencoder",),
    "decoder": ("autoencoder", "decoder"),
    "text_encoder": _TEXT,
    "latents": ("autoencoder", *_TEXT, "latents"),
    "denoiser": ("autoencoder", *_TEXT, "denoiser"),
    "judge": ("judge",),
    "pair": (*_TEXT, "pair"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Autoencoder:
    """The part that turns pictures into latents and back."""

    channels: tuple[int, ...]  # each level after the first halves the side
    latents: int  # channels of the latents
    steps: int
    batch: int  # crops of 128 pixels
    learning_rate: float
    kl_weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoder:
    """How the decoder alone is trained further."""

    steps: int
    learning_rate: float


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
class Latents:
    """The scenes that are drawn and encoded once, before the denoiser learns from them."""

    pictures: int
    wide_share: float  # of the pictures that are not square


@dataclass(frozen=True, slots=True, kw_only=True)
class Denoiser:
    """The UNet; text encoder and UNet are trained together on the latents."""

    channels: tuple[int, ...]
    steps: int
    batch: int
    learning_rate: float
    decay_from: float  # share of the steps after which the learning rate falls


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """The classifier that evaluation uses."""

    steps: int
    batch: int
    learning_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The small CLIP model: its picture tower, and how both towers are trained."""

    width: int
    layers: int
    heads: int
    steps: int
    batch: int
    learning_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One way to make a set of weights."""

    name: str
    seed: int
    vocabulary: Vocabulary
    autoencoder: Autoencoder
    decoder: Decoder
    tokenizer: Tokenizer
    text_encoder: TextEncoder
    latents: Latents
    denoiser: Denoiser
    judge: Judge
    pair: Pair

    def fingerprint(self, part: str) -> str:
        """Return a hash of all that a part's checkpoint depends on.

        How long a part is trained, at which rate and on how many pictures may change before a run
        goes on.
        """
        needs = NEEDS["latents" if part.startswith("latents-") else part]
        fields = {key: asdict(self)[key] for key in ("seed", "vocabulary", *needs)}
        for table in fields.values():
            if isinstance(table, dict):
                for free in ("steps", "learning_rate", "decay_from", "pictures", "batch"):
                    table.pop(free, None)
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]


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
    return parse(tomllib.loads(path(name).read_text()))


def parse(raw: dict) -> Recipe:
    """Build a recipe from the TOML file's tables."""
    return Recipe(
        name=raw["name"],
        seed=raw["seed"],
        vocabulary=Vocabulary(**_tuples(raw["scenes"])),
        autoencoder=Autoencoder(**_tuples(raw["autoencoder"])),
        decoder=Decoder(**raw["decoder"]),
        tokenizer=Tokenizer(**raw["tokenizer"]),
        text_encoder=TextEncoder(**raw["text_encoder"]),
        latents=Latents(**raw["latents"]),
        denoiser=Denoiser(**_tuples(raw["denoiser"])),
        judge=Judge(**raw["judge"]),
        pair=Pair(**raw["pair"]),
    )


def _tuples(table: dict) -> dict:
    return {key: tuple(v) if isinstance(v, list) else v for key, v in table.items()}
