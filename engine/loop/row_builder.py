"""Makes the rows of a draw job: encodes text, pictures and masks, draws the first latents."""

from __future__ import annotations

import copy
import inspect
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine import scheduler_table
from engine.errors import JobError, Sentence, first_line
from engine.loop.rows import Mask, Row, Work
from engine.messages import DrawJob, InitUse, Look
from engine.models import Beside, Conditioning, Denoiser, noise, schedulers, variation
from engine.models.checked import input_scores
from engine.models.solver import COLUMNS
from engine.models.solvers import solver_for


def build_rows(
    work: Work, model: Denoiser, arrivals: itertools.count[int], beside: Beside | None = None
) -> Iterator[Row]:
    """The rows of a drawing; its text and pictures are encoded with the first row.

    The crops of an enlarged picture are each encoded with their own row. beside: as `condition` has
    it.
    """
    job = work.job
    assert isinstance(job, DrawJob)
    if job.tile and not model.can_tile:
        raise JobError(Sentence("This model cannot draw seamless tiles; choose another."))
    if model.inpaints and work.inputs.mask is None:
        raise JobError(
            Sentence("This model draws only within a mask; give one, or choose another.")
        )
    texts = _texts(work, model, beside)
    text = texts[0]
    work.notes += [*work.inputs.notes, *text.notes]
    if job.enlarge == 1:  # crops are seen in what is drawn of them
        work.input_scores = input_scores(model.safety, work.inputs)
    shape = model.latent_shape(job.width_px, job.height_px)
    pattern = _scheduler(work, model, shape)
    begin = 0
    if work.inputs.pictures:
        begin = model.first_step(job.steps, job.strength) * getattr(pattern, "order", 1)
    timesteps = pattern.timesteps[begin:]
    if hasattr(pattern, "set_begin_index"):
        pattern.set_begin_index(begin)
    total = len(timesteps) if job.stop >= 1 else max(1, round(job.stop * len(timesteps)))
    tile_from = _tile_from(model.tile_from, len(pattern.timesteps), begin, total)
    samples = next(iter(text.tensors.values())).shape[0]
    shapes = tuple((key, *tensor.shape[1:]) for key, tensor in sorted(text.tensors.items()))
    adapter = model.adapter(job.loras)
    solver, own = solver_for(pattern, timesteps)
    numbers = np.empty((len(timesteps), 3 + COLUMNS), np.float32)
    numbers[:, 0] = timesteps.numpy()
    numbers[:, 1:3] = job.guidance, text.avoid_weight
    numbers[:, 3:] = own
    begin_with = _beginning(work, model, timesteps, shape)
    for index in range(work.images):
        scheduler = copy.deepcopy(pattern) if index and solver is None else pattern
        generator = noise.generator_for(job.seed_of(index), 0)
        latents, mask = begin_with(scheduler, generator, index)
        tensors = variation.conditioning(texts[index % len(texts)].tensors, job, index)
        yield Row(
            work=work,
            index=index,
            owner=job.owner,
            lane=job.lane,
            kind=(model.name, shape, shapes, job.tile, mask is None),
            plain_kind=(model.name, shape, shapes, False, mask is None),
            samples=samples,
            arrival=next(arrivals),
            model=model,
            latents=latents,
            scheduler=scheduler,
            timesteps=timesteps,
            total=min(total, len(timesteps)),
            conditioning=[
                {key: tensor[sample : sample + 1] for key, tensor in tensors.items()}
                for sample in range(samples)
            ],
            solver=solver,
            numbers=numbers,
            step_options=_step_options(scheduler, generator),
            mask=mask,
            adapter=adapter,
            tile=job.tile,
            tile_from=tile_from,
        )


def _tile_from(share: float, whole: int, begin: int, total: int) -> int:
    """After how many evaluations a tile wraps around: at this share of a whole drawing's.

    Of one that begins later so many fewer; of one that stops early at this share of its own.
    """
    return min(max(0, math.ceil(share * whole) - begin), int(share * total))


def _texts(work: Work, model: Denoiser, beside: Beside | None) -> list[Conditioning]:
    """What the pictures see of the words: the same for all, or for each its share of the way."""
    job = work.job
    assert isinstance(job, DrawJob)
    if not job.towards:
        return [model.condition(job, work.inputs.prompts, beside)]
    return [
        model.condition(
            replace(job, looks=(*job.looks, Look(prompt=job.towards, weight=share))),
            work.inputs.prompts,
            beside,
        )
        for share in job.shares
    ]


