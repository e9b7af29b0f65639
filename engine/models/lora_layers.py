"""LoRAs inside a network: each sample of a pass has its own, chosen on the device.

The weights of the LoRAs of a pass are stacked, and a batched matrix product takes each sample's by
its number, which lies on the device: the host waits for nothing, and compiled code can do it too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.device.async_copy import to_device

Key = tuple[str, str]
"""A part of the pipeline, such as unet, and a layer in it."""
Chosen = tuple[tuple[str, float], ...]
"""The LoRAs of one sample: names and weights."""


class Pair(NamedTuple):
    """A LoRA at one layer (Hu et al. 2021): it adds `scaling` · B · A · x."""

    down: Tensor
    """A: (rank, in), or (rank, in, kh, kw) at a convolution."""
    up: Tensor
    """B: (out, rank)."""
    scaling: float


Adapter = Mapping[Key, Pair]


@dataclass(frozen=True, slots=True)
class Stack:
    """The LoRAs of a pass by number; the first is none. Ranks are filled up with zeros.

    The number of LoRAs and their rank are rounded up to powers of two, so that passes with others
    have equal shapes, for which there is compiled code.
    """

    names: tuple[str, ...]
    downs: Mapping[Key, Tensor]
    ups: Mapping[Key, Tensor]
    """`scaling` is multiplied in."""
    signature: tuple[Any, ...]
    """What code that was compiled with it depends on."""

    @staticmethod
    def of(adapters: Mapping[str, Adapter]) -> Stack:
        """Stack these; every layer that one of them changes is in it."""
        keys = sorted({key for adapter in adapters.values() for key in adapter})
        places = _power_of_two(1 + len(adapters))
        downs, ups = {}, {}
        for key in keys:
            pairs = [adapter.get(key) for adapter in adapters.values()]
            known = [pair for pair in pairs if pair is not None]
            rank = _power_of_two(max(len(pair.down) for pair in known))
            down = known[0].down.new_zeros(places, rank, *known[0].down.shape[1:])
            up = known[0].up.new_zeros(places, len(known[0].up), rank)
            for place, pair in enumerate(pairs, 1):
                if pair is not None:
                    down[place, : len(pair.down)] = pair.down
                    up[place, :, : len(pair.down)] = pair.up * pair.scaling
            downs[key], ups[key] = down, up
        shapes = tuple((key, tuple(downs[key].shape)) for key in keys)
        return Stack(tuple(adapters), downs, ups, shapes)


@dataclass(frozen=True, slots=True)
class LoraPass:
    """What the LoRAs of one pass are, sample by sample."""

    stack: Stack
    numbers: Tensor
    """(B, K) int64 on the device: the places in the stack of each sample's LoRAs; 0 = none."""
    weights: Tensor
    """(B, K) on the device."""

    @staticmethod
    def of(chosen: Sequence[Chosen], stack: Stack, device: torch.device) -> LoraPass:
        most = max(map(len, chosen))
        place_of = {name: place for place, name in enumerate(stack.names, 1)}
        numbers = [[place_of[name] for name, _ in each] for each in chosen]
        weights = [[weight for _, weight in each] for each in chosen]
        return LoraPass(
            stack,
            to_device(torch.tensor([row + [0] * (most - len(row)) for row in numbers]), device),
            to_device(
                torch.tensor(
                    [row + [0.0] * (most - len(row)) for row in weights], dtype=torch.float32
                ),
                device,
            ),
        )

    @property
    def signature(self) -> tuple[Any, ...]:
        """What compiled code depends on, besides the samples."""
        return (self.stack.signature, self.numbers.shape[1])


@dataclass(eq=False)  # no slots: compiled code reads it
class _Now:
    """What all layers of a network see of the current pass."""

    numbers: Tensor | None = None
    weights: Tensor | None = None


