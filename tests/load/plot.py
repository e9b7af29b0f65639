"""A plot of a long run: memory, file descriptors, tasks, and jobs that wait."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from tests.load.watch import Sample

ROWS = (
    ("rss_mb", "memory (MB)"),
    ("descriptors", "file descriptors"),
    ("tasks", "tasks"),
    ("unsettled", "jobs open or owed"),
)


def plot(
    file: Path, samples: Sequence[Sample], met: Sequence[object], arguments: argparse.Namespace
) -> None:
    """Write it. met: the faults that requests met."""
    figure = Figure(figsize=(8, 7), layout="constrained")
    axes = figure.subplots(len(ROWS), 1, sharex=True)
    minutes = [sample.at_s / 60 for sample in samples]
    for axis, (name, label) in zip(axes, ROWS, strict=True):
        axis.plot(minutes, [getattr(sample, name) for sample in samples], linewidth=1)
        axis.set_ylabel(label)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    axes[-1].set_xlabel("minutes")
    figure.suptitle(
        f"{arguments.members} members, {arguments.per_second:g} commands a second, "
        f"{len(met)} requests met a fault"
    )
    figure.savefig(file)
