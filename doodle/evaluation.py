"""Measures how well the weights follow prompts whose combinations were never trained on."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, replace
from itertools import zip_longest
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import torch

from doodle import describing
from doodle import judge as judging
from doodle import pair as pairing
from doodle.captions import english, japanese
from doodle.pictures import draw_all, draw_random
from doodle.scenes import Scene, Vocabulary
from doodle.tokenizer import token_ids
from doodle.weights import GUIDANCE, STEPS

if TYPE_CHECKING:
    from collections.abc import Callable

    from diffusers import StableDiffusionPipeline
    from torch import Tensor
    from transformers import CLIPModel

    from doodle.judge import Judge

FOUR = ("subject", "colour", "place", "style")
PROMPTS_IN_A_PASS = 20
FRESH_SEED = 1_000_003  # no training picture is drawn with it
RETRIEVED = 100
JUDGED_SCENES = 1000  # drawn scenes on which the judge itself is measured


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnPrompts:
    """Prompts, the scenes they ask for, and what was drawn for them: (N, 3, 128, 128) uint8."""

    scenes: list[Scene]
    prompts: list[str]
    pixels: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Accuracies from 0 to 1; None for what the recipe does not train."""

    subject: float
    colour: float
    place: float
    style: float
    all: float
    count: float | None
    relation: float | None
    japanese: float
    judge: float
    clip_r1: float
    described: float  # pictures whose likeliest description names all four words
    kid: float  # kernel distance to drawn scenes, not an accuracy
    grid_s: float  # seconds for a grid of four


