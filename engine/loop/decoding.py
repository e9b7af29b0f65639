"""Turns finished rows into pictures: decoded, scored, and used to improve the previews."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from engine.device.faults import is_out_of_memory, log_failure, raise_if_lost
from engine.errors import NotFiniteError
from engine.loop import sampler
from engine.loop.rows import Row, Work
from engine.loop.stopwatch import Stopwatch
from engine.messages import DrawJob

DECODED_PX = 4 * 2**20
"""Of all pictures that are decoded at once: four of 1024 px. More would be no faster, and eight
would need a tensor of 2³¹ numbers, which is beyond some of a card's kernels."""

Outcome = tuple[Work, Exception | None]
"""A job whose pictures are now all decoded, or the error that ends it."""


class _Begun(NamedTuple):
    """Rows that the device decodes."""

    rows: Sequence[Row]
    pixels: Callable[[], tuple[NDArray[np.uint8], NDArray[np.bool_]]]
    watch: Stopwatch


class Decoding:
    """Decodes in batches; while other rows are in flight, for no longer than one of their ticks.

    A card does it behind the tick that is under way, and the pixels are taken over one turn later,
    so that the host need not wait. It is done in the card's order, not beside the next tick: so
    ticks and pictures are each charged their own time. The safety check does have to wait for its
    scores, and so has a stream of its own.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        new_watch: Callable[[torch.device, Callable[[], float]], Stopwatch] = Stopwatch,
    ) -> None:
        self._clock, self._new_watch = clock, new_watch
        self._each_s: dict[Hashable, float] = {}
        """Seconds to decode one picture, as last measured, by kind of row."""
        self._most: dict[Hashable, int] = {}
        """How many pictures may be decoded at once where more did not fit into memory, by kind."""
        self._begun: list[_Begun] = []
        self._beside: Any = None
        """The CUDA stream of the safety check."""
        self.rows: list[Row] = []
        """Drawn, but not decoded."""

    def in_flight(self) -> list[Row]:
        """Rows that are drawn and have not ended."""
        return [*self.rows, *(row for begun in self._begun for row in begun.rows)]

    def decode(self, most_s: float) -> Iterator[Outcome]:
        """Take over what the turn before began, and begin more that takes at most so many seconds;
        without a limit all that is begun is ended.
        """
        before, self._begun = self._begun, []
        for begun in before:
            yield from self._end(begun)
        left_s = most_s
        while batch := self._batch(left_s, first=left_s == most_s):
            began_s = self._clock()
            yield from self._begin(batch, at_once=most_s == math.inf)
            if most_s < math.inf:
                expected_s = self._each_s.get(batch[0].kind, math.inf) * len(batch)
                left_s -= max(expected_s, self._clock() - began_s)

    def _batch(self, left_s: float, *, first: bool) -> Sequence[Row]:
        """The rows to decode next; the first batch has one where none would fit into the time."""
        if not self.rows or (left_s <= 0 and not first):
            return []
        kind = self.rows[0].kind
        batch = [row for row in self.rows if row.kind == kind]
        batch = batch[: min(self._most.get(kind, len(batch)), _most_of(batch[0]))]
        if left_s < math.inf:
            each_s = self._each_s.get(kind, math.inf)
            batch = batch[: max(int(first), int(left_s / each_s))]
        self.rows = [row for row in self.rows if row not in batch]
        return batch

    def _begin(self, rows: Sequence[Row], *, at_once: bool) -> Iterator[Outcome]:
        model = rows[0].model
        watch = self._new_watch(model.device, self._clock)
        try:
            begun = _Begun(rows, sampler.decode(model, rows), watch)
        except Exception as error:  # noqa: BLE001 - one bad job fails alone
            failure = self._failure(rows, error)
        else:
            watch.stop()
            if at_once or model.device.type != "cuda":
                yield from self._end(begun)
            else:
                self._begun.append(begun)
            return
        yield from self._one_by_one(rows, failure)

    def _end(self, begun: _Begun) -> Iterator[Outcome]:
        """Pictures of rows whose job has not ended meanwhile."""
        rows, model = begun.rows, begun.rows[0].model
        try:
            pixels, finite = begun.pixels()
            scores: Sequence[float | None] = [None] * len(rows)
            scored_s = 0.0
            shown = [_shown(row, picture) for row, picture in zip(rows, pixels, strict=True)]
            if model.safety is not None:
                with self._beside_ticks(model.device):
                    watch = self._new_watch(model.device, self._clock)
                    scores = model.safety.scores(shown)
                    watch.stop()
                    scored_s = watch.seconds()
            each_s = (begun.watch.seconds() + scored_s) / len(rows)
        except Exception as error:  # noqa: BLE001 - one bad job fails alone
            failure = self._failure(rows, error)
        else:
            self._each_s[rows[0].kind] = max(each_s, 1e-6)
            for row, picture, good, score in zip(rows, shown, finite, scores, strict=True):
                row.work.gpu_s += each_s
                if not row.work.ended:
                    yield from self._picture(row, picture if good else None, score)
            for row, drawn, good in zip(rows, pixels, finite, strict=True):
                if good:  # last: nobody waits for it
                    with log_failure("A preview could not learn from a picture."):
                        row.model.preview.learn(row.latents, drawn)
            return
        yield from self._one_by_one(rows, failure)

    def _picture(
        self, row: Row, pixels: NDArray[np.uint8] | None, score: float | None
    ) -> Iterator[Outcome]:
        work = row.work
        if pixels is None:
            yield work, NotFiniteError()
            return
        work.pictures[row.index] = (pixels, score)
        if len(work.pictures) == work.images:
            yield work, None

    def _failure(self, rows: Sequence[Row], error: Exception) -> Exception | None:
        """The error where it is a row's own; of several rows, each has to be tried alone.

        What a failed call used is free again only where its error is gone, and so is not kept.
        """
        raise_if_lost(error)
        if len(rows) == 1:
            return error
        if is_out_of_memory(error):
            self._most[rows[0].kind] = len(rows) // 2
        return None

    def _one_by_one(self, rows: Sequence[Row], failure: Exception | None) -> Iterator[Outcome]:
        if failure is not None:
            yield rows[0].work, failure
            return
        for row in rows:
            if not row.work.ended:
                yield from self._begin([row], at_once=True)

    def _beside_ticks(self, device: torch.device) -> AbstractContextManager[object]:
        if device.type != "cuda":
            return contextlib.nullcontext()
        if self._beside is None:
            self._beside = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        return torch.cuda.stream(self._beside)


def _most_of(row: Row) -> int:
    """How many pictures like this one are decoded at once."""
    job = row.work.job
    assert isinstance(job, DrawJob)
    return max(1, DECODED_PX // (job.width_px * job.height_px))


def _shown(row: Row, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What was drawn, (H, W, 3), with what it keeps of its input."""
    kept = row.work.inputs.kept
    return pixels if kept is None else kept.over(pixels)
