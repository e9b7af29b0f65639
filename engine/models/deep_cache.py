"""Deep features of a UNet that are kept for some steps (DeepCache; Ma, Fang, Wang 2023).

Between two neighbouring steps what the inner blocks of a UNet make changes little. A shallow pass
runs the outermost blocks alone, and takes what comes from within from an earlier pass of the same
row.
"""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor, nn

DEEP = "deep_features"
"""The name, beside a row's conditioning, of what comes from within."""


class DeepPass(nn.Module):
    """All of a UNet; besides its output it returns what comes from within."""

    def __init__(self, unet: Any) -> None:  # noqa: ANN401 - a UNet2DConditionModel
        super().__init__()
        self.unet = _sharing(unet)
        last = _Last(unet.up_blocks[-1])
        self.unet.up_blocks = nn.ModuleList([*unet.up_blocks[:-1], last])
        self._repeated_blocks = unet._repeated_blocks  # noqa: SLF001 - what is compiled

    def forward(self, *arguments: Any, **options: Any) -> tuple[Tensor, Tensor]:  # noqa: ANN401
        """(prediction, features), both (B, …)."""
        last = self.unet.up_blocks[-1]
        last.features = None  # a pass that failed may have left its own
        (prediction,) = self.unet(*arguments, **options)
        features, last.features = last.features, None
        return prediction, features


class ShallowPass(nn.Module):
    """The outermost blocks of a UNet, which share its weights and hooks."""

    def __init__(self, unet: Any) -> None:  # noqa: ANN401 - a UNet2DConditionModel
        super().__init__()
        self.unet = _sharing(unet)
        first = _sharing(unet.down_blocks[0])
        first.downsamplers = None  # what it makes is for the blocks within
        self.unet.down_blocks = nn.ModuleList([first])
        self.unet.mid_block = None
        self.unet.up_blocks = nn.ModuleList([_Last(unet.up_blocks[-1])])
        self._repeated_blocks = unet._repeated_blocks  # noqa: SLF001 - what is compiled

    def forward(self, *arguments: Any, deep_features: Tensor, **options: Any) -> tuple[Tensor]:  # noqa: ANN401
        """(prediction,), with features that a deep pass returned."""
        last = self.unet.up_blocks[-1]
        last.features = deep_features
        (prediction,) = self.unet(*arguments, **options)
        last.features = None
        return (prediction,)


class _Last(nn.Module):
    """The last block of the way up, which sees given features in place of the pass's own."""

    def __init__(self, block: Any) -> None:  # noqa: ANN401
        super().__init__()
        self.block = block
        self.resnets = block.resnets
        self.has_cross_attention = getattr(block, "has_cross_attention", False)
        self.features: Tensor | None = None

    def forward(self, hidden_states: Tensor, **options: Any) -> Tensor:  # noqa: ANN401
        if self.features is None:
            self.features = hidden_states
        drawn: Tensor = self.block(hidden_states=self.features, **options)
        return drawn


def _sharing(module: Any) -> Any:  # noqa: ANN401
    """A module whose parts are those of another, but may be replaced."""
    twin = copy.copy(module)
    vars(twin)["_modules"] = dict(module._modules)  # noqa: SLF001 - else it would be one table
    return twin
