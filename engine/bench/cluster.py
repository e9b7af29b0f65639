"""`python -m engine bench cluster`: 1 to 64 workers in simulated time.

What decides is the real thing: the cluster's `Placement` and its queue, and in each worker
`Admission`, `plan` and `Budgets`. Simulated are the passes, which take what an H200 took for SDXL
at 1024 × 1024 (docs/h200.md), the network, loads, members and deaths.
"""

from __future__ import annotations

import functools
import heapq
import itertools
import json
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from engine.loop.admission import Admission
from engine.messages import DrawJob, Job, WeightedText
from engine.policy.batcher import plan
from engine.policy.budgets import Budgets
from engine.policy.cost import ticket_for
from engine.policy.placement import Placement
from engine.policy.queue import FairQueue, Ticket

PASS_S, SAMPLE_S = 0.001, 0.0146
"""A pass and each of its samples: the line through 30.2 ms at 2 samples and 235.0 ms at 16, as
measured on an H200 with compiled code."""
DECODE_S = 0.0265
"""A picture's decoding, not measured: 10.47 TFLOP at 50 % of 790 TFLOP/s."""
ENCODE_S = 0.15
"""From the last pixel to the end event: a PNG, beside the device."""
WIRE_S = 0.005
"""Each way between head and worker."""
LOAD_S = 20.0
NOTICED_S = 1.0
"""From a death to the head's knowing."""
BACK_S = 60.0
"""From a death to the next worker in its place."""
DIES_EVERY_S = 1200.0
"""Of one worker, on average."""
STEPS, IMAGES = 30, 4
MEMBERS = 12
"""For each worker; one in ten orders ten times as often as the others."""
OWNER_CAP = 3
MODELS = {"usual": 0.8, "other": 0.2}
"""How often each is ordered."""
SECONDS = 300.0


@dataclass(slots=True, eq=False)
class _Work:
    job: DrawJob
    ticket: Ticket
    rows: list[_Row] = field(default_factory=list)
    ended: bool = False

    @property
    def images(self) -> int:
        return self.job.images


@dataclass(slots=True, eq=False)
class _Row:
    work: _Work
    owner: str
    lane: int
    group: tuple[object, ...]
    arrival: int
    samples: int = 2
    step: int = 0
    last_tick: int = -1

    @property
    def kind(self) -> tuple[object, ...]:
        """All its passes are alike."""
        return self.group


class _Models:
    """Of `ModelCache`, what `Admission` asks; everything fits, loads take `LOAD_S`."""

    def __init__(self, load: Callable[[str], None]) -> None:
        self._load, self._names = load, dict[str, None]()
        self.loading: str | None = None

    def names(self) -> tuple[str, ...]:
        return tuple(self._names)

    def just_loaded(self) -> bool:
        return False

    def is_solo(self, _: Job) -> bool:
        return False

    def get(self, name: str) -> str | None:
        return name if name in self._names else None

    def want(self, name: str, _: object) -> bool:
        self.loading = name
        self._load(name)
        return True

    def put(self, name: str, _: object) -> None:
        self._names[name] = None


