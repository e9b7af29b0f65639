"""The device thread: receive, admit, tick, retire, tell."""

from __future__ import annotations

import itertools
import logging
import queue as mailboxes
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from engine import sampler
from engine.batcher import Profile, plan
from engine.busy import BusyShare
from engine.errors import EngineLost, JobError
from engine.messages import (
    Cancelled,
    DrawJob,
    EngineStatus,
    Event,
    Failed,
    FailureKind,
    Finished,
    Job,
    Picture,
    Progress,
    Queued,
    Started,
    WordWeightsJob,
)
from engine.models import Solo
from engine.models.loading import BrokenModelError
from engine.models.words import WordWeights
from engine.pictures import Inputs, to_png, to_preview
from engine.queue import FairQueue
from engine.rows import Row, Work, rows_of
from engine.shelf import Model, Shelf
from engine.tickets import ticket_for

PROGRESS_INTERVAL_S = 0.25
IDLE_CHECK_S = 5.0
OVERCOMMIT = 3
"""Budgets' worth of samples that owners without a running job may add to a full device: they
step at once and everybody steps less often, which is what keeps small jobs quick."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Submit:
    """A job, checked, with its pictures decoded."""

    job: Job
    inputs: Inputs


@dataclass(frozen=True, slots=True)
class Cancel:
    """End this job, waiting or running."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Unheard:
    """Nobody reads this job's events any more."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """The shelf's loading thread is done."""

    name: str
    result: Model | Exception


@dataclass(frozen=True, slots=True)
class Close:
    """Start nothing more; what runs may go on until then."""

    at_s: float


Message = Submit | Cancel | Unheard | Loaded | Close


class _Stopped(Exception):
    pass


