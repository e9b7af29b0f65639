"""The ten benchmarks as a table: figure, bar, and whether it is met."""

from __future__ import annotations

import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from engine.bench import PAIRS, TRACE_JOBS, Bench
from engine.bench_models import full_size, spec_of, toy, toy_spec
from engine.catalogue import ModelSpec
from engine.device import choose, leave_a_core
from engine.errors import EngineError

CURVE = "curve"
MIXED_WORK = "16 jobs of one image; prompts, steps 20/30/40 and schedulers mixed"
TOY = "-toy"


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
class FullSizeBars:
    """What an H200 should reach with a full-size model, and what its work is."""

    over_s: float
    over_sc: float
    share: float
    pass_tflop: float
    """One sample through the denoiser."""
    decode_tflop: float


PEAK_TFLOP_S = 790
"""Dense bf16 of one H200, as measured."""
FULL_SIZE_BARS = {
    "sd15": FullSizeBars(over_s=5.0, over_sc=2.0, share=0.60, pass_tflop=0.803, decode_tflop=2.51),
    "sdxl": FullSizeBars(over_s=2.5, over_sc=1.0, share=0.65, pass_tflop=6.76, decode_tflop=10.47),
}


def run(
    installed: ModelSpec | None,
    *,
    device: str,
    dtype: str,
    only: Sequence[str],
    say: Callable[[str], object],
) -> list[Result]:
    """Every benchmark asked for, on an installed model and the toy; each is said as it comes."""
    leave_a_core()
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as folder:
        toy().save_pretrained(folder)
        benches = [(TOY, Bench(toy_spec(Path(folder)), 64, device, dtype))]
        if installed is not None:
            side_px = installed.info.width_px
            benches.insert(0, ("", Bench(installed, side_px, device, dtype)))
        for suffix, bench in benches:
            for result in _figures(bench, suffix, only):
                results.append(result)
                say(row(result))
        if installed is not None and (not only or "1-32" in only):
            large = replace(installed.info, max_pixels=256 * 256)
            bench = Bench(replace(installed, info=large), 256, device, dtype)
            results.append(_mixed(bench, "1-32", bar=1.1, rounds=1))
            say(row(results[-1]))
    return results


def full_size_run(
    *, device: str, dtype: str, only: Sequence[str], say: Callable[[str], object]
) -> list[Result]:
    """SD1.5 at 512 and SDXL at 1024 px with random weights, against S and Sc, on a GPU."""
    chosen = choose(device, dtype, None)
    if chosen.where.type != "cuda":
        raise EngineError(
            f"Full-size benchmarks need a CUDA card; the device is {chosen.title}. Leave out"
            " --full-size to measure the small models."
        )
    results: list[Result] = []
    for name, side_px in (("sd15", 512), ("sdxl", 1024)):
        with tempfile.TemporaryDirectory() as folder:
            full_size(name, chosen.where, chosen.dtype).save_pretrained(folder)
            torch.cuda.empty_cache()
            title = "SD 1.5, random" if name == "sd15" else "SDXL, random"
            spec = spec_of(name, title, Path(folder), side_px, compiled="whole")
            bench = Bench(spec, side_px, device, dtype)
            for result in full_size_figures(bench, FULL_SIZE_BARS[name]):
                if not only or result.number in only:
                    results.append(result)
                    say(row(result))
    return results


def full_size_figures(bench: Bench, bars: FullSizeBars) -> Iterator[Result]:
    """Benchmarks 1, 3, 4 … 8 and 10 with the bars for an H200."""
    suffix = f"-{bench.spec.info.name}"
    jobs = bench.mixed(16)
    theirs, ours = bench.throughput(jobs, 2)
    yield _ratio(bench, f"1{suffix}", "S", theirs / ours, bars.over_s)
    eager, bench.baseline = bench.baseline, bench.compiled_baseline()
    for job in jobs[:2]:
        bench.baseline.draw(job)
    compiled_s = sum(bench.baseline.draw(job) for job in jobs)
    yield _ratio(bench, f"1c{suffix}", "Sc", compiled_s / ours, bars.over_sc)
    median, _ = bench.alone(steps=30, pairs=PAIRS)
    yield Result(
        number=f"4{suffix}",
        work=f"one job alone, median of {PAIRS} alternated pairs",
        metric="time ÷ Sc",
        figure=median,
        bar="≤ 1.05",
        met=median <= 1.05,
        baseline="Sc",
        model=bench.name,
    )
    bench.baseline = eager
    steady = [bench.job(n, steps=30, scheduler="euler") for n in range(32)]
    _, seconds = bench.throughput(steady, 1)
    share = 32 / seconds * (2 * 30 * bars.pass_tflop + bars.decode_tflop) / PEAK_TFLOP_S
    yield Result(
        number=f"3{suffix}",
        work="30 steps, guidance, 32 pictures, against the limit",
        metric=f"share of {PEAK_TFLOP_S} TFLOP/s",
        figure=share,
        bar=f"≥ {bars.share}",
        met=share >= bars.share,
        baseline="",
        model=bench.name,
        details={"images_per_s": 32 / seconds},
    )
    yield from _figures(bench, suffix, [f"{number}{suffix}" for number in (5, 6, 7, 8, 10)])


