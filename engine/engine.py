"""The asyncio side of the engine; the only file that crosses to the device thread."""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from engine.catalogue import ModelSpec
from engine.device.libraries import prepare as prepare_libraries
from engine.errors import EngineClosed, EngineError, EngineLost, JobError, Sentence, sentence_of
from engine.messages import (
    Cancelled,
    DrawJob,
    EngineStatus,
    Event,
    Failed,
    FailureKind,
    Finished,
    Job,
    ModelInfo,
    Translating,
)
from engine.pictures.encoded import Inputs, brings_pictures, prepare
from engine.policy.placement import Room
from engine.policy.queue import FairQueue
from engine.stream import Stream
from engine.translation import Translation, Translations
from engine.validation import check

if TYPE_CHECKING:
    from engine.loop.mailbox import Message
    from engine.loop.worker import Worker

WATCHDOG_S = 60.0
ENCODERS = 2, 8
"""The least and the most threads that write files of pictures."""
READERS = 2
"""Threads that read the pictures that members give. Each may take hundreds of megabytes for one of
50 megapixels, so that more could fill the memory."""
STOP_WITHIN_S = 25.0
"""How long a stop waits, after the drain, for the pass in flight."""
log = logging.getLogger(__name__)


class Engine:
    """Draws many members' pictures on one device; call it from one event loop only.

    cache_dir: where what was learned of this machine (budgets) is kept for the next start.
    """

    def __init__(
        self,
        models: Sequence[ModelSpec],
        *,
        device: str = "auto",
        dtype: str = "auto",
        preview_interval_s: float = 2.0,
        owner_cap: int = 3,
        gpu_memory_gb: float | None = None,
        idle_unload_min: float | None = None,
        cache_dir: Path | None = None,
        pull: Callable[[Room], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """pull: is called on the event loop with what there is room for, whenever that changes."""
        self._specs = {spec.info.name: spec for spec in models}
        self._device, self._dtype, self._gpu_memory_gb = device, dtype, gpu_memory_gb
        self._preview_interval_s = preview_interval_s
        self._owner_cap, self._cache_dir = owner_cap, cache_dir
        self._idle_unload_s = None if idle_unload_min is None else idle_unload_min * 60
        self._pull, self._clock = pull, clock
        self._mailbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._pool = ThreadPoolExecutor(encoders(), thread_name_prefix="pictures")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="given pictures")
        self._translations = Translations(models)
        self._translated: dict[str, Translation] = {}
        """Of open jobs whose words were to be translated."""
        self._streams: dict[str, Stream] = {}
        self._cancelled: set[str] = set()
        self._preparing: set[str] = set()
        """Jobs that the device thread does not know yet."""
        self._worker: Worker | None = None
        self._thread: threading.Thread | None = None
        self._watchdog: asyncio.Task[None] | None = None
        self._closed = False
        self._lost = ""
        self._warning = ""
        self._few_sizes: frozenset[str] = frozenset()
        """Models that are compiled for a card, each size by itself."""

    async def start(self) -> None:
        """Start the device thread; EngineError with one sentence where the device is missing."""
        prepare_libraries()
        self._loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(
            target=self._work, args=(ready,), name="device", daemon=True
        )
        self._thread.start()
        await ready
        self._watchdog = asyncio.create_task(self._watch())

    def check(self, job: Job) -> None:
        """Raise ValueError with a `Sentence`, as `run` would, for a job that can never be done."""
        check(job, self._specs)

    def run(self, job: Job, begins: Callable[[], None] = lambda: None) -> Stream:
        """The job's events, exactly one End last; closing the iterator detaches.

        begins: is called in some thread before words are translated and before the first pass, so
        that it can be kept which jobs there were when a process dies. It must be quick and raise
        nothing.

        Raises ValueError, at the call, for a job that can never be done or whose id runs already;
        while iterated, EngineClosed or EngineLost where the engine ends before the job does.
        """
        if self._lost:
            raise EngineLost(self._lost)
        if self._closed or self._worker is None:
            raise EngineClosed("The engine is not running.")
        check(job, self._specs)
        if job.id in self._streams:
            raise ValueError(Sentence("The job {job} is already running.", job=job.id))
        self._streams[job.id] = stream = Stream(partial(self._detach, job.id))
        if isinstance(job, DrawJob) and job.translate:
            self._preparing.add(job.id)
            self._translations.submit(
                job,
                partial(self._begin_translating, job.id, stream, begins),
                lambda translation: self._call(self._take_words, job, stream, translation, begins),
            )
        else:
            self._begin(job, stream, begins)
        return stream

    def cancel(self, job_id: str) -> bool:
        """Let the job end with Cancelled; False where no such job is open."""
        if job_id not in self._streams:
            return False
        from engine.loop.mailbox import Cancel  # noqa: PLC0415 - torch, loaded by now

        self._cancelled.add(job_id)
        if job_id in self._preparing:
            self._preparing.discard(job_id)
            self._translations.cancel(job_id)
            self._deliver([Cancelled(job_id=job_id)])
        else:
            self._mailbox.put(Cancel(job_id))
        return True

    def status(self) -> EngineStatus:
        """A snapshot, at most one tick old."""
        if self._worker is None:
            status = EngineStatus(device="", alive=False, extras={"reason": "Not started."})
        else:
            status = replace(self._worker.status, memory_bytes=_reserved_bytes())
        if self._lost or self._closed:
            reason = self._lost or "The engine is closed."
            return replace(status, alive=False, extras={"reason": reason})
        if self._warning:
            return replace(status, extras={"reason": self._warning})
        return status

    def models(self) -> tuple[ModelInfo, ...]:
        """Every drawing model of the catalogue, installed or not."""
        return tuple(
            replace(spec.info, few_sizes=True) if name in self._few_sizes else spec.info
            for name, spec in self._specs.items()
            if spec.draws
        )

    async def close(self, *, drain_s: float = 0) -> None:
        """Start nothing more; running jobs may finish for `drain_s`; the others stay open.

        Where the device thread is stuck it is left behind, and open jobs raise EngineLost.
        """
        if self._closed:
            return
        self._closed = True
        if self._thread is not None and self._thread.is_alive() and self._worker is not None:
            from engine.loop.mailbox import Close  # noqa: PLC0415 - torch, loaded by now

            self._mailbox.put(Close(self._clock() + drain_s))
            await asyncio.to_thread(self._thread.join, drain_s + STOP_WITHIN_S)
        if self._watchdog is not None:
            self._watchdog.cancel()
        if self._thread is not None and self._thread.is_alive():
            self._lose("The device thread is stuck and was left behind.")
            log.critical("%s", self._lost)
            return
        await asyncio.to_thread(self._translations.close)
        for pool in (self._readers, self._pool):
            await asyncio.to_thread(pool.shutdown)
        # Events that the pool posted last are delivered before the other streams are failed.
        await asyncio.sleep(0)
        self._fail_all(EngineClosed("The engine was closed before the job ended."))

    # On the translator's thread.

    def _begin_translating(self, job_id: str, stream: Stream, begins: Callable[[], None]) -> None:
        begins()
        self._call(self._say_translating, job_id, stream)

    # On the device thread.

    def _work(self, ready: asyncio.Future[None]) -> None:
        try:
            worker, warning = self._build()
        except EngineError as error:
            self._call(ready.set_exception, error)
            return
        except Exception as error:  # noqa: BLE001 - the start says it in one sentence
            self._call(ready.set_exception, EngineError(f"The engine cannot start: {error}"))
            return
        self._worker, self._warning = worker, warning
        self._call(ready.set_result, None)
        try:
            worker.run()
        except EngineLost as error:
            log.critical("%s", error)
            self._call(self._lose, str(error))
        except BaseException as error:
            log.critical("The device thread broke.", exc_info=error)
            self._call(self._lose, f"The device thread broke: {error}")

    def _build(self) -> tuple[Worker, str]:
        import torch  # noqa: PLC0415 - seconds, and here not on the event loop

        from engine.device import device as devices  # noqa: PLC0415
        from engine.loop.admission import Admission  # noqa: PLC0415
        from engine.loop.mailbox import Loaded  # noqa: PLC0415
        from engine.loop.reports import Reports  # noqa: PLC0415
        from engine.loop.worker import Worker  # noqa: PLC0415
        from engine.models import how, loading  # noqa: PLC0415
        from engine.models.model_cache import ModelCache  # noqa: PLC0415
        from engine.policy.budgets import Budgets  # noqa: PLC0415

        device = devices.choose(self._device, self._dtype, self._gpu_memory_gb)
        if device.warning:
            log.warning("%s", device.warning)
        if device.where.type == "cuda":
            torch.cuda.set_device(device.where)
            devices.tune(
                device, try_convolutions=any(each.try_convolutions for each in self._specs.values())
            )
            self._few_sizes = frozenset(
                name
                for name, spec in self._specs.items()
                if how.how_compiled(spec, device.where) is not None
            )
        if device.where.type == "cpu":
            devices.leave_a_core()
        models = ModelCache(
            loading.by_role(self._specs),
            load=lambda spec: loading.load(spec, device.where, device.dtype_for(spec.dtype)),
            memory_gb=device.memory_gb,
            loaded=lambda name, result: self._mailbox.put(Loaded(name, result)),
            clock=self._clock,
            streams=device.where.type == "cuda",
        )
        queue = FairQueue(owner_cap=self._owner_cap, clock=self._clock)
        budgets = Budgets(
            file=self._cache_dir / "budgets.json" if self._cache_dir is not None else None,
            machine=f"{device.title}, {device.dtype}, torch {torch.__version__}",
        )
        worker = Worker(
            mailbox=self._mailbox,
            admission=Admission(queue, models, budgets),
            budgets=budgets,
            reports=Reports(
                post=lambda events: self._call(self._deliver, events),
                pool=self._pool,
                clock=self._clock,
                preview_interval_s=self._preview_interval_s,
            ),
            clock=self._clock,
            device_title=device.title,
            idle_unload_s=self._idle_unload_s,
            pull=None if self._pull is None else partial(self._call, self._pull),
        )
        return worker, device.warning

    def _call(self, function: Callable[..., object], *arguments: object) -> None:
        """Call a function on the event loop; where the loop is closed, drop the call."""
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            log.debug("The event loop is closed; an event is dropped.")

    # In the thread pool.

    def _prepare(self, job: Job, stream: Stream, begins: Callable[[], None]) -> None:
        try:
            guides = isinstance(job, DrawJob) and self._specs[job.model].ip_adapter is not None
            result: Inputs | Failed = prepare(job, guides=guides)
        except JobError as error:
            result = Failed(job_id=job.id, reason=sentence_of(error), kind=FailureKind.BAD_INPUT)
        except Exception as error:
            log.error("The pictures of job %s cannot be prepared.", job.id, exc_info=error)  # noqa: TRY400
            result = Failed(job_id=job.id, reason=Sentence("Its pictures cannot be read."))
        self._call(self._prepared, job, stream, result, begins)

    # On the event loop.

    def _say_translating(self, job_id: str, stream: Stream) -> None:
        if self._streams.get(job_id) is stream:
            stream.put(Translating(job_id=job_id))

    def _take_words(
        self, job: DrawJob, stream: Stream, translation: Translation, begins: Callable[[], None]
    ) -> None:
        if self._streams.get(job.id) is not stream or self._closed:
            return  # cancelled meanwhile, or left open
        self._translated[job.id] = translation
        self._begin(translation.job(job), stream, begins)

    def _begin(self, job: Job, stream: Stream, begins: Callable[[], None]) -> None:
        """Send the job to the device thread, its pictures first to the pool."""
        if brings_pictures(job):
            self._preparing.add(job.id)
            self._readers.submit(self._prepare, job, stream, begins)
        else:
            self._prepared(job, stream, Inputs(), begins)

    def _prepared(
        self, job: Job, stream: Stream, result: Inputs | Failed, begins: Callable[[], None]
    ) -> None:
        from engine.loop.mailbox import Submit  # noqa: PLC0415 - torch, loaded by now

        if self._streams.get(job.id) is not stream:
            return  # cancelled meanwhile; a new job may even have the same id
        self._preparing.discard(job.id)
        if isinstance(result, Failed):
            self._deliver([result])
        elif not self._closed:
            self._mailbox.put(Submit(job, result, begins))

    def _deliver(self, events: Sequence[Event]) -> None:
        for event in events:
            stream = self._streams.get(event.job_id)
            if stream is None:
                continue
            if isinstance(event, Finished | Failed | Cancelled):
                del self._streams[event.job_id]
                translation = self._translated.pop(event.job_id, None)
                if event.job_id in self._cancelled:
                    # It ended while the cancel was on its way; the member was told of the cancel.
                    self._cancelled.discard(event.job_id)
                    stream.put(Cancelled(job_id=event.job_id))
                    continue
                if translation is not None and isinstance(event, Finished):
                    stream.put(translation.added_to(event))
                    continue
            stream.put(event)

    def _detach(self, job_id: str) -> None:
        if job_id in self._streams and self._worker is not None:
            from engine.loop.mailbox import Detached  # noqa: PLC0415 - torch, loaded by now

            self._mailbox.put(Detached(job_id))

    def _lose(self, reason: str) -> None:
        self._lost = reason
        self._fail_all(EngineLost(reason))

    def _fail_all(self, error: EngineError) -> None:
        for stream in self._streams.values():
            stream.fail(error)
        self._streams.clear()
        self._translated.clear()

    async def _watch(self) -> None:
        """Report, once each, ticks that take longer than a minute."""
        reported: float | None = None
        while True:
            await asyncio.sleep(WATCHDOG_S / 6)
            reported = self._report_stuck(reported)

    def _report_stuck(self, reported: float | None) -> float | None:
        """When the last reported tick began."""
        began_s = self._worker.tick_began_s if self._worker is not None else None
        if began_s is None or began_s == reported or self._clock() - began_s <= WATCHDOG_S:
            return reported
        log.error("A tick has taken longer than %.0f s; is the device stuck?", WATCHDOG_S)
        return began_s


def encoders() -> int:
    """How many threads encode pictures: all cores but the device thread's.

    Those of a full pass are drawn at the same moment, and a PNG of 1024 px takes a tenth of a
    second: with two threads sixteen were written longer than they were decoded.
    """
    least, most = ENCODERS
    return max(least, min(most, (os.cpu_count() or 1) - 1))


def _reserved_bytes() -> int:
    """Of the CUDA cards, by this process; torch's own count, which asks no card."""
    import torch  # noqa: PLC0415 - loaded by now

    started = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return torch.cuda.memory_reserved() if started else 0
