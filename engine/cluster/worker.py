"""A worker's own side: an engine on one device, whose events and room go to the head in batches."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.catalogue import ModelSpec, weight_bytes_here
from engine.cluster.fleet import Hello, Report, machine, version
from engine.engine import Engine
from engine.errors import INTERNAL, EngineClosed, EngineError, sentence_of
from engine.messages import Cancelled, EngineStatus, Failed, Job
from engine.policy.placement import Room

UNREAD = 64
"""Events that wait for the head; above that the jobs' own streams hold only the newest."""
STATUS_EVERY_S = 1.0
OWN_CAP = 1_000_000
"""Of an owner's jobs on one worker: the head has counted them for the whole cluster."""
MOST_CANCELLED = 1000
CARD_NAMES = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")
"""Variables in which a worker is told its card."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """How a worker's engine is to be; what `Engine` takes."""

    dtype: str = "auto"
    preview_interval_s: float = 2.0
    gpu_memory_gb: float | None = None
    gpu_share: float = 1.0
    """Of one card, whose other shares are other workers'."""
    idle_unload_min: float | None = None
    cache_dir: Path | None = None

    def engine(
        self, device: str, models: Sequence[ModelSpec], pull: Callable[[Room], None]
    ) -> Engine:
        """device: "cuda", the card that Ray gave the worker, or "cpu"."""
        return Engine(
            models,
            device=device,
            dtype=self.dtype,
            preview_interval_s=self.preview_interval_s,
            owner_cap=OWN_CAP,
            gpu_memory_gb=self._memory_gb(device),
            idle_unload_min=self.idle_unload_min,
            cache_dir=self.cache_dir,
            pull=pull,
        )

    def _memory_gb(self, device: str) -> float | None:
        """A share of a card fills its share of the memory: the others are not started yet."""
        if self.gpu_memory_gb is not None or self.gpu_share == 1 or device == "cpu":
            return self.gpu_memory_gb
        import torch  # noqa: PLC0415 - seconds, and only where there is a card

        return torch.cuda.mem_get_info()[1] / 1e9 * self.gpu_share * 0.9


class ClusterWorker:
    """Runs where the device is; the head calls it over the network, from one event loop.

    new_engine: makes what is to draw; it is told where to report what there is room for.
    """

    def __init__(
        self,
        models: Sequence[ModelSpec],
        new_engine: Callable[[Sequence[ModelSpec], Callable[[Room], None]], Any],
    ) -> None:
        self._specs = tuple(models)
        self._new_engine = new_engine
        self._engine: Any = None
        self._reports: asyncio.Queue[Report] = asyncio.Queue(maxsize=UNREAD)
        self._room: Room | None = None
        self._status: EngineStatus | None = None
        self._news = asyncio.Event()
        self._lost: EngineError | None = None
        self._following: dict[str, asyncio.Task[None]] = {}
        self._cancelled: dict[str, None] = {}
        """Ids of the last cancels that came before their jobs: calls may overtake each other."""

    async def hello(self) -> Hello:
        """Start the engine; EngineError with one sentence where it cannot."""
        logging.basicConfig(format="{asctime} {levelname:<8} {name} {message}", style="{")
        self._engine = self._new_engine(self._specs, self._tell_room)
        await self._engine.start()
        installed = {
            spec.info.name: size
            for spec in self._specs
            if (size := weight_bytes_here(spec)) is not None
        }
        return Hello(
            node=platform.node(),
            machine=machine(),
            pid=os.getpid(),
            device=self._engine.status().device,
            card=" ".join(os.environ.get(name, "") for name in CARD_NAMES).strip(),
            version=version(),
            installed=installed,
        )

    async def reports(self) -> AsyncIterator[Sequence[Report]]:
        """What happened since the last batch; raises once the engine is lost."""
        while True:
            try:
                async with asyncio.timeout(STATUS_EVERY_S):
                    await self._news.wait()
            except TimeoutError:
                pass
            self._news.clear()
            if batch := self._batch():
                yield batch
            if self._lost is not None:
                raise self._lost

    async def submit(self, job: Job) -> None:
        """Take a job; how it ends is reported."""
        if job.id in self._cancelled:
            del self._cancelled[job.id]
            await self._put(Cancelled(job_id=job.id))
            return
        try:
            stream = self._engine.run(job)
        except EngineError as error:
            self._lose(error)
        except ValueError as error:
            await self._put(Failed(job_id=job.id, reason=sentence_of(error)))
        except Exception:
            log.exception("job %s could not be taken", job.id)
            await self._put(Failed(job_id=job.id, reason=INTERNAL))
        else:
            self._following[job.id] = asyncio.create_task(self._follow(job.id, stream))

    async def cancel(self, job_id: str) -> None:
        """Let the job end with Cancelled, if it is open or comes yet."""
        if not self._engine.cancel(job_id):
            self._cancelled[job_id] = None
            while len(self._cancelled) > MOST_CANCELLED:
                del self._cancelled[next(iter(self._cancelled))]

    async def _follow(self, job_id: str, stream: AsyncIterator[Report]) -> None:
        try:
            async for event in stream:
                await self._put(event)
        except EngineClosed:
            pass
        except EngineError as error:
            self._lose(error)
        except Exception:
            log.exception("job %s could not be followed", job_id)
            await self._put(Failed(job_id=job_id, reason=INTERNAL))
        finally:
            self._following.pop(job_id, None)

    async def _put(self, report: Report) -> None:
        await self._reports.put(report)
        self._news.set()

    def _tell_room(self, room: Room) -> None:
        self._room = room
        self._news.set()

    def _lose(self, error: EngineError) -> None:
        self._lost = error
        self._news.set()

    def _batch(self) -> list[Report]:
        """Events first: a room that no longer counts a job may come with that job's end."""
        batch: list[Report] = []
        while not self._reports.empty():
            batch.append(self._reports.get_nowait())
        if self._room is not None:
            batch.append(self._room)
            self._room = None
        status = self._engine.status()
        if status != self._status:
            self._status = status
            batch.append(status)
        return batch
