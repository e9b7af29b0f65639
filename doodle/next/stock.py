"""Scenes drawn by many processes into memory that a training program shares with them.

The processes know neither torch nor transformers, so that they start at once.
"""

from __future__ import annotations

import hashlib
import mmap
import multiprocessing
import os
import time
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from doodle.next.captions import ALL, PLAIN_STYLE, caption, english, said_as, what_is_said
from doodle.next.pictures import SQUARE, WIDE
from doodle.next.places import SKIES
from doodle.next.scenes import draw, is_held_out

if TYPE_CHECKING:
    from doodle.next.recipe import Recipe
    from doodle.next.scenes import Scene, Vocabulary

CHUNK = 64  # scenes a job
TEXTS = 4096  # captions a job of texts
TEXT_JOBS = 24
TUNING_JOBS = 4
EACH = 8  # captions of a scene
TOKENS = 77
GROUP = 8  # siblings: scenes that differ in one part alone
UNSAID = -100
SLOT_BYTES = CHUNK * 3 * 448 * 256 + 2 * CHUNK * (EACH * TOKENS + 8)
NAMES = ("subject", "colour", "place", "style", "count", "relation", "second", "second_colour")


class Ready(NamedTuple):
    """What a process has drawn: kind, number of scenes, their size, the slot, CPU seconds."""

    kind: str
    count: int
    size: tuple[int, int]
    slot: int
    took_s: float
    error: str = ""


