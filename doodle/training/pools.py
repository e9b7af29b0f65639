"""Drawn scenes and texts on the device, as they come from the processes."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import torch

from doodle.training.stock import EACH, NAMES, TOKENS, answers

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from doodle.scenes import Vocabulary
    from doodle.training.stock import Ready, Stock

PATIENCE_S = 120.0


class Pool:
    """All scenes of one kind and size: pictures, where things are, ids of captions, labels.

    And their latents, as soon as there are some.
    """

    def __init__(self, most: int, size: tuple[int, int], device: torch.device) -> None:
        self.most, self.size, self.count, self.encoded = max(1, most), size, 0, 0
        shape = (self.most, 3, size[1], size[0])
        self.pixels = torch.empty(shape, dtype=torch.uint8, device=device)
        shape = (self.most, size[1] // 8, size[0] // 8)
        self.cover = torch.empty(shape, dtype=torch.uint8, device=device)
        self.ids = torch.empty((self.most, EACH, TOKENS), dtype=torch.int16, device=device)
        self.labels = torch.empty((self.most, len(NAMES)), dtype=torch.int16, device=device)
        self.latents: Tensor | None = None

    def choose(self, count: int) -> Tensor:
        """Return the numbers of `count` random scenes."""
        return torch.randint(self.count, (count,), device=self.pixels.device)


class Filling(threading.Thread):
    """Takes what the processes make to the device, into a pool of its kind and size."""

    def __init__(
        self, stock: Stock, vocabulary: Vocabulary, device: torch.device, say: Callable[[str], None]
    ) -> None:
        super().__init__(daemon=True)
        plan = stock.plan
        self._stock, self._device, self._say = stock, device, say
        self.questions = answers(vocabulary)
        most: dict[tuple[str, tuple[int, int]], int] = {}
        for kind, size, _ in plan.jobs:
            if kind != "text":
                most[kind, size] = most.get((kind, size), 0) + plan.chunk
        self.pools = {
            _name(kind, size): Pool(count, size, device) for (kind, size), count in most.items()
        }
        self.texts, self._took_s, self._told = 0, 0.0, False
        self.text_ids = torch.empty((plan.texts, TOKENS), dtype=torch.int16, device=device)
        self.text_labels = torch.empty((plan.texts, len(NAMES)), dtype=torch.int16, device=device)
        self._stream = torch.cuda.Stream() if device.type == "cuda" else None
        self._wides = [name for name in self.pools if "x" in name]
        self._changed = threading.Condition()
        self.ended = False

    def run(self) -> None:
        """Copy until all jobs are done."""
        for _ in range(self._stock.jobs):
            ready = self._stock.ready.get()
            if ready.error:
                self._say(f"a job could not be done: {ready.error}")
            else:
                with torch.cuda.stream(self._stream):  # nothing where there is no card
                    self._take(ready)
            self._stock.free.put(ready.slot)
        self._say(
            f"all scenes are drawn: {self._took_s / max(1, self.scenes()) * 1000:.1f} ms each"
        )
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    def _take(self, ready: Ready) -> None:
        memory = self._stock.memory
        self._took_s += ready.took_s
        if not ready.count:
            return
        ids = torch.from_numpy(memory.ids(ready).copy())
        labels = torch.from_numpy(memory.labels(ready).copy())
        if ready.kind == "text":
            part = slice(self.texts, self.texts + ready.count)
            self.text_ids[part], self.text_labels[part] = ids, labels
            self._settle()
            self.texts += ready.count
        else:
            pool = self.pools[_name(ready.kind, ready.size)]
            part = slice(pool.count, pool.count + ready.count)
            pool.pixels[part] = torch.from_numpy(memory.pixels(ready).copy())
            pool.cover[part] = torch.from_numpy(memory.cover(ready).copy())
            pool.ids[part], pool.labels[part] = ids, labels
            self._settle()
            pool.count += ready.count
        with self._changed:
            self._changed.notify_all()

    def _settle(self) -> None:
        if self._stream is not None:
            self._stream.synchronize()

    def turn(self, step: int, *, encoded: bool = False) -> Pool:
        """Return the pool whose turn it is; the square one if that is still empty.

        Of eight turns five are square, one has siblings, two another shape.
        """
        turn = step % 8
        if turn == 3:
            return self._or_square("siblings", encoded=encoded)
        if turn in (2, 7):
            return self.other(step // 8 * 2 + (turn == 7), encoded=encoded)
        return self.pools["square"]

    def other(self, turn: int, *, encoded: bool = False) -> Pool:
        """Return the pool of a shape that is not square; the square one if that is still empty."""
        name = self._wides[turn % len(self._wides)] if self._wides else "square"
        return self._or_square(name, encoded=encoded)

    def _or_square(self, name: str, *, encoded: bool) -> Pool:
        square = self.pools["square"]
        pool = self.pools.get(name, square)
        return pool if (pool.encoded if encoded else pool.count) > 0 else square

    def scenes(self) -> int:
        """Return how many scenes have come."""
        return sum(pool.count for pool in self.pools.values())

    def told(self) -> str:
        """Say what has come."""
        return f"{self.texts} texts and {self.scenes()} scenes so far"

    def wait(self, enough: Callable[[], bool], what: str) -> None:
        """Wait until there is enough; `RuntimeError` if no more comes."""
        until = time.monotonic() + PATIENCE_S
        with self._changed:
            while not enough():
                if self.ended or time.monotonic() > until:
                    message = f"There are too few {what}: {self.told()}."
                    raise RuntimeError(message)
                self._changed.wait(1.0)


def _name(kind: str, size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}" if kind == "wide" else kind
