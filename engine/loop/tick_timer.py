"""Measures ticks, charges them to jobs, and limits how far the host runs ahead of a card."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch

from engine.device.async_copy import sleeping_event
from engine.loop.rows import Row, Work
from engine.policy.budgets import Budgets, Group


class _Share(NamedTuple):
    """Which jobs took part in a tick. It has no rows: they would keep their model on the card."""

    group: Group
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
        new_event: Callable[[], Any] = lambda: sleeping_event(timed=True),
    ) -> None:
        self._clock, self._budgets, self._new_event = clock, budgets, new_event
        self._began: Any = None
        self._before: tuple[_Share, Any, Any] | None = None
        self.last_s = 0.0
        """Length of the last tick that is over."""

    def begin(self, device: torch.device) -> None:
        """A tick begins."""
        self._began = self._mark() if device.type == "cuda" else self._clock()

    def end(self, device: torch.device, rows: Sequence[Row]) -> None:
        """Charge the tick that is over: this one, or on a card the one before it, if any."""
        share = _Share(rows[0].group, [(weakref.ref(row.work), row.samples) for row in rows])
        if device.type != "cuda":
            self._book(share, self._clock() - self._began)
            return
        before, self._before = self._before, (share, self._began, self._mark())
        if before is not None:
            earlier, began, ended = before
            ended.synchronize()
            self._book(earlier, began.elapsed_time(ended) / 1000)

    def _book(self, share: _Share, seconds: float) -> None:
        """Learn from a tick's time, and share it among its jobs."""
        self.last_s = seconds
        samples = sum(count for _, count in share.samples)
        self._budgets.record(share.group, samples, seconds)
        for reference, count in share.samples:
            work = reference()
            if work is not None:
                work.gpu_s += seconds * count / samples

    def _mark(self) -> Any:  # noqa: ANN401 - a CUDA event
        event = self._new_event()
        event.record()
        return event
