"""What a process takes while others ask much of it: memory, file descriptors, tasks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    at_s: float
    """Since the watch began."""
    rss_mb: float
    anon_mb: float
    """Of it what is no file's: what the process has taken for itself. On Linux; elsewhere all."""
    descriptors: int
    tasks: int
    """Of the event loop."""
    unsettled: int
    """Jobs that are open, or whose end is still to be told."""
    cpu_s: float
    """That the process has used."""


class Watch:
    """Takes a sample every so often."""

    def __init__(
        self, pid: Callable[[], int], tasks: Path, unsettled: Callable[[], Awaitable[int]]
    ) -> None:
        self._pid, self._tasks, self._unsettled = pid, tasks, unsettled
        self._began_s = asyncio.get_running_loop().time()
        self.samples: list[Sample] = []

    async def run(self, every_s: float) -> None:
        """Never returns; to be cancelled."""
        while True:
            with contextlib.suppress(psutil.Error, OSError, ValueError):  # it is about to restart
                self.samples.append(await self.take())
            await asyncio.sleep(every_s)

    async def take(self) -> Sample:
        process = psutil.Process(self._pid())
        times, memory = process.cpu_times(), process.memory_info()
        return Sample(
            at_s=round(asyncio.get_running_loop().time() - self._began_s, 1),
            rss_mb=_mb(memory.rss),
            anon_mb=_mb(memory.rss - getattr(memory, "shared", 0)),
            descriptors=process.num_fds(),
            tasks=int(self._tasks.read_text()),
            unsettled=await self._unsettled(),
            cpu_s=round(times.user + times.system, 1),
        )


def at_quarters(samples: Sequence[Sample], start: Sample, end: Sample) -> list[float]:
    """The `anon_mb` of five moments, from the start to the end, as the nearest sample has it."""
    every = [start, *samples, end]
    moments = [start.at_s + (end.at_s - start.at_s) * part / 4 for part in range(5)]
    return [min(every, key=lambda each: abs(each.at_s - at_s)).anon_mb for at_s in moments]


def _mb(count: int) -> float:
    return round(count / 2**20, 1)
