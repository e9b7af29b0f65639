"""Networks compiled: their small steps are joined, which otherwise wait for memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from diffusers.models.attention_processor import AttnProcessor
from diffusers.models.upsampling import Upsample2D
from torch import nn
from torch.nn.functional import cosine_similarity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from diffusers import AutoencoderKL, UNet2DConditionModel
    from torch import Tensor

MOST = 64  # versions of one function, each for one network and shape
ALIKE = 0.7  # least cosine of a weight's two gradients; rounding in bf16 leaves more
LARGE = 0.1  # of the mean size of gradients: smaller ones may be rounding alone


def suit_cpu(model: UNet2DConditionModel | AutoencoderKL) -> None:
    """Have a model compute the same in ways that a CPU is fast at, and its compiled code right."""
    model.set_attn_processor(AttnProcessor())
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Upsample2D):
                setattr(parent, name, Doubled(child.conv))


class Doubled(nn.Module):
    """What `Upsample2D` does, by copies of views in place of torch's upsampling.

    The code that torch 2.13 compiles of that for a CPU, in bf16 and for four pictures or more,
    gives nothing back to all weights before it, and says nothing.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, seen: Tensor, _size: None = None) -> Tensor:
        """Return (B, C, 2 H, 2 W) of (B, C, H, W); no other size is asked for here."""
        count, channels, height, width = seen.shape
        rows = seen.permute(0, 2, 3, 1)[:, :, None, :, None]
        rows = rows.expand(count, height, 2, width, 2, channels)
        rows = rows.reshape(count, 2 * height, 2 * width, channels)
        return self.conv(rows.permute(0, 3, 1, 2))


class Compiled:
    """A network with compiled code for square pictures, which is looked at before it is used.

    Tracing a UNet takes a minute or more for each shape, longer than rarer shapes gain: they are
    computed as they are, as is what cannot be compiled, and what gives the weights that are
    `trained` other gradients than the network does. The first argument is (B, C, H, W).
    """

    def __init__(
        self,
        network: Callable,
        *,
        trained: Sequence[Tensor] = (),
        say: Callable[[str], None] = print,
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
        """Compare the gradients of the first batch, and leave the code unused if they differ."""
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
