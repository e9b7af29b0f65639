"""Where the time of a warm engine goes, kernel by kernel, as a file for a trace viewer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from engine import DrawJob, Engine
from engine.bench.bench import Bench

JOBS, STEPS = 8, 6
LINES = 15


def write_trace(bench: Bench, file: Path) -> str:
    """Trace a few pictures drawn together, on all threads; returns a table of what took longest.

    The file can be looked at with Perfetto or chrome://tracing.
    """
    activities = [ProfilerActivity.CPU]
    activities += [ProfilerActivity.CUDA] if torch.cuda.is_available() else []
    everywhere = torch._C._profiler._ExperimentalConfig(profile_all_threads=True)  # noqa: SLF001
    with bench.engine() as run:

        def draw() -> None:
            jobs = [bench.job(n, steps=STEPS, scheduler="euler") for n in range(JOBS)]
            run(lambda engine: _draw(engine, jobs))

        draw()
        with profile(activities=activities, experimental_config=everywhere) as profiled:
            draw()
    profiled.export_chrome_trace(str(file))
    by = "self_cuda_time_total" if torch.cuda.is_available() else "self_cpu_time_total"
    table: str = profiled.key_averages().table(sort_by=by, row_limit=LINES)
    return table


async def _draw(engine: Engine, jobs: Sequence[DrawJob]) -> None:
    async def read(job: DrawJob) -> None:
        async for _ in engine.run(job):
            pass

    await asyncio.gather(*map(read, jobs))
