"""The engine of a cluster: one queue on the event loop, and workers that pull from it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import logging
import math
import statistics
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engine.catalogue import ModelSpec
from engine.cluster.fleet import Fleet, Hello, Report, WorkerClient, WorkerLost, version
from engine.errors import (
    EngineClosed,
    EngineError,
    EngineLost,
    Sentence,
    first_line,
)
from engine.messages import (
    Cancelled,
    DescribeJob,
    DrawJob,
    End,
    EngineStatus,
    Event,
    Failed,
    FailureKind,
    Finished,
    GivenBack,
    Job,
    ModelInfo,
    Queued,
    Started,
    Translating,
    UpscaleJob,
    WorkerStatus,
)
from engine.policy.cost import ticket_for
from engine.policy.placement import Placement, Room
from engine.policy.queue import FairQueue
from engine.stream import Stream
from engine.validation import check

MOST_DEATHS = 3
"""How many workers may die while they draw a job, before it fails."""
ALONE_AFTER = 2
"""How many may die before it has a worker to itself, so that it takes no other job along."""
MOST_FAILURES = 3
"""On how many cards a job may fail, for what need not be its own fault, before it ends so."""
MOST_UNDELIVERED = 3
"""How often a job may not reach the worker that was to draw it, before it fails."""
START_S = 180.0
"""For how long a start waits for the workers that there is room for."""
START_MORE_S = 30.0
"""For how long it waits for a further one, once one is there: a card may be another program's."""
HELLO_S = 600.0
"""After how long a worker that has not started yet is given up, and another is tried."""
LOOK_EVERY_S = 2.0
"""How often is looked whether workers can be added."""
HANGS_AFTER_S = 300.0
MOST_SILENCE_S = 5.0
"""How much of the time between two looks is held against a worker: where this process was held up
for longer, the workers' reports may merely be unread."""
HIRE_AGAIN_S = (2.0, 10.0, 60.0)
"""How long after a worker that did not start, or that died before it was proven, the next one is
tried; the last holds from then on."""
MISSING_S = 60.0
"""For how long workers may be missing before the log says so."""
PROVEN_S = 60.0
"""After how long a worker that has not finished anything yet is proven too."""
log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class _Open:
    """A job that has not ended."""

    job: Job
    stream: Stream
    worker: int | None = None
    """None: it waits here."""
    begun: bool = False
    """Whether its worker has begun with it."""
    deaths: int = 0
    undelivered: int = 0
    """How often it did not reach its worker."""
    failures: int = 0
    """On how many cards it failed."""
    cancelled: bool = False
    position: int | None = None
    """As last reported."""


@dataclass(slots=True, kw_only=True)
class _Worker:
    number: int
    client: WorkerClient
    answered: asyncio.Future[None]
    """Done once it said hello, or cannot."""
    hello: Hello | None = None
    refusal: str = ""
    """Why it may not work here."""
    status: EngineStatus = field(default_factory=lambda: EngineStatus(device=""))
    came_s: float = 0.0
    """When it said hello."""
    proven: bool = False
    """Whether it finished a job or lived for `PROVEN_S`: until then its card may be broken."""
    silent_s: float = 0.0
    """For how long its engine has not looked for work, although it has some."""

    @property
    def name(self) -> str:
        return f"{self.number} on {self.hello.node}" if self.hello is not None else str(self.number)