@dataclass(eq=False)
class _Layer:
    """A forward hook of one layer."""

    now: _Now
    down: Tensor | None = None
    up: Tensor | None = None
    same: list[tuple[Pair, float]] = field(default_factory=list)
    """Where every sample has the same LoRAs: theirs, with weights."""

    def __call__(self, layer: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> Tensor:
        """The layer's output with what the LoRAs add, in the output's number format."""
        if self.same:
            added = output
            for pair, weight in self.same:
                up = pair.up[:, :, None, None] if pair.down.dim() == 4 else pair.up
                seen = _seen(layer, given[0].to(pair.down.dtype), pair.down)
                drawn = (
                    functional.conv2d(seen, up) if up.dim() == 4 else functional.linear(seen, up)
                )
                added = added + drawn * (pair.scaling * weight)
            return added.to(output.dtype)
        numbers, weights = self.now.numbers, self.now.weights
        if numbers is None or weights is None or self.down is None or self.up is None:
            return output
        added = output
        for k in range(numbers.shape[1]):
            down, up = self.down[numbers[:, k]], self.up[numbers[:, k]]
            drawn = _each(layer, given[0].to(down.dtype), down, up)
            each = weights[:, k].to(drawn.dtype)
            added = added + drawn * each.reshape(-1, *[1] * (drawn.dim() - 1))
        return added.to(output.dtype)


class LoraLayers:
    """The hooks of one network, or of all networks of a pipeline."""

    def __init__(self) -> None:
        self._now = _Now()
        self._layers: dict[Key, _Layer] = {}
        self._stack: Stack | None = None

    def attach(self, part_of: Callable[[str], nn.Module], keys: Sequence[Key]) -> None:
        """Watch these layers; those that are watched already stay as they are."""
        for key in keys:
            if key not in self._layers:
                part, name = key
                self._layers[key] = layer = _Layer(self._now)
                part_of(part).get_submodule(name).register_forward_hook(layer)

    def use(self, wanted: LoraPass) -> None:
        """Let the following passes have these LoRAs, sample by sample."""
        if self._stack is not wanted.stack:
            self._stack = wanted.stack
            for key, layer in self._layers.items():
                layer.down, layer.up = wanted.stack.downs.get(key), wanted.stack.ups.get(key)
        self._now.numbers, self._now.weights = wanted.numbers, wanted.weights

    def use_same(self, chosen: Sequence[tuple[Adapter, float]]) -> None:
        """Let every sample of the following passes have these LoRAs, calculated as PEFT does."""
        for key, layer in self._layers.items():
            layer.same = [(each[key], weight) for each, weight in chosen if key in each]

    def rest(self) -> None:
        """Let the following passes have none."""
        self._now.numbers = self._now.weights = None
        for layer in self._layers.values():
            layer.same = []


def made_anew(network: nn.Module) -> None:
    """Copy the tensors of a network's LoRAs, so that they are of the mode that is on."""
    hooks = [hook for each in network.modules() for hook in each._forward_hooks.values()]  # noqa: SLF001
    layers = [hook for hook in hooks if isinstance(hook, _Layer)]
    for now in {id(layer.now): layer.now for layer in layers}.values():
        now.numbers = None if now.numbers is None else now.numbers.clone()
        now.weights = None if now.weights is None else now.weights.clone()
    for layer in layers:
        layer.down = None if layer.down is None else layer.down.clone()
        layer.up = None if layer.up is None else layer.up.clone()


def _each(layer: nn.Module, given: Tensor, down: Tensor, up: Tensor) -> Tensor:
    """What each sample's own LoRA adds; down: (B, rank, in, …), up: (B, out, rank)."""
    if down.dim() == 3:
        flat = given.reshape(len(given), -1, given.shape[-1])
        drawn = torch.bmm(torch.bmm(flat, down.mT), up.mT)
        return drawn.reshape(*given.shape[:-1], up.shape[1])
    count, rank = down.shape[:2]
    # One convolution over all samples: a group of channels each.
    seen = _seen(layer, given.reshape(1, -1, *given.shape[2:]), down.flatten(0, 1), groups=count)
    high, wide = seen.shape[-2:]
    drawn = torch.bmm(up, seen.reshape(count, rank, high * wide))
    return drawn.reshape(count, -1, high, wide)


def _seen(layer: Any, given: Tensor, down: Tensor, groups: int = 1) -> Tensor:  # noqa: ANN401
    """What A makes of a layer's input; a convolution as the layer's own, its padding included."""
    if down.dim() == 2:
        return functional.linear(given, down)
    padding = layer.padding
    if layer.padding_mode != "zeros":
        sides = layer._reversed_padding_repeated_twice  # noqa: SLF001 - torch's own words for it
        given, padding = functional.pad(given, sides, mode=layer.padding_mode), 0
    return functional.conv2d(given, down, None, layer.stride, padding, layer.dilation, groups)


def _power_of_two(number: int) -> int:
    return 1 << (number - 1).bit_length()
