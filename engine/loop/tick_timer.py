"""Measures ticks, charges them to jobs, and limits how far the host runs ahead of a card."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from engine.loop.rows import Row, Work
from engine.loop.stopwatch import Stopwatch
from engine.policy.budgets import Budgets, Group


class _Share(NamedTuple):
    """Which jobs took part in a tick. It has no rows: they would keep their model on the card."""

    group: Group
    size: int | None
    samples: Sequence[tuple[weakref.ref[Work], int]]


class TickTimer:
    """Measures ticks, and keeps the host at most one tick ahead of a CUDA device.

    Without that the host would run far ahead, and the first step of a new job would have to wait
    for all of it.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        budgets: Budgets,
        new_watch: Callable[[torch.device, Callable[[], float]], Stopwatch] = Stopwatch,
    ) -> None:
        self._clock, self._budgets, self._new_watch = clock, budgets, new_watch
        self._watch: Stopwatch | None = None
        self._before: tuple[_Share, Stopwatch] | None = None
        self.last_s = 0.0
        """Length of the last tick that is over."""

    def begin(self, device: torch.device) -> None:
        """A tick begins."""
        self._watch = self._new_watch(device, self._clock)

    def end(
        self, device: torch.device, rows: Sequence[Row], group: Group, size: int | None
    ) -> None:
        """Charge the tick that is over: this one, or on a card the one before it, if any.

        group: that of its pass; rows that have stepped may be of another now. size: the samples of
        the pass, padding among them; None: nothing is to be learned from it.
        """
        assert self._watch is not None
        self._watch.stop()
        parts = [(weakref.ref(row.work), row.samples) for row in rows]
        tick = (_Share(group, size, parts), self._watch)
        over, self._before = (tick, None) if device.type != "cuda" else (self._before, tick)
        if over is not None:
            share, watch = over
            self._book(share, watch.seconds())

    def _book(self, share: _Share, seconds: float) -> None:
        """Learn from a tick's time, and share it among its jobs."""
        self.last_s = seconds
        samples = sum(count for _, count in share.samples)
        if share.size is not None:
            self._budgets.record(share.group, share.size, seconds)
        for reference, count in share.samples:
            work = reference()
            if work is not None:
                work.gpu_s += seconds * count / samples
