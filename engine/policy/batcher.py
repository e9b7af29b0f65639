"""Which rows share the next forward pass."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

FLOOR_TICKS = 8
"""One of so many ticks is for whoever has not stepped for as long, whatever their lane."""


class Plannable(Protocol):
    """What `plan` needs to know of a row."""

    @property
    def owner(self) -> str: ...
    @property
    def lane(self) -> int:
        """Lower ones step first."""

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


def plan(
    rows: Sequence[R],
    tick: int,
    budget_of: Callable[[Any], int],
    fill: Callable[[R, int], int] = lambda _, samples: samples,
) -> list[R]:
    """The rows of this tick, in order of arrival.

    Lanes go first in their order. All rows are of the group with the row of the first lane that has
    waited longest; within a lane owners take turns, so that a single picture steps in every tick
    however many rows others of its lane have.

    fill: how many samples a pass of this row's group should take where so many would fit: fewer
    where it would be padded, and the padding would cost more than a smaller pass.
    """
    if not rows:
        return []
    rank = _ranks(rows, tick)
    waiting = sorted(rows, key=lambda row: (rank(row), row.last_tick, row.arrival))
    group = waiting[0].group
    chosen = [waiting[0]]
    left = budget_of(group) - waiting[0].samples
    for _, lane in itertools.groupby((row for row in waiting if row.group == group), key=rank):
        for row in _in_turns(lane):
            if row is not waiting[0] and row.samples <= left:
                chosen.append(row)
                left -= row.samples
    left = max(fill(chosen[0], sum(row.samples for row in chosen)), chosen[0].samples)
    taken: list[R] = []
    for row in chosen:
        if row.samples <= left:
            taken.append(row)
            left -= row.samples
    return sorted(taken, key=lambda row: row.arrival)


def _ranks(rows: Sequence[R], tick: int) -> Callable[[R], int]:
    """A row's place by lane; now and then what has waited longest is first, with its kind."""
    longest = min(rows, key=lambda row: (row.last_tick, row.arrival))
    if tick % FLOOR_TICKS or tick - longest.last_tick < FLOOR_TICKS:
        return lambda row: row.lane
    kind = longest.lane, longest.group
    return lambda row: -1 if (row.lane, row.group) == kind else row.lane


def _in_turns(rows: Iterable[R]) -> Iterator[R]:
    """One row of each owner, then the second of each that has one, and so on.

    Owners that were served longest ago go first: a newcomer's picture does not wait until every row
    of somebody's grid has had its first step.
    """
    turns: dict[str, list[R]] = {}
    for row in rows:
        turns.setdefault(row.owner, []).append(row)
    owners = sorted(turns.values(), key=lambda own: max(row.last_tick for row in own))
    for turn in itertools.zip_longest(*owners):
        yield from (row for row in turn if row is not None)
