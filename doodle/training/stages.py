"""A training: its stages in their order."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from transformers import CLIPTokenizer

from doodle import tokenizer as tokenizers
from doodle.recipe import RecipeError
from doodle.training import denoiser, judge, pictures, text
from doodle.training.budget import Budget
from doodle.training.course import Course
from doodle.training.parts import Parts
from doodle.training.pools import Filling
from doodle.training.stock import Stock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from doodle.recipe import Recipe
    from doodle.training.stock import Plan

STAGES: dict[str, Callable[[Course], None]] = {
    "text": text.train,
    "autoencoder": pictures.train,
    "judge": judge.train,
    "pair": judge.train_pair,
    "denoiser": denoiser.train,
    "decoder": pictures.train_decoder,
}
NEEDS = {  # the stages whose weights a stage goes on from
    "pair": ("text",),
    "decoder": ("autoencoder",),
    "denoiser": ("text", "autoencoder"),
}
PARTS = {"text": "text", "autoencoder": "vae", "judge": "judge", "denoiser": "unet"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is trained, and for how long."""

    seconds: float
    out: Path  # where weights, a sheet and the tokenizer are written
    plan: Plan
    workers: int  # processes that draw
    only: tuple[str, ...] = ()  # the stages that are trained; all of them if none is named
    begin_with: Path | None = None  # weights of an earlier training
    tokenizer: Path | None = None  # its folder; else the earlier training's, or a new one
    device: str = "cpu"
    batch: float = 1.0  # share of the usual batches
    compiled: bool = True


def train(
    recipe: Recipe,
    wish: Wish,
    *,
    say: Callable[[str], None],
    clock: Callable[[], float] | None = None,
) -> list[str]:
    """Train all stages, or those wished for; return the names of those that failed.

    A stage that fails is told with its traceback, and the next ones go on with what there is. The
    seconds run from the start of the first stage. `RecipeError` before anything is written if the
    wish cannot be met.
    """
    device = _device(wish.device)
    parts = Parts(wish.out)
    if wish.begin_with is not None:
        parts.read(wish.begin_with)
    if any(wish.out.glob("*.safetensors")) and not _same(wish.out, wish.begin_with):
        message = f"{wish.out} holds an earlier training: begin with it, or give another --out."
        raise RecipeError(message)
    stages = tuple(stage for stage in STAGES if not wish.only or stage in wish.only)
    for need in sorted({need for stage in stages for need in NEEDS.get(stage, ())} - {*stages}):
        if PARTS[need] not in parts:
            has = f"{wish.begin_with} has none" if wish.begin_with else "give them by --begin-with"
            message = f"To train {' and '.join(stages)} takes the weights of {need}: {has}."
            raise RecipeError(message)
    words = _tokenizer(recipe, wish)
    stock = Stock(
        recipe.vocabulary,
        wish.plan,
        words.backend_tokenizer.to_str(),
        workers=wish.workers,
    )
    try:
        filling = Filling(stock, recipe.vocabulary, device, say)
        filling.start()
        budget = Budget(seconds=wish.seconds, stages=stages, **({"clock": clock} if clock else {}))
        course = Course(
            recipe,
            words,
            filling,
            parts,
            budget,
            device=device,
            batch=wish.batch,
            compiled=wish.compiled,
            seed=wish.plan.seed,
            say=say,
        )
        parts.write()
        tokenizers.save(words, wish.out / "tokenizer")
        return [stage for stage in stages if not _done(course, stage)]
    finally:
        stock.stop()


def _done(course: Course, stage: str) -> bool:
    span = course.budget.begin(stage)
    course.say(f"{stage}: {span:.0f} s; {course.filling.told()}")
    try:
        STAGES[stage](course)
    except Exception:  # noqa: BLE001 - the next stages shall run
        course.say(f"{stage} failed:\n{traceback.format_exc()}")
        return False
    finally:
        if course.device.type == "cuda":
            torch.cuda.empty_cache()
    return True


def _device(name: str) -> torch.device:
    if name != "cpu":
        if not torch.cuda.is_available():
            message = "There is no card here; --device cpu trains without one, over hours."
            raise RecipeError(message)
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
    return torch.device(name)


def _same(one: Path, other: Path | None) -> bool:
    return other is not None and one.resolve() == other.resolve()


def _tokenizer(recipe: Recipe, wish: Wish) -> CLIPTokenizer:
    """Return the tokenizer that the weights depend on; a new one if there are none."""
    folder = wish.tokenizer
    if folder is None and wish.begin_with is not None:
        folder = wish.begin_with / "tokenizer"
    return tokenizers.build(recipe) if folder is None else tokenizers.load(folder)
