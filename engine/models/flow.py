"""What flow matching families share: shifted timesteps and straight-line noising."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from engine.models.latent import LatentModel


class FlowModel(LatentModel):
    """A transformer that predicts the velocity from noise to picture."""

    def __init__(self, name: str, pipeline: Any, *arguments: Any) -> None:  # noqa: ANN401
        super().__init__(name, pipeline, *arguments)
        self.prediction = "flow"
        self.can_tile = False

    @property
    def denoiser(self) -> Any:  # noqa: ANN401
        return self.pipeline.transformer

    def first_step(self, steps: int, strength: float) -> int:
        return int(max(steps - min(steps * strength, steps), 0))

    def sigmas(self, steps: int) -> Sequence[float] | None:
        """The sigmas of the schedule before it is shifted; None: the scheduler's own."""
        del steps
        return None

    def shifts(self, scheduler: Any) -> bool:  # noqa: ANN401
        """Whether the schedule is shifted by the number of tokens."""
        return bool(scheduler.config.get("use_dynamic_shifting", False))

    def set_timesteps(self, scheduler: Any, steps: int, shape: tuple[int, ...]) -> None:  # noqa: ANN401
        taken = inspect.signature(scheduler.set_timesteps).parameters
        options: dict[str, Any] = {}
        if self.shifts(scheduler) and "mu" in taken:
            tokens = (shape[-2] // 2) * (shape[-1] // 2)
            options["mu"] = _shift(tokens, scheduler.config)
        sigmas = self.sigmas(steps)
        if sigmas is not None and "sigmas" in taken:
            scheduler.set_timesteps(sigmas=sigmas, device="cpu", **options)
        else:
            scheduler.set_timesteps(steps, device="cpu", **options)

    def add_noise(
        self,
        scheduler: Any,  # noqa: ANN401
        latents: Tensor,
        noise: Tensor,
        timestep: Tensor,
    ) -> Tensor:
        noised: Tensor = scheduler.scale_noise(latents, timestep.reshape(1), noise)
        return noised


def _shift(tokens: int, config: Any) -> float:  # noqa: ANN401
    """More noise for larger pictures (Esser et al. 2024, section 5.3.2), as diffusers sets it."""
    base, most = config.get("base_image_seq_len", 256), config.get("max_image_seq_len", 4096)
    low, high = config.get("base_shift", 0.5), config.get("max_shift", 1.15)
    slope = (high - low) / (most - base)
    return float(tokens * slope + (low - slope * base))
