"""Scenes drawn by many processes into memory that a training program shares with them.

The processes know neither torch nor transformers, so that they start at once.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from dataclasses import dataclass, replace
from itertools import zip_longest
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from tokenizers import Tokenizer

from doodle.captions import ALL, PLAIN_STYLE, caption, said_as, what_is_said
from doodle.drawing import draw_with_cover
from doodle.scenes import SQUARE, WIDE, is_held_out
from doodle.words import SKIES

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue
    from multiprocessing.sharedctypes import Synchronized

    from doodle.scenes import Scene, Vocabulary

EOS = "<|endoftext|>"
EACH = 8  # captions of a scene
TOKENS = 77
GROUP = 8  # siblings: scenes that differ in one part alone
UNSAID = -100
NAMES = ("subject", "colour", "place", "style", "count", "relation", "second", "second_colour")
LARGEST = max(width * height for width, height in (SQUARE, *WIDE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is drawn and said: numbers of scenes and of texts, and of each in one job."""

    scenes: int = 180_000
    texts: int = 49_152
    chunk: int = 64  # scenes a job; whole groups of GROUP
    text_chunk: int = 512  # texts a job
    seed: int = 1  # of scenes, texts and noise

    @property
    def jobs(self) -> list[tuple[str, tuple[int, int], int]]:
        """Return each job's kind, size of pictures and number among its kind.

        Texts and scenes by turns, so that no stage waits for the first of its own.
        """
        texts = [("text", SQUARE, i) for i in range(self.texts // self.text_chunk)]
        scenes = [_kind(i) for i in range(self.scenes // self.chunk)]
        turns = zip_longest(texts, scenes[: len(texts)])
        return [
            *(job for pair in turns for job in pair if job is not None),
            *scenes[len(texts) :],
        ]


class Ready(NamedTuple):
    """What a process has drawn: kind, number of scenes, their size, the slot, CPU seconds."""

    kind: str
    count: int
    size: tuple[int, int]
    slot: int
    took_s: float
    error: str = ""


def _kind(number: int) -> tuple[str, tuple[int, int], int]:
    if number % 8 == 3:
        return "siblings", SQUARE, number
    if number % 4 == 1:
        return "wide", WIDE[number // 4 % len(WIDE)], number
    return "square", SQUARE, number


def answers(vocabulary: Vocabulary) -> dict[str, list]:
    """Return all that may be asked of a scene, each with its possible answers."""
    return {
        "subject": list(vocabulary.subjects),
        "colour": list(vocabulary.colours),
        "place": list(vocabulary.places),
        "style": list(vocabulary.styles),
        "count": list(vocabulary.counts),
        "relation": [None, *vocabulary.relations],
        "second": [None, *vocabulary.subjects],
        "second_colour": [None, *vocabulary.colours],
    }


def siblings(vocabulary: Vocabulary, count: int, rng: Random) -> list[Scene]:
    """Return groups of GROUP scenes that differ in one of the four words; none is held out."""
    found: list[Scene] = []
    while len(found) < count:
        first = replace(vocabulary.sample(rng), relation=None, second=None, second_colour=None)
        part = rng.choice(("subject", "subject", "colour", "place", "style"))
        words = list(getattr(vocabulary, f"{part}s"))
        rng.shuffle(words)
        group = [replace(first, **{part: word}) for word in words]
        group = [scene for scene in group if not is_held_out(scene)]
        while len(group) < GROUP:  # few styles: the rest are others
            group.append(replace(vocabulary.sample(rng), relation=None, second=None,
                                 second_colour=None))  # fmt: skip
        found += [
            replace(scene, sky=rng.choice(SKIES.get(scene.place, ("",)))) for scene in group[:GROUP]
        ]
    return found[:count]


class Memory:
    """Memory in slots, each for what one job makes; processes share it."""

    def __init__(self, plan: Plan, slots: int) -> None:
        scenes = plan.chunk * (3 * LARGEST + 2 * (EACH * TOKENS + len(NAMES)) + LARGEST // 64)
        self._slot_bytes = max(scenes, 2 * plan.text_chunk * (TOKENS + len(NAMES)))
        self._bytes = multiprocessing.get_context("spawn").RawArray("B", self._slot_bytes * slots)

    def pixels(self, ready: Ready) -> np.ndarray:
        """Return the pictures (N, 3, H, W) uint8 of a slot; only until the slot is free again."""
        shape = (ready.count, 3, ready.size[1], ready.size[0])
        return self._view(ready.slot, 0, shape, np.uint8)

    def ids(self, ready: Ready) -> np.ndarray:
        """Return the captions' ids: (N, EACH, 77), or (N, 77) of texts."""
        each = () if ready.kind == "text" else (EACH,)
        return self._view(ready.slot, _ids_at(ready), (ready.count, *each, TOKENS), np.int16)

    def labels(self, ready: Ready) -> np.ndarray:
        """Return the answers (N, 8), UNSAID for what a text leaves out."""
        at = _ids_at(ready) + self.ids(ready).nbytes
        return self._view(ready.slot, at, (ready.count, len(NAMES)), np.int16)

    def cover(self, ready: Ready) -> np.ndarray:
        """Return how much of areas of 8 by 8 pixels things cover: (N, H/8, W/8) uint8."""
        at = _ids_at(ready) + self.ids(ready).nbytes + self.labels(ready).nbytes
        shape = (ready.count, ready.size[1] // 8, ready.size[0] // 8)
        return self._view(ready.slot, at, shape, np.uint8)

    def _view(self, slot: int, at: int, shape: tuple[int, ...], kind: type) -> np.ndarray:
        start = slot * self._slot_bytes + at
        return np.frombuffer(self._bytes, kind, int(np.prod(shape)), start).reshape(shape)


def _ids_at(ready: Ready) -> int:
    if ready.kind == "text":
        return 0
    return ready.count * 3 * ready.size[0] * ready.size[1]


class Painter:
    """Does jobs of a plan: what it makes depends on the job alone."""

    def __init__(self, vocabulary: Vocabulary, plan: Plan, tokenizer: str, memory: Memory) -> None:
        self._vocabulary, self._plan, self._memory = vocabulary, plan, memory
        self._jobs = plan.jobs
        self._possible = answers(vocabulary)
        self._words = Tokenizer.from_str(tokenizer)
        self._words.enable_padding(
            length=TOKENS, pad_id=self._words.token_to_id(EOS), pad_token=EOS
        )
        self._words.enable_truncation(TOKENS)

    def do(self, job: int, slot: int) -> Ready:
        """Do a job into a slot. What cannot be made is told by the answer's `error`."""
        kind, size, number = self._jobs[job]
        try:
            if kind == "text":
                return self._texts(Random(f"{self._plan.seed} texts {number}"), slot)
            return self._scenes(kind, size, number, slot)
        except (RuntimeError, ValueError) as error:
            return Ready("error", 0, size, slot, 0.0, f"{kind} {number}: {error!r}")

    def _scenes(self, kind: str, size: tuple[int, int], number: int, slot: int) -> Ready:
        started = time.process_time()
        rng = Random(f"{self._plan.seed} {kind} {number}")
        scenes = self._chosen(kind, rng)
        seed = rng.getrandbits(40)
        ready = Ready(kind, len(scenes), size, slot, 0.0)
        if not scenes:
            return ready
        pixels, ids = self._memory.pixels(ready), self._memory.ids(ready)
        labels, covers = self._memory.labels(ready), self._memory.cover(ready)
        for i, scene in enumerate(scenes):
            image, covers[i] = draw_with_cover(scene, seed=seed + i, size=size)
            pixels[i] = np.asarray(image).transpose(2, 0, 1)
            ids[i] = self._ids(self._captions(kind, scene, rng))
            labels[i] = [self._possible[name].index(getattr(scene, name)) for name in NAMES]
        return ready._replace(took_s=time.process_time() - started)

    def _chosen(self, kind: str, rng: Random) -> list[Scene]:
        chunk = self._plan.chunk
        if kind == "siblings":
            return siblings(self._vocabulary, chunk, rng)
        return [self._vocabulary.sample(rng) for _ in range(chunk)]

    @staticmethod
    def _captions(kind: str, scene: Scene, rng: Random) -> list[str]:
        if kind == "siblings":
            said = [said_as(scene, ALL, rng) for _ in range(EACH // 2)]
            return [*(caption(scene, rng) for _ in range(EACH // 2)), *said]
        return [caption(scene, rng) for _ in range(EACH)]

    def _ids(self, texts: list[str]) -> list[list[int]]:
        return [each.ids for each in self._words.encode_batch(texts)]

    def _texts(self, rng: Random, slot: int) -> Ready:
        ready = Ready("text", self._plan.text_chunk, SQUARE, slot, 0.0)
        ids, labels = self._memory.ids(ready), self._memory.labels(ready)
        texts = []
        for i in range(ready.count):
            scene = self._vocabulary.sample(rng)
            said = what_is_said(scene, rng)
            texts.append(said_as(scene, said, rng))
            unsaid = {
                **dict.fromkeys(("subject", "count", "relation", "second"), not said.thing),
                "colour": not said.colour,
                "second_colour": not (said.thing and said.colour),
                "place": not said.place,
                "style": not said.style and not (said.thing and scene.style == PLAIN_STYLE),
            }
            labels[i] = [
                UNSAID if unsaid.get(name) else self._possible[name].index(getattr(scene, name))
                for name in NAMES
            ]
        ids[:] = self._ids(texts)
        return ready


class Stock:
    """The processes that do a plan's jobs, one after the other, into memory shared with them."""

    def __init__(self, vocabulary: Vocabulary, plan: Plan, tokenizer: str, *, workers: int) -> None:
        context = multiprocessing.get_context("spawn")
        slots = 3 * workers
        self.plan, self.memory = plan, Memory(plan, slots)
        self.jobs = len(plan.jobs)
        self.free, self.ready = context.SimpleQueue(), context.SimpleQueue()
        for slot in range(slots):
            self.free.put(slot)
        self._turn = context.Value(
            "q", 0
        )  # kept: its lock is gone with it, before a process begins
        given = (vocabulary, plan, tokenizer, self.memory, self._turn, self.free, self.ready)
        self._processes = [
            context.Process(target=_work, args=given, daemon=True) for _ in range(workers)
        ]
        for process in self._processes:
            process.start()

    def stop(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.join()


def _work(
    vocabulary: Vocabulary,
    plan: Plan,
    tokenizer: str,
    memory: Memory,
    turn: Synchronized[int],
    free: SimpleQueue[int],
    ready: SimpleQueue[Ready],
) -> None:
    os.nice(10)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the training ends its processes
    threading.Thread(target=_end_with_parent, daemon=True).start()
    painter = Painter(vocabulary, plan, tokenizer, memory)
    jobs = len(plan.jobs)
    while True:
        with turn.get_lock():
            job, turn.value = turn.value, turn.value + 1
        if job >= jobs:
            return
        ready.put(painter.do(job, free.get()))


def _end_with_parent() -> None:
    """End this process when the training is gone, even if it was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
