"""What the benchmarks measure: the engine and diffusers' own pipeline, alternated in one run.

Baseline S is the pipeline called once for each job, in turn, with the same weights, number
format, device and threads, its pictures encoded to PNG like the engine's.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from engine import (
    DrawJob,
    Engine,
    Finished,
    ModelSpec,
    WeightedText,
    sampler,
    schedulers,
)
from engine.device import choose
from engine.drawing import rows_of
from engine.messages import Lane
from engine.models import loading
from engine.models.tracing import prepare_to_compile
from engine.pictures import Inputs, to_png
from engine.rows import Row, Work
from engine.tickets import ticket_for

PROMPTS = (
    *("a red cat at night", "a blue dog by the sea", "a green owl in a forest", "a pink fish"),
    *("a yellow house in the snow", "a white fox at sunset", "a purple boat", "an orange car"),
    *("a black bird in the rain", "a brown bear", "a grey castle at night", "a golden moon"),
    *("a red mushroom in a forest", "a blue flower", "two green trees", "a cat beside a dog"),
)
MIXED = ("euler", "dpm++2m-karras", "euler-a", "ddim", "unipc", "dpm++2m", "lcm", "ddpm")
STEPS = (20, 30, 40)
PAIRS = 15
TRACE_JOBS = 200
IN_FLIGHT = (1, 2, 4, 8, 16)
LOAD = 0.8
"""Of the baseline's capacity, for arrivals at random."""


class Baseline:
    """diffusers' own pipeline, eager (S) or compiled (Sc)."""

    def __init__(
        self, spec: ModelSpec, device: torch.device, dtype: torch.dtype, *, compiled: bool = False
    ) -> None:
        spec = replace(spec, compiled="")
        model: Any = loading.load(spec, device, dtype)
        self.model = model
        self.pipeline = model.pipeline
        self.pipeline.set_progress_bar_config(disable=True)
        self._own = self.pipeline.scheduler
        if compiled:
            prepare_to_compile()
            self.pipeline.unet = torch.compile(self.pipeline.unet, dynamic=False)

    def draw(self, job: DrawJob) -> float:
        """Draw a job and encode its pictures; seconds."""
        began_s = time.perf_counter()
        self.pipeline.scheduler = schedulers.build(job.scheduler, self._own)
        generators = [
            torch.Generator("cpu").manual_seed(job.seed + index) for index in range(job.images)
        ]
        pictures = self.pipeline(
            job.prompt[0].text,
            num_inference_steps=job.steps,
            guidance_scale=job.guidance,
            width=job.width_px,
            height=job.height_px,
            num_images_per_prompt=job.images,
            generator=generators,
        ).images
        for picture in pictures:
            to_png(np.asarray(picture))
        return time.perf_counter() - began_s


@dataclass(slots=True)
class Ticks:
    """What the sampler did: (began, ended, ids of the jobs) of every tick."""

    log: list[tuple[float, float, tuple[str, ...]]] = field(default_factory=list)
    network_s: float = 0.0
    decoded_s: float = 0.0
    """When the decoder was last done."""


@contextmanager
def watching() -> Iterator[Ticks]:
    """Record every tick, and the time inside the networks, of the engine within."""
    ticks = Ticks()
    step, decode = sampler.step, sampler.decode

    def timed_step(model: Any, rows: Sequence[Row]) -> Any:  # noqa: ANN401
        if "timed" not in vars(model):
            model.timed = True
            _time_networks(model, ticks)
        began_s = time.perf_counter()
        failed = step(model, rows)
        ids = tuple(dict.fromkeys(row.work.job.id for row in rows))
        ticks.log.append((began_s, time.perf_counter(), ids))
        return failed

    def timed_decode(model: Any, rows: Sequence[Row]) -> Any:  # noqa: ANN401
        began_s = time.perf_counter()
        pictures = decode(model, rows)
        ticks.decoded_s = time.perf_counter()
        ticks.network_s += ticks.decoded_s - began_s
        return pictures

    sampler.step, sampler.decode = timed_step, timed_decode
    try:
        yield ticks
    finally:
        sampler.step, sampler.decode = step, decode


def _time_networks(model: Any, ticks: Ticks) -> None:  # noqa: ANN401
    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
            began_s = time.perf_counter()
            result = function(*arguments, **options)
            ticks.network_s += time.perf_counter() - began_s
            return result

        return call

    model.predict, model.condition = timed(model.predict), timed(model.condition)


