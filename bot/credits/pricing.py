"""Job → credits: the price rule. Pure.

A grid of four at the model's own size and steps costs `price_factor` credits; every other drawing
is in proportion to its work: images × evaluations × samples × pixels. A sampler may evaluate the
model twice a step; a picture has two samples with guidance, a third where a part of its prompt has
a negative weight, and one without guidance. Enlarging costs by the pixels it
makes; what makes text has a small fixed price. In turbo mode, before the jobs of others, everything
costs twice as much.
"""

from __future__ import annotations

import dataclasses
import io
import math

from PIL import Image

import engine
from bot.prompt.brief import GRID_IMAGES
from engine import Sentence

CENTS = 100
"""Amounts are integers in 1/100 credit."""
UPSCALE_PER_MEGAPIXEL = 25
"""In 1/100 credit, for each 2²⁰ pixels that an UpscaleJob makes."""
DESCRIBE = 25
"""In 1/100 credit."""
WORD_WEIGHTS = 10
"""In 1/100 credit."""
TURBO = 2
"""How many times the price a job costs that goes before others."""


def price(job: engine.Job, model: engine.ModelInfo | None) -> int:
    """The job's price in 1/100 credit, at least 1. model: the one that a drawing is made on."""
    return _of_work(job, model) * (TURBO if job.lane is engine.Lane.TURBO else 1)


def _of_work(job: engine.Job, model: engine.ModelInfo | None) -> int:
    match job:
        case engine.DrawJob():
            assert model is not None  # every drawing names one that is installed
            return _drawing(job, model)
        case engine.UpscaleJob():
            with Image.open(io.BytesIO(job.picture)) as picture:
                pixels = picture.width * picture.height * job.factor**2
            return max(math.ceil(UPSCALE_PER_MEGAPIXEL * pixels / 2**20), 1)
        case engine.DescribeJob():
            return DESCRIBE
        case engine.WordWeightsJob():
            return WORD_WEIGHTS


def _drawing(job: engine.DrawJob, model: engine.ModelInfo) -> int:
    pixels = job.width_px * job.height_px * job.enlarge**2
    work = job.images * _samples(job, model) * _evaluations(job, model) * pixels
    usual = dataclasses.replace(
        job,
        prompt=(engine.WeightedText(text=""),),
        steps=model.steps,
        guidance=model.guidance,
        scheduler=model.scheduler,
        stop=1.0,
        inputs=(),
    )
    grid = GRID_IMAGES * _samples(usual, model) * _evaluations(usual, model)
    grid *= model.width_px * model.height_px
    return max(math.ceil(CENTS * model.price_factor * work / grid - 1e-9), 1)


def _samples(job: engine.DrawJob, model: engine.ModelInfo) -> int:
    """Of one picture in each evaluation."""
    # Models that cannot leave things out have no other sample to be guided by.
    return job.samples_a_row if "negative" in model.operations else 1


def _evaluations(job: engine.DrawJob, model: engine.ModelInfo) -> int:
    """Of one picture, as the engine draws it: whole steps, of which at least one is drawn."""
    steps = job.steps
    if job.inputs and job.init_use is not engine.InitUse.PROMPT:
        steps = max(int(steps * job.strength), 1)
    count = engine.evaluations(job.scheduler or model.scheduler, steps)
    if job.stop >= 1 or "vary" not in model.operations:  # that draws by itself, to its end
        return count
    return max(round(job.stop * count), 1)


def usual(model: engine.ModelInfo | None) -> int:
    """What a grid at the model's own size and steps costs, or one of a model of factor 1."""
    return math.ceil(CENTS * (1.0 if model is None else model.price_factor))


def credits_text(cents: int) -> Sentence:
    """`150` → "1.5 credits", `100` → "1 credit"."""
    number = f"{cents / CENTS:.2f}".rstrip("0").rstrip(".")
    return Sentence.plural(
        "{number} credit", "{number} credits", count=1 if cents == CENTS else 2, number=number
    )
