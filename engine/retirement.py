"""Drawn rows on their way out: decoded, checked, and taught to the previews."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from engine import sampler
from engine.failures import NotNumbersError, is_out_of_memory, raise_if_lost
from engine.rows import Row, Work


class Retirement:
    """Decodes in batches, and beside rows in flight for no longer than one of their ticks."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.rows: list[Row] = []
        """Drawn, but not decoded."""

    def decode(self, most_s: float) -> Iterator[tuple[Work, Exception | None]]:
        """Jobs whose pictures are now all decoded, or the error that ends them."""
        began_s = self._clock()
        while self.rows:
            group = self.rows[0].group
            batch = [row for row in self.rows if row.group == group]
            if most_s < float("inf"):
                batch = batch[:1]
            self.rows = [row for row in self.rows if row not in batch]
            yield from self._decode(batch)
            if self._clock() - began_s >= most_s:
                return

    def _decode(self, rows: Sequence[Row]) -> Iterator[tuple[Work, Exception | None]]:
        began_s = self._clock()
        model = rows[0].model
        try:
            pictures = sampler.decode(model, rows)
        except Exception as error:  # noqa: BLE001 - one bad job fails alone
            raise_if_lost(error)
            if len(rows) > 1 and is_out_of_memory(error):
                for row in rows:
                    yield from self._decode([row])
            else:
                yield from ((row.work, error) for row in rows)
            return
        for row, (pixels, score) in zip(rows, pictures, strict=True):
            work = row.work
            work.gpu_s += (self._clock() - began_s) / len(rows)
            if pixels is None:
                yield work, NotNumbersError()
                continue
            model.preview.learn(row.latents, pixels)
            work.pictures[row.index] = (pixels, score)
            if len(work.pictures) == len(work.rows):
                yield work, None
