"""Which jobs start now: pulled from the queue while there is room, their models loaded first."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from engine.budgets import Budgets
from engine.queue import FairQueue
from engine.rows import Row, Work
from engine.shelf import Model, Shelf

OVERCOMMIT = 3
"""Budgets' worth of samples that owners without a running job may add to a full device: they
step at once and everybody steps less often, which is what keeps small jobs quick."""


class Admission:
    """Jobs from the mailbox to their first tick."""

    def __init__(self, queue: FairQueue, shelf: Shelf, budgets: Budgets) -> None:
        self._queue, self._shelf, self._budgets = queue, shelf, budgets
        self._waiting: dict[str, list[Work]] = {}
        """Handed out by the queue, by the model that is still to be loaded."""
        self._order: list[str] | None = None
        """As of the last change; None: to be looked up."""
        self.may_start = False
        """Whether something happened since the last pull that could let a job start."""

    def submit(self, work: Work) -> None:
        """Let a job wait its turn."""
        self._queue.push(work.ticket)
        self._order = None
        self.may_start = True

    def order(self) -> list[str]:
        """Ids of the waiting jobs, next first; the same list until it changes."""
        if self._order is None:
            self._order = self._queue.order()
        return self._order

    def resident(self) -> tuple[str, ...]:
        """Names of the models at hand."""
        return self._shelf.names()

    def loads(self) -> bool:
        """Whether jobs that have started wait for their model."""
        return any(self._waiting.values())

    def end(self, work: Work) -> None:
        """A job is over, wherever it was."""
        self._queue.cancel(work.job.id)
        self._queue.end(work.job.id)
        self._order = None
        self._waiting = {
            name: [other for other in works if other is not work]
            for name, works in self._waiting.items()
        }
        self.may_start = True

    def pull(
        self, rows: Sequence[Row], works: dict[str, Work], in_use: Collection[str]
    ) -> Iterator[tuple[Work, Model | None]]:
        """Jobs that start now, each with its model; None: it is being loaded.

        `rows` is looked at again after each job, since the caller adds to it.
        """
        self.may_start = False
        while not self._must_make_room(in_use):
            budget = sum(self._budgets.of(group) for group in {row.group for row in rows})
            free = (budget or 1) - sum(row.samples for row in rows)
            models = self._shelf.names() if self._shelf.loading else None
            ticket = self._queue.next(free, free + OVERCOMMIT * budget, models)
            if ticket is None:
                return
            self._order = None
            work, model = works[ticket.job_id], self._shelf.get(ticket.model)
            if model is None:
                self._waiting.setdefault(ticket.model, []).append(work)
            yield work, model

    def loaded(self, name: str, result: Model | Exception) -> list[Work]:
        """The jobs that waited for this load, which has ended."""
        self.may_start = True
        self._shelf.loading = None
        if not isinstance(result, Exception):
            self._shelf.put(name, result)
        return self._waiting.pop(name, [])

    def idle(self, after_s: float | None, in_use: Collection[str]) -> None:
        """Put away what nobody has used for so long."""
        if after_s is not None:
            self._shelf.put_away_idle(after_s, in_use)

    def close(self) -> None:
        """Let a load under way end."""
        self._shelf.close()

    def _must_make_room(self, in_use: Collection[str]) -> bool:
        """Begin the load that jobs wait for; true where rows in flight hold its memory.

        Nothing else is started then, so that they end and the waiting model gets its turn.
        """
        for name in self._waiting:
            if name != self._shelf.loading:
                return bool(self._shelf.loading) or not self._shelf.want(name, in_use)
        return False
