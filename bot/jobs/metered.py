"""The engine with a meter: what went through it, counted for Prometheus.

No label names a member, a server or a job, so that there are few series however many of those
there are.
"""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import AsyncIterator, Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

import engine
from bot.jobs.engine_client import EngineClient

_STAGE_S = (0.1, 0.3, 1, 3, 10, 30, 60, 120, 300, 900, 3600)
_OUTCOMES = {
    engine.Finished: "finished",
    engine.Failed: "failed",
    engine.Cancelled: "cancelled",
}
_KINDS = {
    engine.DrawJob: "draw",
    engine.UpscaleJob: "upscale",
    engine.DescribeJob: "describe",
    engine.WordWeightsJob: "shorten",
}


class MeteredEngine:
    """An `EngineClient` that counts what another one does."""

    def __init__(
        self,
        metered: EngineClient,
        registry: CollectorRegistry,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine, self._clock = metered, clock
        self._lanes: dict[str, str] = {}
        """Of open jobs, by id."""
        self._jobs = Counter(
            "darkroom_jobs",
            "Runs of jobs that ended, by kind and outcome.",
            ("kind", "outcome"),
            registry=registry,
        )
        self._errors = Counter(
            "darkroom_errors", "Failed jobs, by kind of failure.", ("kind",), registry=registry
        )
        self._images = Counter("darkroom_images", "Pictures that were drawn.", registry=registry)
        self._gpu_s = Counter(
            "darkroom_gpu_seconds", "Seconds of the device that jobs took.", registry=registry
        )
        self._stages = Histogram(
            "darkroom_stage_seconds",
            "Seconds of a job's stages: wait, until it is begun; draw, until its end.",
            ("stage",),
            buckets=_STAGE_S,
            registry=registry,
        )
        for kind in engine.FailureKind:
            self._errors.labels(kind.value)
        registry.register(_Status(self))

    def check(self, job: engine.Job) -> None:
        self._engine.check(job)

    async def run(
        self, job: engine.Job, begins: Callable[[], None] = lambda: None
    ) -> AsyncIterator[engine.Event]:
        """As the engine's own, but what cannot be drawn is refused at the first event."""
        events = self._engine.run(job, begins)
        since_s, begun = self._clock(), False
        self._lanes[job.id] = job.lane.name.lower()
        try:
            async for event in events:
                if isinstance(event, engine.Started) and not begun:
                    now_s, begun = self._clock(), True
                    self._stages.labels("wait").observe(now_s - since_s)
                    since_s = now_s
                if isinstance(event, engine.Finished | engine.Failed | engine.Cancelled):
                    if begun:
                        self._stages.labels("draw").observe(self._clock() - since_s)
                    self._ended(job, event)
                yield event
        finally:
            self._lanes.pop(job.id, None)

    def cancel(self, job_id: str) -> bool:
        return self._engine.cancel(job_id)

    def status(self) -> engine.EngineStatus:
        return self._engine.status()

    def models(self) -> tuple[engine.ModelInfo, ...]:
        return self._engine.models()

    async def close(self, *, drain_s: float = 0) -> None:
        await self._engine.close(drain_s=drain_s)

    def lanes(self, job_ids: Iterable[str]) -> dict[str, int]:
        """How many of the jobs are in each lane."""
        counted = Tally(self._lanes[job_id] for job_id in job_ids if job_id in self._lanes)
        return {lane.name.lower(): counted[lane.name.lower()] for lane in engine.Lane}

    def _ended(self, job: engine.Job, event: engine.End) -> None:
        self._jobs.labels(_KINDS[type(job)], _OUTCOMES[type(event)]).inc()
        match event:
            case engine.Finished():
                self._images.inc(len(event.pictures))
                self._gpu_s.inc(event.gpu_s)
            case engine.Failed():
                self._errors.labels(event.kind.value).inc()


class _Status(Collector):
    """What the engine is doing at the moment it is asked."""

    def __init__(self, metered: MeteredEngine) -> None:
        self._metered = metered

    def collect(self) -> Iterable[Metric]:
        status = self._metered.status()
        queued = GaugeMetricFamily("darkroom_queue_jobs", "Waiting jobs.", labels=("lane",))
        for lane, count in self._metered.lanes(status.queued).items():
            queued.add_metric((lane,), count)
        yield queued
        for name, said, value in (
            ("running_jobs", "Jobs in flight.", len(status.running)),
            ("workers", "Workers that draw.", len(status.workers) or int(status.can_draw)),
            ("places", "Workers that there is room for.", status.places or 1),
            ("engine_up", "1 while the engine can draw.", int(status.can_draw)),
            ("busy_ratio", "Share of the last minute in which it drew.", status.busy_share),
            ("tick_seconds", "How long the last pass took.", status.last_tick_ms / 1000),
            ("batch_fill_ratio", "Samples of the last pass, of its room.", status.batch_fill),
            ("gpu_memory_bytes", "Memory of the device in use.", status.memory_bytes),
            ("resident_models", "Models in memory.", len(status.resident_models)),
        ):
            yield GaugeMetricFamily(f"darkroom_{name}", said, value=value)
        labels = ("worker", "device")
        running = GaugeMetricFamily("darkroom_worker_running_jobs", "Its jobs.", labels=labels)
        busy = GaugeMetricFamily("darkroom_worker_busy_ratio", "Its busy share.", labels=labels)
        for worker in status.workers:
            running.add_metric((worker.name, worker.device), len(worker.running))
            busy.add_metric((worker.name, worker.device), worker.busy_share)
        yield running
        yield busy
