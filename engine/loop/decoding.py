"""Turns finished rows into pictures: decoded, scored, and used to improve the previews."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence

from engine.device.faults import is_out_of_memory, log_failure, raise_if_lost
from engine.errors import NotFiniteError
from engine.loop import sampler
from engine.loop.rows import Row, Work


class Decoding:
    """Decodes in batches; while other rows are in flight, for no longer than one of their ticks."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._each_s: dict[Hashable, float] = {}
        """Seconds to decode one picture, as last measured, by group."""
        self.rows: list[Row] = []
        """Drawn, but not decoded."""

    def decode(self, most_s: float) -> Iterator[tuple[Work, Exception | None]]:
        """Jobs whose pictures are now all decoded, or the error that ends them."""
        began_s = self._clock()
        left_s = most_s
        while self.rows:
            group = self.rows[0].group
            batch = [row for row in self.rows if row.group == group]
            if most_s < math.inf:
                fit = int(left_s / self._each_s[group]) if group in self._each_s else 1
                if left_s < most_s and (fit < 1 or left_s <= 0):
                    return
                batch = batch[: max(1, fit)]
            self.rows = [row for row in self.rows if row not in batch]
            yield from self._decode(batch)
            left_s = most_s - (self._clock() - began_s)

    def _decode(self, rows: Sequence[Row]) -> Iterator[tuple[Work, Exception | None]]:
        began_s = self._clock()
        model = rows[0].model
        try:
            pictures = sampler.decode(model, rows)
        except Exception as error:  # noqa: BLE001 - one bad job fails alone
            raise_if_lost(error)
            if len(rows) == 1 or not is_out_of_memory(error):
                yield from ((row.work, error) for row in rows)
                return
            pictures = []
        if not pictures:
            # Only here has the memory of the failed call been freed.
            for row in rows:
                yield from self._decode([row])
            return
        each_s = (self._clock() - began_s) / len(rows)
        self._each_s[rows[0].group] = max(each_s, 1e-6)
        for row, (pixels, score) in zip(rows, pictures, strict=True):
            work = row.work
            work.gpu_s += each_s
            if pixels is None:
                yield work, NotFiniteError()
                continue
            with log_failure("A preview could not learn from a picture."):
                model.preview.learn(row.latents, pixels)
            work.pictures[row.index] = (pixels, score)
            if len(work.pictures) == work.images:
                yield work, None