class Worker:
    """Owns the device, the rows in flight and the queue; everything else sends it messages."""

    def __init__(
        self,
        *,
        mailbox: mailboxes.SimpleQueue[Message],
        shelf: Shelf,
        queue: FairQueue,
        post: Callable[[Sequence[Event]], None],
        pool: Executor,
        clock: Callable[[], float],
        device_title: str,
        preview_interval_s: float,
        idle_unload_s: float | None,
        profile: Callable[[], Profile] = Profile,
    ) -> None:
        self._mailbox, self._shelf, self._queue = mailbox, shelf, queue
        self._post, self._pool, self._clock = post, pool, clock
        self._device_title = device_title
        self._preview_interval_s, self._idle_unload_s = preview_interval_s, idle_unload_s
        self._new_profile = profile
        self._profiles: dict[Hashable, Profile] = {}
        self._works: dict[str, Work] = {}
        """Every job that has not ended, waiting ones too."""
        self._rows: list[Row] = []
        self._retiring: list[Row] = []
        """Rows that are drawn but not decoded."""
        self._waiting_for: dict[str, list[Work]] = {}
        """Handed out, but their model is still loading."""
        self._solos: list[tuple[Work, Solo]] = []
        self._solo: Work | None = None
        self._freed = False
        """Whether a job ended since jobs were last pulled, so that another may start."""
        self._close_at_s: float | None = None
        self._arrivals = itertools.count()
        self._ticks = itertools.count()
        self._positions: dict[str, int] = {}
        self._events: list[Event] = []
        self._busy = BusyShare(clock)
        self._last_tick_s = 0.0
        self.tick_began_s: float | None = None
        """For the watchdog; None between ticks."""
        self.status = EngineStatus(device=device_title)
        """A snapshot that any thread may read."""

    @torch.inference_mode()
    def run(self) -> None:
        """Work until closed; raises EngineLost where the device is."""
        while self._receive(wait=True):
            self._admit()
            self._tick()
            self._retire()
            self._run_solo()
            self._tell()
        self._shelf.close()

    # Receive.

    def _receive(self, *, wait: bool) -> bool:
        """Take every message; sleep where there is nothing to do. False: it is time to leave."""
        while True:
            idle = wait and not (self._rows or self._retiring or self._solos or self._freed)
            try:
                message = self._mailbox.get(block=idle, timeout=IDLE_CHECK_S if idle else None)
            except mailboxes.Empty:
                if idle and self._idle_unload_s is not None:
                    self._shelf.put_away_idle(self._idle_unload_s, self._in_use())
                if not idle:
                    break
            else:
                self._take(message)
                wait = False
            if self._close_at_s is not None:
                break
        return self._close_at_s is None or (
            self._clock() < self._close_at_s
            and bool(self._rows or self._retiring or self._solos or self._waiting_for)
        )

    def _take(self, message: Message) -> None:
        match message:
            case Submit(job, inputs):
                work = Work(job, ticket_for(job), inputs)
                self._works[job.id] = work
                self._queue.push(work.ticket)
            case Cancel(job_id):
                if job_id in self._works:
                    self._queue.cancel(job_id)
                    self._end(self._works[job_id], Cancelled(job_id=job_id))
            case Unheard(job_id):
                if job_id in self._works:
                    self._works[job_id].listened = False
            case Loaded(name, result):
                self._loaded(name, result)
            case Close(at_s):
                self._close_at_s = at_s

    def _loaded(self, name: str, result: Model | Exception) -> None:
        waiting = [w for w in self._waiting_for.pop(name, []) if w.job.id in self._works]
        if isinstance(result, Exception):
            self._shelf.loading = None
            for work in waiting:
                self._fail(work, result)
        else:
            self._shelf.put(name, result)
            for work in waiting:
                self._begin(work, result)

    # Admit.

    def _admit(self) -> None:
        """Pull jobs while there is room for their samples in the coming passes."""
        self._freed = False
        while self._close_at_s is None:
            if any(name != self._shelf.loading for name in self._waiting_for):
                # It waits for memory that rows in flight hold: let them finish first.
                self._load_waiting()
                return
            budget = sum({row.group: self._budget_of(row.group) for row in self._rows}.values())
            free = (budget or 1) - sum(row.samples for row in self._rows)
            models = self._shelf.names() if self._shelf.loading else None
            ticket = self._queue.next(free, free + OVERCOMMIT * budget, models)
            if ticket is None:
                return
            work = self._works[ticket.job_id]
            self._events.append(Started(job_id=ticket.job_id))
            model = self._shelf.get(ticket.model)
            if model is None:
                self._waiting_for.setdefault(ticket.model, []).append(work)
                self._load_waiting()
            else:
                self._begin(work, model)

    def _load_waiting(self) -> None:
        if self._shelf.loading is None:
            for name in self._waiting_for:
                if self._shelf.want(name, self._in_use()):
                    return

    def _in_use(self) -> set[str]:
        names = {row.model.name for row in (*self._rows, *self._retiring)}
        return names | {solo.name for _, solo in self._solos}

    def _begin(self, work: Work, model: Model) -> None:
        """Turn a job into rows, or let it wait for the device as a whole."""
        try:
            if isinstance(model, Solo):
                self._solos.append((work, model))
            elif isinstance(work.job, WordWeightsJob):
                self._solos.append((work, WordWeights(model)))
            else:
                work.rows = rows_of(work, model, self._arrivals)
                self._rows += [row for row in work.rows if row.total]
                self._retiring += [row for row in work.rows if not row.total]
        except Exception as error:  # noqa: BLE001 - one bad job fails alone
            self._fail(work, error)

    # Tick.

    def _budget_of(self, group: Hashable) -> int:
        if group not in self._profiles:
            self._profiles[group] = self._new_profile()
        return self._profiles[group].budget

    def _tick(self) -> None:
        """One forward pass for rows of one group."""
        rows = plan(self._rows, self._budget_of)
        if not rows:
            return
        began_s = self.tick_began_s = self._clock()
        tick = next(self._ticks)
        for row in rows:
            row.last_tick = tick
        self._step(rows)
        self.tick_began_s = None
        self._last_tick_s = self._clock() - began_s
        self._busy.add(began_s, began_s + self._last_tick_s)
        samples = sum(row.samples for row in rows)
        self._profiles[rows[0].group].record(samples, self._last_tick_s)
        for row in rows:
            row.work.gpu_s += self._last_tick_s * row.samples / samples
        self._retiring += [row for row in rows if row.step == row.total]
        self._rows = [row for row in self._rows if row.step < row.total]
        for work in {id(row.work): row.work for row in rows}.values():
            self._progress(work)

    def _step(self, rows: Sequence[Row]) -> None:
        """Step rows; where that fails, in halves, until the row at fault is alone."""
        before = [row.step for row in rows]
        try:
            sampler.step(rows[0].model, rows)
        except Exception as error:  # noqa: BLE001 - one bad job fails alone
            _raise_if_lost(error)
            rest = [row for row, done in zip(rows, before, strict=True) if row.step == done]
            if _is_out_of_memory(error):
                samples = sum(row.samples for row in rows)
                self._profiles[rows[0].group].out_of_memory(samples)
                log.warning("Out of memory with %d samples; trying half.", samples)
                torch.cuda.empty_cache()
            if len(rows) == 1:
                self._fail(rows[0].work, error)
            else:
                half = (len(rest) + 1) // 2
                for part in filter(None, (rest[:half], rest[half:])):
                    if part[0].work.job.id in self._works:
                        self._step(part)

    def _progress(self, work: Work) -> None:
        """Tell how far a job is, and show it, not too often and only to whoever listens."""
        now_s = self._clock()
        if not work.listened or now_s - work.said_s < PROGRESS_INTERVAL_S:
            return
        if work.job.id not in self._works or work.done == work.total:
            return
        work.said_s = now_s
        event = Progress(job_id=work.job.id, done=work.done, total=work.total)
        wants = isinstance(work.job, DrawJob) and work.job.previews
        if wants and now_s - work.shown_s >= self._preview_interval_s:
            work.shown_s = now_s
            rough = [row.model.preview.draw(row.clean()) for row in work.rows]
            self._pool.submit(self._post_previews, event, rough)
        else:
            self._events.append(event)

    def _post_previews(self, event: Progress, rough: Sequence[NDArray[np.uint8]]) -> None:
        previews = tuple(map(to_preview, rough))
        self._post(
            [Progress(job_id=event.job_id, done=event.done, total=event.total, previews=previews)]
        )

    # Retire.

    def _retire(self) -> None:
        """Decode drawn rows; beside others in flight for no longer than a tick."""
        self._retiring = [row for row in self._retiring if row.work.job.id in self._works]
        began_s = self._clock()
        while self._retiring:
            first = self._retiring[0]
            batch = [row for row in self._retiring if row.group == first.group]
            if self._rows:
                batch = batch[:1]
            self._decode(batch)
            self._retiring = [row for row in self._retiring if row not in batch]
            if self._rows and self._clock() - began_s >= self._last_tick_s:
                break
        self._busy.add(began_s, self._clock())

    def _decode(self, rows: Sequence[Row]) -> None:
        began_s = self._clock()
        model = rows[0].model
        try:
            pictures = sampler.decode(model, rows)
        except Exception as error:  # noqa: BLE001 - one bad job fails alone
            _raise_if_lost(error)
            if len(rows) == 1 or not _is_out_of_memory(error):
                for row in rows:
                    self._fail(row.work, error)
            else:
                for row in rows:
                    self._decode([row])
            return
        for row, pixels in zip(rows, pictures, strict=True):
            work = row.work
            work.gpu_s += (self._clock() - began_s) / len(rows)
            if pixels is None:
                self._fail(work, _NotNumbersError())
                continue
            model.preview.learn(row.latents, pixels)
            work.pixels[row.index] = pixels
            if len(work.pixels) == len(work.rows) and self._forget(work):
                self._pool.submit(self._post_finished, work)

    def _post_finished(self, work: Work) -> None:
        job = work.job
        assert isinstance(job, DrawJob)
        pictures = tuple(
            Picture(
                png=to_png(pixels),
                seed=(job.seed + index) % 2**32,
                width_px=pixels.shape[1],
                height_px=pixels.shape[0],
                safety_score=work.scores.get(index),
            )
            for index, pixels in sorted(work.pixels.items())
        )
        notes = tuple(dict.fromkeys(work.notes))
        self._post([Finished(job_id=job.id, pictures=pictures, notes=notes, gpu_s=work.gpu_s)])

    # Whole jobs.

    def _run_solo(self) -> None:
        """Run one Solo; between its reports the rows of others step."""
        if not self._solos:
            return
        work, solo = self._solos.pop(0)
        if work.job.id not in self._works:
            return
        self._solo = work
        began_s = self._clock()

        def report(done: int, total: int) -> None:
            self._events.append(Progress(job_id=work.job.id, done=done, total=total))
            open_still = self._receive(wait=False)
            if not open_still or work.job.id not in self._works:
                raise _Stopped
            self._admit()
            self._tick()
            self._retire()
            self._tell()

        try:
            finished = solo.run(work.job, work.inputs, report)
        except _Stopped:
            pass
        except Exception as error:  # noqa: BLE001 - one bad job fails alone
            self._fail(work, error)
        else:
            if self._forget(work):
                self._events.append(finished)
        finally:
            self._solo = None
            self._busy.add(began_s, self._clock())

    # Ends.

    def _fail(self, work: Work, error: Exception) -> None:
        _raise_if_lost(error)
        reason, kind = _sentence(error)
        if kind in {FailureKind.INTERNAL, FailureKind.BROKEN_MODEL}:
            log.error("The job %s failed.", work.job.id, exc_info=error)
        self._end(work, Failed(job_id=work.job.id, reason=reason, kind=kind))

    def _end(self, work: Work, event: Failed | Cancelled) -> None:
        if self._forget(work):
            self._events.append(event)

    def _forget(self, work: Work) -> bool:
        """Take a job out of everything; False where it has ended already."""
        if self._works.pop(work.job.id, None) is None:
            return False
        self._queue.end(work.job.id)
        self._freed = True
        self._rows = [row for row in self._rows if row.work is not work]
        self._retiring = [row for row in self._retiring if row.work is not work]
        for waiting in self._waiting_for.values():
            if work in waiting:
                waiting.remove(work)
        return True

    # Tell.

    def _tell(self) -> None:
        """Post what happened, and where the waiting ones stand now."""
        order = self._queue.order()
        for position, job_id in enumerate(order):
            if self._positions.get(job_id) != position:
                self._events.append(Queued(job_id=job_id, position=position))
        self._positions = {job_id: position for position, job_id in enumerate(order)}
        self.status = EngineStatus(
            device=self._device_title,
            running=tuple(job_id for job_id in self._works if job_id not in self._positions),
            queued=tuple(order),
            resident_models=self._shelf.names(),
            solo=self._solo.job.id if self._solo is not None else None,
            busy_share=self._busy.share(),
            last_tick_ms=self._last_tick_s * 1000,
        )
        if self._events:
            self._post(self._events)
            self._events = []


