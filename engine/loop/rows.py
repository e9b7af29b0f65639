"""A row is one image in flight and the only lasting state; a work is a job with its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import Sentence
from engine.messages import DrawJob, DrawnWords, Job
from engine.models import Denoiser
from engine.models.preview import RoughPixels, clean_latents
from engine.models.solver import Solver
from engine.pictures.encoded import Inputs
from engine.policy.queue import Ticket


@dataclass(slots=True, eq=False, weakref_slot=True)
class Work:
    """A job from the mailbox to its end."""

    job: Job
    ticket: Ticket
    inputs: Inputs
    begins: Callable[[], None] = lambda: None
    """Is called before its first pass."""
    notes: list[Sentence] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    pictures: dict[int, tuple[NDArray[np.uint8], float | None]] = field(default_factory=dict)
    """Finished ones by index: (H, W, 3) and the safety score."""
    input_scores: tuple[float, ...] = ()
    """The safety scores of the pictures that it starts from or that guide it."""
    drawn: DrawnWords | None = None
    """The words that were found for its pictures, with its own."""
    gpu_s: float = 0.0
    progress_sent_s: float = float("-inf")
    """When progress was last reported."""
    previews_sent_s: float = float("-inf")
    """When previews were last made."""
    has_reader: bool = True
    """Whether anybody reads the events."""
    ended: bool = False

    def let_go(self) -> None:
        """Of its rows and pictures, when it is over: they know it as well, and would stay until the
        collector of cycles comes, which a large process calls after hundreds of jobs.
        """
        self.rows.clear()
        self.pictures.clear()

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
    levels: Sequence[tuple[float, float]]
    """Shares of picture and noise in the kept part at each timestep."""
    channels: Tensor | None = None
    """(1, 1 + C, h, w) for checkpoints that take mask and masked picture as input channels."""


@dataclass(slots=True, eq=False, kw_only=True)
class Row:
    """One image in flight; it brings `samples` samples to a pass, always together."""

    work: Work
    index: int
    """Of the picture in its job."""
    owner: str
    lane: int
    kind: tuple[object, ...]
    """Its model's name and the shape of its latents, then all else that rows share which are
    decoded together."""
    samples: int
    arrival: int
    model: Denoiser
    latents: Tensor
    """(1, C, h, w) on the device, noise-scaled as its scheduler wants them."""
    scheduler: Any
    """Its own copy; rows with a solver share one, which is only read."""
    timesteps: Tensor
    """(total,) on the CPU: those still to be done when the row was made."""
    total: int
    """Evaluations of the denoiser; fewer than timesteps where it stops early."""
    conditioning: Sequence[Mapping[str, Tensor]]
    """For each sample, (1, …) each."""
    solver: Solver | None
    """With which it steps together with others; None: by its own scheduler."""
    numbers: NDArray[np.float32]
    """For each timestep: itself, guidance, weight of what to avoid (negative), the solver's own."""
    step_options: dict[str, Any]
    mask: Mask | None = None
    adapter: str = ""
    tile: bool = False
    tile_from: int = 0
    """How many of a tile's evaluations come before those whose convolutions wrap around."""
    plain_kind: tuple[object, ...] = ()
    """Of a tile: the kind that it would have if it were none, with which it shares passes until
    then."""
    step: int = 0
    """Evaluations done."""
    last_tick: int = -1
    film: list[RoughPixels] = field(default_factory=list)
    """Frames kept on the way, where the job asks for them."""
    before: Tensor | None = None
    """What the solver's last step left to the next, (1, n · C, h, w) fp32."""
    fresh: Tensor | None = None
    """Noise that was drawn for the step that is not done yet, on the host."""
    last_evaluation: tuple[Tensor, Tensor, int, int] | None = None
    """Model input and guided prediction of all rows in the last evaluation, which of them are this
    row's, and the step."""
    deep: Sequence[Tensor] = ()
    """For each sample what came from within the denoiser, (1, …) each, where the next evaluation
    takes it over."""
    group: tuple[object, ...] = field(init=False)
    """Rows of one group can share the next pass."""
    alike: tuple[int, str] = field(init=False)
    """Orders rows of a group by samples, most first, and by solver."""

    def __post_init__(self) -> None:
        self.group = self._group()
        self.alike = (-self.samples, "" if self.solver is None else self.solver.name)

    @property
    def goes_deep(self) -> bool:
        """Whether the next evaluation runs all of the denoiser, which only the cache may change."""
        return self.step % self.model.deep_every == 0 or not self.deep

    @property
    def wraps(self) -> bool:
        """Whether the next evaluation is of a picture that goes on over its edges."""
        return self.tile and self.step >= self.tile_from

    def scaled(self) -> Tensor:
        """The latents as the denoiser wants them, by the row's own scheduler."""
        scale = getattr(self.scheduler, "scale_model_input", None)
        given: Tensor = self.latents if scale is None else scale(self.latents, self._timestep)
        return given

    def noise(self, dtype: torch.dtype) -> Tensor:
        """Fresh noise of this step on the host, as its scheduler would draw it; the same where the
        step is tried again.
        """
        if self.fresh is None:
            generator = self.step_options["generator"]
            self.fresh = torch.randn(self.latents.shape, generator=generator, dtype=dtype)
        return self.fresh

    def advance(
        self,
        given: Tensor,
        predictions: Tensor,
        place: int,
        solved: Tensor | None = None,
        left: Tensor | None = None,
    ) -> None:
        """One scheduler step, then the kept part of an inpainted picture, then an early stop.

        given, predictions: what the denoiser saw of the latents, and what it predicts, of all rows,
        of which this is the one at `place`. solved, left: the result of the solver's step, where
        the row has one.
        """
        self.last_evaluation = given, predictions, place, self.step
        if solved is None:
            prediction = predictions[place : place + 1]
            solved = self.scheduler.step(
                prediction, self._timestep, self.latents, **self.step_options, return_dict=False
            )[0]
        self.latents, self.before, self.fresh = solved, left, None
        self.step += 1
        if self.mask is not None and self.mask.channels is None:
            self.latents = self._keep(self.mask)
        if self.step == self.total < len(self.timesteps):
            self.latents = self.clean()
        if self.step == self.total:
            self.deep = ()
        self.group = self._group()

    def _group(self) -> tuple[object, ...]:
        """What the next evaluation can be shared with."""
        kind = self.plain_kind if self.tile and not self.wraps else self.kind
        name, *rest = kind
        return kind if self.goes_deep else (f"{name}, shallow", *rest)

    def clean(self) -> Tensor:
        """The clean latents that the last evaluation predicts; before the first, the noise."""
        if self.last_evaluation is None:
            return self.latents
        *of_all, place, step = self.last_evaluation
        given, prediction = (tensor[place : place + 1] for tensor in of_all)
        timestep = float(self.timesteps[step])
        return clean_latents(self.model, self.scheduler, given, prediction, timestep)

    @property
    def _timestep(self) -> Tensor:
        return self.timesteps[self.step]

    def _keep(self, mask: Mask) -> Tensor:
        kept = mask.image_latents
        if self.step < len(self.timesteps):
            picture, noise = mask.levels[self.step]
            kept = picture * kept + noise * mask.noise
        return (1 - mask.new) * kept + mask.new * self.latents
