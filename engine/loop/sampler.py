"""One forward pass for many rows, each at its own timestep, then one scheduler step of each."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.device.async_copy import non_blocking, to_device, to_host
from engine.loop.rows import Row
from engine.models import Denoiser, Predictor
from engine.models.deep_cache import DEEP
from engine.models.solver import SCALE, Solver


def step(model: Predictor, rows: Sequence[Row]) -> list[tuple[Row, Exception]]:
    """Advance every row of one group by one evaluation; returns the rows that failed, with errors.

    Where this raises, no row has advanced: the pass itself failed.

    Samples are laid out as a pipeline would: the first of every row, then the second of every row
    that has one, and so on; a lone grid is then bit-identical to diffusers' own. Rows that step
    alike lie side by side, so that theirs is a slice of every tensor. A compiled denoiser gets full
    buckets, in which the last sample is repeated.
    """
    rows = sorted(rows, key=_ALIKE)
    runs = list(_runs(rows))
    counts = [sum(row.samples > sample for row in rows) for sample in range(rows[0].samples)]
    places = [(number, sample) for sample, count in enumerate(counts) for number in range(count)]
    real = len(places)
    places += places[-1:] * (model.padded(real, wraps=rows[0].wraps) - real)

    # One copy takes all that differs from row to row in this step.
    numbers = np.stack([row.numbers[row.step] for row in rows])
    timesteps = numbers[[number for number, _ in places], 0]
    sent = to_device(torch.from_numpy(np.append(timesteps, numbers)), model.device)
    columns = sent[len(places) :].view(*numbers.shape, 1, 1, 1)

    latents = torch.cat([row.latents for row in rows])
    given = _given(runs, latents, columns, model.device)
    seen = _with_channels(rows, given)
    padding = [seen[places[-1][0]][None]] * (len(places) - real)
    model.tile(on=rows[0].wraps)
    conditioning = {
        key: torch.cat([rows[number].conditioning[sample][key] for number, sample in places])
        for key in rows[0].conditioning[0]
    }
    if not rows[0].goes_deep:
        deep = torch.cat([rows[number].deep[sample] for number, sample in places])
        conditioning[DEEP] = deep
    predictions = model.predict(
        torch.cat([*(seen[:count] for count in counts), *padding]),
        sent[: len(places)],
        conditioning,
        [rows[number].adapter for number, _ in places],
    )
    found, model.deep = model.deep, None
    guided = _guided(model, counts, predictions, columns)
    solved = list(_solved(runs, latents, guided, columns))

    if found is not None:
        of_sample = dict(zip(places[:real], _each(found), strict=False))
        for number, row in enumerate(rows):
            row.deep = [of_sample[number, sample] for sample in range(row.samples)]
    failed: list[tuple[Row, Exception]] = []
    with non_blocking(model.device):
        for place, (row, after) in enumerate(zip(rows, solved, strict=True)):
            try:
                row.advance(given, guided, place, *after)
            except Exception as error:  # noqa: BLE001 - its state is spoilt, the others' are not
                failed.append((row, error))
    return failed


_ALIKE = attrgetter("alike")
_Run = tuple[Solver | None, list[Row], slice]


def _runs(rows: Iterable[Row]) -> Iterator[_Run]:
    """Neighbours with one solver, and where they lie."""
    begin = 0
    for _, neighbours in itertools.groupby(rows, key=_ALIKE):
        run = list(neighbours)
        yield run[0].solver, run, slice(begin, begin + len(run))
        begin += len(run)


def _given(runs: Iterable[_Run], latents: Tensor, columns: Tensor, device: torch.device) -> Tensor:
    """Latents as the denoiser wants them, (B, C, h, w)."""
    given: list[Tensor] = []
    for solver, run, here in runs:
        if solver is None:
            with non_blocking(device):
                given += [row.scaled() for row in run]
        else:
            x = latents[here]
            given.append((x / columns[here, 3 + SCALE]).to(x.dtype) if solver.scales else x)
    return _joined(given)


def _with_channels(rows: Sequence[Row], given: Tensor) -> Tensor:
    """With mask and masked picture beside the latents, where the checkpoint sees them."""
    masks = [row.mask.channels for row in rows if row.mask is not None]
    channels = [each for each in masks if each is not None]
    return torch.cat([given, torch.cat(channels)], dim=1) if channels else given


def _guided(
    model: Predictor, counts: Sequence[int], predictions: Tensor, columns: Tensor
) -> Tensor:
    """One prediction a row, (B, C, h, w); rows with as many samples are guided together.

    counts: how many rows have a first sample, a second, a third.
    """
    firsts = [0, *itertools.accumulate(counts)]
    scale, avoid_weight = columns[:, 1], columns[:, 2]
    guided, begin = [], 0
    for samples, end in reversed(list(enumerate(counts, 1))):
        if end > begin:
            parts = [predictions[first + begin : first + end] for first in firsts[:samples]]
            guided.append(model.guide(parts, scale[begin:end], avoid_weight[begin:end]))
            begin = end
    return _joined(guided).to(predictions.dtype)


def _solved(
    runs: Iterable[_Run], latents: Tensor, guided: Tensor, columns: Tensor
) -> Iterator[tuple[Tensor | None, Tensor | None]]:
    """For each row its next latents and what its solver remembers; None: it has no solver."""
    for solver, run, here in runs:
        if solver is None:
            yield from [(None, None)] * len(run)
            continue
        x, prediction = latents[here].float(), guided[here].float()
        before = fresh = x
        if solver.remembers:
            nothing = x.new_zeros(1, solver.remembers * x.shape[1], *x.shape[2:])
            before = torch.cat([nothing if row.before is None else row.before for row in run])
        if solver.noise:
            dtype = guided.dtype if solver.noise == "own" else torch.float32
            drawn = torch.cat([row.noise(dtype) for row in run])
            fresh = to_device(drawn, x.device).float()
        after, left = solver.step(x, prediction, before, fresh, columns[here, 3:].unbind(1))
        remembered = [None] * len(run) if left is None else _each(left)
        yield from zip(_each(after.to(latents.dtype)), remembered, strict=True)


def _joined(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat(list(parts)) if len(parts) > 1 else parts[0]


def _each(batch: Tensor) -> Sequence[Tensor]:
    """(B, …) → B views of (1, …) in the same memory order, on which rounding depends."""
    return batch.chunk(len(batch))


def decode(
    model: Denoiser, rows: Sequence[Row]
) -> Callable[[], tuple[NDArray[np.uint8], NDArray[np.bool_]]]:
    """Begin to decode finished rows of one group; the result waits for the device.

    It returns pixels, (B, H, W, 3), and whether those of each row are finite, (B,).
    """
    latents = torch.cat([row.latents for row in rows])
    model.tile(on=rows[0].tile)
    pixels = model.decode(latents)
    finite = to_host(pixels.isfinite().flatten(1).all(dim=1))
    rounded = (pixels / 2 + 0.5).clamp(0, 1).mul(255).round().to(torch.uint8)
    drawn = to_host(rounded.permute(0, 2, 3, 1).contiguous())
    return lambda: (drawn(), finite())
