"""`docs/benchmarks.md` from the figures of a run, with one plot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from engine.bench_figures import CURVE, Result, machine, row

HEAD = """# Benchmarks

What the engine gains by letting the images of many members share each forward pass. Every figure
is a ratio within one run. Baseline **S** is diffusers' own pipeline called once for each job, in
turn, with the same weights, number format, device and threads; **Sc** is the same with its denoiser
compiled. The toy is a UNet of 32 and 64 channels with random weights. "–" is what this machine
cannot measure, or what has no bar. `python -m engine bench` measures them again.

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
    if curves:
        _plot(curves, path.with_suffix(".svg"))
        page += f"\n![Throughput against jobs in flight]({path.with_suffix('.svg').name})\n"
    path.write_text(page, encoding="utf-8")


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
