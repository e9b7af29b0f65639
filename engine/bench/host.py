"""What a turn of the device thread costs the host, with a denoiser that costs nothing."""

from __future__ import annotations

import contextlib
import copy
import queue
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest import mock

import torch

from engine.device.async_copy import NonBlocking
from engine.loop import sampler
from engine.loop.admission import Admission
from engine.loop.mailbox import Close, Message, Submit
from engine.loop.reports import Reports
from engine.loop.worker import Worker
from engine.messages import DrawJob
from engine.pictures.encoded import Inputs
from engine.policy.budgets import Budgets, Profile
from engine.policy.queue import FairQueue


def turns_ms(model: Any, jobs: Sequence[DrawJob]) -> float:  # noqa: ANN401 - a LatentModel
    """Median of the thread's own time in a turn with one row of each job in flight, ms.

    On a CPU calls of diffusers go through the mode that keeps a card's host from waiting.
    """
    took: list[float] = []
    mailbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
    for job in jobs:
        mailbox.put(Submit(job, Inputs()))
    budgets = Budgets(lambda: _Whole(len(jobs) * 2))
    with ThreadPoolExecutor(1) as pool:
        worker = _Timed(
            took,
            len(jobs),
            mailbox=mailbox,
            admission=Admission(
                FairQueue(owner_cap=1, clock=time.monotonic),
                _OneModel(_free(model)),  # type: ignore[arg-type]
                budgets,
            ),
            budgets=budgets,
            reports=Reports(
                post=lambda _: None, pool=pool, clock=time.monotonic, preview_interval_s=2.0
            ),
            clock=time.monotonic,
            device_title="",
            idle_unload_s=None,
        )
        with _as_on_a_card(model.device):
            worker.run()
    return statistics.median(took) * 1000


class _Timed(Worker):
    def __init__(self, took: list[float], rows: int, **options: Any) -> None:  # noqa: ANN401
        super().__init__(**options)
        self._took, self._full = took, rows

    def _turn(self) -> None:
        began_s = time.thread_time()
        super()._turn()
        if len(self._rows) == self._full:
            self._took.append(time.thread_time() - began_s)
        elif self._took:
            self._mailbox.put(Close(float("-inf")))


class _Whole(Profile):
    """All samples share every pass, and nothing is learned."""

    def __init__(self, samples: int) -> None:
        super().__init__()
        self.stay_at(samples)

    def record(self, samples: int, seconds: float) -> None:
        """Nothing."""


class _OneModel:
    """What admission asks of the models: this one is resident."""

    loading = None

    def __init__(self, model: Any) -> None:  # noqa: ANN401
        self._model = model

    def names(self) -> tuple[str, ...]:
        return (self._model.name,)

    def get(self, _: str) -> Any:  # noqa: ANN401
        return self._model

    def is_solo(self, _: object) -> bool:
        return False

    def just_loaded(self) -> bool:
        return False

    def compiling(self) -> tuple[str, ...]:
        return ()

    def close(self) -> None:
        pass


def _free(model: Any) -> Any:  # noqa: ANN401
    """The model, but it predicts what it sees and decodes nothing."""
    free = copy.copy(model)
    free.predict = lambda latents, *_: latents
    free.decode = lambda latents: torch.zeros_like(latents[:, :3])
    return free


def _as_on_a_card(device: torch.device) -> contextlib.AbstractContextManager[object]:
    if device.type != "cpu":
        return contextlib.nullcontext()
    return mock.patch.object(
        sampler, "non_blocking", lambda here: NonBlocking(here, lambda tensor, _: tensor)
    )
