"""Which rows share the next forward pass."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol, TypeVar


class Plannable(Protocol):
    """What `plan` needs to know of a row."""

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


def plan(rows: Sequence[R], budget_of: Callable[[Any], int]) -> list[R]:
    """The rows of the next tick, in order of arrival.

    All are of the group with the row that has waited longest; owners take turns, so that a single
    picture steps in every tick however many rows others have.
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
