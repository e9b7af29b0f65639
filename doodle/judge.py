"""The judge: a classifier that says what a picture shows, trained on drawn scenes only."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.functional import avg_pool2d, cross_entropy, interpolate

from doodle import weights
from doodle.autoencoder import signed
from doodle.pictures import draw_random
from doodle.training import Plan, Run, fit, seeded

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from torch import Tensor

    from doodle.recipe import Recipe
    from doodle.scenes import Scene, Vocabulary

UNSAID = -100  # the label that cross entropy skips


class Judge(nn.Module):
    """A small convolutional network with one head for each property of a scene."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.questions = questions(vocabulary)
        widths = (3, 24, 48, 96, 128)
        self.body = nn.Sequential(
            *(
                layer
                for before, after in itertools.pairwise(widths)
                for layer in (
                    nn.Conv2d(before, after, 3, stride=2, padding=1),
                    nn.GroupNorm(8, after),
                    nn.SiLU(),
                )
            ),
            nn.Conv2d(widths[-1], widths[-1], 3, padding=1),
            nn.SiLU(),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
            nn.Linear(widths[-1] * 16, 256),
            nn.SiLU(),
        )
        self.heads = nn.ModuleDict(
            {name: nn.Linear(256, len(answers)) for name, answers in self.questions.items()}
        )

    def features(self, pictures: Tensor) -> Tensor:
        """Return (N, 256) features of pictures (N, 3, H, W) from -1 to 1, reduced to 64 by 64."""
        return self.body(interpolate(pictures, size=(64, 64), mode="area"))

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """Return each question's logits."""
        seen = self.features(pictures)
        return {name: head(seen) for name, head in self.heads.items()}


def questions(vocabulary: Vocabulary) -> dict[str, tuple]:
    """Return the judge's questions, each with its possible answers."""
    return {
        "subject": vocabulary.subjects,
        "colour": vocabulary.colours,
        "place": vocabulary.places,
        "style": vocabulary.styles,
        "count": vocabulary.counts,
        "relation": (None, *vocabulary.relations),
    }


def train(recipe: Recipe, run: Run) -> Judge:
    """Train a judge on scenes, half of them blurred, so that it learns shapes and not pixels."""
    part = recipe.judge
    torch.manual_seed(recipe.seed)
    judge = Judge(recipe.vocabulary).to(run.device)
    if run.finished("judge", part.steps):
        judge.load_state_dict(run.load("judge")["model"])
        return judge.eval()
    run.say(f"judge: drawing {part.pictures} scenes")
    drawn = draw_random(recipe.vocabulary, count=part.pictures, seed=recipe.seed + 2)
    pictures, labels = torch.from_numpy(drawn.pixels), _labels(judge, drawn.scenes)

    def loss(step: int) -> Tensor:
        generator = seeded(recipe.seed, step)
        chosen = torch.randint(len(pictures), (part.batch,), generator=generator)
        batch = signed(pictures[chosen]).to(run.device)
        if step % 2:
            batch = interpolate(avg_pool2d(batch, 2), scale_factor=2, mode="bilinear")
        batch = batch + 0.05 * torch.randn(batch.shape, generator=generator).to(run.device)
        with run.autocast():
            answers = judge(batch)
        wanted = labels[chosen].to(run.device)
        return sum(
            cross_entropy(answer.float(), wanted[:, i], ignore_index=UNSAID)
            for i, answer in enumerate(answers.values())
        )

    plan = Plan(part="judge", steps=part.steps, learning_rate=part.learning_rate)
    fit(run, plan, judge, loss)
    return judge.eval()


@torch.no_grad()
def answers(judge: Judge, pictures: np.ndarray) -> list[dict]:
    """Return the judge's answers for each of (N, 3, H, W) uint8 pictures."""
    device = next(judge.parameters()).device
    seen: list[dict] = []
    for batch in torch.from_numpy(pictures).split(128):
        chosen = {
            name: out.argmax(1).tolist() for name, out in judge(signed(batch).to(device)).items()
        }
        seen += [
            {name: judge.questions[name][chosen[name][i]] for name in chosen}
            for i in range(len(batch))
        ]
    return seen


@torch.no_grad()
def features(judge: Judge, pictures: np.ndarray) -> Tensor:
    """Return the judge's features of uint8 pictures: (N, 256) fp32 on the CPU."""
    device = next(judge.parameters()).device
    batches = torch.from_numpy(pictures).split(128)
    return torch.cat([judge.features(signed(batch).to(device)).cpu() for batch in batches])


def _labels(judge: Judge, scenes: list[Scene]) -> Tensor:
    return torch.tensor(
        [
            [possible.index(getattr(scene, name)) for name, possible in judge.questions.items()]
            for scene in scenes
        ]
    )


def save(judge: Judge, path: Path) -> None:
    """Write the judge's weights in fp16."""
    save_file(judge.state_dict(), path)
    weights.halve(path)


def load(vocabulary: Vocabulary, path: Path) -> Judge:
    """Load a judge that was trained on this vocabulary."""
    weights.check(path)
    judge = Judge(vocabulary)
    judge.load_state_dict(load_file(path))
    return judge.eval()
