"""The share of the last minute in which the device worked."""

from __future__ import annotations

from collections.abc import Callable

WINDOW_S = 60


class Utilization:
    """Busy seconds in one slot for each second of the window."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since_s = clock()
        self._slots: dict[int, float] = {}

    def add(self, began_s: float, ended_s: float) -> None:
        """Add a period in which the device worked."""
        slot = int(began_s)
        while slot <= ended_s:
            part = min(ended_s, slot + 1) - max(began_s, slot)
            self._slots[slot] = self._slots.get(slot, 0.0) + part
            slot += 1
        if len(self._slots) > 2 * WINDOW_S:
            self._slots = {s: v for s, v in self._slots.items() if s >= ended_s - WINDOW_S}

    def share(self) -> float:
        """0 … 1, over the last minute or since the start."""
        now_s = self._clock()
        busy_s = sum(value for slot, value in self._slots.items() if slot > now_s - WINDOW_S - 1)
        return min(1.0, busy_s / max(1e-6, min(WINDOW_S, now_s - self._since_s)))
