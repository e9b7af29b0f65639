"""The ten benchmarks as a table: figure, bar, and whether it is met."""

from __future__ import annotations

import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from engine.bench import PAIRS, TRACE_JOBS, Bench
from engine.bench_models import (
    full_size,
    spec_of,
    toy,
    toy_flow,
    toy_flow_spec,
    toy_spec,
)
from engine.catalogue import ModelSpec
from engine.device import choose, leave_a_core
from engine.errors import EngineError

CURVE = "curve"
LARGE = "1-32"
MIXED_WORK = "16 jobs of one image; prompts, steps 20/30/40 and schedulers mixed"
TOY = "-toy"
RECOMPILES = "recompiles and eager passes after warm-up, another model loaded meanwhile"
PEAK_TFLOP_S = 790
"""Dense bf16 of one H200, as measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One figure of the table."""

    number: str
    work: str
    metric: str
    figure: float | None
    bar: str
    met: bool | None
    baseline: str = "S"
    model: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """What a model should reach; None: reported, not judged."""

    throughput: float
    """Times S."""
    latency: float = 0.7
    overhead: float | None = 0.10
    grids: float | None = 1.0
    exact: bool = True
    """Whether rounding is judged; half precision rounds as coarsely as it likes."""
    rounds: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class FullSize:
    """A model of a published size with random weights, and what an H200 should reach with it."""

    title: str
    side_px: int
    family: str
    over_sc: float
    share: float
    """Of the limit."""
    pass_tflop: float
    """One sample through the denoiser."""
    decode_tflop: float
    bars: Bars


INSTALLED_BARS = Bars(throughput=1.5)
TOY_BARS = Bars(throughput=2.0, overhead=None, rounds=5)
H200 = Bars(throughput=0.0, latency=0.5, overhead=0.05, grids=None, exact=False)
FULL_SIZE = {
    "sd15": FullSize(
        title="SD 1.5, random",
        side_px=512,
        family="sd",
        over_sc=2.0,
        share=0.60,
        pass_tflop=0.803,
        decode_tflop=2.51,
        bars=replace(H200, throughput=5.0),
    ),
    "sdxl": FullSize(
        title="SDXL, random",
        side_px=1024,
        family="sdxl",
        over_sc=1.0,
        share=0.65,
        pass_tflop=6.76,
        decode_tflop=10.47,
        bars=replace(H200, throughput=2.5),
    ),
}


def run(
    installed: ModelSpec | None,
    *,
    device: str,
    dtype: str,
    only: Sequence[str],
    say: Callable[[str], object],
) -> list[Result]:
    """Every benchmark asked for, on an installed model and the toy; each is said as it comes.

    Raises ValueError for a number that there is not.
    """
    known = [number + TOY for number in MEASURES]
    if installed is not None:
        known = [*_numbers(""), LARGE, *known]
    _check(only, known)
    leave_a_core()
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as folder:
        toy().save_pretrained(folder)
        benches = [(TOY, Bench(toy_spec(Path(folder)), 64, device, dtype), TOY_BARS)]
        if installed is not None:
            bench = Bench(installed, installed.info.width_px, device, dtype)
            benches.insert(0, ("", bench, INSTALLED_BARS))
        for suffix, bench, bars in benches:
            for result in _figures(bench, bars, suffix, only):
                results.append(result)
                say(row(result))
        if installed is not None and (not only or LARGE in only):
            info = replace(installed.info, max_pixels=256 * 256)
            bench = Bench(replace(installed, info=info), 256, device, dtype)
            results.append(_throughput(bench, LARGE, Bars(throughput=1.1, rounds=1)))
            say(row(results[-1]))
    return results


def full_size_run(
    *, device: str, dtype: str, only: Sequence[str], say: Callable[[str], object]
) -> list[Result]:
    """SD1.5 at 512 and SDXL at 1024 px with random weights, against S and Sc, on a GPU.

    Raises ValueError for a number that there is not.
    """
    _check(only, [number for name in FULL_SIZE for number in _full_size_numbers(name)])
    chosen = choose(device, dtype, None)
    if chosen.where.type != "cuda":
        raise EngineError(
            f"Full-size benchmarks need a CUDA card; the device is {chosen.title}. Leave out"
            " --full-size to measure the small models."
        )
    results: list[Result] = []
    for name, size in FULL_SIZE.items():
        if only and not set(only) & set(_full_size_numbers(name)):
            continue
        with tempfile.TemporaryDirectory() as folder:
            full_size(name, chosen.where, chosen.dtype).save_pretrained(folder)
            torch.cuda.empty_cache()
            place = Path(folder)
            spec = spec_of(
                name, size.title, place, size.side_px, family=size.family, compiled="whole"
            )
            bench = Bench(spec, size.side_px, device, dtype)
            for result in full_size_figures(bench, size, only):
                results.append(result)
                say(row(result))
    return results


