"""A cluster in this process: workers with fake engines, which a test kills as it likes."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os

from engine import DrawJob, EngineError, FakeEngine, WeightedText
from engine.cluster.fleet import WorkerLost
from engine.cluster.worker import ClusterWorker
from engine.policy.placement import Room

SAMPLES = 8
"""Of a grid of four with guidance."""


class RoomyEngine(FakeEngine):
    """Tells what there is room for, as a worker's engine does."""

    def __init__(self, models, pull, *, capacity=2):
        super().__init__(models, capacity=capacity)
        self._pull = pull

    async def start(self):
        self._tell()

    def run(self, job, *arguments):
        stream = super().run(job, *arguments)
        self._tell()
        return stream

    def _end(self, run, end):
        super()._end(run, end)
        self._tell()

    def _tell(self):
        self._pull(
            Room(
                free_samples=SAMPLES * (self._capacity - len(self._runs)),
                spare_samples=0,
                models=frozenset(self._models),
                counted=frozenset(self._runs),
            )
        )


class SlowEngine(RoomyEngine):
    """A step takes a moment, for workers in other processes that nobody steps."""

    STEP_S = 0.02

    def _advance_by_itself(self):
        if not self._paused and self._runs:
            self.step()
            asyncio.get_running_loop().call_later(self.STEP_S, self._advance_by_itself)


def slow_engine(_device, models, pull):
    return SlowEngine(models, pull)


class CardEngine(SlowEngine):
    """Says on which card it was placed; it needs none to draw."""

    device = ""

    def status(self):
        card = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        return dataclasses.replace(super().status(), device=f"{self.device} {card}".strip())


def card_engine(device, models, pull):
    engine = CardEngine(models, pull)
    engine.device = device
    return engine


class LocalWorker:
    """One worker; its engine is paused until a test steps it."""

    waits_for = "a free card"

    def __init__(self, fleet, models, card):
        self.fleet, self.card, self.dead = fleet, card, asyncio.Event()
        self.come = asyncio.Event()
        """Whether it may say hello."""
        self.worker = ClusterWorker(models, self._new_engine)
        self.engine = None
        self.tasks = set()

    def _new_engine(self, models, pull):
        self.engine = RoomyEngine(models, pull)
        self.engine.pause()
        return self.engine

    async def hello(self):
        await self._unless_dead(self.fleet.may_start.wait())
        await self._unless_dead(self.come.wait())
        hello = dataclasses.replace(await self.worker.hello(), card=str(self.card))
        return self.fleet.told(hello)

    async def reports(self):
        batches = self.worker.reports()
        while True:
            try:
                yield await self._unless_dead(anext(batches))
            except EngineError as error:
                raise WorkerLost(str(error)) from error

    async def _unless_dead(self, work):
        tasks = [asyncio.ensure_future(work), asyncio.ensure_future(self.dead.wait())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        if self.dead.is_set():
            raise WorkerLost("it was killed")
        return await tasks[0]

    async def submit(self, job):
        await self._unless_dead(self.worker.submit(job))

    def cancel(self, job_id):
        self.call(self.worker.cancel(job_id))

    def call(self, work):
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def kill(self):
        self.dead.set()


class LocalFleet:
    """So many cards, each with a worker."""

    def __init__(self, models, *, places=2):
        self.models, self.number, self.most_job_bytes = models, places, None
        self.workers = []
        self.late = 0
        """How many of the next workers do not come until a test lets them."""
        self.may_start = asyncio.Event()
        self.may_start.set()
        self.told = lambda hello: hello

    async def open(self):
        pass

    async def places(self):
        return self.number

    def hire(self):
        taken = {worker.card for worker in self.workers if not worker.dead.is_set()}
        card = min(set(range(self.number)) - taken, default=self.number)
        self.workers.append(LocalWorker(self, self.models, card))
        if self.late:
            self.late -= 1
        else:
            self.workers[-1].come.set()
        return self.workers[-1]

    async def close(self):
        for worker in self.workers:
            for task in tuple(worker.tasks):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task


def job(job_id, owner="ann", **fields):
    defaults = {"model": "doodle", "width_px": 128, "height_px": 128, "steps": 2, "seed": 7}
    prompt = (WeightedText(text="a cat"),)
    return DrawJob(id=job_id, owner=owner, prompt=prompt, **(defaults | fields))


async def settle():
    for _ in range(60):
        await asyncio.sleep(0)


class Follower:
    """Reads a job's events as they come."""

    def __init__(self, cluster, drawn):
        self.events, self.error = [], None
        self.task = asyncio.create_task(self._follow(cluster.run(drawn)))

    async def _follow(self, stream):
        try:
            async for event in stream:
                self.events.append(event)
        except EngineError as error:
            self.error = error

    def kinds(self):
        kinds = [type(event) for event in self.events]
        return [kind for n, kind in enumerate(kinds) if not n or kinds[n - 1] is not kind]


def worker_of(fleet, job_id):
    return next(
        w
        for w in fleet.workers
        if w.engine is not None and job_id in w.engine._runs and not w.dead.is_set()
    )


async def draw_all(fleet):
    for _ in range(40):
        for worker in fleet.workers:
            if worker.engine is not None and not worker.dead.is_set():
                worker.engine.step()
        await settle()


class HandClock:
    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s

    async def passes(self, seconds, step_s=5):
        """In steps, between which everybody reports."""
        for _ in range(int(seconds / step_s)):
            self.now_s += step_s
            await settle()
