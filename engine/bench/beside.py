"""What a tick takes while a shape is compiled beside it, by where that is done."""

from __future__ import annotations

import itertools
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any
from unittest import mock

import torch
from torch._inductor.utils import fresh_cache

from engine import DrawJob
from engine.loop import sampler
from engine.loop.row_builder import build_rows
from engine.loop.rows import Row, Work
from engine.models import compiled
from engine.models.how import HowCompiled
from engine.models.tracing import prepare_to_compile
from engine.pictures.encoded import Inputs
from engine.policy.cost import ticket_for

UNDISTURBED_TICKS = 40
MOST_S = 600.0
"""A compile that takes longer is not waited for."""
WAYS = ("a thread of this process", "a process of its own")
"""How it was done before, and how the engine does it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Times of ticks with the same rows."""

    undisturbed_ms: float
    """Median of as many ticks before the compile as after it, none with compiled code."""
    median_ms: float
    p95_ms: float
    worst_ms: float
    compile_s: float
    """From the request to the first compiled pass."""
    lost_s: float
    """How much longer than undisturbed the ticks took in that time."""


def ticks_beside_a_compile(
    load: Callable[[], Any], jobs: Sequence[DrawJob]
) -> Mapping[str, Beside]:
    """Draw these jobs again and again until their shape is compiled, from nothing, in either way.

    The arithmetic has one thread.
    load: makes the model anew, a LatentModel whose denoiser is not compiled yet.
    """
    _import_the_compiler()
    found, threads = {}, torch.get_num_threads()
    torch.set_num_threads(1)  # a core is left to the compiler; what ticks wait for is the lock
    try:
        for way in WAYS:
            with ExitStack() as stack:
                for context in _contexts(way):
                    stack.enter_context(context)
                found[way] = _measured(load(), jobs)
    finally:
        torch.set_num_threads(threads)
    return found


def _contexts(way: str) -> list[AbstractContextManager[Any]]:
    contexts: list[AbstractContextManager[Any]] = [fresh_cache()]
    if way == WAYS[0]:
        contexts.append(mock.patch.object(compiled, "compile_ahead"))
        contexts.append(mock.patch.object(compiled, "SWITCH_S", sys.getswitchinterval()))
    return contexts


@torch.inference_mode()
def _measured(model: Any, jobs: Sequence[DrawJob]) -> Beside:  # noqa: ANN401
    undisturbed, beside = _Ticks(model, jobs), _Ticks(model, jobs)
    for _ in range(UNDISTURBED_TICKS):
        undisturbed.run()
    model.compile(HowCompiled())
    began_s = time.perf_counter()
    try:
        beside.run()  # asks for the code
        while model.compiling() and time.perf_counter() - began_s < MOST_S:
            beside.run()
        compile_s = time.perf_counter() - began_s
        with mock.patch.object(model, "_compiled", None):
            for _ in range(UNDISTURBED_TICKS):
                undisturbed.run()
    finally:
        model.close()
    undisturbed_s = statistics.median(undisturbed.took_s)
    took_s = sorted(beside.took_s)
    return Beside(
        undisturbed_ms=1000 * undisturbed_s,
        median_ms=1000 * statistics.median(took_s),
        p95_ms=1000 * took_s[int(0.95 * len(took_s))],
        worst_ms=1000 * took_s[-1],
        compile_s=compile_s,
        lost_s=sum(took_s) - len(took_s) * undisturbed_s,
    )


class _Ticks:
    """Calls of the sampler with one row of each job; those that end are begun anew."""

    def __init__(self, model: Any, jobs: Sequence[DrawJob]) -> None:  # noqa: ANN401
        self._model, self._jobs = model, jobs
        self._rows: list[Row] = []
        self.took_s: list[float] = []

    def run(self) -> None:
        if not self._rows:
            self._rows = [row for job in self._jobs for row in self._begun(job)]
        began_s = time.perf_counter()
        sampler.step(self._model, self._rows)
        if self._model.device.type == "cuda":
            torch.cuda.synchronize()
        self.took_s.append(time.perf_counter() - began_s)
        self._rows = [row for row in self._rows if row.step < row.total]

    def _begun(self, job: DrawJob) -> list[Row]:
        work = Work(job, ticket_for(job), Inputs())
        work.rows = list(build_rows(work, self._model, itertools.count()))
        return work.rows


def _import_the_compiler() -> None:
    """Else the first way alone would wait for that."""
    prepare_to_compile()
    with torch.inference_mode(), fresh_cache():
        torch.compile(lambda x: x + 1)(torch.ones(3))
