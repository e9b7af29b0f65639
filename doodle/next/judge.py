"""The judge: a classifier that says what a picture shows, trained on drawn scenes only."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.functional import interpolate, silu

from doodle import weights
from doodle.next.autoencoder import signed

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from torch import Tensor

    from doodle.next.scenes import Vocabulary

SEEN_PX = 112  # of the shorter side


class Judge(nn.Module):
    """A small convolutional network with one head for each property of a scene."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.questions = questions(vocabulary)
        widths = (3, 24, 48, 96, 160)
        self.body = nn.Sequential(
            *(
                layer
                for before, after in itertools.pairwise(widths)
                for layer in (_Down(before, after), _Same(after))
            )
        )
        self.top = nn.Sequential(nn.Linear(2 * widths[-1], 192), nn.SiLU())
        self.heads = nn.ModuleDict(
            {name: nn.Linear(192, len(answers)) for name, answers in self.questions.items()}
        )

    def features(self, pictures: Tensor) -> Tensor:
        """Return (N, 192) features of pictures (N, 3, H, W) from -1 to 1, made smaller first."""
        share = SEEN_PX / min(pictures.shape[-2:])
        size = [round(side * share) for side in pictures.shape[-2:]]
        seen = self.body(interpolate(pictures, size=size, mode="area"))
        return self.top(torch.cat([seen.mean((-2, -1)), seen.amax((-2, -1))], dim=1))

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """Return each question's logits."""
        seen = self.features(pictures)
        return {name: head(seen) for name, head in self.heads.items()}


class _Down(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, 3, stride=2, padding=1)
        self.norm = nn.GroupNorm(8, after)

    def forward(self, x: Tensor) -> Tensor:
        return silu(self.norm(self.conv(x)))


class _Same(nn.Module):
    """A residual block (He et al. 2016) whose first convolution is by channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.near = nn.Conv2d(width, width, 5, padding=2, groups=width)
        self.norm = nn.GroupNorm(8, width)
        self.wide = nn.Conv2d(width, 2 * width, 1)
        self.back = nn.Conv2d(2 * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.back(silu(self.wide(self.norm(self.near(x)))))


def questions(vocabulary: Vocabulary) -> dict[str, tuple]:
    """Return the judge's questions, each with its possible answers."""
    return {
        "subject": vocabulary.subjects,
        "colour": vocabulary.colours,
        "place": vocabulary.places,
        "style": vocabulary.styles,
        "count": vocabulary.counts,
        "relation": (None, *vocabulary.relations),
        "second": (None, *vocabulary.subjects),
    }


@torch.no_grad()
def answers(judge: Judge, pictures: np.ndarray) -> list[dict]:
    """Return the judge's answers for each of (N, 3, H, W) uint8 pictures."""
    device = next(judge.parameters()).device
    seen: list[dict] = []
    for batch in torch.from_numpy(pictures).split(64):
        chosen = {
            name: out.argmax(1).tolist() for name, out in judge(signed(batch).to(device)).items()
        }
        seen += [
            {name: judge.questions[name][chosen[name][i]] for name in chosen}
            for i in range(len(batch))
        ]
    return seen


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
