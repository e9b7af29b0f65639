"""Networks compiled for a card: their small steps are joined, which otherwise wait for memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import cosine_similarity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

MOST = 64  # versions of one function, each for one network and shape
ALIKE = 0.7  # least cosine of a weight's two gradients; rounding in bf16 leaves more
LARGE = 0.1  # of the mean size of gradients: smaller ones may be rounding alone


def fast(
    network: Callable,
    device: torch.device,
    *,
    trained: Sequence[Tensor] = (),
    say: Callable[[str], None] = print,
) -> Callable:
    """Return what computes as the network does, on a card with compiled code for square pictures.

    The first argument is (B, C, H, W). Tracing a UNet takes up to a minute for each shape, more
    than rarer shapes gain within minutes: they are computed as they are, as is what cannot be
    compiled, and what gives the weights that are `trained` other gradients than the network does.
    """
    if device.type != "cuda":
        return network
    return Compiled(network, trained, say)


class Compiled:
    """A network with compiled code for square pictures, which is looked at before it is used."""

    def __init__(
        self, network: Callable, trained: Sequence[Tensor], say: Callable[[str], None]
    ) -> None:
        torch._dynamo.config.recompile_limit = MOST  # noqa: SLF001 - it has no public name
        torch._dynamo.config.suppress_errors = True  # noqa: SLF001
        self._network, self._trained, self._say = network, trained, say
        self._square = torch.compile(network, dynamic=False)

    def __call__(self, seen: Tensor, *more: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Return what the network does."""
        seen = seen.contiguous(memory_format=torch.channels_last)
        if seen.shape[-1] != seen.shape[-2]:
            return self._network(seen, *more)
        if self._trained:
            self._look(seen, *more)
        return self._square(seen, *more)

    def _look(self, *given: Tensor) -> None:
        """Compare the gradients of the first batch, and leave the code unused if they differ.

        There are versions of torch whose code for two cores in bf16 leaves all weights before a
        step of upsampling without gradients, and says nothing.
        """
        wrong = different_gradients(self._network, self._square, given, self._trained)
        if wrong:
            self._say(
                f"compiled code gives {wrong} of {len(self._trained)} weights wrong gradients: "
                "it is not used"
            )
            self._square = self._network
        self._trained = ()


def different_gradients(
    network: Callable, other: Callable, given: Sequence[Tensor], weights: Sequence[Tensor]
) -> int:
    """Return how many weights two ways to compute the same give gradients that do not agree."""
    mine, theirs = (
        torch.autograd.grad(way(*given).float().square().mean(), weights, materialize_grads=True)
        for way in (network, other)
    )
    sizes = torch.stack([gradient.float().norm() for gradient in mine])
    alike = torch.stack(
        [
            cosine_similarity(a.float().flatten(), b.float().flatten(), dim=0)
            for a, b in zip(mine, theirs, strict=True)
        ]
    )
    return int(((alike < ALIKE) & (sizes > LARGE * sizes.mean())).sum())
