"""Networks compiled for a card: their small steps are joined, which otherwise wait for memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

MOST = 64  # versions of one function, each for one network and shape


def fast(network: Callable, device: torch.device) -> Callable:
    """Return what computes as the network does, on a card with compiled code for square pictures.

    The first argument is (B, C, H, W). Tracing a UNet takes up to a minute for each shape, more
    than rarer shapes gain within minutes: they are computed as they are, as is what cannot be
    compiled.
    """
    if device.type != "cuda":
        return network
    torch._dynamo.config.recompile_limit = MOST  # noqa: SLF001 - it has no public name
    torch._dynamo.config.suppress_errors = True  # noqa: SLF001
    compiled = torch.compile(network, dynamic=False)

    def compute(seen: Tensor, *more: Tensor) -> Tensor | tuple[Tensor, ...]:
        way = compiled if seen.shape[-1] == seen.shape[-2] else network
        return way(seen.contiguous(memory_format=torch.channels_last), *more)

    return compute