class _Time:
    """Simulated seconds, and what happens when."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._numbers = itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []

    def __call__(self) -> float:
        return self.now_s

    def after(self, seconds: float, happens: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now_s + seconds, next(self._numbers), happens))

    def run(self, goes_on: Callable[[], bool]) -> None:
        while self._events and goes_on():
            self.now_s, _, happens = heapq.heappop(self._events)
            happens()


class _Worker:
    """One device: the turns of `loop.Worker`, with passes that only take time."""

    def __init__(self, number: int, cluster: Cluster) -> None:
        self.number, self._cluster, self._time = number, cluster, cluster.time
        self.dead = False
        self._budgets = Budgets()
        models = _Models(lambda name: self._later(LOAD_S, lambda: self._loaded(name)))
        queue = FairQueue(owner_cap=1_000_000, clock=self._time)
        self._admission = Admission(queue, cast("Any", models), self._budgets)
        self._works: dict[str, _Work] = {}
        self._rows: list[_Row] = []
        self._ticks, self._arrivals = itertools.count(), itertools.count()
        self._ticking = False
        self._told: object = None
        self._tell()

    def submit(self, job: DrawJob) -> None:
        if self.dead:
            return
        work = _Work(job, ticket_for(job))
        self._works[job.id] = work
        self._admission.submit(cast("Any", work))
        self._turn()

    def _later(self, seconds: float, happens: Callable[[], None]) -> None:
        self._time.after(seconds, lambda: None if self.dead else happens())

    def _loaded(self, name: str) -> None:
        for work in self._admission.loaded(name, cast("Any", name)):
            self._begin(cast("Any", work))
        self._turn()

    def _begin(self, work: _Work) -> None:
        for _ in range(work.job.images):
            row = _Row(work, work.job.owner, work.job.lane, (work.job.model,), next(self._arrivals))
            work.rows.append(row)
            self._rows.append(row)

    def _turn(self) -> None:
        if self._ticking:
            return
        works, in_use = cast("Any", self._works), {row.work.job.model for row in self._rows}
        for work, model in self._admission.pull(
            cast("Any", self._rows), works, lambda: in_use, lambda: True
        ):
            if model is not None:
                self._begin(cast("Any", work))
        tick = next(self._ticks)
        rows = plan(self._rows, tick, self._budgets.of)
        self._tell()
        if not rows:
            return
        for row in rows:
            row.last_tick = tick
        samples = sum(row.samples for row in rows)
        seconds = PASS_S + SAMPLE_S * samples
        self._budgets.record(rows[0].group, samples, seconds)
        drawn = [row for row in rows if row.step + 1 == STEPS]
        self._ticking = True
        self._later(seconds + DECODE_S * len(drawn), lambda: self._stepped(rows))

    def _stepped(self, rows: list[_Row]) -> None:
        self._ticking = False
        for row in rows:
            row.step += 1
        self._rows = [row for row in self._rows if row.step < STEPS]
        for work in {id(row.work): row.work for row in rows}.values():
            if all(row.step == STEPS for row in work.rows):
                del self._works[work.job.id]
                self._admission.end(cast("Any", work))
                ended = functools.partial(self._cluster.ended, self, work)
                self._later(ENCODE_S + WIRE_S, ended)
        self._turn()

    def _tell(self) -> None:
        room = self._admission.room(
            cast("Any", self._rows), cast("Any", self._works.values()), solo=True
        )
        if room != self._told:
            self._told = room
            self._later(WIRE_S, lambda: self._cluster.pulled(self, room))


class Cluster:
    """So many workers, their members, and the head between them."""

    def __init__(self, workers: int, *, load: float, deaths: bool, seed: int) -> None:
        """load: ordered pictures, as a share of what so many workers could draw."""
        self.time = _Time()
        self._random = random.Random(seed)  # noqa: S311 - members, not secrets
        queue = FairQueue(owner_cap=OWNER_CAP, clock=self.time)
        self._placement = Placement(queue, clock=self.time)
        self._workers: dict[int, _Worker] = {}
        self._numbers, self._jobs = itertools.count(), itertools.count()
        self._deaths = deaths
        self.ordered: dict[str, tuple[DrawJob, float]] = {}
        self.asked: Counter[str] = Counter()
        self.served: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()
        self.latencies_s: list[float] = []
        self.deaths, self.placing_s, self.placed = 0, 0.0, 0
        self._joined_s: dict[int, float] = {}
        self._lived_s = 0.0
        """Of the workers that are dead."""
        self._orders = True
        for _ in range(workers):
            self._join()
        members = [f"member {n}" for n in range(MEMBERS * workers)]
        eager = {name: 10.0 if n % 10 == 0 else 1.0 for n, name in enumerate(members)}
        grids_a_second = load * workers / grid_s()
        for name, share in eager.items():
            self._order_later(name, grids_a_second * share / sum(eager.values()))

    def run(self, seconds: float) -> None:
        """Until then; what is open stays open."""
        self.time.after(seconds, lambda: None)
        self.time.run(lambda: self.time.now_s < seconds)

    def finish(self) -> None:
        """Order nothing more and draw what is open, for an hour at most."""
        self._orders, end_s = False, self.time.now_s + 3600
        self.time.run(lambda: len(self.ends) < len(self.ordered) and self.time.now_s < end_s)

    def lived_s(self) -> float:
        """Seconds of all workers together in which they were there."""
        return self._lived_s + sum(self.time.now_s - since for since in self._joined_s.values())

    def pulled(self, worker: _Worker, room: Any) -> None:  # noqa: ANN401 - of Admission
        self._placement.pull(worker.number, room)
        self._place()

    def ended(self, worker: _Worker, work: _Work) -> None:
        if self._workers.get(worker.number) is not worker:
            return
        job, ordered_s = self.ordered[work.job.id]
        self.ends[job.id] += 1
        self.served[job.owner] += job.images
        self.latencies_s.append(self.time.now_s - ordered_s)
        self._placement.end(job.id)
        self._place()

    def _join(self) -> None:
        number = next(self._numbers)
        self._placement.join(number, card=number)
        self._workers[number] = worker = _Worker(number, self)
        self._joined_s[number] = self.time.now_s
        if self._deaths:
            self.time.after(
                self._random.expovariate(1 / DIES_EVERY_S), lambda: self._die(number, worker)
            )

    def _die(self, number: int, worker: _Worker) -> None:
        worker.dead = True
        self.deaths += 1
        self._lived_s += self.time.now_s - self._joined_s.pop(number)

        def noticed() -> None:
            del self._workers[number]
            self._placement.leave(number)
            self._place()

        self.time.after(NOTICED_S, noticed)
        self.time.after(BACK_S, self._join)

    def _order_later(self, member: str, a_second: float) -> None:
        def order() -> None:
            if self._orders:
                self._order(member)
                self._order_later(member, a_second)

        self.time.after(self._random.expovariate(a_second), order)

    def _order(self, member: str) -> None:
        model = self._random.choices([*MODELS], [*MODELS.values()])[0]
        job = DrawJob(
            id=str(next(self._jobs)),
            owner=member,
            model=model,
            prompt=(WeightedText(text="a"),),
            images=IMAGES,
            steps=STEPS,
            width_px=1024,
            height_px=1024,
        )
        self.ordered[job.id] = (job, self.time.now_s)
        self.asked[member] += job.images
        self._placement.push(ticket_for(job))
        self._place()

    def _place(self) -> None:
        began = time.perf_counter()
        placed = self._placement.place()
        self.placing_s += time.perf_counter() - began
        self.placed += len(placed)
        for ticket, number in placed:
            job, _ = self.ordered[ticket.job_id]
            self.time.after(WIRE_S, functools.partial(self._workers[number].submit, job))


def grid_s() -> float:
    """Seconds of one worker for a grid, with nothing else beside it."""
    return STEPS * (PASS_S + SAMPLE_S * 2 * IMAGES) + DECODE_S * IMAGES


def jain(asked: Mapping[str, int], served: Mapping[str, int]) -> float:
    """Jain's index (Jain, Chiu & Hawe 1984) of what members got, each as a share of what was fair.

    Fair is max–min: who asks for less than an equal share gets all of it; the others share the
    rest.
    """
    left, fair = float(sum(served.values())), dict[str, float]()
    for number, (member, wish) in enumerate(sorted(asked.items(), key=lambda item: item[1])):
        fair[member] = min(wish, left / (len(asked) - number))
        left -= fair[member]
    shares = [served.get(member, 0) / fair[member] for member in asked if fair[member]]
    return sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares))


def figures(
    say: Callable[[str], None], *, seed: int = 1, seconds: float = SECONDS
) -> dict[str, Any]:
    """Throughput at 120 % of what the workers can draw, with deaths; latency at 80 %."""
    rates: dict[int, float] = {}
    lost, indices, answer = 0, [], {}
    say(f"SDXL grids of {IMAGES}, {STEPS} steps: {grid_s():.2f} s each on one worker. Simulated:")
    for workers in (1, 2, 4, 8, 16, 32, 64):
        # One worker alone is the measure of the others, so it does not die.
        full = Cluster(workers, load=1.2, deaths=workers > 1, seed=seed)
        full.run(seconds)
        rates[workers] = sum(full.served.values()) / seconds
        share = rates[workers] / (workers * rates[1])
        share_living = sum(full.served.values()) / (full.lived_s() * rates[1])
        index = jain(full.asked, full.served)
        full.finish()
        quiet, calm = (
            Cluster(workers, load=0.8, deaths=deaths and workers > 1, seed=seed + 1)
            for deaths in (True, False)
        )
        for cluster in (quiet, calm):
            cluster.run(seconds)
            cluster.finish()
        p95_s, calm_p95_s = (
            statistics.quantiles(cluster.latencies_s, n=20)[-1] for cluster in (quiet, calm)
        )
        for cluster in (full, quiet, calm):
            lost += sum(cluster.ends[job_id] != 1 for job_id in cluster.ordered)
        each_ms = 1000 * full.placing_s / max(full.placed, 1)
        say(
            f"{workers:3} workers: {rates[workers]:6.2f} pictures/s, share {share:.3f}, of those "
            f"alive {share_living:.3f}, Jain {index:.3f}; at 80 %: p50 "
            f"{statistics.median(quiet.latencies_s):5.1f} s, p95 {p95_s:5.1f} s, without deaths "
            f"{calm_p95_s:5.1f} s; {full.deaths} and {quiet.deaths} deaths, placing {each_ms:.2f} "
            "ms a job"
        )
        answer[workers] = (share, p95_s, calm_p95_s, index)
        indices.append(index)
    return {
        "share_8": round(answer[8][0], 3),
        "share_64": round(answer[64][0], 3),
        "lost": lost,
        "jain": round(min(indices), 3),
        "p95_s": round(answer[64][1], 2),
        "p95_without_deaths_s": round(answer[64][2], 2),
    }


def main(say: Callable[[str], None]) -> int:
    """Print the table, and last the figures as one JSON object."""
    say(json.dumps(figures(say)))
    return 0
