"""What a run found: as a line, as JSON, or as `docs/benchmarks.md` with one plot."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import torch

from engine.bench.measures import BESIDE, CURVE, HOST, Result

HEAD = """# Benchmarks

What the engine gains by letting the images of many members share each forward pass. Figures are
ratios within one run, if the metric is not ticks, ms or a count. Baseline **S** is diffusers' own
pipeline called once for each job, in turn, with the same weights, number format, device and
threads; **Sc** is the same with its denoiser compiled. The toy is a UNet of 32 and 64 channels with
random weights. "–" is what this machine cannot measure, or what has no bar; "report" is a figure
that is not judged. `.venv/bin/darkroom engine bench` measures them again.

"""
TABLE = """| # | work | model | metric | figure | bar | met |
|---|---|---|---|---|---|---|
"""


def write_page(results: Sequence[Result], path: Path, note: str) -> None:
    """Write the page, and the plot beside it where the run measured the curve."""
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    table = "\n".join(row(result) for result in results if not result.number.startswith(CURVE))
    curves = [result for result in results if result.number.startswith(CURVE)]
    page = HEAD + f"Run of {date} on {machine()}.{note and ' ' + note}\n\n" + TABLE + table + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    page += _stages([result for result in results if "shares" in result.details])
    page += "".join(_seconds(result) for result in results if "seconds" in result.details)
    page += "".join(_host(result) for result in results if result.number.startswith(HOST))
    page += "".join(_beside(result) for result in results if result.number.startswith(BESIDE))
    if curves:
        _plot(curves, path.with_suffix(".svg"))
        page += f"\n![Throughput against jobs in flight]({path.with_suffix('.svg').name})\n"
    path.write_text(page, encoding="utf-8")


def _stages(results: Sequence[Result]) -> str:
    """Where the time of benchmark 7 goes."""
    if not results:
        return ""
    stages = list(results[0].details["shares"])
    lines = [f"| # | {' | '.join(stages)} |", "|---" * (1 + len(stages)) + "|"]
    for result in results:
        shares = " | ".join(f"{share:.1%}" for share in result.details["shares"].values())
        lines.append(f"| {result.number} | {shares} |")
    return "\nShares of the time by stage, 16 jobs of one image:\n\n" + "\n".join(lines) + "\n"


def _seconds(result: Result) -> str:
    """Where the seconds of a card's benchmark 3 go."""
    found = result.details["seconds"]
    names, times = " | ".join(found), " | ".join(f"{each:.2f}" for each in found.values())
    head = f"\nSeconds by stage, 32 pictures ({result.number}):\n\n"
    return f"{head}| {names} |\n{'|---' * len(found)}|\n| {times} |\n"


def _host(result: Result) -> str:
    found = result.details["ms"]
    counts = list(next(iter(found.values())))
    head = f"\nMilliseconds of the host in a turn, by guided rows ({result.number}):\n\n"
    lines = [f"| scheduler | {' | '.join(map(str, counts))} |", "|---" * (1 + len(counts)) + "|"]
    for name, by_count in found.items():
        lines.append(f"| {name} | {' | '.join(f'{ms:.2f}' for ms in by_count.values())} |")
    return head + "\n".join(lines) + "\n"


def _beside(result: Result) -> str:
    if not result.details:
        return ""
    columns = {
        "undisturbed": "undisturbed_ms",
        "median": "median_ms",
        "95th percentile": "p95_ms",
        "longest": "worst_ms",
    }
    head = (
        f"\nMilliseconds of a tick while its shape is compiled ({result.number}), by where that is"
        " done:\n\n"
    )
    lines = [
        f"| in | {' | '.join(columns)} | seconds to compile | of these lost |",
        "|---" * (3 + len(columns)) + "|",
    ]
    for way, found in result.details.items():
        times = " | ".join(f"{found[name]:.0f}" for name in columns.values())
        lines.append(f"| {way} | {times} | {found['compile_s']:.0f} | {found['lost_s']:.0f} |")
    return head + "\n".join(lines) + "\n"


def _plot(curves: Sequence[Result], path: Path) -> None:
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra of development

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for curve in curves:
        jobs = [int(count) for count in curve.details]
        axes.plot(jobs, list(curve.details.values()), marker="o", label=curve.model)
    axes.axhline(1.0, color="grey", linewidth=0.8)
    axes.set_xscale("log", base=2)
    axes.set_xticks(jobs, [str(count) for count in jobs])
    axes.set_xlabel("jobs of one image in flight")
    axes.set_ylabel("images per second ÷ S")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    figure.savefig(path)


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
