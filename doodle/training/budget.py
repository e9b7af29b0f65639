"""The seconds of a training, and how its stages share them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SHARES = {
    "text": 0.03,
    "autoencoder": 0.10,
    "judge": 0.04,
    "pair": 0.04,
    "denoiser": 0.74,  # with the time that encoding the scenes takes
    "decoder": 0.05,
}
LAST_S = 6.0  # at the end, to write


@dataclass(kw_only=True)
class Budget:
    """Gives each stage its part of the seconds that are left; what one saves, the next ones have.

    A stage's time runs from its beginning, not from its first step.
    """

    seconds: float
    stages: tuple[str, ...]  # in their order
    clock: Callable[[], float] = time.monotonic
    began: float = field(init=False)
    stage_began: float = field(init=False)
    stage_ends: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.stage_began = self.stage_ends = self.clock()

    def begin(self, stage: str) -> float:
        """Begin a stage; return its seconds."""
        later = self.stages[self.stages.index(stage) :]
        self.stage_began = self.clock()
        left = max(0.0, self.began + self.seconds - LAST_S - self.stage_began)
        span = left * SHARES[stage] / sum(SHARES[name] for name in later)
        self.stage_ends = self.stage_began + span
        return span

    def share(self, now: float, first: float) -> float:
        """Return which share of the time from a stage's first step has passed, 1 at its end."""
        return (now - first) / max(1e-9, self.stage_ends - first) if now < self.stage_ends else 1.0