def kind_of(job: int) -> tuple[str, tuple[int, int]]:
    """Return what a job makes: texts, tuning scenes, then scenes of all shapes by turns."""
    if job < TEXT_JOBS:
        return "text", SQUARE
    if job < TEXT_JOBS + TUNING_JOBS:
        return "tuning", SQUARE
    job -= TEXT_JOBS + TUNING_JOBS
    if job % 8 == 3:
        return "siblings", SQUARE
    if job % 4 == 1:
        return "wide", WIDE[job // 4 % len(WIDE)]
    return "square", SQUARE


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


def tuning_scenes(vocabulary: Vocabulary, count: int) -> list[Scene]:
    """Return held-out scenes that are never reported, of one subject after the other."""
    rng = Random(1_000_003)
    by_subject: dict[str, list[Scene]] = {subject: [] for subject in vocabulary.subjects}
    for scene in vocabulary.held_out():
        if hashlib.sha256(scene.words().encode()).digest()[1] % 2 == 0:
            by_subject[scene.subject].append(scene)
    for scenes in by_subject.values():
        rng.shuffle(scenes)
    rounds = zip_longest(*by_subject.values())
    chosen = [scene for scenes in rounds for scene in scenes if scene is not None][:count]
    return [replace(scene, sky=rng.choice(SKIES.get(scene.place, ("",)))) for scene in chosen]


class Stock:
    """The drawing processes and the memory that they share."""

    def __init__(self, recipe: Recipe, tokenizer: Path, *, jobs: int, workers: int, slots: int):
        context = multiprocessing.get_context("fork")
        self._memory = mmap.mmap(-1, SLOT_BYTES * slots)
        self.free, self.ready = context.SimpleQueue(), context.SimpleQueue()
        for slot in range(slots):
            self.free.put(slot)
        self.next = context.Value("q", 0)
        self.jobs = jobs
        self.processes = [
            context.Process(target=self._work, args=(recipe, tokenizer), daemon=True)
            for _ in range(workers)
        ]
        for process in self.processes:
            process.start()

    def stop(self) -> None:
        """End the processes."""
        for process in self.processes:
            process.kill()

    def pixels(self, ready: Ready) -> np.ndarray:
        """Return the pictures (N, 3, H, W) uint8 of a slot; only until the slot is free again."""
        shape = (ready.count, 3, ready.size[1], ready.size[0])
        return self._view(ready.slot, 0, shape, np.uint8)

    def ids(self, ready: Ready) -> np.ndarray:
        """Return the captions' ids: (N, EACH, 77), or (N, 77) of texts."""
        each = () if ready.kind == "text" else (EACH,)
        return self._view(ready.slot, self._ids_at(ready), (ready.count, *each, TOKENS), np.int16)

    def labels(self, ready: Ready) -> np.ndarray:
        """Return the answers (N, 8), UNSAID for what a text leaves out."""
        ids = self.ids(ready)
        return self._view(
            ready.slot, self._ids_at(ready) + ids.nbytes, (ready.count, len(NAMES)), np.int16
        )

    @staticmethod
    def _ids_at(ready: Ready) -> int:
        if ready.kind == "text":
            return 0
        return ready.count * 3 * ready.size[0] * ready.size[1]

    def _view(self, slot: int, at: int, shape: tuple, kind: type) -> np.ndarray:
        count = int(np.prod(shape))
        flat = np.frombuffer(self._memory, kind, count, slot * SLOT_BYTES + at)
        return flat.reshape(shape)

    def _work(self, recipe: Recipe, tokenizer: Path) -> None:
        from tokenizers import Tokenizer  # noqa: PLC0415

        os.nice(5)
        words = Tokenizer.from_file(str(tokenizer))
        end = words.token_to_id("<|endoftext|>")
        words.enable_padding(length=TOKENS, pad_id=end, pad_token="<|endoftext|>")  # noqa: S106
        words.enable_truncation(TOKENS)
        possible = answers(recipe.vocabulary)
        while True:
            with self.next.get_lock():
                job = self.next.value
                self.next.value += 1
            if job >= self.jobs:
                return
            slot = self.free.get()
            try:
                self.ready.put(self._do(recipe.vocabulary, words, possible, job, slot))
            except Exception as error:  # noqa: BLE001 - told to the training program
                self.ready.put(Ready("error", 0, SQUARE, slot, 0.0, repr(error)))

    def _do(self, vocabulary: Vocabulary, words, possible: dict, job: int, slot: int) -> Ready:  # noqa: ANN001, PLR0913
        started = time.process_time()
        kind, size = kind_of(job)
        rng = Random(f"stock {job}")
        if kind == "text":
            return self._texts(vocabulary, words, possible, rng, slot)
        if kind == "siblings":
            scenes = siblings(vocabulary, CHUNK, rng)
        elif kind == "tuning":
            part = job - TEXT_JOBS
            scenes = tuning_scenes(vocabulary, TUNING_JOBS * CHUNK // 4)
            scenes = scenes[part * CHUNK // 4 : (part + 1) * CHUNK // 4]
            scenes = [scene for scene in scenes for _ in range(4)]
        else:
            scenes = [vocabulary.sample(rng) for _ in range(CHUNK)]
        seed = rng.getrandbits(40)
        ready = Ready(kind, len(scenes), size, slot, 0.0)
        pixels, ids, labels = self.pixels(ready), self.ids(ready), self.labels(ready)
        for i, scene in enumerate(scenes):
            image = draw(scene, seed=seed + i, size=size)
            pixels[i] = np.asarray(image).transpose(2, 0, 1)
            if kind == "tuning":
                texts = [english(scene, Random(f"{job} {i // 4}"))] * EACH
            elif kind == "siblings":
                texts = [caption(scene, rng) for _ in range(4)]
                texts += [said_as(scene, ALL, rng) for _ in range(4)]
            else:
                texts = [caption(scene, rng) for _ in range(EACH)]
            ids[i] = [each.ids for each in words.encode_batch(texts)]
            labels[i] = [possible[name].index(getattr(scene, name)) for name in NAMES]
        return ready._replace(took_s=time.process_time() - started)

    def _texts(self, vocabulary: Vocabulary, words, possible: dict, rng: Random, slot: int) -> Ready:  # noqa: ANN001, PLR0913
        ready = Ready("text", TEXTS, SQUARE, slot, 0.0)
        ids, labels = self.ids(ready), self.labels(ready)
        texts = []
        for i in range(TEXTS):
            scene = vocabulary.sample(rng)
            said = what_is_said(scene, rng)
            texts.append(said_as(scene, said, rng))
            unsaid = {
                "colour": not said.colour,
                "second_colour": not said.colour,
                "place": not said.place,
                "style": not said.style and scene.style != PLAIN_STYLE,
            }
            labels[i] = [
                UNSAID if unsaid.get(name) else possible[name].index(getattr(scene, name))
                for name in NAMES
            ]
        ids[:] = [each.ids for each in words.encode_batch(texts)]
        return ready
