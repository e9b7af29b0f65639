"""Measures how well the weights follow prompts, how their pictures vary and how sharp they are.

The prompts that are reported and those used while tuning are apart: `tuning` takes other scenes,
other words and other seeds, and none of the free prompts.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, replace
from itertools import combinations, zip_longest
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import torch
from diffusers import EulerAncestralDiscreteScheduler
from torch.nn.functional import avg_pool2d, normalize

from doodle import judge as judging
from doodle import pair as pairing
from doodle.autoencoder import sharpness
from doodle.captions import english, japanese
from doodle.pictures import drawn
from doodle.recipe import RecipeError
from doodle.scenes import MUTUAL, SQUARE, WIDE
from doodle.words import COUNT_WORDS, SKIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from diffusers import StableDiffusionPipeline
    from torch import Tensor
    from transformers import CLIPModel

    from doodle.judge import Judge
    from doodle.scenes import Scene, Vocabulary

SAMPLER = EulerAncestralDiscreteScheduler
STEPS = 10
GUIDANCE = 3.0
"""As the catalogue has Doodle drawn; `tests/doodle/test_evaluation.py` holds that."""
FOUR = ("subject", "colour", "place", "style")
IN_A_PASS = 10
SEED = 1_000_003  # no training picture is drawn with it
APART = 100_000  # how far seeds of tuning are from those that are reported
GRID = 4
FREE = Path(__file__).parent / "free_prompts.tsv"
"""Prompts as people type them, a tab, and what is asked for: subject=… colour=… count=many …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Shares from 0 to 1, if not said otherwise; None for what was not measured."""

    subject: float
    colour: float
    place: float
    style: float
    all: float
    shapes: float  # all four right, in 3:2, 2:3, 16:9 and 9:16
    count: float | None
    relation: float | None
    japanese: float
    free: float | None
    judge: float  # on fresh scenes, the mean of the four
    diversity_layout: float  # distances within grids over those of fresh scenes for the same words
    diversity_pair: float | None
    sharpness: float  # energy of gradients over that of fresh scenes for the same words
    grid_s: float
    kilobytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A free prompt and what it asks for."""

    prompt: str
    asked: dict[str, str]

    def met_by(self, seen: dict) -> bool:
        """Tell whether a judge's answers are what was asked for."""
        return any(self._met_by(each) for each in orders(seen))

    def _met_by(self, seen: dict) -> bool:
        for name, value in self.asked.items():
            match name, value:
                case "count", "many":
                    right = seen["count"] > 1
                case "count", _:
                    right = seen["count"] == int(value)
                case _:
                    right = seen[name] == value
            if not right:
                return False
        return True