class ClusterEngine:
    """`Engine`'s interface to the devices of many machines; call it from one event loop only.

    A worker that dies gives its jobs back: they are the next of their owners, and after
    `MOST_DEATHS` of their workers they fail. Where no worker is left the jobs wait. A worker that
    hangs is killed. A job that fails on one card, but for what its member gave, is tried on another
    one, `MOST_FAILURES` in all.
    """

    def __init__(
        self,
        models: Sequence[ModelSpec],
        *,
        fleet: Callable[[Sequence[ModelSpec]], Fleet],
        owner_cap: int = 3,
        hangs_after_s: float = HANGS_AFTER_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """fleet: makes the workers' places, given the catalogue with whole paths.

        hangs_after_s: how long a worker with jobs may stand still in one pass. Models that are
        loaded or compiled meanwhile do not count: they have threads of their own.
        """
        specs = [with_whole_paths(spec) for spec in models]
        self._specs = {spec.info.name: spec for spec in specs}
        self._infos = {spec.info.name: spec.info for spec in specs if spec.draws}
        self._fleet, self._clock = fleet(specs), clock
        self._hangs_after_s = hangs_after_s
        self._placement = Placement(FairQueue(owner_cap=owner_cap, clock=clock), clock=clock)
        self._open: dict[str, _Open] = {}
        self._workers: dict[int, _Worker] = {}
        self._numbers = itertools.count(1)
        self._first: Hello | None = None
        """Of the first worker: all others, those that come later too, must have what it had."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()
        """Set at each end of a job, for a drain that waits."""
        self._places = 0
        """For how many workers there was room when it was last looked."""
        self._missing_now, self._missing_since_s, self._missing_said = "", 0.0, True
        self._failures = 0
        """Workers in a row that did not start, or died before they were proven."""
        self._hire_at_s = float("-inf")
        self._trouble = ""
        """Why the last worker is gone, or never was."""
        self._started = self._closed = False
        self._lost = ""

    async def start(self) -> None:
        """Connect and start the workers; EngineError with one sentence where none can be started,
        or where one is of another Darkroom or has other files than the others.
        """
        try:
            await self._fleet.open()
            await self._start_workers()
        except BaseException:
            await self.close()
            raise
        self._started = True
        self._track(self._keep())

    def check(self, job: Job) -> None:
        """As `Engine.check`; pictures that the cluster cannot carry are refused too."""
        check(job, self._specs)
        most, size = self._fleet.most_job_bytes, _bytes_of(job)
        if most is not None and size > most:
            raise ValueError(
                Sentence(
                    "The pictures of this order are {size} MB together; this cluster carries"
                    " {most} MB for one order. Its operator can raise CLUSTER_OBJECT_STORE_MB.",
                    size=math.ceil(size / 1e6),
                    most=most // 1_000_000,
                )
            )

    def run(self, job: Job, begins: Callable[[], None] = lambda: None) -> Stream:  # noqa: ARG002
        """As `Engine.run`; a job that is given back by a dying worker tells so and waits again.

        begins: is not called, as what is drawn by a worker does not end this process.
        """
        if self._lost:
            raise EngineLost(self._lost)
        if self._closed or not self._started:
            raise EngineClosed("The engine is not running.")
        self.check(job)
        if job.id in self._open:
            raise ValueError(Sentence("The job {job} is already running.", job=job.id))
        opened = self._open[job.id] = _Open(job=job, stream=Stream())
        alone = isinstance(job, DrawJob) and not self._specs[job.model].family.shares_passes
        self._placement.push(ticket_for(job, solo=alone))
        self._place()
        return opened.stream

    def cancel(self, job_id: str) -> bool:
        """As `Engine.cancel`."""
        opened = self._open.get(job_id)
        if opened is None:
            return False
        opened.cancelled = True
        if opened.worker is None:
            self._end(opened, Cancelled(job_id=job_id))
            self._place()
        elif opened.worker in self._workers:  # else the cluster is being closed
            self._workers[opened.worker].client.cancel(job_id)
        return True

    def status(self) -> EngineStatus:
        """All workers together, and each by its name."""
        there = [worker for worker in self._workers.values() if worker.hello is not None]
        statuses = [worker.status for worker in there]
        workers = tuple(
            WorkerStatus(
                name=worker.name,
                pid=worker.hello.pid,
                device=worker.hello.device,
                running=tuple(id_ for id_, o in self._open.items() if o.worker == worker.number),
                resident_models=worker.status.resident_models,
                busy_share=worker.status.busy_share,
                last_tick_ms=worker.status.last_tick_ms,
            )
            for worker in there
            if worker.hello is not None
        )
        reason = self._lost or ("The engine is closed." if self._closed else "")
        if not reason and not there:
            reason = "No worker is there, so jobs wait."
            reason += f" The last one: {self._trouble}." if self._trouble else ""
        reason = reason or self._missing()
        return EngineStatus(
            device=_devices(workers),
            running=tuple(id_ for id_, opened in self._open.items() if opened.worker is not None),
            queued=tuple(self._placement.order()),
            resident_models=_together(status.resident_models for status in statuses),
            compiling=_together(status.compiling for status in statuses),
            solo=next((status.solo for status in statuses if status.solo), None),
            busy_share=statistics.fmean(s.busy_share for s in statuses) if statuses else 0.0,
            last_tick_ms=max((status.last_tick_ms for status in statuses), default=0.0),
            batch_fill=statistics.fmean(s.batch_fill for s in statuses) if statuses else 0.0,
            memory_bytes=sum(s.memory_bytes for s in statuses),
            alive=not self._lost and not self._closed,
            extras={"reason": reason} if reason else {},
            workers=workers,
            places=self._places,
        )

    def models(self) -> tuple[ModelInfo, ...]:
        """Every drawing model of the catalogue; installed are those that the workers have."""
        return tuple(self._infos.values())

    async def close(self, *, drain_s: float = 0) -> None:
        """As `Engine.close`."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(drain_s):
                while any(opened.worker is not None for opened in self._open.values()):
                    self._ended.clear()
                    await self._ended.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for worker in self._workers.values():
            self._kill(worker)
        self._workers.clear()
        await self._fleet.close()
        self._fail_all(EngineClosed("The engine was closed before the job ended."))

    # Workers.

    async def _start_workers(self) -> None:
        self._places = await self._fleet.places()
        hired = [self._hire() for _ in range(self._places)]
        await self._most_answered({worker.answered for worker in hired})
        for worker in hired:
            if worker.refusal:
                raise EngineError(worker.refusal)
        if not any(worker.hello for worker in self._workers.values()):
            late = f"no worker was there within {START_S:.0f} seconds"
            late += "".join(f"; each waits for {what}" for what in self._waits_for())
            raise EngineError(f"The cluster has no worker: {self._trouble or late}.")
        self._say_missing(after_s=0)

    async def _most_answered(self, waiting: set[asyncio.Future[None]]) -> None:
        """Until all said hello or cannot, or it is not worth while to wait for the others."""
        until_s = time.monotonic() + START_S
        while waiting and (left_s := until_s - time.monotonic()) > 0:
            some = any(worker.hello is not None for worker in self._workers.values())
            came, waiting = await asyncio.wait(
                waiting,
                timeout=min(left_s, START_MORE_S) if some else left_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not came:
                return

    async def _keep(self) -> None:
        """Replace workers that hang and start more where there is room, until the engine ends."""
        looked_s = self._clock()
        while not self._lost:
            await asyncio.sleep(LOOK_EVERY_S)
            before_s, looked_s = looked_s, self._clock()
            try:
                await self._look(min(looked_s - before_s, MOST_SILENCE_S))
            except EngineLost as error:
                log.critical("%s", error)
                self._lost = str(error)
                self._fail_all(error)
            except Exception:
                log.exception("a look at the workers failed; the next one follows")

    async def _look(self, passed_s: float) -> None:
        """passed_s: since the last look; EngineLost once the cluster is gone for good."""
        self._end_hung(passed_s)
        now_s = self._clock()
        for worker in self._workers.values():
            if worker.hello is not None and now_s - worker.came_s >= PROVEN_S:
                self._prove(worker)
        self._places = await self._fleet.places()
        self._hire_missing()
        self._say_missing(after_s=MISSING_S)
        self._place()  # for those that have waited long

    def _hire_missing(self) -> None:
        """Start workers where there is room, unless it is too early after the last failure."""
        if self._clock() < self._hire_at_s:
            return
        for _ in range(self._places - len(self._workers)):
            try:
                self._hire()
            except Exception as error:
                log.exception("a worker could not be started")
                self._trouble = f"it could not be started: {first_line(error)}"
                self._hire_later()
                return

    def _waits_for(self) -> Counter[str]:
        """What the workers that are not there yet wait for, and how many."""
        return Counter(w.client.waits_for for w in self._workers.values() if w.hello is None)

    def _missing(self) -> str:
        """How many workers are there, and why not all; empty where all are."""
        there = sum(worker.hello is not None for worker in self._workers.values())
        wanted = max(self._places, len(self._workers))
        why = [f"{count} waiting for {what}" for what, count in self._waits_for().items()]
        if later := wanted - len(self._workers):
            why.append(f"{later} tried again later, as the last one ended: {self._trouble}")
        return f"{there} of {wanted} workers are there; {', '.join(why)}." if why else ""

    def _say_missing(self, *, after_s: float) -> None:
        """Log once what has kept workers away for so long."""
        missing, now_s = self._missing(), self._clock()
        if missing != self._missing_now:
            self._missing_now, self._missing_since_s, self._missing_said = missing, now_s, False
        if missing and not self._missing_said and now_s - self._missing_since_s >= after_s:
            log.warning("%s", missing)
            self._missing_said = True

    def _end_hung(self, passed_s: float) -> None:
        """Kill the workers that have stood still for too long; so much time went by."""
        busy = {opened.worker for opened in self._open.values()}
        for worker in tuple(self._workers.values()):
            worker.silent_s = worker.silent_s + passed_s if worker.number in busy else 0.0
            if worker.silent_s > self._hangs_after_s:
                self._lose(worker, f"it stood still for {worker.silent_s:.0f} s and was killed")

    def _hire(self) -> _Worker:
        answered = asyncio.get_running_loop().create_future()
        number = next(self._numbers)
        worker = _Worker(number=number, client=self._fleet.hire(), answered=answered)
        self._workers[number] = worker
        self._track(self._serve(worker))
        return worker

    async def _serve(self, worker: _Worker) -> None:
        """Take a worker's reports from its hello to its death."""
        why = "it ended"
        try:
            async with asyncio.timeout(HELLO_S):
                hello = await worker.client.hello()
            worker.refusal = self._refusal(hello)
            if worker.refusal:
                why = worker.refusal.rstrip(".")
            else:
                self._accept(worker, hello)
                async for batch in worker.client.reports():
                    self._take(worker, batch)
        except WorkerLost as error:
            why = str(error)
        except TimeoutError:
            why = (
                f"it did not start within {HELLO_S:.0f} s and waited for {worker.client.waits_for}"
            )
        except Exception:
            log.exception("what worker %s reported cannot be understood", worker.name)
            why = "it reported what cannot be understood"
        self._lose(worker, why)

    def _refusal(self, hello: Hello) -> str:
        """Why this worker may not draw for us; empty where it may."""
        if hello.version != version():
            return (
                f"{hello.node} has Darkroom {hello.version}, this machine {version()}: install the"
                " same on every machine of the cluster at RAY_ADDRESS."
            )
        first = self._first
        if first is None:
            return ""
        here, there = dict(hello.installed), first.installed
        if self._started:  # what was fetched since then harms nothing
            here = {name: size for name, size in here.items() if name in there}
        if here == there:
            return ""
        name = min(name for name, _ in here.items() ^ there.items())
        return (
            f"The catalogue (MODELS) says that {name} is at {self._specs[name].place}; what is"
            f" there on {hello.node} is not what was there on {first.node} when the bot started."
            " Every machine needs the same files at the same paths; after a change start it again."
        )

    def _accept(self, worker: _Worker, hello: Hello) -> None:
        worker.hello, worker.came_s = hello, self._clock()
        if self._first is None:
            self._first = hello
            self._infos = {
                name: replace(
                    info,
                    installed=name in hello.installed,
                    weight_bytes=hello.installed.get(name, 0),
                )
                for name, info in self._infos.items()
            }
        self._placement.join(worker.number, card=(hello.machine, hello.card), node=hello.machine)
        worker.answered.set_result(None)
        log.info("worker %s draws on %s", worker.name, hello.device)
        if new := hello.installed.keys() - self._first.installed.keys():
            log.info("there since the start, used after the next one: %s", ", ".join(sorted(new)))

    def _prove(self, worker: _Worker) -> None:
        if not worker.proven:
            worker.proven = True
            self._failures, self._hire_at_s = 0, float("-inf")

    def _lose(self, worker: _Worker, why: str) -> None:
        """A worker is gone: its jobs wait again."""
        if worker.number not in self._workers:
            return  # it was killed, and only now its end is reported
        log.warning("worker %s is gone: %s", worker.name, why)
        del self._workers[worker.number]
        self._kill(worker)
        self._trouble = why
        if not worker.proven:
            self._hire_later()
        if not worker.answered.done():
            worker.answered.set_result(None)
        for ticket in self._placement.leave(worker.number):
            if ticket.job_id in self._open:
                self._give_back(self._open[ticket.job_id])
        self._place()

    def _kill(self, worker: _Worker) -> None:
        """Whatever goes wrong with that, its jobs must not be lost."""
        try:
            worker.client.kill()
        except Exception:
            log.exception("worker %s could not be killed", worker.name)

    def _hire_later(self) -> None:
        """A worker did not start, or died before it was proven."""
        self._failures += 1
        again = HIRE_AGAIN_S[min(self._failures, len(HIRE_AGAIN_S)) - 1]
        self._hire_at_s = self._clock() + again

    def _give_back(self, opened: _Open) -> None:
        begun, opened.worker, opened.begun, opened.position = opened.begun, None, False, None
        opened.deaths += 1  # that it has begun is told only after its first pass
        job_id = opened.job.id
        if opened.cancelled:
            self._end(opened, Cancelled(job_id=job_id))
        elif opened.deaths >= MOST_DEATHS:
            reason = Sentence(
                "The machines that drew this stopped {times} times, so it was given up.",
                times=opened.deaths,
            )
            self._end(opened, Failed(job_id=job_id, reason=reason))
        else:
            if opened.deaths >= ALONE_AFTER:
                self._placement.suspect(job_id)
            if begun:
                opened.stream.put(GivenBack(job_id=job_id))
        self._ended.set()  # a stop waits for nothing that runs nowhere

    # Jobs.

    def _take(self, worker: _Worker, batch: Sequence[Report]) -> None:
        for report in batch:
            match report:
                case Room():
                    self._placement.pull(worker.number, report)
                case EngineStatus():
                    if report.turns != worker.status.turns:
                        worker.silent_s = 0.0
                    worker.status = report
                case _:
                    self._pass_on(worker, report)
        self._place()

    def _pass_on(self, worker: _Worker, event: Event) -> None:
        opened = self._open.get(event.job_id)
        if opened is None or opened.worker != worker.number:
            return
        match event:
            case Failed() if event.kind != FailureKind.BAD_INPUT:
                self._fail_or_try_again(opened, worker, event)
            case Finished() | Failed() | Cancelled():
                if isinstance(event, Finished):
                    self._prove(worker)
                    self._placement.vouch(worker.number)
                self._end(opened, event)
            case Queued(loading=""):
                pass  # in the worker's own short queue: its turn here has come
            case Queued():
                opened.stream.put(replace(event, position=0))
            case _:
                opened.begun |= isinstance(event, Started | Translating)
                opened.stream.put(event)

    def _fail_or_try_again(self, opened: _Open, worker: _Worker, event: Failed) -> None:
        """Let another card try, as the fault may be this one's; else the job has failed."""
        opened.failures += 1
        job_id, elsewhere = event.job_id, self._placement.fail(event.job_id)
        if opened.cancelled or not elsewhere or opened.failures >= MOST_FAILURES:
            self._end(opened, event)
            return
        log.warning(
            "job %s failed on worker %s (%s) and is tried on another card: %s",
            job_id,
            worker.name,
            event.kind,
            event.reason,
        )
        self._placement.give_back(job_id)
        begun, opened.worker, opened.begun, opened.position = opened.begun, None, False, None
        if begun:
            opened.stream.put(GivenBack(job_id=job_id))
        self._ended.set()  # a stop waits for nothing that runs nowhere

    def _end(self, opened: _Open, event: End) -> None:
        job_id = opened.job.id
        del self._open[job_id]
        if not self._placement.cancel(job_id):
            self._placement.end(job_id)
        # A job that ended while its cancel was on the way: the member was told of the cancel.
        opened.stream.put(Cancelled(job_id=job_id) if opened.cancelled else event)
        self._ended.set()

    def _place(self) -> None:
        """Send the jobs that may start to their workers; tell the others how they stand."""
        if self._closed or self._lost:
            return
        for ticket, number in self._placement.place():
            opened = self._open[ticket.job_id]
            opened.worker, opened.position = number, None
            self._track(self._send(opened, self._workers[number]))
        for position, job_id in enumerate(self._placement.order()):
            opened = self._open[job_id]
            if opened.position != position:
                opened.position = position
                opened.stream.put(Queued(job_id=job_id, position=position))

    async def _send(self, opened: _Open, worker: _Worker) -> None:
        """Let a worker have a job; where it cannot, another may try."""
        try:
            await worker.client.submit(opened.job)
        except WorkerLost as error:
            self._lose(worker, str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the job is not there
            log.warning(
                "job %s did not reach worker %s: %s",
                opened.job.id,
                worker.name,
                first_line(error) or type(error).__name__,
            )
            if opened.worker == worker.number and self._open.get(opened.job.id) is opened:
                self._send_elsewhere(opened)

    def _send_elsewhere(self, opened: _Open) -> None:
        job_id, opened.worker = opened.job.id, None
        opened.undelivered += 1
        self._placement.give_back(job_id)
        if opened.cancelled:
            self._end(opened, Cancelled(job_id=job_id))
        elif opened.undelivered >= MOST_UNDELIVERED:
            reason = Sentence(
                "This could not be sent to the machine that was to draw it; its operator can"
                " raise CLUSTER_OBJECT_STORE_MB."
            )
            self._end(opened, Failed(job_id=job_id, reason=reason))
        self._ended.set()  # a stop waits for nothing that runs nowhere
        self._place()

    def _fail_all(self, error: EngineError) -> None:
        for opened in self._open.values():
            opened.stream.fail(error)
        self._open.clear()
        self._ended.set()  # a stop waits for them no more

    def _track(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def with_whole_paths(spec: ModelSpec) -> ModelSpec:
    """The entry with paths that mean the same in any folder of any machine."""
    whole: dict[str, Any] = {
        each.name: value.absolute()
        for each in dataclasses.fields(spec)
        if isinstance(value := getattr(spec, each.name), Path)
    }
    loras = tuple(replace(lora, path=lora.path.absolute()) for lora in spec.loras)
    return replace(spec, **whole, loras=loras)


def _bytes_of(job: Job) -> int:
    """Of the pictures that a job brings."""
    match job:
        case DrawJob():
            pictures = (*job.inputs, *job.style_inputs)
            return len(job.mask) + sum(len(picture.data) for picture in pictures)
        case DescribeJob():
            return sum(map(len, (job.picture, *job.together)))
        case UpscaleJob():
            return len(job.picture)
        case _:
            return 0


def _devices(workers: Sequence[WorkerStatus]) -> str:
    """Such as "8 × NVIDIA H200"."""
    counts = Counter(worker.device for worker in workers)
    return ", ".join(f"{count} × {device}" for device, count in counts.items())


def _together(names: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(itertools.chain.from_iterable(names)))
