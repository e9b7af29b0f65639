"""What the benchmarks measure: the engine and diffusers' own pipeline, alternated in one run."""

from __future__ import annotations

import asyncio
import itertools
import math
import random
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from engine import (
    DrawJob,
    Engine,
    Finished,
    ModelSpec,
    WeightedText,
    scheduler_table,
)
from engine.bench.baseline import Baseline
from engine.bench.beside import Beside, ticks_beside_a_compile
from engine.bench.host import turns_ms
from engine.bench.roofline import measured_tflop_s
from engine.bench.stages import stages_s
from engine.bench.watch import Watch, as_while_a_model_loads, graphs, watching
from engine.device.device import choose
from engine.loop import sampler
from engine.loop.row_builder import build_rows
from engine.loop.rows import Row, Work
from engine.messages import Lane
from engine.pictures.encoded import Inputs
from engine.policy.cost import ticket_for

PROMPTS = (
    *("a red cat at night", "a blue dog by the sea", "a green owl in a forest", "a pink fish"),
    *("a yellow house in the snow", "a white fox at sunset", "a purple boat", "an orange car"),
    *("a black bird in the rain", "a brown bear", "a grey castle at night", "a golden moon"),
    *("a red mushroom in a forest", "a blue flower", "two green trees", "a cat beside a dog"),
)
MIXED = ("euler", "dpm++2m-karras", "euler-a", "ddim", "unipc", "dpm++2m", "lcm", "ddpm")
HOST: Mapping[str, Sequence[str]] = {
    **{
        name: (name,)
        for name in (
            *("euler", "dpm++2m-karras", "ddim", "euler-a", "dpm++2m-sde-karras", "unipc"),
            *("ddpm", "lcm", "tcd"),
        )
    },
    "benchmark 1's mix": MIXED,
}
HOST_ROWS = (16, 32, 64)
STEPS = (20, 30, 40)
PAIRS = 15
TRACE_JOBS = 200
TRACE_PARTS = 4
IN_FLIGHT = (1, 2, 4, 8, 16)
LOAD = 0.8
"""Share of the baseline's capacity that random arrivals ask for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exactness:
    """Largest differences of one picture's latents ÷ their largest value."""

    batched: float
    """The picture drawn beside other jobs, compared with the same picture drawn alone."""
    alone: float
    """The picture drawn alone, compared with the baseline's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recompiles:
    """What a warm engine still compiled, and how many passes ran without compiled code."""

    graphs: int
    """Graphs that were compiled, on any thread."""
    passes: int
    """Passes of the part in which nothing loads."""
    eager: int
    """How many of these passes were eager."""
    passes_while_loading: int
    """Passes of the earlier part, in which another model loads or seems to load."""
    eager_while_loading: int


class Bench:
    """One model at one size, compared with the baseline."""

    def __init__(self, spec: ModelSpec, side_px: int, device: str, dtype: str) -> None:
        chosen = choose(device, dtype, None)
        self.spec, self._side_px = spec, side_px
        self._device, self._dtype = chosen, dtype
        self.baseline = Baseline(spec, chosen.where, chosen.dtype)
        self.compiled_baseline = partial(Baseline, spec, chosen.where, chosen.dtype, compiled=True)
        self.like = partial(Bench, device=device, dtype=dtype)
        """Another model on the same device."""
        self._numbers = itertools.count()
        self._flows = spec.family.flow
        self.schedulers = scheduler_table.names_for(flow=self._flows)
        """All that are offered with this model."""
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
        names = self.schedulers if self._flows else MIXED
        kinds = zip(itertools.cycle(STEPS), itertools.cycle(names), range(count), strict=False)
        return [
            self.job(n, steps=steps // part, scheduler=scheduler, **fields)
            for steps, scheduler, n in kinds
        ]

    @contextmanager
    def engine(
        self,
        *beside: ModelSpec,
        **options: Any,  # noqa: ANN401
    ) -> Iterator[Callable[[Any], Any]]:
        """A started engine with the model resident and warm; call it with a coroutine function."""
        with asyncio.Runner() as runner:
            engine = Engine(
                [self.spec, *beside], device=str(self._device.where), dtype=self._dtype, **options
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

    def peak_tflop_s(self) -> float:
        """What the device reaches at best in the model's number format, in this run."""
        return measured_tflop_s(self._device.where, self.baseline.model.noise_dtype)

    def recompiles(self, beside: ModelSpec) -> Recompiles:
        """Count what a warm engine compiles or draws eagerly while jobs come and go.

        While the first jobs are drawn, `beside` is loaded; afterwards torch's default dtype stays
        changed as a load would change it.
        """
        spec, self.spec = self.spec, replace(self.spec, compiled=self.spec.compiled or "blocks")
        name = spec.info.name

        def draw(run: Callable[[Any], Any], *others: DrawJob) -> None:
            for count in IN_FLIGHT:
                jobs = [*self.mixed(count, part=2), *others]
                run(lambda engine, jobs=jobs: _finish_all(engine, self._again(jobs)))

        try:
            with watching() as watch, self.engine(beside) as run:
                before, watch.ticks = graphs(), []
                draw(run, self.job(model=beside.info.name, steps=5))
                with as_while_a_model_loads():
                    draw(run)
                loading = [tick for tick in watch.ticks if tick.model == name]
                watch.ticks = []
                draw(run)
                return Recompiles(
                    graphs=graphs() - before,
                    passes=len(watch.ticks),
                    eager=sum(tick.eager for tick in watch.ticks),
                    passes_while_loading=len(loading),
                    eager_while_loading=sum(tick.eager for tick in loading),
                )
        finally:
            self.spec = spec

    def throughput(self, jobs: Sequence[DrawJob], rounds: int) -> tuple[float, float]:
        """Best seconds for all jobs, alternated: (baseline, engine)."""
        ours, theirs = [], []
        with self.engine() as run:
            short = [replace(job, steps=12) for job in jobs]  # enough to learn its budget
            run(lambda engine: _finish_all(engine, self._afresh(short)))
            for _ in range(rounds):
                fresh = self._afresh(jobs)
                theirs.append(sum(self.baseline.draw(job) for job in fresh))
                began_s = time.perf_counter()
                run(lambda engine, fresh=fresh: _finish_all(engine, fresh))
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
        """Median of engine's ÷ baseline's time for one job alone, measured in alternating pairs."""
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
        """How many ticks begin after a job is submitted to a full engine until its row steps."""
        crowd = [self.job(n, steps=40, images=4) for n in range(4)]
        late = self.job(steps=5)

        async def scenario(engine: Engine) -> float:
            streams = [engine.run(job) for job in crowd]
            while not engine.status().running:  # noqa: ASYNC110 - a benchmark, not a service
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.2)
            joined = engine.run(late)
            submitted_s = time.perf_counter()
            async for _ in joined:
                pass
            for job, stream in zip(crowd, streams, strict=True):
                engine.cancel(job.id)
                async for _ in stream:
                    pass
            return submitted_s

        with watching() as watch, self.engine() as run:
            submitted_s = run(scenario)
        after = [tick.jobs for tick in watch.ticks if tick.began_s > submitted_s]
        return 1 + next(place for place, jobs in enumerate(after) if late.id in jobs)

    def arrivals(self, count: int) -> tuple[float, float, float]:
        """95th percentile of the latency of random arrivals (baseline, engine), and the baseline's
        mean service time, all in seconds.

        The trace is measured in parts. The baseline is a queue with one server whose service times
        are measured just before and just after each part, so that a machine whose speed changes
        favours neither side. Each part begins with nothing to do.
        """
        chance = random.Random(1)  # noqa: S311 - a trace, not a secret
        gaps = [chance.expovariate(LOAD) for _ in range(count)]
        jobs = [
            self.job(n, steps=STEPS[n % len(STEPS)] // 2, scheduler="euler") for n in range(count)
        ]
        theirs: list[float] = []
        ours: list[float] = []
        means_s = []
        before = self._services()
        with self.engine() as run:
            for part in range(TRACE_PARTS):
                mean_s = statistics.mean(itertools.chain.from_iterable(before.values()))
                mine = slice(part * count // TRACE_PARTS, (part + 1) * count // TRACE_PARTS)
                arrivals = [mean_s * each for each in itertools.accumulate(gaps[mine])]
                trace = list(zip(arrivals, jobs[mine], strict=True))
                ours += run(lambda engine, trace=trace: _live(engine, trace))
                after = self._services()
                services = {
                    steps: statistics.median(before[steps] + after[steps]) for steps in before
                }
                theirs += _one_server((arrival, services[job.steps]) for arrival, job in trace)
                means_s.append(mean_s)
                before = after
        return _p95(theirs), _p95(ours), statistics.mean(means_s)

    def _services(self) -> dict[int, list[float]]:
        """Seconds that the baseline takes for one picture, three times for each count of steps."""
        return {
            steps // 2: [
                self.baseline.draw(self.job(steps=steps // 2, scheduler="euler")) for _ in range(3)
            ]
            for steps in STEPS
        }

    def overhead(self) -> tuple[Mapping[str, float], int]:
        """Shares of the time, under full load, by stage, and how many ticks that took.

        "host" is what is spent outside the networks.
        """
        jobs = self.mixed(16)
        with self._watched(jobs, self._again(jobs)) as (watch, began_s):
            seconds = {stage: networks.seconds() for stage, networks in watch.stages.items()}
        whole_s = watch.decoded_s - began_s
        shares = {stage: each_s / whole_s for stage, each_s in seconds.items()}
        return shares | {"host": max(0.0, 1 - sum(shares.values()))}, len(watch.ticks)

    def stages(self, jobs: Sequence[DrawJob]) -> Mapping[str, float]:
        """Seconds by stage of a drawing of these jobs, of new words, by a warm engine."""
        with self._watched(jobs, self._afresh(jobs)) as (watch, began_s):
            return stages_s(watch, began_s, time.perf_counter())

    @contextmanager
    def _watched(
        self, before: Sequence[DrawJob], jobs: Sequence[DrawJob]
    ) -> Iterator[tuple[Watch, float]]:
        """What was seen of a drawing of `jobs` after another one, and when it began."""
        with watching() as watch, self.engine() as run:
            run(lambda engine: _finish_all(engine, before))
            watch.clear()
            began_s = time.perf_counter()
            run(lambda engine: _finish_all(engine, jobs))
            yield watch, began_s

    def host(self) -> dict[str, dict[int, float]]:
        """Milliseconds of the host in a turn of so many guided rows, by scheduler."""
        kinds = {name: (name,) for name in ("flow-euler",)} if self._flows else HOST
        return {
            kind: {
                count: turns_ms(
                    self.baseline.model,
                    [self.job(n, steps=30, scheduler=names[n % len(names)]) for n in range(count)],
                )
                for count in HOST_ROWS
            }
            for kind, names in kinds.items()
        }

    def beside_a_compile(self) -> Mapping[str, Beside]:
        """Ticks of four pictures while their shape is compiled, by where that is done."""
        jobs = [self.job(n, steps=40, scheduler=self.schedulers[0]) for n in range(4)]
        return ticks_beside_a_compile(
            lambda: self.like(self.spec, self._side_px).baseline.model, jobs
        )

    def previews(self, pairs: int) -> float:
        """Median of the time with previews every 5 steps ÷ without, in alternating pairs."""
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
    def exactness(self) -> dict[str, Exactness]:
        """How far the latents of a picture drawn alone and in a batch differ, by scheduler."""
        model = self.baseline.model
        differences = {}
        for name in self.schedulers:
            mine = self.job(3, steps=12, scheduler=name)
            own = self.baseline.latents(mine)
            lone = self._latents(model, [mine])
            beside = self._latents(model, [mine, *self.mixed(7)])
            largest = lone.abs().max()
            differences[name] = Exactness(
                batched=float((lone - beside).abs().max() / largest),
                alone=float((lone - own).abs().max() / largest),
            )
        return differences

    def _latents(self, model: Any, jobs: Sequence[DrawJob]) -> torch.Tensor:  # noqa: ANN401
        rows: list[Row] = []
        for job in jobs:
            work = Work(job, ticket_for(job), Inputs())
            work.rows = list(build_rows(work, model, itertools.count(len(rows))))
            rows += work.rows
        first = rows[0]
        while rows[0].step < rows[0].total:
            sampler.step(model, [row for row in rows if row.step < row.total])
        return first.latents

    def _again(self, jobs: Sequence[DrawJob]) -> list[DrawJob]:
        return [replace(job, id=f"{next(self._numbers)}") for job in jobs]

    def _afresh(self, jobs: Sequence[DrawJob]) -> list[DrawJob]:
        """The same jobs with prompts that nobody has used, so that their texts are encoded."""
        return [
            replace(job, prompt=(WeightedText(text=f"{job.prompt[0].text}, number {job.id}"),))
            for job in self._again(jobs)
        ]


async def _finish(engine: Engine, job: DrawJob) -> Finished:
    async for event in engine.run(job):
        last = event
    if not isinstance(last, Finished):
        raise TypeError(f"A benchmark's job ended with {last}.")
    return last


async def _finish_all(engine: Engine, jobs: Sequence[DrawJob]) -> None:
    await asyncio.gather(*(_finish(engine, job) for job in jobs))


async def _live(engine: Engine, trace: Sequence[tuple[float, DrawJob]]) -> list[float]:
    """Submit each job when it arrives; the seconds from its arrival to its end."""
    began_s = time.perf_counter()

    async def member(arrival_s: float, job: DrawJob) -> float:
        await asyncio.sleep(max(0.0, began_s + arrival_s - time.perf_counter()))
        await _finish(engine, job)
        return time.perf_counter() - began_s - arrival_s

    return list(await asyncio.gather(*itertools.starmap(member, trace)))


def _one_server(trace: Iterable[tuple[float, float]]) -> list[float]:
    """Seconds from arrival to end, of (arrival, service), where one is served after another."""
    free_s, waits = 0.0, []
    for arrival_s, service_s in trace:
        free_s = max(free_s, arrival_s) + service_s
        waits.append(free_s - arrival_s)
    return waits


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]
