"""The optimizer: few large operations, as many small ones take a card longer than the sums."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn


class Flat:
    """AdamW (Loshchilov & Hutter 2019) over all weights as one fp32 tensor, their average beside.

    The model computes in `dtype`; its weights and gradients are parts of one tensor each. `warm`
    is in steps, `decay` that of the average.
    """

    def __init__(
        self,
        model: nn.Module,
        dtype: torch.dtype,
        *,
        rate: float,
        warm: int = 100,
        decay: float = 0.999,
    ) -> None:
        self.rate, self.warm, self.decay, self.steps = rate, warm, decay, 0
        model.train()
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        self.master = torch.cat([weight.detach().float().flatten() for weight in weights])
        for weight in weights:  # what an earlier stage left is a part of its tensor no more
            weight.grad = None
        model.to(dtype=dtype)
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        self.half = self.master.to(dtype)
        self.grad = torch.zeros_like(self.half)
        self._places: dict[int, int] = {}
        at = 0
        for weight in weights:
            end = at + weight.numel()
            self._places[id(weight)] = at
            weight.data = self.half[at:end].view(weight.shape)
            weight.grad = self.grad[at:end].view(weight.shape)
            at = end
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
        return self.average[at : at + weight.numel()].view(weight.shape)
