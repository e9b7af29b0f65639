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
LOOKS = 2
WAVES = 4  # of each direction; the shortest is about four parts long


class Judge(nn.Module):
    """A small residual network (He et al. 2016) with one head for each property of a scene.

    It takes areas of 4 by 4 pixels at once: what is finer costs most and tells least. Each question
    then looks at those parts of the picture that it asks for, and at what the other questions found
    (a decoder as in Carion et al. 2020): means of the whole picture mix up what two things are.
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
        self.where = nn.Linear(4 * WAVES, third)
        self.asked = nn.ParameterDict({"embeddings": _small(len(self.questions), FEATURES)})
        self.looks = nn.ModuleList(_look() for _ in range(LOOKS))
        self.heads = nn.ModuleDict(
            {name: nn.Linear(FEATURES, len(answers)) for name, answers in self.questions.items()}
        )

    def features(self, pictures: Tensor) -> Tensor:
        """Return (N, questions, FEATURES) of pictures (N, 3, H, W) from -1 to 1."""
        seen = self.body(smaller(pictures))
        whole = self.top(torch.cat([seen.mean((-2, -1)), seen.amax((-2, -1))], dim=1))
        parts = seen.flatten(2).mT + self.where(waves(*seen.shape[-2:]).to(seen))
        found = whole[:, None] + self.asked["embeddings"]
        for look in self.looks:
            found = look(found, parts)
        return found

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """Return each question's logits."""
        found = self.features(pictures).unbind(1)
        return {
            name: head(each) for (name, head), each in zip(self.heads.items(), found, strict=True)
        }


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


def smaller(pictures: Tensor) -> Tensor:
    """Return pictures (N, 3, H, W) with a shorter side of `SEEN_PX`, as the judge looks at them."""
    share = SEEN_PX / min(pictures.shape[-2:])
    size = [round(side * share) for side in pictures.shape[-2:]]
    return interpolate(pictures, size=size, mode="area")


def _small(*shape: int) -> nn.Parameter:
    return nn.Parameter(0.02 * torch.randn(shape))


def _look() -> nn.Module:
    """Return a layer that changes nothing until it is trained."""
    look = nn.TransformerDecoderLayer(
        FEATURES,
        6,
        dim_feedforward=2 * FEATURES,
        dropout=0.0,
        activation="gelu",
        batch_first=True,
        norm_first=True,
    )
    for last in (look.self_attn.out_proj, look.multihead_attn.out_proj, look.linear2):
        nn.init.zeros_(last.weight)
    return look


def waves(height: int, width: int) -> Tensor:
    """Return where parts of a picture lie: (height * width, 4 * WAVES), from its middle."""
    down, right = torch.meshgrid(
        *(torch.arange(side) - (side - 1) / 2 for side in (height, width)), indexing="ij"
    )
    angles = torch.stack([down, right], dim=-1).view(-1, 2, 1) * 0.25 * 2.0 ** torch.arange(WAVES)
    return torch.cat([angles.sin(), angles.cos()], dim=-1).flatten(1)


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