def _scheduler(work: Work, model: Denoiser, shape: tuple[int, ...]) -> Any:  # noqa: ANN401
    """The scheduler that all rows copy, its timesteps set; JobError where it cannot do the job."""
    job = work.job
    assert isinstance(job, DrawJob)
    name, own = job.scheduler, model.scheduler
    if name and schedulers.is_edm(own) is not (scheduler_table.form_of(name) == "edm"):
        raise JobError(
            Sentence(
                "The scheduler {name!r} does not suit this model, which is of EDM's own form;"
                " choose edm-euler.",
                name=name,
            )
            if schedulers.is_edm(own)
            else Sentence(
                "The scheduler {name!r} is for models of EDM's own form only; choose another, such"
                " as euler.",
                name=name,
            )
        )
    try:
        scheduler = schedulers.build(name, own)
        least = schedulers.fewest_steps(scheduler)
        if job.steps < least:
            raise JobError(
                Sentence(
                    "This model's scheduler needs at least {least} steps, not {steps}.",
                    least=least,
                    steps=job.steps,
                )
            )
        model.set_timesteps(scheduler, job.steps, shape)
    except (ValueError, NotImplementedError) as error:
        # Such as more steps than a distilled scheduler has, or a table of betas it cannot make.
        raise JobError(Sentence("{why}.", why=first_line(error))) from error
    if work.inputs.pictures and not schedulers.can_noise(scheduler):
        raise JobError(_begins_from_no_picture(name))
    if name == "ipndm":
        work.notes.append(
            Sentence(
                "The scheduler 'ipndm' has a noise schedule of its own, not this model's, so"
                " pictures come out pale; deis is its nearest kin."
            )
        )
    return scheduler


def _beginning(
    work: Work, model: Denoiser, timesteps: Tensor, shape: tuple[int, ...]
) -> Callable[[Any, torch.Generator, int], tuple[Tensor, Mask | None]]:
    """A function that makes the first latents of a row; pictures are encoded here, once for all
    rows.

    Random numbers are drawn in the order of diffusers' pipelines: picture, noise, masked picture.
    Each row of an enlarged picture begins with its own crop.
    """
    job = work.job
    assert isinstance(job, DrawJob)
    pictures, mask = work.inputs.pictures, work.inputs.mask
    if job.init_use is InitUse.IMG2IMG and job.enlarge == 1:
        pictures = pictures[:1]
    anew = not pictures or (mask is not None and job.strength == 1)
    encoded = [model.encode_image(picture) for picture in pictures if job.enlarge == 1]
    if mask is not None and model.inpaints and anew:
        encoded = []
    masked = model.encode_mask(mask, pictures[0]) if mask is not None else None
    weights = [picture.weight for picture in job.inputs]
    levels: list[tuple[float, float]] = []

    def begin(
        scheduler: Any,  # noqa: ANN401
        generator: torch.Generator,
        index: int,
    ) -> tuple[Tensor, Mask | None]:
        own = [model.encode_image(pictures[index])] if job.enlarge > 1 else encoded
        images = [sample(generator) for sample in own]
        if masked is not None and model.makes_contiguous:
            images = [image.contiguous() for image in images]
        mixes = job.init_use is not InitUse.IMG2IMG and images
        counts = [1 - job.shares[index], job.shares[index]] if job.shares else weights
        image = [noise.mix(images, counts)] if mixes else images[:1]
        if not len(timesteps):
            return image[0], None
        if masked is not None and not model.inpaints and not levels:
            levels.extend(_levels(model, scheduler, timesteps))
        dtype = model.picture_noise_dtype if pictures else model.noise_dtype
        drawn = noise.draw(shape, generator, model.device, dtype).to(model.noise_dtype)
        drawn = variation.noise(drawn, job, index)
        if anew:
            latents = drawn * getattr(scheduler, "init_noise_sigma", 1.0)
        else:
            latents = model.add_noise(scheduler, image[0], drawn, timesteps[0])
        if masked is None:
            return latents, None
        new, channels = masked(generator)
        return latents, Mask(new, image[0] if image else latents, drawn, levels, channels)

    return begin


def _levels(
    model: Denoiser,
    scheduler: Any,  # noqa: ANN401
    timesteps: Tensor,
) -> Iterator[tuple[float, float]]:
    """Shares of picture and noise in a picture noised to each timestep, read off the scheduler.

    On the device its `add_noise` would look its tables up by a list, for which the host waits.
    """
    one, zero = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float32).view(2, 2, 1, 1, 1)
    probe = copy.copy(scheduler)
    begin = len(scheduler.timesteps) - len(timesteps)
    for number, timestep in enumerate(timesteps, begin):
        if hasattr(probe, "set_begin_index"):
            probe.set_begin_index(number)
        picture, noise = model.add_noise(probe, one, zero, timestep).flatten().tolist()
        yield picture, noise


def _step_options(scheduler: Any, generator: torch.Generator) -> dict[str, Any]:  # noqa: ANN401
    """Options of a scheduler's step as in the pipelines: η = 0 and the picture's generator."""
    taken = inspect.signature(scheduler.step).parameters
    options = {"eta": 0.0, "generator": generator}
    return {name: value for name, value in options.items() if name in taken}


def _begins_from_no_picture(scheduler: str) -> Sentence:
    """scheduler: as the job names it; empty: the model's own."""
    if not scheduler:
        return Sentence(
            "This model's scheduler cannot begin from a picture; choose another, such as deis or"
            " euler."
        )
    return Sentence(
        "The scheduler {name!r} cannot begin from a picture; choose another, such as deis or"
        " euler.",
        name=scheduler,
    )