class Bench:
    """One model at one size against the baseline."""

    def __init__(self, spec: ModelSpec, side_px: int, device: str, dtype: str) -> None:
        chosen = choose(device, dtype, None)
        self.spec, self._side_px = spec, side_px
        self._device, self._dtype = chosen, dtype
        self.baseline = Baseline(spec, chosen.where, chosen.dtype)
        self.compiled_baseline = partial(Baseline, spec, chosen.where, chosen.dtype, compiled=True)
        self._numbers = itertools.count()
        self.name = f"{spec.info.title}, {side_px // 8} × {side_px // 8} latents"

    def job(self, number: int = 0, **fields: Any) -> DrawJob:  # noqa: ANN401
        """A job of one picture, its own owner, no previews."""
        identity = next(self._numbers)
        defaults: dict[str, Any] = {
            "id": f"{identity}",
            "owner": f"member {identity}",
            "model": self.spec.info.name,
            "prompt": (WeightedText(text=PROMPTS[number % len(PROMPTS)]),),
            "seed": number,
            "images": 1,
            "steps": 30,
            "guidance": 4.0,
            "width_px": self._side_px,
            "height_px": self._side_px,
            "previews": False,
            "lane": Lane.FAST,
        }
        return DrawJob(**(defaults | fields))

    def mixed(self, count: int, *, part: int = 1, **fields: Any) -> list[DrawJob]:  # noqa: ANN401
        """Jobs of mixed prompts, schedulers and steps, or of a `part`-th of the steps."""
        kinds = zip(itertools.cycle(STEPS), itertools.cycle(MIXED), range(count), strict=False)
        return [
            self.job(n, steps=steps // part, scheduler=scheduler, **fields)
            for steps, scheduler, n in kinds
        ]

    @contextmanager
    def engine(self, **options: Any) -> Iterator[Callable[[Any], Any]]:  # noqa: ANN401
        """A started engine with the model resident and warm; call it with a coroutine function."""
        with asyncio.Runner() as runner:
            engine = Engine(
                [self.spec], device=str(self._device.where), dtype=self._dtype, **options
            )
            runner.run(engine.start())
            runner.run(_finish(engine, self.job(steps=2)))
            if self.spec.compiled:
                runner.run(self._settle(engine))
            try:
                yield lambda work: runner.run(work(engine))
            finally:
                runner.run(engine.close())

    async def _settle(self, engine: Engine) -> None:
        """Draw until nothing is left to compile, at any number of jobs in flight."""
        compiled = -1
        while compiled != graphs():
            compiled = graphs()
            for count in reversed(IN_FLIGHT):
                await _finish_all(engine, self._again(self.mixed(count, part=2)))
                while engine.status().compiling:
                    await _finish(engine, self.job(steps=2))

    def recompiles(self) -> int:
        """Graphs compiled, once warm, for jobs that come and go."""
        spec, self.spec = self.spec, replace(self.spec, compiled=self.spec.compiled or "blocks")
        try:
            with self.engine() as run:
                before = graphs()
                for count in IN_FLIGHT:
                    jobs = self.mixed(count, part=2)
                    run(lambda engine, jobs=jobs: _finish_all(engine, jobs))
                return graphs() - before
        finally:
            self.spec = spec

    def throughput(self, jobs: Sequence[DrawJob], rounds: int) -> tuple[float, float]:
        """Best seconds for all jobs, alternated: (baseline, engine)."""
        ours, theirs = [], []
        with self.engine() as run:
            short = [replace(job, steps=12) for job in jobs]  # enough to learn its budget
            run(lambda engine: _finish_all(engine, self._again(short)))
            for _ in range(rounds):
                theirs.append(sum(self.baseline.draw(job) for job in jobs))
                began_s = time.perf_counter()
                run(lambda engine: _finish_all(engine, self._again(jobs)))
                ours.append(time.perf_counter() - began_s)
        return min(theirs), min(ours)

    def curve(self, steps: int) -> dict[str, float]:
        """Throughput ÷ baseline by the number of jobs in flight."""
        alone = self.job(steps=steps, scheduler="euler")
        ratios = {}
        self.baseline.draw(alone)
        with self.engine() as run:
            for count in IN_FLIGHT:
                theirs, ours = [], []
                for _ in range(5):
                    theirs.append(self.baseline.draw(alone) * count)
                    jobs = [self.job(n, steps=steps, scheduler="euler") for n in range(count)]
                    began_s = time.perf_counter()
                    run(lambda engine, jobs=jobs: _finish_all(engine, jobs))
                    ours.append(time.perf_counter() - began_s)
                ratios[str(count)] = statistics.median(theirs) / statistics.median(ours)
        return ratios

    def alone(self, steps: int, pairs: int) -> tuple[float, list[float]]:
        """Median of time ÷ baseline over alternated pairs of one job alone."""
        ratios = []
        with self.engine() as run:
            self.baseline.draw(self.job(steps=steps))
            for pair in range(pairs):
                job = self.job(steps=steps, scheduler="euler")
                times: dict[str, float] = {}
                for side in ("S", "engine") if pair % 2 else ("engine", "S"):
                    if side == "S":
                        times["S"] = self.baseline.draw(job)
                    else:
                        began_s = time.perf_counter()
                        run(lambda engine, job=job: _finish(engine, job))
                        times["engine"] = time.perf_counter() - began_s
                ratios.append(times["engine"] / times["S"])
        return statistics.median(ratios), ratios

    def late_joiner(self) -> int:
        """Ticks begun after a job is submitted to a full engine until one has its row."""
        crowd = [self.job(n, steps=40, images=4) for n in range(4)]
        late = self.job(steps=5)

        async def scenario(engine: Engine) -> float:
            streams = [engine.run(job) for job in crowd]
            while not engine.status().running:  # noqa: ASYNC110 - a benchmark, not a service
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.2)
            submitted_s = time.perf_counter()
            await _finish(engine, late)
            for job, stream in zip(crowd, streams, strict=True):
                engine.cancel(job.id)
                async for _ in stream:
                    pass
            return submitted_s

        with watching() as ticks, self.engine() as run:
            submitted_s = run(scenario)
        after = [ids for began_s, _, ids in ticks.log if began_s > submitted_s]
        return 1 + next(place for place, ids in enumerate(after) if late.id in ids)

    def arrivals(self, count: int) -> tuple[float, float, float]:
        """p95 latency of random arrivals: (baseline, engine) and the baseline's mean service.

        The baseline is a queue with one server, and its services are those measured before and
        after the engine's turn, so that a machine that changes its speed favours neither.
        """
        jobs = [
            self.job(n, steps=STEPS[n % len(STEPS)] // 2, scheduler="euler") for n in range(count)
        ]
        services: dict[int, list[float]] = {steps // 2: [] for steps in STEPS}

        def sample() -> None:
            for job in jobs[:18]:
                services[job.steps].append(self.baseline.draw(job))

        sample()
        mean_s = statistics.mean(itertools.chain.from_iterable(services.values()))
        chance = random.Random(1)  # noqa: S311 - a trace, not a secret
        arrivals = list(itertools.accumulate(chance.expovariate(LOAD / mean_s) for _ in jobs))

        async def scenario(engine: Engine) -> list[float]:
            began_s = time.perf_counter()

            async def member(arrival: float, job: DrawJob) -> float:
                await asyncio.sleep(max(0.0, began_s + arrival - time.perf_counter()))
                await _finish(engine, job)
                return time.perf_counter() - began_s - arrival

            members = itertools.starmap(member, zip(arrivals, jobs, strict=True))
            return list(await asyncio.gather(*members))

        with self.engine() as run:
            ours = run(scenario)
        sample()
        free_s, waits = 0.0, []
        for arrival, job in zip(arrivals, jobs, strict=True):
            free_s = max(free_s, arrival) + statistics.median(services[job.steps])
            waits.append(free_s - arrival)
        return _p95(waits), _p95(ours), mean_s

    def overhead(self) -> tuple[float, int]:
        """Share of the time, under full load, that is not spent inside the networks."""
        jobs = self.mixed(16)
        with watching() as ticks, self.engine() as run:
            run(lambda engine: _finish_all(engine, self._again(jobs)))
            ticks.network_s, ticks.log = 0.0, []
            began_s = time.perf_counter()
            run(lambda engine: _finish_all(engine, self._again(jobs)))
        busy_s = ticks.decoded_s - began_s
        return max(0.0, 1 - ticks.network_s / busy_s), len(ticks.log)

    def previews(self, pairs: int) -> float:
        """Median of time with previews every 5 steps ÷ without, alternated."""
        steps = 40
        tick_s = self.baseline.draw(self.job(steps=steps)) / steps
        ratios = []
        with self.engine(preview_interval_s=5 * tick_s) as run:
            for pair in range(pairs):
                times = {}
                for shown in (True, False) if pair % 2 else (False, True):
                    job = self.job(steps=steps, previews=shown)
                    began_s = time.perf_counter()
                    run(lambda engine, job=job: _finish(engine, job))
                    times[shown] = time.perf_counter() - began_s
                ratios.append(times[True] / times[False])
        return statistics.median(ratios)

    @torch.inference_mode()
    def exactness(self) -> dict[str, float]:
        """By scheduler: largest difference of batched and lone latents ÷ their largest value."""
        model = self.baseline.model
        differences = {}
        for name in schedulers.names_for(flow=False):
            mine = self.job(3, steps=12, scheduler=name)
            lone = self._latents(model, [mine])
            strangers = self.mixed(7)
            beside = self._latents(model, [mine, *strangers])
            differences[name] = float((lone - beside).abs().max() / lone.abs().max())
        return differences

    def _latents(self, model: Any, jobs: Sequence[DrawJob]) -> torch.Tensor:  # noqa: ANN401
        rows: list[Row] = []
        for job in jobs:
            work = Work(job, ticket_for(job), Inputs())
            work.rows = list(rows_of(work, model, itertools.count(len(rows))))
            rows += work.rows
        first = rows[0]
        while rows[0].step < rows[0].total:
            sampler.step(model, [row for row in rows if row.step < row.total])
        return first.latents

    def _again(self, jobs: Sequence[DrawJob]) -> list[DrawJob]:
        return [replace(job, id=f"{next(self._numbers)}") for job in jobs]


async def _finish(engine: Engine, job: DrawJob) -> Finished:
    async for event in engine.run(job):
        last = event
    if not isinstance(last, Finished):
        raise TypeError(f"A benchmark's job ended with {last}.")
    return last


async def _finish_all(engine: Engine, jobs: Sequence[DrawJob]) -> None:
    await asyncio.gather(*(_finish(engine, job) for job in jobs))


def graphs() -> int:
    """How many graphs dynamo has compiled in this process."""
    return int(torch._dynamo.utils.counters["stats"]["unique_graphs"])  # noqa: SLF001


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]