def _figures(bench: Bench, suffix: str, only: Sequence[str]) -> Iterator[Result]:
    for number, measure in _MEASURES.items():
        if not only or number + suffix in only:
            yield measure(bench, number + suffix)


def _ratio(
    bench: Bench,
    number: str,
    baseline: str,
    figure: float,
    bar: float,
    details: Mapping[str, Any] | None = None,
) -> Result:
    return Result(
        number=number,
        work=MIXED_WORK,
        metric=f"images/s ÷ {baseline}",
        figure=figure,
        bar=f"≥ {bar}",
        met=figure >= bar,
        baseline=baseline,
        model=bench.name,
        details=dict(details or {}),
    )


def _mixed(bench: Bench, number: str, *, bar: float, rounds: int) -> Result:
    theirs, ours = bench.throughput(bench.mixed(16), rounds)
    details = {"images_per_s": 16 / ours, "baseline_images_per_s": 16 / theirs}
    return _ratio(bench, number, "S", theirs / ours, bar, details)


def _throughput(bench: Bench, number: str) -> Result:
    is_toy = number.endswith(TOY)
    return _mixed(bench, number, bar=2.0 if is_toy else 1.5, rounds=5 if is_toy else 2)


def _grids(bench: Bench, number: str) -> Result:
    theirs, ours = bench.throughput(bench.mixed(16, part=2, images=4), 1)
    return Result(
        number=number,
        work="16 grids of 4; steps 10/15/20, schedulers mixed",
        metric="images/s ÷ S",
        figure=theirs / ours,
        bar="≥ 1.0",
        met=theirs / ours >= 1.0,
        model=bench.name,
        details={"images_per_s": 64 / ours, "baseline_images_per_s": 64 / theirs},
    )


def _alone(bench: Bench, number: str) -> Result:
    median, ratios = bench.alone(steps=30, pairs=PAIRS)
    return Result(
        number=number,
        work=f"one job alone, median of {PAIRS} alternated pairs",
        metric="time ÷ S",
        figure=median,
        bar="≤ 1.03",
        met=median <= 1.03,
        model=bench.name,
        details={"ratios": ratios},
    )


def _late_joiner(bench: Bench, number: str) -> Result:
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


def _arrivals(bench: Bench, number: str) -> Result:
    theirs, ours, mean_s = bench.arrivals(TRACE_JOBS)
    return Result(
        number=number,
        work=f"{TRACE_JOBS} random arrivals at 80 % of S's capacity",
        metric="p95 latency ÷ S",
        figure=ours / theirs,
        bar="< 0.7",
        met=ours / theirs < 0.7,
        model=bench.name,
        details={"p95_s": ours, "baseline_p95_s": theirs, "baseline_service_s": mean_s},
    )


def _overhead(bench: Bench, number: str) -> Result:
    share, ticks = bench.overhead()
    is_toy = number.endswith(TOY)
    return Result(
        number=number,
        work="queue, batching and scheduler time under full load",
        metric="share of a tick",
        figure=share,
        bar="report" if is_toy else "≤ 0.10",
        met=None if is_toy else share <= 0.10,
        baseline="",
        model=bench.name,
        details={"ticks": ticks},
    )


def _previews(bench: Bench, number: str) -> Result:
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


def _exactness(bench: Bench, number: str) -> Result:
    differences = bench.exactness()
    worst = max(differences.values())
    return Result(
        number=number,
        work="batched against lone latents, every scheduler",
        metric="largest difference",
        figure=worst,
        bar="≤ 1e-3",
        met=worst <= 1e-3,
        baseline="",
        model=bench.name,
        details=dict(differences),
    )


def _recompiles(bench: Bench, number: str) -> Result:
    able = shutil.which(os.environ.get("CXX", "c++")) is not None
    count = bench.recompiles() if able else None
    return Result(
        number=number,
        work="recompiles after warm-up" + ("" if able else " (no C++ compiler was at hand)"),
        metric="count",
        figure=count,
        bar="0",
        met=None if count is None else count == 0,
        baseline="",
        model=f"{bench.name}, compiled",
    )


def _curve(bench: Bench, number: str) -> Result:
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


_MEASURES: Mapping[str, Callable[[Bench, str], Result]] = {
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
