"""Which jobs the engine has begun, on the disk before their first pass.

The engine's own word of it comes after that pass, and a job that ends the process in it would never
be counted: it would end every process after it, for ever.
"""

from __future__ import annotations

import logging
from pathlib import Path

log = logging.getLogger(__name__)


class Begun:
    """One empty file for each job that has begun and whose attempt is not in the database yet.

    They outlive the process, not the machine: they are not synced.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, job_id: str, attempt: int) -> None:
        """The job begins, for the `attempt`th time; any thread. A disk that refuses is logged."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file(job_id, attempt).touch()
        except OSError as error:
            log.warning("job %s: its attempt cannot be written down: %s", job_id, error)

    def forget(self, job_id: str, attempt: int) -> None:
        """The attempt is counted in the database, or was no fault of the job's."""
        try:
            self._file(job_id, attempt).unlink(missing_ok=True)
        except OSError as error:
            log.warning("job %s: its attempt stays written down: %s", job_id, error)

    def left(self) -> dict[str, int]:
        """What an earlier process has left: job → attempt."""
        found: dict[str, int] = {}
        try:
            files = tuple(self._folder.iterdir())
        except FileNotFoundError:
            return {}
        except OSError as error:
            log.warning("which jobs had begun cannot be read: %s", error)
            return {}
        for file in files:
            job_id, _, attempt = file.name.rpartition(".")
            if attempt.isdecimal():
                found[job_id] = max(int(attempt), found.get(job_id, 0))
        return found

    def _file(self, job_id: str, attempt: int) -> Path:
        return self._folder / f"{job_id}.{attempt}"
