"""Rows: one image in flight each, the only lasting truth; and the work of a job that they form."""

from __future__ import annotations

import copy
import inspect
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from engine import noise, schedulers
from engine.errors import JobError
from engine.messages import DrawJob, InitUse, Job, Picture
from engine.models import Denoiser
from engine.pictures import Inputs
from engine.preview import clean_latents
from engine.queue import Ticket


@dataclass(slots=True, eq=False)
class Work:
    """A job from the mailbox to its end."""

    job: Job
    ticket: Ticket
    inputs: Inputs
    notes: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    pixels: dict[int, NDArray[Any]] = field(default_factory=dict)
    """Finished pictures by index, (H, W, 3) uint8."""
    scores: dict[int, float] = field(default_factory=dict)
    kept: list[Picture] = field(default_factory=list)
    """Frames of the film that were asked for."""
    gpu_s: float = 0.0
    said_s: float = float("-inf")
    """When progress was last told."""
    shown_s: float = float("-inf")
    """When previews were last made."""
    listened: bool = True
    """Whether anybody reads the events."""

    @property
    def done(self) -> int:
        return sum(row.step for row in self.rows)

    @property
    def total(self) -> int:
        return sum(row.total for row in self.rows)


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
    push: float
    """Weight of the third sample, negative: away from it."""
    step_options: dict[str, Any]
    mask: Mask | None = None
    adapter: str = ""
    tile: bool = False
    step: int = 0
    """Evaluations done."""
    last_tick: int = -1
    glimpse: tuple[Tensor, Tensor, float] | None = None
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
        self.glimpse = (given[:, : self.latents.shape[1]], prediction, float(timestep))
        self.latents = self.scheduler.step(
            prediction, timestep, self.latents, **self.step_options, return_dict=False
        )[0]
        self.step += 1
        if self.mask is not None and self.mask.channels is None:
            self.latents = self._keep(self.mask)
        if self.step == self.total < len(self.timesteps):
            self.latents = self.clean()

    def clean(self) -> Tensor:
        """The clean latents that the last evaluation predicts; before the first: the noise."""
        if self.glimpse is None:
            return self.latents
        return clean_latents(self.model, *self.glimpse)

    def _keep(self, mask: Mask) -> Tensor:
        kept = mask.image_latents
        if self.step < len(self.timesteps):
            kept = self.model.add_noise(self.scheduler, kept, mask.noise, self.timesteps[self.step])
        return (1 - mask.new) * kept + mask.new * self.latents


def rows_of(work: Work, model: Denoiser, arrivals: itertools.count[int]) -> list[Row]:
    """The rows of a drawing; text is encoded and pictures are, at the model's own pace."""
    job = work.job
    assert isinstance(job, DrawJob)
    if job.tile and not model.can_tile:
        raise JobError(f"{model.name} cannot draw seamless tiles; choose another model.")
    text = model.condition(job)
    work.notes += [*work.inputs.notes, *text.notes]
    pattern = schedulers.build(job.scheduler, model.scheduler)
    shape = model.latent_shape(job.width_px, job.height_px)
    model.set_timesteps(pattern, job.steps, shape)
    begin = 0
    if job.inputs:
        begin = model.first_step(job.steps, job.strength) * getattr(pattern, "order", 1)
    timesteps = pattern.timesteps[begin:]
    if hasattr(pattern, "set_begin_index"):
        pattern.set_begin_index(begin)
    total = len(timesteps) if job.stop >= 1 else max(1, round(job.stop * len(timesteps)))
    samples = next(iter(text.tensors.values())).shape[0]
    shapes = tuple((key, *tensor.shape[1:]) for key, tensor in sorted(text.tensors.items()))
    adapter = model.adapter(job.loras)
    begin_with = _beginning(work, model, timesteps, shape)
    rows = []
    for index in range(job.images):
        scheduler = copy.deepcopy(pattern) if index else pattern
        generator = noise.generator_for(job.seed, index)
        latents, mask = begin_with(scheduler, generator)
        rows.append(
            Row(
                work=work,
                index=index,
                owner=job.owner,
                group=(model.name, shape, shapes, job.tile, model.group_of(adapter), mask is None),
                samples=samples,
                arrival=next(arrivals),
                model=model,
                latents=latents,
                scheduler=scheduler,
                timesteps=timesteps,
                total=min(total, len(timesteps)),
                conditioning=text.tensors,
                guidance=job.guidance,
                push=text.push,
                step_options=_step_options(scheduler, generator),
                mask=mask,
                adapter=adapter,
                tile=job.tile,
            )
        )
    return rows


def _beginning(
    work: Work, model: Denoiser, timesteps: Tensor, shape: tuple[int, ...]
) -> Callable[[Any, torch.Generator], tuple[Tensor, Mask | None]]:
    """How each row gets its first latents; pictures are encoded here, once for all rows.

    Drawn in the order of diffusers' pipelines: picture, noise, masked picture.
    """
    job = work.job
    assert isinstance(job, DrawJob)
    pictures, mask = work.inputs.pictures, work.inputs.mask
    anew = not pictures or (mask is not None and job.strength == 1)
    encoded = [model.encode_image(picture) for picture in pictures]
    if mask is not None and model.inpaints and anew:
        encoded = []
    masked = model.encode_mask(mask, pictures[0]) if mask is not None else None
    weights = [picture.weight for picture in job.inputs]

    def begin(scheduler: Any, generator: torch.Generator) -> tuple[Tensor, Mask | None]:  # noqa: ANN401
        images = [sample(generator) for sample in encoded]
        if masked is not None and model.straightens:
            images = [image.contiguous() for image in images]
        image = (
            [noise.mix(images, weights)] if job.init_use is InitUse.MIX and images else images[:1]
        )
        if not len(timesteps):
            return image[0], None
        drawn = noise.draw(shape, generator, model.device, model.noise_dtype)
        if anew:
            latents = drawn * getattr(scheduler, "init_noise_sigma", 1.0)
        else:
            latents = model.add_noise(scheduler, image[0], drawn, timesteps[0])
        if masked is None:
            return latents, None
        new, channels = masked(generator)
        return latents, Mask(new, image[0] if image else latents, drawn, channels)

    return begin


def _step_options(scheduler: Any, generator: torch.Generator) -> dict[str, Any]:  # noqa: ANN401
    """As the pipelines do: η = 0 and the picture's generator where the scheduler takes them."""
    taken = inspect.signature(scheduler.step).parameters
    options = {"eta": 0.0, "generator": generator}
    return {name: value for name, value in options.items() if name in taken}
