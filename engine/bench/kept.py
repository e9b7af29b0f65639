"""Figures of a long run, kept in a file after each, so that the run can stop and go on later."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from engine.bench.measures import Result


class Kept:
    """The figures measured so far.

    file: where they are kept; None: nowhere, and the run is one piece.
    minutes: after so long no further figure is begun; None: until all are measured.
    """

    def __init__(
        self,
        file: Path | None = None,
        minutes: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file, self._clock = file, clock
        self._end_s = None if minutes is None else clock() + 60 * minutes
        self.machine, self.results = _read(file) if file is not None and file.exists() else ("", [])

    @property
    def lasts(self) -> bool:
        """Whether a later run finds the figures."""
        return self._file is not None

    def belong_to(self, machine: str) -> None:
        """Say where the figures are measured; ValueError if those in the file are of another."""
        if self.results and self.machine != machine:
            raise ValueError(
                f"{self._file} holds figures of {self.machine or 'an unnamed machine'}, and this is"
                f" {machine}. Give another file with --keep."
            )
        self.machine = machine

    def left(self, numbers: Sequence[str]) -> list[str]:
        """Those of these numbers that are still to be measured."""
        done = {result.number for result in self.results}
        return [number for number in numbers if number not in done]

    def gathered(self, results: Iterator[Result]) -> Iterator[Result]:
        """Keep each figure as it is measured, until the time is over."""
        while not self.is_over():
            result = next(results, None)
            if result is None:
                return
            self.results.append(result)
            self._write()
            yield result

    def is_over(self) -> bool:
        """Whether no further figure should be begun."""
        return self._end_s is not None and self._clock() >= self._end_s

    def _write(self) -> None:
        if self._file is not None:
            beside = self._file.with_suffix(".new")
            figures = [asdict(result) for result in self.results]
            held = {"machine": self.machine, "figures": figures}
            beside.write_text(json.dumps(held, indent=1), encoding="utf-8")
            beside.replace(self._file)


def _read(file: Path) -> tuple[str, list[Result]]:
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        return str(held["machine"]), [Result(**fields) for fields in held["figures"]]
    except (KeyError, ValueError, TypeError) as error:
        raise ValueError(f"{file} holds no figures to go on from: {error}.") from error
