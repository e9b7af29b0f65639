"""`python -m engine bench cluster --local`: a real Ray of two workers on this machine's CPU.

Members order, a worker is killed in the middle, and the pictures are held against those of the
engine without a cluster.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from engine.bench.cluster import jain
from engine.catalogue import ModelSpec
from engine.cluster import ClusterEngine, ray_engine
from engine.engine import Engine
from engine.messages import (
    Cancelled,
    DrawJob,
    Event,
    Failed,
    Finished,
    GivenBack,
    WeightedText,
)

WORKERS, JOBS, MEMBERS = 2, 40, 10
ALONE = 4
"""Jobs that are drawn again one after the other, for equal bytes."""
SUBJECTS = ("cat", "boat", "house", "tree")


@dataclass(slots=True)
class _Followed:
    job: DrawJob
    events: list[Event]

    @property
    def ends(self) -> int:
        return sum(isinstance(event, Finished | Failed | Cancelled) for event in self.events)

    @property
    def pictures(self) -> tuple[bytes, ...]:
        last = self.events[-1] if self.events else None
        return tuple(p.png for p in last.pictures) if isinstance(last, Finished) else ()


def jobs(spec: ModelSpec) -> list[DrawJob]:
    """The same in every run."""
    chance = random.Random(7)  # noqa: S311 - members, not secrets
    info = spec.info
    return [
        DrawJob(
            id=f"job {number}",
            owner=f"member {number % MEMBERS}",
            model=info.name,
            prompt=(WeightedText(text=f"a red {chance.choice(SUBJECTS)}"),),
            seed=chance.randrange(2**32),
            images=1,
            width_px=info.width_px,
            height_px=info.height_px,
            steps=min(info.steps, 12),
            guidance=info.guidance,
            scheduler=info.scheduler,
        )
        for number in range(JOBS)
    ]


async def measure(spec: ModelSpec, say: Callable[[str], None]) -> dict[str, Any]:
    """One worker killed after a third of the jobs; every picture compared."""
    ordered = jobs(spec)
    cluster = ray_engine([spec], address="", cpu_workers=WORKERS, object_store_mb=200)
    await cluster.start()
    try:
        say(f"{cluster.status().device}: {JOBS} jobs of {MEMBERS} members")
        alone = [await _follow(cluster, job) for job in ordered[:ALONE]]
        served: Counter[str] = Counter()
        at_half: Counter[str] = Counter()
        half = asyncio.Event()

        async def order(job: DrawJob) -> _Followed:
            followed = await _follow(cluster, job)
            served[job.owner] += 1
            if served.total() == JOBS // 2:
                at_half.update(served)
            if served.total() >= JOBS // 3:
                half.set()
            return followed

        tasks = [asyncio.create_task(order(job)) for job in ordered]
        await half.wait()
        say(f"killed: {_kill_one(cluster)}")
        together = await asyncio.gather(*tasks)
    finally:
        await cluster.close()
    single = await _singly(spec, ordered)
    differences = [
        _difference(one, other)
        for followed, expected in zip(together, single, strict=True)
        for one, other in zip(followed.pictures, expected.pictures, strict=True)
    ]
    return {
        "jobs": JOBS,
        "ended_once": sum(each.ends == 1 for each in together),
        "finished": sum(bool(each.pictures) for each in together),
        "given_back": sum(any(isinstance(e, GivenBack) for e in f.events) for f in together),
        "equal_bytes_alone": sum(
            one.pictures == other.pictures for one, other in zip(alone, single[:ALONE], strict=True)
        ),
        "alone": ALONE,
        "equal_bytes_together": sum(
            one.pictures == other.pictures for one, other in zip(together, single, strict=True)
        ),
        "largest_difference_of_255": max(differences),
        "jain_at_half": round(jain(Counter(job.owner for job in ordered), at_half), 3),
    }


async def _follow(engine: ClusterEngine | Engine, job: DrawJob) -> _Followed:
    return _Followed(job, [event async for event in engine.run(job)])


def _kill_one(cluster: ClusterEngine) -> str:
    """SIGKILL to the process of a worker that draws; which."""
    worker = next(each for each in cluster.status().workers if each.running)
    os.kill(worker.pid, signal.SIGKILL)
    return f"worker {worker.name}, process {worker.pid}, which drew {len(worker.running)} jobs"


async def _singly(spec: ModelSpec, ordered: Sequence[DrawJob]) -> list[_Followed]:
    engine = Engine([spec], device="cpu")
    await engine.start()
    try:
        return [await _follow(engine, job) for job in ordered]
    finally:
        await engine.close()


def _difference(one: bytes, other: bytes) -> int:
    pixels = [np.asarray(Image.open(io.BytesIO(png)), np.int16) for png in (one, other)]
    return int(np.abs(pixels[0] - pixels[1]).max())


def main(spec: ModelSpec, say: Callable[[str], None]) -> int:
    """Print the figures, and last as one JSON object; 1 where a job was lost."""
    found = asyncio.run(measure(spec, say))
    for name, figure in found.items():
        say(f"{name:28} {figure}")
    say(json.dumps(found))
    return int(found["finished"] != JOBS or found["ended_once"] != JOBS)