def evaluate(
    pipeline: StableDiffusionPipeline,
    judge: Judge,
    pair: CLIPModel,
    vocabulary: Vocabulary,
    *,
    prompts: int,
    say: Callable[[str], None] = print,
) -> tuple[Results, DrawnPrompts]:
    """Run every test with fixed seeds; return the results and the first test's pictures."""
    judge_shares = _judge_accuracies(judge, vocabulary)
    say("judge on fresh scenes: " + _shares(judge_shares))
    scenes = held_out_scenes(vocabulary, prompts)
    main = draw_prompts(pipeline, scenes, english, say=say)
    seen = judging.answers(judge, main.pixels)
    say(confusions(main.scenes, seen))
    accuracies = _accuracies(main.scenes, seen, FOUR)
    in_japanese = draw_prompts(pipeline, scenes[: prompts // 2], japanese, say=say)
    fresh = draw_random(vocabulary, count=prompts, seed=FRESH_SEED)
    found = Results(
        **accuracies,
        all=_all_right(main.scenes, seen),
        count=_counted(pipeline, judge, vocabulary, scenes, say),
        relation=_related(pipeline, judge, vocabulary, scenes, say),
        japanese=_all_right(in_japanese.scenes, judging.answers(judge, in_japanese.pixels)),
        judge=round(sum(judge_shares[name] for name in FOUR) / len(FOUR), 4),
        clip_r1=_retrieval(pair, pipeline, scenes[:RETRIEVED]),
        described=_described(pair, pipeline, vocabulary, main),
        kid=kernel_distance(
            judging.features(judge, main.pixels), judging.features(judge, fresh.pixels)
        ),
        grid_s=_grid_seconds(pipeline),
    )
    return found, main


def held_out_scenes(vocabulary: Vocabulary, count: int) -> list[Scene]:
    """Return `count` scenes never trained on: one of each subject, then the next of each."""
    rng = Random(FRESH_SEED)
    by_subject = {subject: [] for subject in vocabulary.subjects}
    for scene in vocabulary.held_out():
        by_subject[scene.subject].append(scene)
    for scenes in by_subject.values():
        rng.shuffle(scenes)
    rounds = zip_longest(*by_subject.values())
    return [scene for scenes in rounds for scene in scenes if scene is not None][:count]


def draw_prompts(
    pipeline: StableDiffusionPipeline,
    scenes: list[Scene],
    language: Callable[[Scene, Random], str],
    *,
    say: Callable[[str], None] = print,
) -> DrawnPrompts:
    """Draw a picture for every scene's prompt; picture i from seed i."""
    rng = Random(FRESH_SEED)
    prompts = [language(scene, rng) for scene in scenes]
    drawn = []
    for start in range(0, len(prompts), PROMPTS_IN_A_PASS):
        batch = prompts[start : start + PROMPTS_IN_A_PASS]
        drawn.append(generate(pipeline, batch, seed=start))
        say(f"drawn {start + len(batch)} of {len(prompts)}, such as {batch[0]!r}")
    return DrawnPrompts(scenes=scenes, prompts=prompts, pixels=np.concatenate(drawn))


def generate(
    pipeline: StableDiffusionPipeline,
    prompts: list[str],
    *,
    seed: int,
    size: tuple[int, int] = (128, 128),
) -> np.ndarray:
    """Return pictures (N, 3, H, W) uint8 at the default steps; prompt i from seed + i."""
    images = pipeline(
        prompts,
        width=size[0],
        height=size[1],
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        generator=[torch.Generator().manual_seed(seed + i) for i in range(len(prompts))],
        output_type="np",
    ).images
    return (images * 255).round().astype(np.uint8).transpose(0, 3, 1, 2)


def confusions(scenes: list[Scene], seen: list[dict]) -> str:
    """Return a line for each subject: how often it was recognised, and what was seen instead."""
    taken: dict[str, Counter[str]] = {}
    for scene, answer in zip(scenes, seen, strict=True):
        taken.setdefault(scene.subject, Counter())[answer["subject"]] += 1
    lines = [f"{'subject':<12}{'right':>9}  taken for"]
    for subject, counts in sorted(taken.items()):
        others = ", ".join(f"{name} {n}" for name, n in counts.most_common() if name != subject)
        lines.append(f"{subject:<12}{counts[subject]:>4}/{counts.total():<4}  {others}")
    return "\n".join(lines)


def kernel_distance(a: Tensor, b: Tensor) -> float:
    """Return the kernel inception distance (Binkowski et al. 2018) of two feature sets (N, D).

    The unbiased estimate with the paper's cubic kernel, on the judge's features instead of
    Inception's. The features are first standardised by the mean and deviation of `b`.
    """
    width, middle, spread = a.shape[1], b.mean(0), b.std(0) + 1e-6
    a, b = (a - middle) / spread, (b - middle) / spread

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (x @ y.T / width + 1) ** 3

    def within(x: Tensor) -> Tensor:
        table = kernel(x, x)
        return (table.sum() - table.trace()) / (len(x) * (len(x) - 1))

    a, b = a.double(), b.double()
    return round(float(within(a) + within(b) - 2 * kernel(a, b).mean()), 4)


def _judge_accuracies(judge: Judge, vocabulary: Vocabulary) -> dict[str, float]:
    rng = Random(FRESH_SEED)
    drawn = draw_all([vocabulary.sample(rng) for _ in range(JUDGED_SCENES)], seed=FRESH_SEED)
    return _accuracies(drawn.scenes, judging.answers(judge, drawn.pixels), tuple(judge.questions))


def _accuracies(scenes: list[Scene], seen: list[dict], names: tuple[str, ...]) -> dict[str, float]:
    return {
        name: _share(
            [answer[name] == getattr(scene, name) for scene, answer in _both(scenes, seen)]
        )
        for name in names
    }


def _all_right(scenes: list[Scene], seen: list[dict]) -> float:
    return _share(
        [all(answer[n] == getattr(scene, n) for n in FOUR) for scene, answer in _both(scenes, seen)]
    )


def _counted(pipeline, judge, vocabulary, scenes, say) -> float | None:  # noqa: ANN001
    if len(vocabulary.counts) == 1:
        return None
    several = [
        replace(scene, count=vocabulary.counts[i % len(vocabulary.counts)])
        for i, scene in enumerate(scenes[:RETRIEVED])
    ]
    drawn = draw_prompts(pipeline, several, english, say=say)
    return _accuracies(several, judging.answers(judge, drawn.pixels), ("count",))["count"]


def _related(pipeline, judge, vocabulary, scenes, say) -> float | None:  # noqa: ANN001
    if not vocabulary.relations:
        return None
    rng = Random(FRESH_SEED)
    both = [
        replace(
            vocabulary.related(scene, rng),
            relation=vocabulary.relations[i % len(vocabulary.relations)],
        )
        for i, scene in enumerate(scenes[:RETRIEVED])
    ]
    drawn = draw_prompts(pipeline, both, english, say=say)
    return _accuracies(both, judging.answers(judge, drawn.pixels), ("relation",))["relation"]


@torch.no_grad()
def _retrieval(pair: CLIPModel, pipeline: StableDiffusionPipeline, scenes: list[Scene]) -> float:
    """Return how often the picture nearest to a caption, of a hundred drawn scenes, is its own."""
    rng = Random(FRESH_SEED)
    texts = [english(scene, rng) for scene in scenes]
    pictures = pairing.seen(draw_all(scenes, seed=FRESH_SEED).pixels)
    out = pair(input_ids=token_ids(pipeline.tokenizer, texts), pixel_values=pictures)
    return _share((out.logits_per_text.argmax(1) == torch.arange(len(scenes))).tolist())


@torch.no_grad()
def _described(
    pair: CLIPModel, pipeline: StableDiffusionPipeline, vocabulary: Vocabulary, drawn: DrawnPrompts
) -> float:
    """Return how often the sentence nearest to a picture names the four words of its prompt."""
    said = describing.sentences(vocabulary)
    ids = token_ids(pipeline.tokenizer, list(said.values()))
    texts = torch.cat([_unit(pair.get_text_features(part)) for part in ids.split(512)])
    seen = torch.cat(
        [
            _unit(pair.get_image_features(pairing.seen(part)))
            for part in np.array_split(drawn.pixels, len(drawn.pixels) // 128 + 1)
        ]
    )
    names = list(said)
    nearest = [names[place] for place in (seen @ texts.T).argmax(1).tolist()]
    return _share(
        [
            found == tuple(getattr(scene, name) for name in FOUR)
            for scene, found in zip(drawn.scenes, nearest, strict=True)
        ]
    )


def _unit(features) -> Tensor:  # noqa: ANN001 - a tensor, or an output that pools one
    tensor = getattr(features, "pooler_output", features)
    return tensor / tensor.norm(dim=-1, keepdim=True)


def _grid_seconds(pipeline: StableDiffusionPipeline) -> float:
    started = time.perf_counter()
    generate(pipeline, ["a red cat at night"] * 4, seed=0)
    return round(time.perf_counter() - started, 2)


def _both(scenes: list[Scene], seen: list[dict]) -> list[tuple[Scene, dict]]:
    return list(zip(scenes, seen, strict=True))


def _share(right: list[bool]) -> float:
    return round(sum(right) / len(right), 4)


def _shares(accuracies: dict[str, float]) -> str:
    return ", ".join(f"{name} {share:.3f}" for name, share in accuracies.items())
