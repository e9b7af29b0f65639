"""The device thread: receive, admit, tick, retire, tell."""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
import queue as mailboxes
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import torch

from engine import naming
from engine.device.faults import is_out_of_memory, raise_if_lost
from engine.errors import JobError, NotYetError
from engine.loop import sampler
from engine.loop.admission import Admission
from engine.loop.decoding import Decoding
from engine.loop.failures import explain
from engine.loop.mailbox import Cancel, Close, Detached, Loaded, Message, Submit
from engine.loop.pending import Found, PendingJobs
from engine.loop.reports import Reports
from engine.loop.row_builder import build_rows
from engine.loop.rows import Row, Work
from engine.loop.tick_timer import TickTimer
from engine.messages import (
    Cancelled,
    DrawJob,
    EngineStatus,
    Failed,
    FailureKind,
    Finished,
    Named,
    Started,
    WordWeightsJob,
)
from engine.models import Beside, Denoiser, Solo
from engine.models.word_weights import WordWeights
from engine.policy.batcher import plan
from engine.policy.budgets import Budgets
from engine.policy.placement import Room
from engine.policy.utilization import Utilization

IDLE_CHECK_S = 5.0
LATER_CHECK_S = 0.05
log = logging.getLogger(__name__)


class _Stopped(Exception):
    pass


