"""How many samples are worth sharing a pass, learned for each group from its own ticks."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Callable, Hashable

BUCKETS = (1, 2, 4, 8, 16, 32)
"""Samples of a pass where shapes must not vary (compiled denoisers)."""
FLOOR = 8
"""A budget never settles lower for speed: a grid of four with guidance shares its passes."""
WORTH = 0.95
"""A larger batch must take less than this share of the smaller one's time for each sample."""
TRIALS = 5
REVISIT = 500
"""Full ticks after which a budget that did not pay is tried again."""


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
        self._each_s: dict[int, deque[float]] = {}
        """Seconds a sample of the last ticks, by bucket."""
        self._seen: dict[int, int] = {}
        self._settled = False

    def record(self, samples: int, seconds: float) -> None:
        """A tick of so many samples took so long."""
        bucket = bucket_of(samples)
        recent = self._each_s.setdefault(bucket, deque(maxlen=TRIALS))
        recent.append(seconds / samples)
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
            smaller = self._each_s.get(bucket // 2)
            here_s = statistics.median(self._each_s[bucket])
            grew = bucket > FLOOR
            if grew and smaller and here_s > WORTH * statistics.median(smaller):
                self.budget, self._settled = bucket // 2, True
            else:
                self._try(bucket * 2)

    def _try(self, bucket: int) -> None:
        if bucket <= self._ceiling:
            self.budget = bucket
            self._each_s.pop(bucket, None)
            self._seen[bucket] = 0


class Budgets:
    """The profile of every group that rows have come in."""

    def __init__(self, profile: Callable[[], Profile] = Profile) -> None:
        self._new = profile
        self._profiles: dict[Hashable, Profile] = {}

    def of(self, group: Hashable) -> int:
        """Samples that a pass of this group may hold."""
        return self._profile(group).budget

    def record(self, group: Hashable, samples: int, seconds: float) -> None:
        """A tick of so many samples took so long."""
        self._profile(group).record(samples, seconds)

    def out_of_memory(self, group: Hashable, samples: int) -> None:
        """So many samples did not fit."""
        self._profile(group).out_of_memory(samples)

    def _profile(self, group: Hashable) -> Profile:
        if group not in self._profiles:
            self._profiles[group] = self._new()
        return self._profiles[group]
