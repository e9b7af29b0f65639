"""Measures what a device does between two moments: on a card by the card's own clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from engine.device.async_copy import sleeping_event


class Stopwatch:
    """Runs from its making to `stop`; on a card both are marks among what the card has to do."""

    def __init__(
        self,
        device: torch.device,
        clock: Callable[[], float],
        new_event: Callable[[], Any] = lambda: sleeping_event(timed=True),
    ) -> None:
        self._on_card = device.type == "cuda"
        self._clock, self._new_event = clock, new_event
        self._began = self._ended = self._mark()

    def stop(self) -> None:
        """What is measured ends here."""
        self._ended = self._mark()

    def seconds(self) -> float:
        """Waits until a card has come to the end."""
        if not self._on_card:
            return float(self._ended - self._began)
        self._ended.synchronize()
        return float(self._began.elapsed_time(self._ended)) / 1000

    def _mark(self) -> Any:  # noqa: ANN401 - seconds, or a CUDA event
        if not self._on_card:
            return self._clock()
        event = self._new_event()
        event.record()
        return event
