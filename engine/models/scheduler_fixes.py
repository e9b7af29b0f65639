"""Schedulers of diffusers that would use torch's default dtype in places; these always use fp32.

Loading a model in half precision changes the default for the whole process: rows that begin or step
meanwhile would get other numbers. With a default of fp32 all results equal diffusers', bit by bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import diffusers
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


class LCMScheduler(diffusers.LCMScheduler):  # type: ignore[misc]
    """Its scaling divides integer timesteps."""

    def get_scalings_for_boundary_condition_discrete(self, timestep: Tensor) -> Any:  # noqa: ANN401
        return super().get_scalings_for_boundary_condition_discrete(timestep.float())


class TCDScheduler(diffusers.TCDScheduler):  # type: ignore[misc]
    """Its scaling multiplies integer timesteps by 1 − η and rounds down."""

    def step(
        self,
        model_output: Tensor,
        timestep: Tensor,
        sample: Tensor,
        eta: float = 0.3,
        generator: torch.Generator | None = None,
        return_dict: bool = True,  # noqa: FBT001, FBT002 - diffusers' own signature
    ) -> Any:  # noqa: ANN401
        exact = torch.tensor(eta, dtype=torch.float32)
        return super().step(model_output, timestep, sample, exact, generator, return_dict)


class IPNDMScheduler(diffusers.IPNDMScheduler):  # type: ignore[misc]
    """Its timesteps are spaced without a dtype."""

    def set_timesteps(
        self, num_inference_steps: int, device: str | torch.device | None = None
    ) -> None:
        with _SpacingInSingle():
            super().set_timesteps(num_inference_steps, device)


class _SpacingInSingle(TorchFunctionMode):
    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Iterable[type],
        arguments: tuple[Any, ...] = (),
        options: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        del types
        options = options or {}
        if function is torch.linspace:
            options = {"dtype": torch.float32} | options
        return function(*arguments, **options)
