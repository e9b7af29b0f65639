"""Jobs that have no rows yet, or not all: a model is being loaded, or crops are to be encoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from engine.loop.rows import Row, Work
from engine.messages import DrawJob
from engine.models.model_cache import Model

ALONE_S = 0.25
"""How long crops are encoded in one turn while nothing else is drawn; then the mailbox is read."""

Found = Model | Exception | Iterator[Row]
"""What a job can begin with: its model, the error of the load, or the rest of its rows."""


class PendingJobs:
    """Jobs that could not begin yet, or have begun in part."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until_s = 0.0
        self.waiting: list[tuple[Work, Found]] = []

    def turn(self, tick_s: float | None) -> Iterator[tuple[Work, Found]]:
        """The jobs to go on with in this turn, each with what was found for it.

        tick_s: how long crops may be encoded; None: nothing else is drawn.
        """
        self._until_s = self._clock() + (ALONE_S if tick_s is None else tick_s)
        before, self.waiting = self.waiting, []
        for number, (work, found) in enumerate(before):
            if number and isinstance(found, Iterator) and self._clock() > self._until_s:
                self.waiting.append((work, found))
            else:
                yield work, found

    def rows(self, work: Work, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows that are built in this turn; those of an enlarged picture may take several."""
        assert isinstance(work.job, DrawJob)
        for row in rows:
            work.rows.append(row)
            yield row
            late = work.job.enlarge > 1 and self._clock() > self._until_s
            if late and len(work.rows) < work.images:
                self.waiting.append((work, rows))
                return

    def partly(self) -> list[Work]:
        """Jobs of which some rows are still to come."""
        return [work for work, found in self.waiting if isinstance(found, Iterator)]

    def forget(self, work: Work) -> None:
        """A job is over."""
        self.waiting = [(other, found) for other, found in self.waiting if other is not work]
