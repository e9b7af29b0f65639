"""The ten benchmarks, each measured on a model and compared with its bar."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from engine.bench.bench import PAIRS, TRACE_JOBS, Bench
from engine.bench.beside import WAYS
from engine.bench.models import toy, toy_flow, toy_flow_spec, toy_spec

CURVE, HOST, BESIDE = "curve", "7-host", "10-beside"
QUICK = ("euler", "dpm++2m-karras", "ddim")
"""Schedulers whose rows step together; of the most used ones."""
MIXED_WORK = "16 jobs of one image; prompts, steps 20/30/40 and schedulers mixed"
RECOMPILES = (
    "graphs compiled after warm-up, also while another model loads; eager passes after that load"
)


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
    """As a multiple of baseline S."""
    latency: float = 0.7
    overhead: float | None = 0.10
    grids: float | None = 1.0
    exact: bool = True
    """Whether differences by rounding are judged; in half precision they are only reported."""
    rounds: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class FullSize:
    """A model of a published size with random weights, and what an H200 should reach with it."""

    name: str
    """Which of `bench.models.full_size`."""
    title: str
    side_px: int
    family: str
    over_sc: float
    share: float
    """Share of the card's limit that should be reached."""
    pass_tflop: float
    """Of one sample through the denoiser."""
    decode_tflop: float
    bars: Bars


def throughput(bench: Bench, number: str, bars: Bars, baseline: str = "S") -> Result:
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


def limit_of_a_card(bench: Bench) -> Result:
    """A row that says what only full-size models on one card can measure."""
    return Result(
        number="3",
        work="30 steps, guidance, against the limit of a card",
        metric="share of what a card can do",
        figure=None,
        bar="`--full-size` only",
        met=None,
        baseline="",
        model=bench.name,
        details={"reason": "Measured by --full-size on a card only."},
    )


def share_of_limit(bench: Bench, number: str, size: FullSize) -> Result:
    steady = [bench.job(n, steps=30, scheduler="euler") for n in range(32)]
    _, seconds = bench.throughput(steady, 1)
    peak_tflop_s = bench.peak_tflop_s()
    share = 32 / seconds * (2 * 30 * size.pass_tflop + size.decode_tflop) / peak_tflop_s
    return Result(
        number=number,
        work="30 steps, guidance, 32 pictures, against the limit",
        metric="share of what a product of matrices reached in this run",
        figure=share,
        bar=f"≥ {size.share}",
        met=share >= size.share,
        baseline="",
        model=bench.name,
        details={
            "images_per_s": 32 / seconds,
            "peak_tflop_s": peak_tflop_s,
            "seconds": bench.stages(steady),
        },
    )


def alone(bench: Bench, number: str, bars: Bars, baseline: str = "S", most: float = 1.03) -> Result:
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
    shares, ticks = bench.overhead()
    share = shares["host"]
    return Result(
        number=number,
        work="queue, batching and scheduler time, 16 jobs of one image",
        metric="share of a tick",
        figure=share,
        bar="report" if bars.overhead is None else f"≤ {bars.overhead:.2f}",
        met=None if bars.overhead is None else share <= bars.overhead,
        baseline="",
        model=bench.name,
        details={"ticks": ticks, "shares": shares},
    )


def _host(bench: Bench, number: str, bars: Bars) -> Result:
    del bars
    found = bench.host()
    figure = max(found[name][32] for name in QUICK if name in found)
    return Result(
        number=number,
        work="host's part of a turn of 32 guided rows, a denoiser that costs nothing",
        metric=f"ms, the most of {', '.join(QUICK)}",
        figure=figure,
        bar="≤ 1",
        met=figure <= 1,
        baseline="",
        model=bench.name,
        details={"ms": found},
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
    """Count compilations on any thread, and passes that did not use the compiled code."""
    del bars
    if _lacks_a_compiler():
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


def _beside(bench: Bench, number: str, bars: Bars) -> Result:
    del bars
    found = {} if _lacks_a_compiler() else bench.beside_a_compile()
    ours = found.get(WAYS[-1])
    return Result(
        number=number,
        work="ticks of 4 pictures while their shape is compiled in another process"
        + ("" if found else " (no C++ compiler was at hand)"),
        metric="95th percentile ÷ undisturbed",
        figure=None if ours is None else ours.p95_ms / ours.undisturbed_ms,
        bar="report",
        met=None,
        baseline="",
        model=bench.name,
        details={way: asdict(each) for way, each in found.items()},
    )


def _lacks_a_compiler() -> bool:
    return shutil.which(os.environ.get("CXX", "c++")) is None


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
    "1": throughput,
    "2": _grids,
    "4": alone,
    "5": _late_joiner,
    "6": _arrivals,
    "7": _overhead,
    HOST: _host,
    "8": _previews,
    "9": _exactness,
    "10": _recompiles,
    BESIDE: _beside,
    CURVE: _curve,
}