def evaluate(
    pipeline: StableDiffusionPipeline,
    judge: Judge,
    pair: CLIPModel | None,
    vocabulary: Vocabulary,
    *,
    prompts: int = 400,
    tuning: bool = False,
    folder: Path | None = None,
    say: Callable[[str], None] = print,
) -> tuple[Results, np.ndarray]:
    """Run every test with fixed seeds; return the results and the first test's pictures.

    `RecipeError` if no combination of the vocabulary's words is held out.
    """
    scenes = held_out_scenes(vocabulary, prompts, tuning=tuning)
    if not scenes:
        message = "So few words make no combination that is held out; evaluate a larger recipe."
        raise RecipeError(message)
    draw = Drawing(pipeline, seed=SEED + tuning * APART, say=say)
    numbers = range(tuning * APART, tuning * APART + prompts)
    fresh = drawn([vocabulary.sample(Random(i)) for i in numbers], seed=SEED + tuning * APART)
    taught = [as_taught(scene, vocabulary) for scene in fresh.scenes]
    checked = accuracies(taught, judging.answers(judge, fresh.pixels))
    main = draw(scenes, english)
    seen = judging.answers(judge, main)
    own = accuracies(scenes, seen)
    again = drawn(scenes, seed=SEED + 1).pixels
    quarter = max(4, prompts // 4)
    wide = [
        _all_right(part, judging.answers(judge, draw(part, english, size=size)))
        for size, part in zip(WIDE, _split(scenes[:quarter], len(WIDE)), strict=True)
        if part
    ]
    layout, look = diversity(draw, scenes[: max(2, prompts // 10)], pair)
    results = Results(
        **own,
        all=_all_right(scenes, seen),
        shapes=_mean(wide),
        count=_counted(draw, judge, vocabulary, scenes[:quarter]),
        relation=_related(draw, judge, vocabulary, scenes[:quarter]),
        japanese=_all_right(
            scenes[: prompts // 2], judging.answers(judge, draw(scenes[: prompts // 2], japanese))
        ),
        free=None if tuning else _free(draw, judge, vocabulary, prompts // 2),
        judge=_mean(list(checked.values())),
        diversity_layout=layout,
        diversity_pair=look,
        sharpness=round(sharpness(torch.from_numpy(main)) / sharpness(torch.from_numpy(again)), 4),
        grid_s=_grid_seconds(draw),
        kilobytes=_kilobytes(folder),
    )
    return results, main


class Drawing:
    """Draws pictures for scenes or prompts with the weights; picture i from seed + i."""

    def __init__(
        self, pipeline: StableDiffusionPipeline, *, seed: int, say: Callable[[str], None]
    ) -> None:
        self._pipeline, self._seed, self._say = pipeline, seed, say
        pipeline.scheduler = SAMPLER.from_config(pipeline.scheduler.config)

    def __call__(
        self,
        scenes: list[Scene],
        language: Callable[[Scene, Random], str],
        *,
        size: tuple[int, int] = SQUARE,
    ) -> np.ndarray:
        """Return a picture (3, H, W) uint8 for each scene, asked for in a language."""
        rng = Random(self._seed)
        return self.prompts([language(scene, rng) for scene in scenes], size=size)

    def prompts(self, prompts: list[str], *, size: tuple[int, int] = SQUARE) -> np.ndarray:
        """Return a picture (3, H, W) uint8 for each prompt."""
        parts = []
        for start in range(0, len(prompts), IN_A_PASS):
            batch = prompts[start : start + IN_A_PASS]
            images = self._pipeline(
                batch,
                width=size[0],
                height=size[1],
                num_inference_steps=STEPS,
                guidance_scale=GUIDANCE,
                generator=[
                    torch.Generator().manual_seed(self._seed + start + i) for i in range(len(batch))
                ],
                output_type="np",
            ).images
            parts.append((images * 255).round().astype(np.uint8).transpose(0, 3, 1, 2))
        self._say(f"drawn {len(prompts)} of {size[0]}x{size[1]}, such as {prompts[0]!r}")
        return np.concatenate(parts)


def held_out_scenes(vocabulary: Vocabulary, count: int, *, tuning: bool = False) -> list[Scene]:
    """Return `count` scenes never trained on: one of each subject, then the next of each.

    Half of those there are, chosen by a hash, are for tuning and are never reported.
    """
    rng = Random(SEED)
    by_subject: dict[str, list[Scene]] = {subject: [] for subject in vocabulary.subjects}
    for scene in vocabulary.held_out():
        if (hashlib.sha256(scene.words().encode()).digest()[1] % 2 == 0) == tuning:
            by_subject[scene.subject].append(scene)
    for scenes in by_subject.values():
        rng.shuffle(scenes)
    rounds = zip_longest(*by_subject.values())
    chosen = [scene for scenes in rounds for scene in scenes if scene is not None][:count]
    return [replace(scene, sky=rng.choice(SKIES.get(scene.place, ("",)))) for scene in chosen]


def free_prompts() -> list[Wanted]:
    """Read the prompts that people might type, and what each asks for."""
    found = []
    for line in FREE.read_text(encoding="utf-8").splitlines():
        prompt, asked = line.split("\t")
        parts = dict(part.split("=") for part in asked.split())
        found.append(
            Wanted(prompt=prompt, asked={k: v.replace("-", " ") for k, v in parts.items()})
        )
    return found


def accuracies(scenes: list[Scene], seen: list[dict]) -> dict[str, float]:
    """Return how often each of the four parts was right."""
    return {
        name: _mean([answer[name] == getattr(scene, name) for scene, answer in _both(scenes, seen)])
        for name in FOUR
    }


def numbered(scene: Scene, rng: Random) -> str:
    """Return an English phrase that says how many; "some cats" asks for no number."""
    if scene.count == 1:
        return english(scene, rng)
    words = (*COUNT_WORDS[scene.count][0], str(scene.count))
    while True:
        text = english(scene, rng)
        if any(f" {word} " in f" {text} " for word in words):
            return text


def as_taught(scene: Scene, vocabulary: Vocabulary) -> Scene:
    """Return the scene as the judge learns it: of two things that stand beside each other, of which
    no picture tells which was named first, the first in the vocabulary is the subject.
    """
    place = vocabulary.subjects.index
    if scene.relation != MUTUAL or place(scene.subject) <= place(scene.second):
        return scene
    return replace(
        scene,
        subject=scene.second,
        colour=scene.second_colour,
        second=scene.subject,
        second_colour=scene.colour,
    )


def diversity(
    draw: Drawing, scenes: list[Scene], pair: CLIPModel | None
) -> tuple[float, float | None]:
    """Return how far apart the pictures of a grid are, over fresh scenes for the same words.

    By their layout (means of 16 by 16 areas), and by the pair's embeddings if there is a pair.
    """
    rng = Random(SEED)
    prompts = [english(scene, rng) for scene in scenes]
    grids = draw.prompts([prompt for prompt in prompts for _ in range(GRID)])
    fresh = drawn([scene for scene in scenes for _ in range(GRID)], seed=SEED + 2).pixels
    layout = _spread(_areas(grids)) / _spread(_areas(fresh))
    if pair is None:
        return round(layout, 4), None
    look = _spread(_embedded(pair, grids)) / _spread(_embedded(pair, fresh))
    return round(layout, 4), round(look, 4)


def _spread(features: Tensor) -> float:
    """Return the mean distance between the features (N, D) of the same grid."""
    grids = features.view(-1, GRID, features.shape[-1])
    pairs = [(grids[:, a] - grids[:, b]).norm(dim=-1) for a, b in combinations(range(GRID), 2)]
    return float(torch.stack(pairs).mean())


def _areas(pictures: np.ndarray) -> Tensor:
    return avg_pool2d(torch.from_numpy(pictures).float(), 16).flatten(1)


@torch.no_grad()
def _embedded(pair: CLIPModel, pictures: np.ndarray) -> Tensor:
    features = pair.get_image_features(pixel_values=pairing.seen(torch.from_numpy(pictures)))
    return normalize(getattr(features, "pooler_output", features), dim=-1)


def _counted(
    draw: Drawing, judge: Judge, vocabulary: Vocabulary, scenes: list[Scene]
) -> float | None:
    if len(vocabulary.counts) == 1:
        return None
    several = [
        replace(scene, count=vocabulary.counts[i % len(vocabulary.counts)])
        for i, scene in enumerate(scenes)
    ]
    seen = judging.answers(judge, draw(several, numbered))
    return _mean([answer["count"] == scene.count for scene, answer in _both(several, seen)])


def _related(
    draw: Drawing, judge: Judge, vocabulary: Vocabulary, scenes: list[Scene]
) -> float | None:
    """Relation, subject and second subject all right; of things beside each other in any order."""
    if not vocabulary.relations:
        return None
    rng = Random(SEED)
    both = [
        replace(
            vocabulary.related(scene, rng),
            relation=vocabulary.relations[i % len(vocabulary.relations)],
        )
        for i, scene in enumerate(scenes)
    ]
    seen = judging.answers(judge, draw(both, english))
    return _mean([two_right(scene, answer) for scene, answer in _both(both, seen)])


def two_right(scene: Scene, answer: dict) -> bool:
    """Tell whether a judge saw both things of a scene and how they stand."""
    names = ("relation", "subject", "second")
    return any(all(each[name] == getattr(scene, name) for name in names) for each in orders(answer))


def orders(answer: dict) -> list[dict]:
    """Return a judge's answers, and if two things stand beside each other the other way round too.

    Of the second thing no judge says the colour.
    """
    if answer.get("relation") != MUTUAL:
        return [answer]
    turned = {"subject": answer["second"], "second": answer["subject"], "colour": None}
    return [answer, answer | turned]


def _free(draw: Drawing, judge: Judge, vocabulary: Vocabulary, count: int) -> float | None:
    wanted = [each for each in free_prompts() if each.asked["subject"] in vocabulary.subjects]
    wanted = wanted[:count]
    if not wanted:
        return None
    seen = judging.answers(judge, draw.prompts([each.prompt for each in wanted]))
    return _mean([each.met_by(answer) for each, answer in zip(wanted, seen, strict=True)])


def _all_right(scenes: list[Scene], seen: list[dict]) -> float:
    return _mean(
        [all(answer[n] == getattr(scene, n) for n in FOUR) for scene, answer in _both(scenes, seen)]
    )


def _grid_seconds(draw: Drawing) -> float:
    started = time.perf_counter()
    draw.prompts(["a red cat at night"] * GRID)
    return round(time.perf_counter() - started, 2)


def _kilobytes(folder: Path | None) -> int:
    files = [] if folder is None else [file for file in folder.rglob("*") if file.is_file()]
    return round(sum(file.stat().st_size for file in files) / 1000)


def _split(scenes: list[Scene], parts: int) -> list[list[Scene]]:
    return [scenes[i::parts] for i in range(parts)]


def _both(scenes: list[Scene], seen: list[dict]) -> list[tuple[Scene, dict]]:
    return list(zip(scenes, seen, strict=True))


def _mean(values: list) -> float:
    return round(sum(values) / len(values), 4)
