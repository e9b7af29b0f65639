"""How many samples should share a pass, learned for each model and size from its own ticks."""

from __future__ import annotations

import json
import logging
import os
import statistics
from collections import deque
from collections.abc import Callable, Hashable
from pathlib import Path

BUCKETS = (1, 2, 4, 8, 16, 32)
"""Samples of a pass where shapes must not vary (compiled denoisers)."""
FLOOR = 8
"""For speed, a budget is never made smaller than this: a grid of four with guidance fits."""
WORTH = 0.95
"""A larger batch must take less than this share of the smaller one's time for each sample."""
TRIALS = 5
REVISIT = 500
"""After so many full ticks a larger budget is tried again that was too slow or did not fit."""
log = logging.getLogger(__name__)

Group = tuple[Hashable, ...]
"""The group of a row: its model's name and the shape of its latents come first."""


def bucket_of(samples: int) -> int:
    """The smallest bucket that holds so many samples."""
    return next((bucket for bucket in BUCKETS if bucket >= samples), samples)


class Profile:
    """The budget of one (model, size), learned from its own ticks.

    It doubles while full batches make each sample markedly faster, goes one step back where they do
    not, and is halved when memory runs out. From time to time it tries again.
    """

    def __init__(self, *, floor: int = FLOOR, ceiling: int = BUCKETS[-1]) -> None:
        self.budget = floor
        self.stable = False
        """Whether no other budget is being tried."""
        self._ceiling = ceiling
        self._each_s: dict[int, deque[float]] = {}
        """Seconds for each sample, padding among them, in the last ticks, by bucket."""
        self._seen: dict[int, int] = {}

    def stay_at(self, budget: int) -> None:
        """Use this budget until the next trial."""
        self.budget, self.stable = budget, True

    def record(self, samples: int, seconds: float) -> None:
        """A tick of so many samples took so long."""
        bucket = bucket_of(samples)
        recent = self._each_s.setdefault(bucket, deque(maxlen=TRIALS))
        recent.append(seconds / samples)
        self._seen[bucket] = self._seen.get(bucket, 0) + 1
        if bucket >= self.budget:
            self._judge(bucket)

    def pass_s(self, samples: int) -> float | None:
        """Seconds of a pass of so many samples, as last measured."""
        recent = self._each_s.get(bucket_of(samples))
        return statistics.median(recent) * samples if recent else None

    def out_of_memory(self, samples: int) -> None:
        """So many samples did not fit."""
        self._ceiling = max(bucket for bucket in BUCKETS if bucket <= max(1, samples // 2))
        self.stay_at(min(self.budget, self._ceiling))
        self._seen.clear()

    def _judge(self, bucket: int) -> None:
        if self.stable:
            if self._seen[bucket] % REVISIT == 0:
                self._ceiling = max(self._ceiling, min(bucket * 2, BUCKETS[-1]))
                self._try(bucket * 2)
        elif self._seen[bucket] >= TRIALS:
            smaller = self._each_s.get(bucket // 2)
            here_s = statistics.median(self._each_s[bucket])
            grew = bucket > FLOOR
            if grew and smaller and here_s > WORTH * statistics.median(smaller):
                self.stay_at(bucket // 2)
            else:
                self._try(bucket * 2)

    def _try(self, bucket: int) -> None:
        self.stable = bucket > self._ceiling
        if not self.stable:
            self.budget = bucket
            self._each_s.pop(bucket, None)
            self._seen[bucket] = 0


class Budgets:
    """The profile of every model and size that rows have come in, kept in a file across starts."""

    def __init__(
        self,
        profile: Callable[[], Profile] = Profile,
        *,
        file: Path | None = None,
        machine: str = "",
    ) -> None:
        self._new, self._file, self._machine = profile, file, machine
        self._profiles: dict[str, Profile] = {}
        self._kept = _read(file) if file is not None and file.exists() else {}
        """Stable budgets by machine, then by model and size."""

    def of(self, group: Group) -> int:
        """Samples that a pass of this group may hold."""
        return self._profile(group).budget

    def record(self, group: Group, samples: int, seconds: float) -> None:
        """A tick of so many samples, padding among them, took so long."""
        profile = self._profile(group)
        before = profile.stable
        profile.record(samples, seconds)
        if profile.stable and not before:
            self._keep(group, profile.budget)

    def fill(self, group: Group, samples: int, padded: Callable[[int], int]) -> int:
        """How many of so many samples a pass should take, for the most samples a second.

        Where passes are padded to certain sizes that is all of them, or the largest size that they
        fill. What has not been measured is taken to cost the same for each sample, padding among
        them.
        """
        size = padded(samples)
        whole = next((n for n in range(samples, 0, -1) if padded(n) == n), samples)
        if whole == samples:
            return samples
        profile = self._profile(group)
        size_s, whole_s = profile.pass_s(size), profile.pass_s(whole)
        if size_s is None or whole_s is None:
            size_s, whole_s = size, whole
        return samples if samples / size_s > whole / whole_s else whole

    def out_of_memory(self, group: Group, samples: int) -> None:
        """So many samples did not fit."""
        profile = self._profile(group)
        profile.out_of_memory(samples)
        self._keep(group, profile.budget)

    def _profile(self, group: Group) -> Profile:
        name = _name(group)
        if name not in self._profiles:
            self._profiles[name] = profile = self._new()
            kept = self._kept.get(self._machine, {}).get(name)
            if kept is not None:
                profile.stay_at(kept)
        return self._profiles[name]

    def _keep(self, group: Group, budget: int) -> None:
        of_machine = self._kept.setdefault(self._machine, {})
        if self._file is None or of_machine.get(_name(group)) == budget:
            return
        of_machine[_name(group)] = budget
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            # A cluster's other workers on this machine keep theirs in the same file.
            kept = _read(self._file) if self._file.exists() else {}
            kept.setdefault(self._machine, {})[_name(group)] = budget
            beside = self._file.with_suffix(f".{os.getpid()}")
            beside.write_text(json.dumps(kept, indent=1), encoding="utf-8")
            beside.replace(self._file)
        except OSError as error:
            log.warning("%s cannot be written (%s); budgets hold until the end.", self._file, error)


def _read(file: Path) -> dict[str, dict[str, int]]:
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        return {
            machine: {
                name: budget
                for name, budget in of_machine.items()
                if type(budget) is int and budget in BUCKETS
            }
            for machine, of_machine in said.items()
        }
    except (OSError, ValueError, AttributeError, RecursionError):
        log.warning("%s cannot be read; budgets are learned anew.", file)
        return {}


def _name(group: Group) -> str:
    return " ".join(map(str, group[:2]))