def full_size_figures(bench: Bench, size: FullSize, only: Sequence[str] = ()) -> Iterator[Result]:
    """Every benchmark with the bars for an H200, the first and the fourth against Sc too."""
    suffix = f"-{bench.spec.info.name}"
    asked = only or _full_size_numbers(bench.spec.info.name)
    yield from _figures(bench, size.bars, suffix, [n for n in asked if n not in _against(suffix)])
    if f"3{suffix}" in asked:
        yield _share_of_limit(bench, f"3{suffix}", size)
    if not set(asked) & set(_against(suffix)):
        return
    bench.baseline = bench.compiled_baseline()
    if f"1c{suffix}" in asked:
        bars = replace(size.bars, throughput=size.over_sc)
        for job in bench.mixed(2):
            bench.baseline.draw(job)
        yield _throughput(bench, f"1c{suffix}", bars, "Sc")
    if f"4{suffix}" in asked:
        yield _alone(bench, f"4{suffix}", size.bars, "Sc", 1.05)


def _against(suffix: str) -> tuple[str, ...]:
    """Those that are measured against Sc."""
    return (f"1c{suffix}", f"4{suffix}")


def _full_size_numbers(name: str) -> tuple[str, ...]:
    return (*_numbers(f"-{name}"), f"1c-{name}")


def _numbers(suffix: str) -> tuple[str, ...]:
    return tuple(number + suffix for number in ("1", "2", "3", *tuple(MEASURES)[2:]))


def _check(only: Sequence[str], known: Sequence[str]) -> None:
    for number in only:
        if number not in known:
            raise ValueError(f"There is no benchmark {number!r}; there are {', '.join(known)}.")


def _figures(bench: Bench, bars: Bars, suffix: str, only: Sequence[str]) -> Iterator[Result]:
    for number, measure in MEASURES.items():
        if not only or number + suffix in only:
            yield measure(bench, number + suffix, bars)
        if number == "2" and not suffix and (not only or "3" in only):
            yield _limit_of_a_card(bench)


def _throughput(bench: Bench, number: str, bars: Bars, baseline: str = "S") -> Result:
    theirs, ours = bench.throughput(bench.mixed(16), bars.rounds)
    return Result(
        number=number,
        work=MIXED_WORK,
        metric=f"images/s ÷ {baseline}",
        figure=theirs / ours,
        bar=f"≥ {bars.throughput}",
        met=theirs / ours >= bars.throughput,
        baseline=baseline,
        model=bench.name,
        details={"images_per_s": 16 / ours, "baseline_images_per_s": 16 / theirs},
    )


def _grids(bench: Bench, number: str, bars: Bars) -> Result:
    theirs, ours = bench.throughput(bench.mixed(16, part=2, images=4), 1)
    ratio = theirs / ours
    return Result(
        number=number,
        work="16 grids of 4; steps 10/15/20, schedulers mixed",
        metric="images/s ÷ S",
        figure=ratio,
        bar="report" if bars.grids is None else f"≥ {bars.grids}",
        met=None if bars.grids is None else ratio >= bars.grids,
        model=bench.name,
        details={"images_per_s": 64 / ours, "baseline_images_per_s": 64 / theirs},
    )


def _limit_of_a_card(bench: Bench) -> Result:
    """What is known only of full-size models on one card."""
    return Result(
        number="3",
        work="30 steps, guidance, against the limit of a card",
        metric=f"share of {PEAK_TFLOP_S} TFLOP/s",
        figure=None,
        bar="H200 only",
        met=None,
        baseline="",
        model=bench.name,
        details={"reason": "Measured by --full-size on an H200 only."},
    )


def _share_of_limit(bench: Bench, number: str, size: FullSize) -> Result:
    steady = [bench.job(n, steps=30, scheduler="euler") for n in range(32)]
    _, seconds = bench.throughput(steady, 1)
    share = 32 / seconds * (2 * 30 * size.pass_tflop + size.decode_tflop) / PEAK_TFLOP_S
    return Result(
        number=number,
        work="30 steps, guidance, 32 pictures, against the limit",
        metric=f"share of {PEAK_TFLOP_S} TFLOP/s",
        figure=share,
        bar=f"≥ {size.share}",
        met=share >= size.share,
        baseline="",
        model=bench.name,
        details={"images_per_s": 32 / seconds},
    )


def _alone(
    bench: Bench, number: str, bars: Bars, baseline: str = "S", most: float = 1.03
) -> Result:
    del bars
    median, ratios = bench.alone(steps=30, pairs=PAIRS)
    return Result(
        number=number,
        work=f"one job alone, median of {PAIRS} alternated pairs",
        metric=f"time ÷ {baseline}",
        figure=median,
        bar=f"≤ {most}",
        met=median <= most,
        baseline=baseline,
        model=bench.name,
        details={"ratios": ratios},
    )


def _late_joiner(bench: Bench, number: str, bars: Bars) -> Result:
    del bars
    ticks = bench.late_joiner()
    return Result(
        number=number,
        work="a late joiner under full load",
        metric="ticks to its first step",
        figure=ticks,
        bar="≤ 1",
        met=ticks <= 1,
        baseline="",
        model=bench.name,
    )