class _NotNumbersError(JobError):
    pass


def _sentence(error: Exception) -> tuple[str, FailureKind]:
    """What a member reads, and what kind of failure it is."""
    match error:
        case _NotNumbersError():
            return (
                "The model made numbers that are no picture (NaN): try another seed.",
                FailureKind.BAD_PICTURE,
            )
        case BrokenModelError():
            return str(error), FailureKind.BROKEN_MODEL
        case JobError() | ValueError():
            return str(error), FailureKind.BAD_INPUT
        case _ if _is_out_of_memory(error):
            return (
                "The device ran out of memory even for one picture; ask for a smaller size.",
                FailureKind.OUT_OF_MEMORY,
            )
        case _:
            return "Something broke inside the engine; the operator's log says what.", (
                FailureKind.INTERNAL
            )


def _is_out_of_memory(error: Exception) -> bool:
    """CUDA's own error, the host's, or the CPU allocator's, which is a plain RuntimeError."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


def _raise_if_lost(error: Exception) -> None:
    """After such an error no CUDA call of this process can succeed."""
    if isinstance(error, EngineLost):
        raise error
    accelerator = getattr(torch, "AcceleratorError", None)
    lost = accelerator is not None and isinstance(error, accelerator)
    if (lost or "CUDA error" in str(error)) and not _is_out_of_memory(error):
        raise EngineLost(f"The device is lost: {str(error).splitlines()[0]}") from error
