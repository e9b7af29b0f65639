"""The optimizer: few large operations, as many small ones take a card longer than the sums."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

LINE = 64  # numbers: a card reads weights that begin at such borders fastest


class Flat:
    """AdamW (Loshchilov & Hutter 2019) over all weights as one fp32 tensor, their average beside.

    The model computes in `dtype`; its weights and gradients are parts of one tensor each. `warm`
    is in steps, `decay` that of the average. For compiled code the weights of convolutions lie in
    the order of channels-last, which makes convolutions by channel slow.
    """

    def __init__(
        self,
        model: nn.Module,
        dtype: torch.dtype,
        *,
        rate: float,
        warm: int = 100,
        decay: float = 0.999,
        channels_last: bool = False,
    ) -> None:
        self.rate, self.warm, self.decay, self.steps = rate, warm, decay, 0
        self._channels_last = channels_last
        model.train()
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        starts = list(accumulate((_room(weight) for weight in weights), initial=0))
        self.master = torch.zeros(starts[-1], device=weights[0].device)
        for weight, start in zip(weights, starts, strict=False):
            self._part(self.master, start, weight.shape).copy_(weight.detach())
            weight.grad = None  # what an earlier stage left is a part of its tensor no more
        model.to(dtype=dtype)
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        self.half = self.master.to(dtype)
        self.grad = torch.zeros_like(self.half)
        self._places: dict[int, int] = {}
        for weight, start in zip(weights, starts, strict=False):
            self._places[id(weight)] = start
            weight.data = self._part(self.half, start, weight.shape)
            weight.grad = self._part(self.grad, start, weight.shape)
        self._weights = weights  # kept, so that no other object takes over an id
        self._first, self._second = torch.zeros_like(self.master), torch.zeros_like(self.master)
        self.average = self.master.clone()

    @torch.no_grad()
    def step(self, share: float, decay_from: float) -> None:
        """Take a step; from one share of the stage to its end the rate falls to zero (a cosine)."""
        self.steps += 1
        fallen = max(0.0, (share - decay_from) / (1 - decay_from))
        rate = self.rate * min(1.0, self.steps / self.warm) * 0.5 * (1 + math.cos(math.pi * fallen))
        gradient = self.grad.float()
        norm = gradient.norm()
        gradient = torch.nan_to_num(gradient, 0.0, 0.0, 0.0)
        gradient.mul_(torch.where(norm.isfinite(), (1 / norm).clamp(max=1.0), 0.0))
        self._first.lerp_(gradient, 0.1)
        self._second.mul_(0.99).addcmul_(gradient, gradient, value=0.01)
        root = (self._second / (1 - 0.99**self.steps)).sqrt_().add_(1e-8)
        self.master.mul_(1 - rate * 1e-2)
        self.master.addcdiv_(self._first, root, value=-rate / (1 - 0.9**self.steps))
        kept = min(self.decay, (1 + self.steps) / (10 + self.steps))
        self.average.lerp_(self.master, 1 - kept)
        self.half.copy_(self.master)
        self.grad.zero_()

    @torch.no_grad()
    def use_average(self) -> None:
        """Give the model the averaged weights."""
        self.half.copy_(self.average)

    def averaged(self, weight: Tensor) -> Tensor:
        """Return the average of a weight in fp32; what is not trained here, as it is."""
        at = self._places.get(id(weight))
        if at is None:
            return weight
        return self._part(self.average, at, weight.shape)

    def _part(self, whole: Tensor, start: int, shape: torch.Size) -> Tensor:
        """Return a weight's numbers as a view of its shape."""
        numbers = whole[start : start + shape.numel()]
        if not self._channels_last or len(shape) != 4:  # out, in, height, width
            return numbers.view(shape)
        out, into, height, width = shape
        return numbers.view(out, height, width, into).permute(0, 3, 1, 2)


def _room(weight: Tensor) -> int:
    """Return how many numbers a weight takes, so that the next one begins at whole lines."""
    return -(-weight.numel() // LINE) * LINE
