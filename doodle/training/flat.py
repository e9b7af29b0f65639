"""The optimizer: few large operations, as many small ones take a card longer than the sums."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

LINE = 64  # numbers: a card reads weights that begin at such borders fastest
ROUNDS = 5  # of Newton and Schulz
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
AS_ADAM = 0.2  # about the root of the mean square of a step of AdamW, at a rate of 1
NO_MATRICES = ("embeddings", "conv_in", "conv_out")  # in the names of weights


class Flat:
    """AdamW (Loshchilov & Hutter 2019) over all weights as one fp32 tensor, their average beside.

    The model computes in `dtype`; its weights and gradients are parts of one tensor each. `warm`
    is in steps, `decay` that of the average. For compiled code the weights of convolutions lie in
    the order of channels-last, which makes convolutions by channel slow.

    `matrix_rate`, above zero as `rate`: weights of matrices and convolutions step by Muon (Jordan
    et al. 2024) instead, with this rate: by about the orthogonal matrix nearest to their Nesterov
    momentum, whatever its size. A step is scaled to be as large as one of AdamW (Liu et al. 2025);
    their decay stays by `rate`. Embeddings and a UNet's first and last convolution stay with AdamW.
    """

    def __init__(
        self,
        model: nn.Module,
        dtype: torch.dtype,
        *,
        rate: float,
        warm: int = 100,
        decay: float = 0.999,
        matrix_rate: float | None = None,
        channels_last: bool = False,
    ) -> None:
        self.rate, self.warm, self.decay, self.steps = rate, warm, decay, 0
        self._channels_last = channels_last
        model.train()
        named = {name: each for name, each in model.named_parameters() if each.requires_grad}
        weights = list(named.values())
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
        self._newest = torch.full_like(self.master, 0.1)  # share of a gradient in the momentum
        self._matrix_rate = matrix_rate
        self._matrices = self._matrices_of(named, starts)
        for places in self._matrices:
            self._newest[places] = 0.05

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
        self._first.lerp_(gradient, self._newest)
        self._second.mul_(0.99).addcmul_(gradient, gradient, value=0.01)
        root = (self._second / (1 - 0.99**self.steps)).sqrt_().add_(1e-8)
        moved = self._first.div(1 - 0.9**self.steps).div_(root)
        for places in self._matrices:
            near = gradient[places].lerp(self._first[places], 0.95)
            straight = orthogonal(near, self.half.dtype)
            scale = AS_ADAM * math.sqrt(places.shape[-1]) * self._matrix_rate / self.rate
            moved[places] = straight * scale
        self.master.mul_(1 - rate * 1e-2).sub_(moved, alpha=rate)
        kept = min(self.decay, (1 + self.steps) / (10 + self.steps))
        self.average.lerp_(self.master, 1 - kept)
        self.half.copy_(self.master)
        self.grad.zero_()

    @torch.no_grad()
    def use_average(self) -> None:
        """Give the model the averaged weights."""
        self.half.copy_(self.average)

    def trains(self, weight: Tensor) -> bool:
        """Tell whether this is one of the weights that are trained."""
        return id(weight) in self._places

    def slow(self, share: float) -> None:
        """Learn at this share of both rates from now on, as where batches become smaller."""
        self.rate *= share
        if self._matrix_rate is not None:
            self._matrix_rate *= share

    def averaged(self, weight: Tensor) -> Tensor:
        """Return the average of a weight in fp32; what is not trained here, as it is."""
        at = self._places.get(id(weight))
        if at is None:
            return weight
        return self._part(self.average, at, weight.shape)

    def _matrices_of(self, named: dict[str, Tensor], starts: list[int]) -> list[Tensor]:
        """Return where the numbers of matrices are: (N, rows, columns) for N of one shape.

        A matrix with more rows than columns is turned.
        """
        if self._matrix_rate is None:
            return []
        numbers = torch.arange(len(self.master), device=self.master.device)
        found: dict[torch.Size, list[Tensor]] = {}
        for (name, weight), start in zip(named.items(), starts, strict=False):
            if weight.ndim > 1 and not any(each in name for each in NO_MATRICES):
                places = self._part(numbers, start, weight.shape).flatten(1)
                places = places.T if places.shape[0] > places.shape[1] else places
                found.setdefault(places.shape, []).append(places)
        return [torch.stack(each) for each in found.values()]

    def _part(self, whole: Tensor, start: int, shape: torch.Size) -> Tensor:
        """Return a weight's numbers as a view of its shape."""
        numbers = whole[start : start + shape.numel()]
        if not self._channels_last or len(shape) != 4:  # out, in, height, width
            return numbers.view(shape)
        out, into, height, width = shape
        return numbers.view(out, height, width, into).permute(0, 3, 1, 2)


def orthogonal(matrices: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return about the nearest orthogonal matrix of each (N, rows, columns), rows <= columns.

    Singular values of at least 0.003 of a matrix's norm come out between 0.68 and 1.21, but for
    what computing in `dtype` rounds.
    """
    first, second, third = COEFFICIENTS
    found = (matrices / (matrices.norm(dim=(-2, -1), keepdim=True) + 1e-7)).to(dtype)
    for _ in range(ROUNDS):
        square = found @ found.mT
        found = first * found + (second * square + third * square @ square) @ found
    return found.float()


def _room(weight: Tensor) -> int:
    """Return how many numbers a weight takes, so that the next one begins at whole lines."""
    return -(-weight.numel() // LINE) * LINE