class Worker:
    """Owns the device and the rows in flight; everything else sends it messages."""

    def __init__(
        self,
        *,
        mailbox: mailboxes.SimpleQueue[Message],
        admission: Admission,
        budgets: Budgets,
        reports: Reports,
        clock: Callable[[], float],
        device_title: str,
        idle_unload_s: float | None,
        pull: Callable[[Room], None] | None = None,
    ) -> None:
        """pull: is told what there is room for, whenever that changes."""
        self._mailbox, self._admission, self._reports = mailbox, admission, reports
        self._budgets, self._clock = budgets, clock
        self._device_title, self._idle_unload_s = device_title, idle_unload_s
        self._pull = pull
        self._room: Room | None = None
        self._works: dict[str, Work] = {}
        """Every job that has not ended, waiting ones too."""
        self._rows: list[Row] = []
        self._decoding = Decoding(clock)
        self._solos: list[tuple[Work, Solo]] = []
        """Jobs that want the device to themselves; the first may be running."""
        self._solo: Work | None = None
        self._pending = PendingJobs(clock)
        self._close_at_s: float | None = None
        self._numbers, self._ticks = itertools.count(), itertools.count()
        self._utilization = Utilization(clock)
        self._timer = TickTimer(clock, budgets)
        self._batch_fill = 0.0
        self.tick_began_s: float | None = None
        """For the watchdog; None between ticks."""
        self.status = EngineStatus(device=device_title)
        """A snapshot that any thread may read."""

    @torch.inference_mode()
    def run(self) -> None:
        """Work until closed; raises EngineLost where the device is lost."""
        self._tell()
        while self._receive():
            self._turn()
            self._run_solo()
        self._admission.close()

    def _turn(self) -> None:
        self._admit()
        self._tick()
        self._retire()
        self._tell()

    def _receive(self) -> bool:
        """Take every message; wait for one where there is nothing to do. False: time to stop."""
        while self._has_nothing_to_do():
            try:
                self._take(self._mailbox.get(block=True, timeout=self._patience_s()))
            except mailboxes.Empty:
                if self._pending.waiting:
                    break
                self._admission.idle(self._idle_unload_s, self._in_use())
                self._tell()
        return self._goes_on()

    def _goes_on(self) -> bool:
        """Take every message that has come. False: time to stop."""
        with contextlib.suppress(mailboxes.Empty):
            while True:
                self._take(self._mailbox.get(block=False, timeout=None))
        if self._close_at_s is None:
            return True
        left = self._draws() or self._admission.loads()
        return left and self._clock() < self._close_at_s

    def _draws(self) -> bool:
        """Whether jobs are being drawn, decoded or encoded."""
        return bool(
            self._rows or self._decoding.in_flight() or self._solos or self._pending.partly()
        )

    def _has_nothing_to_do(self) -> bool:
        """Whether only a message can bring work."""
        if self._close_at_s is not None:  # nothing more starts, but what is loaded is drawn
            loads = self._admission.loads() and self._clock() < self._close_at_s
            return loads and not self._draws()
        return not (self._draws() or self._admission.may_start)

    def _patience_s(self) -> float:
        """How long to wait for a message; jobs that could not begin yet are tried again soon."""
        return LATER_CHECK_S if self._pending.waiting else IDLE_CHECK_S

    def _take(self, message: Message) -> None:
        match message:
            case Submit(job, inputs, begins) if job.id not in self._works:
                ticket = self._admission.ticket(job)
                work = self._works[job.id] = Work(job, ticket, inputs, begins)
                self._admission.submit(work)
            case Cancel(job_id) if job_id in self._works:
                self._end(self._works[job_id], Cancelled(job_id=job_id))
            case Detached(job_id) if job_id in self._works:
                self._works[job_id].has_reader = False
            case Loaded(name, result):
                for work in self._admission.loaded(name, result):
                    self._begin(work, result)
            case Close(at_s):
                self._close_at_s = at_s
            case _:
                pass

    def _admit(self) -> None:
        for work, found in self._pending.turn(self._timer.last_s if self._rows else None):
            self._begin(work, found)
        if self._close_at_s is not None:
            return
        for work, model in self._admission.pull(
            self._rows, self._works, self._in_use, lambda: not self._solos
        ):
            work.begins()
            loading = "" if model is not None else self._admission.title(work.ticket.model)
            self._reports.tell(Started(job_id=work.job.id, loading=loading))
            if model is not None:
                self._begin(work, model)

    def _begin(self, work: Work, found: Found) -> None:
        """Turn a job into rows, or let it wait until it has the device to itself."""
        try:
            if isinstance(found, Exception):
                self._fail(work, found)
            elif isinstance(found, Iterator):
                self._arrive(work, found)
            elif isinstance(found, Solo):
                self._solos.append((work, found))
            elif isinstance(work.job, WordWeightsJob):
                self._solos.append((work, WordWeights(found)))
            else:
                begun = (row for other in self._pending.partly() for row in other.rows[:1])
                rows = itertools.chain(self._rows, begun)
                found.keep_adapters({row.adapter for row in rows if row.model is found})
                self._arrive(work, build_rows(work, found, self._numbers, self._beside(found)))
        except NotYetError:
            self._pending.waiting.append((work, found))
        except BaseException as error:  # noqa: BLE001 - one bad job fails alone; Rust panics too
            self._fail(work, error)

    def _beside(self, model: Denoiser) -> Beside | None:
        """The jobs of a model that wait; None where no row of it is in flight, so that the next job
        may be drawn alone.
        """
        if not any(row.model is model for row in self._rows):
            return None
        return lambda: (
            work.job
            for work in self._works.values()
            if work.ticket.model == model.name and not work.rows and isinstance(work.job, DrawJob)
        )

    def _arrive(self, work: Work, rows: Iterator[Row]) -> None:
        for row in self._pending.rows(work, rows):
            (self._rows if row.total else self._decoding.rows).append(row)

    def _tick(self) -> None:
        """One forward pass for rows of one group."""
        tick = next(self._ticks)
        rows = plan(self._rows, tick, self._budgets.of, self._fill)
        if not rows:
            return
        model, group = rows[0].model, rows[0].group
        size = model.padded(sum(row.samples for row in rows), wraps=rows[0].wraps)
        began_s = self.tick_began_s = self._clock()
        for row in rows:
            row.last_tick = tick
        self._timer.begin(model.device)
        self._step(rows)
        self._batch_fill = min(size / self._budgets.of(group), 1.0)
        self._timer.end(model.device, rows, group, None if model.untypical else size)
        self.tick_began_s = None
        self._utilization.add(began_s, self._clock())
        self._decoding.rows += [row for row in rows if row.step == row.total]
        self._rows[:] = [row for row in self._rows if row.step < row.total]
        self._reports.stepped(rows)

    def _fill(self, row: Row, samples: int) -> int:
        padded = partial(row.model.padded, wraps=row.wraps)
        return self._budgets.fill(row.group, samples, padded)

    def _step(self, rows: Sequence[Row]) -> None:
        """Step rows; where the pass fails, step them in halves until the row at fault is alone."""
        try:
            failed = sampler.step(rows[0].model, rows)
        except Exception as error:  # noqa: BLE001 - one bad job fails alone
            raise_if_lost(error)
            if len(rows) == 1:
                self._fail(rows[0].work, error)
                return
            out_of_memory = is_out_of_memory(error)
        else:
            for row, row_error in failed:
                self._fail(row.work, row_error)
            return
        # Only here is the error gone, and with it the memory that the failed pass used.
        if out_of_memory:
            samples = sum(row.samples for row in rows)
            self._budgets.out_of_memory(rows[0].group, samples)
            log.warning("Out of memory with %d samples; trying half.", samples)
            torch.cuda.empty_cache()
        half = (len(rows) + 1) // 2
        for part in (rows[:half], rows[half:]):
            alive = [row for row in part if not row.work.ended]
            if alive:
                self._step(alive)

    def _retire(self) -> None:
        self._decoding.rows = [row for row in self._decoding.rows if not row.work.ended]
        began_s = self._clock()
        for work, error in self._decoding.decode(self._timer.last_s if self._rows else math.inf):
            if error is not None:
                self._fail(work, error)
            elif self._forget(work):
                self._reports.finished(work)
        self._utilization.add(began_s, self._clock())

    def _run_solo(self) -> None:
        """Run one Solo; between its reports the rows of others step."""
        if not self._solos:
            return
        work, solo = self._solos[0]
        self._solo, began_s = work, self._clock()
        names = isinstance(work.job, DrawJob) and work.job.name_inputs

        def report(done: int, total: int) -> None:
            if not names:
                self._reports.solo(work, done, total)
            if not self._goes_on() or work.ended:
                raise _Stopped
            self._turn()

        try:
            finished = (
                self._described(work, solo, report)
                if names
                else solo.run(work.job, work.inputs, report)
            )
        except _Stopped:
            pass
        except Exception as error:  # noqa: BLE001 - one bad job fails alone
            self._fail(work, error)
        else:
            work.gpu_s += self._clock() - began_s
            if names:
                self._draw_named(work, finished)
            elif self._forget(work):
                self._reports.tell(replace(finished, drawn=work.drawn, gpu_s=work.gpu_s))
        self._solo = None
        self._utilization.add(began_s, self._clock())

    def _described(self, work: Work, solo: Solo, report: Callable[[int, int], None]) -> Finished:
        """What the pictures of a drawing show."""
        job = work.job
        assert isinstance(job, DrawJob)
        pictures = tuple(work.inputs.pictures[place] for place in naming.by_weight(job))
        return solo.run(naming.question(job), replace(work.inputs, pictures=pictures), report)

    def _draw_named(self, work: Work, answer: Finished) -> None:
        """Let a drawing whose pictures were described wait for its turn to be drawn."""
        if work.ended:
            return
        assert isinstance(work.job, DrawJob)
        found = answer.texts[0]
        work.job = naming.led(work.job, found)
        work.drawn = naming.drawn_words(work.job, found)
        self._reports.tell(Named(job_id=work.job.id, drawn=work.drawn))
        self._solos = [(other, solo) for other, solo in self._solos if other is not work]
        self._admission.go_on(work)

    def _fail(self, work: Work, error: BaseException) -> None:
        raise_if_lost(error)
        reason, kind = explain(error)
        if kind == FailureKind.BROKEN_MODEL:
            # The member's sentence has no folders; the operator's, which caused it, does.
            known = error.__cause__ if isinstance(error.__cause__, JobError) else error
            log.error("The job %s failed: %s", work.job.id, known)
            log.debug("The job %s failed.", work.job.id, exc_info=error)
        elif kind == FailureKind.INTERNAL:
            log.error("The job %s failed.", work.job.id, exc_info=error)
        self._end(work, Failed(job_id=work.job.id, reason=reason, kind=kind))

    def _end(self, work: Work, event: Failed | Cancelled) -> None:
        if self._forget(work):
            self._reports.tell(event)
            work.let_go()

    def _forget(self, work: Work) -> bool:
        """Remove a job everywhere; False where it has ended already."""
        if work.ended:
            return False
        work.ended = True
        del self._works[work.job.id]
        self._admission.end(work)
        self._rows[:] = [row for row in self._rows if row.work is not work]
        self._solos = [(other, solo) for other, solo in self._solos if other is not work]
        self._pending.forget(work)
        return True

    def _in_use(self) -> set[str]:
        names = {row.model.name for row in (*self._rows, *self._decoding.in_flight())}
        return names | {work.ticket.model for work, _ in (*self._solos, *self._pending.waiting)}

    def _awaiting_load(self) -> dict[str, str]:
        """The waiting jobs whose model is being loaded now, with its title."""
        name = self._admission.loading()
        if name is None:
            return {}
        title = self._admission.title(name)
        works = ((job_id, self._works[job_id]) for job_id in self._admission.order())
        return {job_id: title for job_id, work in works if work.ticket.model == name}

    def _tell(self) -> None:
        """Post the events of the turn, and update the snapshot of the engine's state."""
        waiting = self._reports.queued(self._admission.order(), self._awaiting_load())
        self.status = EngineStatus(
            turns=self.status.turns + 1,
            device=self._device_title,
            running=tuple(job_id for job_id in self._works if job_id not in waiting),
            queued=tuple(waiting),
            resident_models=self._admission.resident(),
            compiling=self._admission.compiling(),
            solo=self._solo.job.id if self._solo is not None else None,
            busy_share=self._utilization.share(),
            last_tick_ms=self._timer.last_s * 1000,
            batch_fill=self._batch_fill,
        )
        self._reports.flush()
        if self._pull is not None:
            room = self._admission.room(self._rows, self._works.values(), solo=not self._solos)
            if room != self._room:
                self._room = room
                self._pull(room)
