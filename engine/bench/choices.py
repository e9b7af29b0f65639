"""What choices of a catalogue entry gain, and how far their pictures are from the full model's."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine import DrawJob, Engine, Finished, ModelSpec, WeightedText
from engine.bench.bench import PROMPTS
from engine.device.device import choose
from engine.messages import Lane

CHOICES: Mapping[str, Mapping[str, Any]] = {
    "`deep_every = 2`": {"deep_every": 2},
    "`deep_every = 3`": {"deep_every": 3},
    "`deep_every = 5`": {"deep_every": 5},
    "`fused_qkv = true`": {"fused_qkv": True},
    '`quantise = "int8"`': {"quantise": "int8"},
    '`quantise = "fp8"`': {"quantise": "fp8"},
}
WARM_STEPS = 6
FEWER_STEPS = (2, 3)
"""What else takes less time, to compare with: this part of the steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One choice, measured on pictures that are otherwise the same."""

    name: str
    time: float
    """÷ that of the full model."""
    levels: float
    """Mean difference to its pictures, of 255."""


def measure(spec: ModelSpec, device: str, dtype: str) -> Iterator[Choice]:
    """Each choice on sixteen pictures drawn together; "another prompt" tells what is far."""
    full_s, full = _drawn(spec, device, dtype, spec.info.steps)
    for name, fields in CHOICES.items():
        if spec.family.has_unet or "quantise" in fields:
            found = _drawn(replace(spec, **fields), device, dtype, spec.info.steps)
            if found[1]:
                yield _compared(name, found, (full_s, full))
    for part in FEWER_STEPS:
        steps = max(1, spec.info.steps // part)
        yield _compared(f"{steps} steps", _drawn(spec, device, dtype, steps), (full_s, full))
    others = full[1:] + full[:1]
    yield _compared("another prompt's picture", (full_s, others), (full_s, full))


def table(choices: Iterator[Choice]) -> Iterator[str]:
    """The lines of a table."""
    yield "| choice | time ÷ full | mean difference, of 255 |"
    yield "|---|---|---|"
    for each in choices:
        yield f"| {each.name} | {each.time:.2f} | {each.levels:.2f} |"


Drawn = tuple[float, tuple[NDArray[np.float64], ...]]
"""Seconds, and the pictures; none where an extra is missing."""


def _compared(name: str, ours: Drawn, full: Drawn) -> Choice:
    pairs = zip(ours[1], full[1], strict=True)
    levels = float(np.mean([np.abs(one - other).mean() for one, other in pairs]))
    return Choice(name=name, time=ours[0] / full[0], levels=levels)


def _drawn(spec: ModelSpec, device: str, dtype: str, steps: int) -> Drawn:
    info = spec.info
    jobs = [
        DrawJob(
            id=f"{number}",
            owner=f"member {number}",
            model=info.name,
            prompt=(WeightedText(text=text),),
            seed=number,
            images=1,
            width_px=info.width_px,
            height_px=info.height_px,
            steps=steps,
            guidance=info.guidance,
            scheduler=info.scheduler,
            previews=False,
            lane=Lane.FAST,
        )
        for number, text in enumerate(PROMPTS)
    ]
    on_card = choose(device, dtype, None).where.type == "cuda"

    async def draw() -> Drawn:
        engine = Engine([spec], device=device, dtype=dtype)
        await engine.start()
        try:
            # It loads, and learns what a pass may hold.
            short = [replace(job, steps=min(job.steps, WARM_STEPS)) for job in jobs]
            if await _ends(engine, short) is None:
                return 0.0, ()
            while engine.status().compiling:
                await _ends(engine, short)
            # On a CPU the process's own time, which other work on the machine does not lengthen.
            clock = time.perf_counter if on_card else time.process_time
            began_s = clock()
            ends = await _ends(engine, jobs)
            took_s = clock() - began_s
        finally:
            await engine.close()
        pictures = [Image.open(io.BytesIO(end.pictures[0].png)) for end in ends or ()]
        return took_s, tuple(np.asarray(picture).astype(np.float64) for picture in pictures)

    return asyncio.run(draw())


async def _ends(engine: Engine, jobs: Sequence[DrawJob]) -> list[Finished] | None:
    """How jobs ended; None where one failed."""

    async def end(job: DrawJob) -> object:
        return [event async for event in engine.run(job)][-1]

    found = await asyncio.gather(*map(end, jobs))
    ends = [each for each in found if isinstance(each, Finished)]
    return ends if len(ends) == len(jobs) else None
