"""One forward pass for many rows, each at its own timestep, then each row's own scheduler step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.device.async_copy import non_blocking, to_device
from engine.loop.rows import Row
from engine.models import Denoiser


def step(model: Denoiser, rows: Sequence[Row]) -> list[tuple[Row, Exception]]:
    """Advance every row of one group by one evaluation; returns the rows that failed, with errors.

    Where this raises, no row has advanced: the pass itself failed.

    Samples are laid out as a pipeline would: the first of every row, then the second of every row
    that has one, and so on; a lone grid is then bit-identical to diffusers' own. A compiled
    denoiser gets full buckets, in which the last sample is repeated.
    """
    inputs = [row.model_input() for row in rows]
    places = [
        (number, sample)
        for sample in range(max(row.samples for row in rows))
        for number, row in enumerate(rows)
        if sample < row.samples
    ]
    count = len(places)
    places += places[-1:] * (model.padded(count) - count)
    # With a dtype, because loading another model changes torch's default for the process.
    timesteps = torch.tensor(
        [float(rows[number].timestep) for number, _ in places], dtype=torch.float32
    )
    conditioning = {
        key: torch.cat(
            [rows[number].conditioning[key][sample : sample + 1] for number, sample in places]
        )
        for key in rows[0].conditioning
    }
    model.tile(on=rows[0].tile)
    predictions = model.predict(
        torch.cat([inputs[number] for number, _ in places]),
        to_device(timesteps, model.device),
        conditioning,
        [rows[number].adapter for number, _ in places],
    )
    of_row: list[list[Tensor]] = [[] for _ in rows]
    for (number, _), prediction in zip(
        places[:count], predictions[:count].unsqueeze(1), strict=True
    ):
        of_row[number].append(prediction)
    failed: list[tuple[Row, Exception]] = []
    with non_blocking(model.device):
        for row, given, parts in zip(rows, inputs, of_row, strict=True):
            try:
                row.advance(given, model.guide(parts, row.guidance, row.avoid_weight))
            except Exception as error:  # noqa: BLE001 - its state is spoilt, the others' are not
                failed.append((row, error))
    return failed


def decode(
    model: Denoiser, rows: Sequence[Row]
) -> list[tuple[NDArray[np.uint8] | None, float | None]]:
    """Pictures (H, W, 3) of finished rows with their safety scores; None where pixels are not
    finite.
    """
    latents = torch.cat([row.latents for row in rows])
    model.tile(on=rows[0].tile)
    pixels = model.decode(latents)
    finite = pixels.isfinite().flatten(1).all(dim=1).tolist()
    rounded = (pixels / 2 + 0.5).clamp(0, 1).mul(255).round().to(torch.uint8)
    arrays = rounded.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    scores = [None] * len(rows) if model.safety is None else model.safety.scores(list(arrays))
    return [
        (array if good else None, score)
        for array, good, score in zip(arrays, finite, scores, strict=True)
    ]
