"""How long ticks take, and how far the host may run ahead of a card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from engine.rows import Row


class Pace:
    """Times ticks, and keeps the host at most one ahead of a CUDA device without waiting in one.

    Left alone the host would run far ahead: a newcomer's first step would lie behind all that.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        new_event: Callable[[], Any] = lambda: torch.cuda.Event(enable_timing=True),  # type: ignore[no-untyped-call]
    ) -> None:
        self._clock, self._new_event = clock, new_event
        self._began: Any = None
        self._before: tuple[Sequence[Row], Any, Any] | None = None

    def begin(self, device: torch.device) -> None:
        """A tick begins."""
        self._began = self._mark() if device.type == "cuda" else self._clock()

    def end(self, device: torch.device, rows: Sequence[Row]) -> tuple[Sequence[Row], float] | None:
        """The tick that is over and its seconds: this one; on a card the one before, if any."""
        if device.type != "cuda":
            return rows, self._clock() - self._began
        before, self._before = self._before, (rows, self._began, self._mark())
        if before is None:
            return None
        earlier, began, ended = before
        ended.synchronize()
        return earlier, began.elapsed_time(ended) / 1000

    def _mark(self) -> Any:  # noqa: ANN401 - a CUDA event
        event = self._new_event()
        event.record()
        return event
