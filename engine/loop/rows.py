"""A row is one image in flight and the only lasting state; a work is a job with its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import Sentence
from engine.messages import DrawJob, Job
from engine.models import Denoiser
from engine.models.preview import RoughPixels, clean_latents
from engine.pictures.encoded import Inputs
from engine.policy.queue import Ticket


@dataclass(slots=True, eq=False, weakref_slot=True)
class Work:
    """A job from the mailbox to its end."""

    job: Job
    ticket: Ticket
    inputs: Inputs
    notes: list[Sentence] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    pictures: dict[int, tuple[NDArray[np.uint8], float | None]] = field(default_factory=dict)
    """Finished ones by index: (H, W, 3) and the safety score."""
    gpu_s: float = 0.0
    progress_sent_s: float = float("-inf")
    """When progress was last reported."""
    previews_sent_s: float = float("-inf")
    """When previews were last made."""
    has_reader: bool = True
    """Whether anybody reads the events."""
    ended: bool = False

    @property
    def images(self) -> int:
        """How many rows a drawing has in all: its pictures, or the crops of an enlarged one."""
        assert isinstance(self.job, DrawJob)
        return self.job.images if self.job.enlarge == 1 else len(self.inputs.pictures)

    @property
    def done(self) -> int:
        return sum(row.step for row in self.rows)

    @property
    def total(self) -> int:
        return self.rows[0].total * self.images


@dataclass(slots=True, eq=False)
class Mask:
    """What an inpainting row keeps of its input (RePaint's simple form, as diffusers does it)."""

    new: Tensor
    """(1, 1, h, w): 1 where to draw anew."""
    image_latents: Tensor
    noise: Tensor
    channels: Tensor | None = None
    """(1, 1 + C, h, w) for checkpoints that take mask and masked picture as input channels."""


@dataclass(slots=True, eq=False, kw_only=True)
class Row:
    """One image in flight; it brings `samples` samples to a pass, always together."""

    work: Work
    index: int
    """Of the picture in its job."""
    owner: str
    group: tuple[object, ...]
    samples: int
    arrival: int
    model: Denoiser
    latents: Tensor
    """(1, C, h, w) on the device, noise-scaled as its scheduler wants them."""
    scheduler: Any
    """Its own copy."""
    timesteps: Tensor
    """(total,) on the CPU: those still to be done when the row was made."""
    total: int
    """Evaluations of the denoiser; fewer than timesteps where it stops early."""
    conditioning: Mapping[str, Tensor]
    """(samples, …) each."""
    guidance: float
    avoid_weight: float
    """Weight of the third sample, negative: away from it."""
    step_options: dict[str, Any]
    mask: Mask | None = None
    adapter: str = ""
    tile: bool = False
    step: int = 0
    """Evaluations done."""
    last_tick: int = -1
    film: list[RoughPixels] = field(default_factory=list)
    """Frames kept on the way, where the job asks for them."""
    last_evaluation: tuple[Tensor, Tensor, float] | None = None
    """(model input, guided prediction, timestep) of the last evaluation."""

    @property
    def timestep(self) -> Tensor:
        return self.timesteps[self.step]

    def model_input(self) -> Tensor:
        """What the denoiser sees of this row, (1, C, h, w)."""
        scale = getattr(self.scheduler, "scale_model_input", None)
        given: Tensor = self.latents if scale is None else scale(self.latents, self.timestep)
        if self.mask is not None and self.mask.channels is not None:
            given = torch.cat([given, self.mask.channels], dim=1)
        return given

    def advance(self, given: Tensor, prediction: Tensor) -> None:
        """One scheduler step, then the kept part of an inpainted picture, then an early stop."""
        timestep = self.timestep
        self.last_evaluation = (given[:, : self.latents.shape[1]], prediction, float(timestep))
        self.latents = self.scheduler.step(
            prediction, timestep, self.latents, **self.step_options, return_dict=False
        )[0]
        self.step += 1
        if self.mask is not None and self.mask.channels is None:
            self.latents = self._keep(self.mask)
        if self.step == self.total < len(self.timesteps):
            self.latents = self.clean()

    def clean(self) -> Tensor:
        """The clean latents that the last evaluation predicts; before the first, the noise."""
        if self.last_evaluation is None:
            return self.latents
        return clean_latents(self.model, self.scheduler, *self.last_evaluation)

    def _keep(self, mask: Mask) -> Tensor:
        kept = mask.image_latents
        if self.step < len(self.timesteps):
            kept = self.model.add_noise(self.scheduler, kept, mask.noise, self.timesteps[self.step])
        return (1 - mask.new) * kept + mask.new * self.latents