def _arrivals(bench: Bench, number: str, bars: Bars) -> Result:
    theirs, ours, mean_s = bench.arrivals(TRACE_JOBS)
    return Result(
        number=number,
        work=f"{TRACE_JOBS} random arrivals at 80 % of S's capacity",
        metric="p95 latency ÷ S",
        figure=ours / theirs,
        bar=f"< {bars.latency}",
        met=ours / theirs < bars.latency,
        model=bench.name,
        details={"p95_s": ours, "baseline_p95_s": theirs, "baseline_service_s": mean_s},
    )


def _overhead(bench: Bench, number: str, bars: Bars) -> Result:
    share, ticks = bench.overhead()
    return Result(
        number=number,
        work="queue, batching and scheduler time, 16 jobs of one image",
        metric="share of a tick",
        figure=share,
        bar="report" if bars.overhead is None else f"≤ {bars.overhead:.2f}",
        met=None if bars.overhead is None else share <= bars.overhead,
        baseline="",
        model=bench.name,
        details={"ticks": ticks},
    )


def _previews(bench: Bench, number: str, bars: Bars) -> Result:
    del bars
    ratio = bench.previews(pairs=9)
    return Result(
        number=number,
        work="previews every 5 steps",
        metric="time with ÷ without",
        figure=ratio,
        bar="≤ 1.02",
        met=ratio <= 1.02,
        baseline="",
        model=bench.name,
    )


def _exactness(bench: Bench, number: str, bars: Bars) -> Result:
    """On the model, and for the schedulers of flow matching on a toy transformer."""
    with tempfile.TemporaryDirectory() as folder:
        toy_flow().save_pretrained(folder)
        flowing = bench.like(toy_flow_spec(Path(folder)), 64)
        differences = {**bench.exactness(), **flowing.exactness()}
    batched = max(each.batched for each in differences.values())
    alone = max(each.alone for each in differences.values())
    return Result(
        number=number,
        work="batched against lone latents, every scheduler",
        metric="largest difference",
        figure=batched,
        bar="≤ 1e-3, alone 0" if bars.exact else "report",
        met=batched <= 1e-3 and alone == 0 if bars.exact else None,
        model=f"{bench.name}; flow-* on {flowing.name}",
        details={
            "alone_against_S": alone,
            "batched": {name: each.batched for name, each in differences.items()},
            "alone": {name: each.alone for name, each in differences.items()},
        },
    )


def _recompiles(bench: Bench, number: str, bars: Bars) -> Result:
    """Compilations on any thread, and passes that ran without the code that was ready."""
    del bars
    if shutil.which(os.environ.get("CXX", "c++")) is None:
        count, work, details = None, "recompiles after warm-up (no C++ compiler was at hand)", {}
    else:
        with tempfile.TemporaryDirectory() as folder:
            toy().save_pretrained(folder)
            beside = toy_spec(Path(folder), name="beside")
            found = bench.recompiles(beside)
        count, work, details = found.graphs + found.eager, RECOMPILES, asdict(found)
    return Result(
        number=number,
        work=work,
        metric="count",
        figure=count,
        bar="0",
        met=None if count is None else count == 0,
        baseline="",
        model=f"{bench.name}, compiled",
        details=details,
    )


def _curve(bench: Bench, number: str, bars: Bars) -> Result:
    del bars
    ratios = bench.curve(steps=20)
    return Result(
        number=number,
        work="jobs of one image, by how many are in flight",
        metric="images/s ÷ S",
        figure=max(ratios.values()),
        bar="report",
        met=None,
        model=bench.name,
        details=dict(ratios),
    )


MEASURES: Mapping[str, Callable[[Bench, str, Bars], Result]] = {
    "1": _throughput,
    "2": _grids,
    "4": _alone,
    "5": _late_joiner,
    "6": _arrivals,
    "7": _overhead,
    "8": _previews,
    "9": _exactness,
    "10": _recompiles,
    CURVE: _curve,
}


def machine() -> str:
    """What the figures were taken on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor()
    return (
        f"{where or platform.machine()}, {cores} cores, {torch.get_num_threads()} torch threads,"
        f" torch {torch.__version__}"
    )


def row(result: Result) -> str:
    """A line of the Markdown table."""
    if result.figure is None:
        figure = "–"
    elif 0 < abs(result.figure) < 0.001:
        figure = f"{result.figure:.1e}"
    else:
        figure = f"{result.figure:.3g}"
    mark = {True: "✓", False: "✗", None: "–"}[result.met]
    return (
        f"| {result.number} | {result.work} | {result.model} | {result.metric} | {figure} |"
        f" {result.bar} | {mark} |"
    )


def write_json(results: Sequence[Result], path: Path) -> None:
    """One object: number → figure, bar, baseline, machine and what was measured."""
    shared = {"machine": machine(), "date": datetime.now(UTC).strftime("%Y-%m-%d")}
    table = {
        result.number: {
            "figure": result.figure,
            "bar": result.bar,
            "met": result.met,
            "baseline": result.baseline,
            "work": result.work,
            "metric": result.metric,
            "model": result.model,
            **shared,
            "details": result.details,
        }
        for result in results
    }
    path.write_text(json.dumps(table, indent=1, ensure_ascii=False), encoding="utf-8")
