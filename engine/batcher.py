"""Which rows share the next forward pass, and how many samples are worth sharing it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Protocol, TypeVar

BUCKETS = (1, 2, 4, 8, 16, 32)
"""Samples of a pass where shapes must not vary (compiled denoisers)."""
FLOOR = 8
"""A budget never settles lower for speed: a grid of four with guidance shares its passes."""
WORTH = 0.95
"""A larger batch must take less than this share of the smaller one's time for each sample."""
TRIALS = 3
REVISIT = 500
"""Full ticks after which a budget that did not pay is tried again."""


class Plannable(Protocol):
    """What the plan looks at in a row."""

    @property
    def owner(self) -> str: ...
    @property
    def group(self) -> Hashable:
        """Rows of one group can share a pass."""

    @property
    def samples(self) -> int: ...
    @property
    def last_tick(self) -> int:
        """The tick that served it last, −1 = none yet."""

    @property
    def arrival(self) -> int:
        """Grows with every row that is admitted."""


R = TypeVar("R", bound=Plannable)


def plan(rows: Sequence[R], budget_of: Callable[[Hashable], int]) -> list[R]:
    """The rows of the next tick, in order of arrival.

    They are of the group whose row has waited longest; owners take turns, so that a lone
    picture steps in every tick beside anybody's many.
    """
    if not rows:
        return []
    waiting = sorted(rows, key=lambda row: (row.last_tick, row.arrival))
    group = waiting[0].group
    turns: dict[str, deque[R]] = {}
    for row in waiting:
        if row.group == group:
            turns.setdefault(row.owner, deque()).append(row)
    budget = max(budget_of(group), waiting[0].samples)
    chosen: list[R] = []
    while turns:
        for owner in tuple(turns):
            row = turns[owner].popleft()
            if row.samples <= budget:
                chosen.append(row)
                budget -= row.samples
            if not turns[owner]:
                del turns[owner]
        if budget <= 0:
            break
    return sorted(chosen, key=lambda row: row.arrival)


def bucket_of(samples: int) -> int:
    """The smallest bucket that holds so many samples."""
    return next((bucket for bucket in BUCKETS if bucket >= samples), samples)


class Profile:
    """The budget of one (model, size), learned from its own ticks.

    It doubles while full batches get each sample done markedly faster, steps back once where
    they do not, and is halved for good when memory runs out.
    """

    def __init__(self, *, floor: int = FLOOR, ceiling: int = BUCKETS[-1]) -> None:
        self.budget = floor
        self._ceiling = ceiling
        self._best_s: dict[int, float] = {}
        self._seen: dict[int, int] = {}
        self._settled = False

    def record(self, samples: int, seconds: float) -> None:
        """A tick of so many samples took so long."""
        bucket = bucket_of(samples)
        each_s = seconds / samples
        self._best_s[bucket] = min(each_s, self._best_s.get(bucket, each_s))
        self._seen[bucket] = self._seen.get(bucket, 0) + 1
        if bucket == self.budget:
            self._judge(bucket)

    def out_of_memory(self, samples: int) -> None:
        """So many samples did not fit."""
        self._ceiling = max(1, samples // 2)
        self.budget = min(self.budget, self._ceiling)

    def _judge(self, bucket: int) -> None:
        if self._settled:
            self._settled = self._seen[bucket] % REVISIT != 0
            if not self._settled:
                self._try(bucket * 2)
        elif self._seen[bucket] >= TRIALS:
            smaller = self._best_s.get(bucket // 2)
            grew = bucket > FLOOR
            if grew and smaller is not None and self._best_s[bucket] > WORTH * smaller:
                self.budget, self._settled = bucket // 2, True
            else:
                self._try(bucket * 2)

    def _try(self, bucket: int) -> None:
        if bucket <= self._ceiling:
            self.budget = bucket
            self._best_s.pop(bucket, None)
            self._seen[bucket] = 0
