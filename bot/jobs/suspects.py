"""Jobs that were drawn each time when the process died: each runs by itself, before all others.

Two jobs that were drawn beside each other look alike after a death. Run alone, only the one at
fault dies once more and is given up; the other is drawn, with no stranger there to be taken along.
"""

from __future__ import annotations

from collections.abc import Iterable

import engine
from bot.jobs.records import JobRow

ALONE_AFTER = 2
"""Deaths beside others, after which a job is a suspect."""

Waiting = tuple[JobRow, engine.Job]


class Suspects:
    """Who may run while there are suspects, and who waits for it."""

    def __init__(self) -> None:
        self._left: set[str] = set()
        self._running: str | None = None
        self._waiting: list[Waiting] = []

    def expect(self, job_ids: Iterable[str]) -> None:
        """These run one by one; all others wait until they are over."""
        self._left.update(job_ids)

    def admits(self, row: JobRow, job: engine.Job) -> bool:
        """Whether the job may run now; if not, `over` will tell when to ask again."""
        if self._left and (row.id not in self._left or self._running is not None):
            self._waiting.append((row, job))
            return False
        if row.id in self._left:
            self._running = row.id
        return True

    def over(self, job_id: str) -> list[Waiting]:
        """The job has ended, or will never run. Returns those that may ask again, in order."""
        if job_id not in self._left:
            return []
        self._left.discard(job_id)
        if self._running == job_id:
            self._running = None
        waiting, self._waiting = self._waiting, []
        return waiting
