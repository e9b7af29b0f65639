"""The judge: a classifier that says what a picture shows, trained on drawn scenes only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.functional import interpolate, silu

from doodle import weights
from doodle.autoencoder import signed

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from torch import Tensor

    from doodle.scenes import Vocabulary

SEEN_PX = 112  # of the shorter side
WIDTHS = (64, 128, 192)
FEATURES = 192


class Judge(nn.Module):
    """A small residual network (He et al. 2016) with one head for each property of a scene.

    It takes areas of 4 by 4 pixels at once: what is finer costs most and tells least.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.questions = questions(vocabulary)
        first, second, third = WIDTHS
        self.body = nn.Sequential(
            nn.Conv2d(3, first, 8, stride=4, padding=2),
            _Block(first),
            nn.Conv2d(first, second, 3, stride=2, padding=1),
            _Block(second),
            _Block(second),
            nn.Conv2d(second, third, 3, stride=2, padding=1),
            _Block(third),
        )
        self.top = nn.Sequential(nn.Linear(2 * third, FEATURES), nn.SiLU())
        self.heads = nn.ModuleDict(
            {name: nn.Linear(FEATURES, len(answers)) for name, answers in self.questions.items()}
        )

    def features(self, pictures: Tensor) -> Tensor:
        """Return (N, FEATURES) of pictures (N, 3, H, W) from -1 to 1, made smaller first."""
        share = SEEN_PX / min(pictures.shape[-2:])
        size = [round(side * share) for side in pictures.shape[-2:]]
        seen = self.body(interpolate(pictures, size=size, mode="area"))
        return self.top(torch.cat([seen.mean((-2, -1)), seen.amax((-2, -1))], dim=1))

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """Return each question's logits."""
        seen = self.features(pictures)
        return {name: head(seen) for name, head in self.heads.items()}


class _Block(nn.Module):
    """Two convolutions beside what passes as it is."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first_norm, self.second_norm = nn.GroupNorm(8, width), nn.GroupNorm(8, width)
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.first(silu(self.first_norm(x)))
        return x + self.second(silu(self.second_norm(inner)))


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
    """Return the judge's answers for each of (N, 3, H, W) uint8 pictures.

    It looks at each picture and at its mirror image, which shows the same, and answers once.
    """
    device = next(judge.parameters()).device
    seen: list[dict] = []
    for batch in torch.from_numpy(pictures).split(64):
        pictures = signed(batch).to(device)
        found, mirrored = judge(pictures), judge(pictures.flip(-1))
        chosen = {
            name: (found[name].log_softmax(1) + mirrored[name].log_softmax(1)).argmax(1).tolist()
            for name in found
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
