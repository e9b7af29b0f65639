"""What a solver is: a step that rows of one class of schedulers take together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

COLUMNS = 13
"""Numbers of a step; solvers that need fewer have zeros after them."""
SCALE = 6
"""The number by which the latents are divided for the denoiser, where a solver scales them."""

Columns = Sequence[Tensor]
"""The numbers of a step, (B, 1, 1, 1) fp32 each."""
Numbers = Sequence[Tensor]
"""At most `COLUMNS` of them, (steps,) fp32 each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solver:
    """What rows of one class of schedulers and one kind of prediction do in a step."""

    name: str
    step: Callable[[Tensor, Tensor, Tensor, Tensor, Columns], tuple[Tensor, Tensor | None]]
    """Latents, guided prediction, what the step before left, fresh noise (all fp32, (B, C, h, w))
    and numbers → the next latents, and what this step leaves to the next. What a solver does not
    ask for is given as the latents."""
    scales: bool = False
    """Whether the denoiser sees the latents divided by the number `SCALE`."""
    remembers: int = 0
    """How many tensors of (B, C, h, w), one after another by channel, a step leaves to the next;
    zeros before the first."""
    noise: Literal["", "single", "own"] = ""
    """Whether each step adds noise that is drawn in fp32, or in the model's own number format."""


def clean(x: Tensor, noise: Tensor, c: Columns) -> Tensor:
    """The clean latents where the model predicts noise: the first numbers are α and σ."""
    alpha, sigma, *_ = c
    return (x - sigma * noise) / alpha


def clean_v(x: Tensor, velocity: Tensor, c: Columns) -> Tensor:
    """The clean latents where it predicts v (Salimans & Ho 2022); first numbers as above."""
    alpha, sigma, *_ = c
    return alpha * x - sigma * velocity


def one_by_one(function: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
    """As a scheduler does it: torch rounds logarithms of many numbers at once otherwise."""
    return torch.stack([function(value) for value in values])
