"""Job → credits. Pure.

A grid of four at the model's own size and steps costs `price_factor` credits; everything else is
in proportion to the work: images × denoising steps × pixels.
"""

from __future__ import annotations

import math

import engine
from bot.prompt.brief import GRID_IMAGES

CENTS = 100
"""Amounts are integers in 1/100 credit."""


def price(job: engine.DrawJob, model: engine.ModelInfo) -> int:
    """The job's price in 1/100 credit, at least 1."""
    drawn_over = job.inputs and job.init_use is not engine.InitUse.PROMPT
    steps = job.steps * job.stop * (job.strength if drawn_over else 1.0)
    work = job.images * steps * job.width_px * job.height_px
    grid = GRID_IMAGES * model.steps * model.width_px * model.height_px
    return max(math.ceil(CENTS * model.price_factor * work / grid - 1e-9), 1)


def credits_text(cents: int) -> str:
    """`150` → "1.5 credits", `100` → "1 credit"."""
    number = f"{cents / CENTS:.2f}".rstrip("0").rstrip(".")
    return f"{number} credit{'' if cents == CENTS else 's'}"
