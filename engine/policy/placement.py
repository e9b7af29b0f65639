"""Which of many workers draws what is next: one queue for all, from which each worker pulls."""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable
from dataclasses import dataclass, field

from engine.policy.queue import FairQueue, Ticket

PATIENCE_S = 15.0
"""For how long a job waits for a worker that has its model, rather than making a busy one that
lacks it load it: models are not swapped for every job."""
DOUBTED_AFTER = 3
"""After how many failures in a row a worker gets only what no other has room for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a worker has room for now. To tell of it is how a worker pulls."""

    free_samples: int
    """As `FairQueue.next` takes them: jobs may start while some are free."""
    spare_samples: int
    """For owners that have no running job."""
    models: frozenset[str]
    """Those in its memory, by the names that tickets have."""
    may_load: bool = True
    """False while it loads a model."""
    settled: bool = True
    """False while its last load is so recent that what it has should be used first."""
    may_solo: bool = True
    """Whether a job may start that has the device to itself."""
    counted: frozenset[str] = frozenset()
    """Ids of the jobs that it knows of, whose samples are not among the free ones any more."""


NO_ROOM = Room(free_samples=0, spare_samples=0, models=frozenset(), may_load=False)


@dataclass(slots=True)
class _Worker:
    card: Hashable
    """On which it draws; workers that share a card name the same."""
    node: Hashable
    """The machine that the card is in."""
    room: Room = NO_ROOM
    jobs: dict[str, Ticket] = field(default_factory=dict)
    """Its jobs that have not ended, oldest first."""
    sent: dict[str, Ticket] = field(default_factory=dict)
    """Those among them that its room does not count yet."""
    failures: int = 0
    """Of its jobs, in a row."""

    @property
    def load(self) -> int:
        """Samples of all its jobs; one that has the device to itself counts as one."""
        return sum(max(1, ticket.samples) for ticket in self.jobs.values())

    def has(self, model: str) -> bool:
        return model in self.room.models

    def awaits(self, model: str) -> bool:
        """Whether it has the model, or jobs for which it loads it."""
        return self.has(model) or any(ticket.model == model for ticket in self.jobs.values())


class Placement:
    """The one queue of a cluster, and which job is on which worker.

    A worker that has room is given the next job that it may start: first a worker that has the
    job's model, the least busy first; then one that may load it. A busy worker is not made to load
    a model that another one has, until a job has waited for `PATIENCE_S`.

    A job that a worker gave back, mostly by dying, does not return to that worker's card while
    there is another one: it waits for that, however busy it is. Nor does it return to another card
    of that machine while there is another machine. So a card, or a machine, that breaks all it
    draws costs each job one try.

    A worker on which jobs fail one after the other gets only what no other one has room for, until
    it has finished one.

    A suspect, at whose side workers died, has a worker to itself: the least busy one is kept free
    for it and takes nothing else until the suspect has ended.
    """

    def __init__(self, queue: FairQueue, *, clock: Callable[[], float]) -> None:
        self._queue, self._clock = queue, clock
        self._workers: dict[int, _Worker] = {}
        self._waiting: dict[str, dict[str, float]] = {}
        """When the waiting jobs of each model began to wait, oldest first."""
        self._model_of: dict[str, str] = {}
        self._failed_on: dict[str, frozenset[Hashable]] = {}
        """The cards from which jobs were given back."""
        self._failed_at: dict[str, frozenset[Hashable]] = {}
        """The machines of those cards."""
        self._suspects: set[str] = set()
        self._kept: dict[int, str] = {}
        """Workers that are kept for a suspect that waits."""

    def __len__(self) -> int:
        return len(self._model_of)

    def join(self, worker: int, card: Hashable, node: Hashable | None = None) -> None:
        """A worker is there; it gets jobs once it has told of its room.

        node: the machine that the card is in; None: one of its own.
        """
        self._workers[worker] = _Worker(card, card if node is None else node)

    def leave(self, worker: int) -> list[Ticket]:
        """A worker is gone; its jobs wait again, ahead of others of their owners. Oldest first."""
        gone = self._workers.pop(worker, None)
        if gone is None:
            return []
        tickets = list(gone.jobs.values())
        for ticket in reversed(tickets):
            self._return(ticket, gone)
        return tickets

    def give_back(self, job_id: str) -> None:
        """A job cannot be done by the worker that it was for; it is the next of its owner."""
        for worker in self._workers.values():
            worker.sent.pop(job_id, None)
            if (ticket := worker.jobs.pop(job_id, None)) is not None:
                self._return(ticket, worker)

    def fail(self, job_id: str) -> bool:
        """A job failed on its worker. Whether there is a card on which it has not: then it may be
        given back.
        """
        failed_on = self._failed_on.get(job_id, frozenset())
        for worker in self._workers.values():
            if job_id in worker.jobs:
                worker.failures += 1
                failed_on |= {worker.card}
        return any(worker.card not in failed_on for worker in self._workers.values())

    def vouch(self, worker: int) -> None:
        """A worker finished a job."""
        if worker in self._workers:
            self._workers[worker].failures = 0

    def suspect(self, job_id: str) -> None:
        """From now on the job runs beside no other."""
        self._suspects.add(job_id)

    def push(self, ticket: Ticket) -> None:
        """Let a job wait its turn."""
        self._queue.push(ticket)
        self._wait(ticket)

    def cancel(self, job_id: str) -> bool:
        """Forget a waiting job; False where it does not wait."""
        if not self._queue.cancel(job_id):
            return False
        self._forget(job_id)
        self._begin(job_id)
        return True

    def pull(self, worker: int, room: Room) -> None:
        """A worker tells what it has room for."""
        known = self._workers.get(worker)
        if known is not None:
            known.room = room
            known.sent = {id_: each for id_, each in known.sent.items() if id_ not in room.counted}

    def end(self, job_id: str) -> None:
        """A job on a worker is over, however it ended."""
        self._queue.end(job_id)
        self._forget(job_id)
        for worker in self._workers.values():
            worker.jobs.pop(job_id, None)
            worker.sent.pop(job_id, None)

    def order(self) -> list[str]:
        """Ids of the waiting jobs, next first."""
        return self._queue.order()

    def place(self) -> list[tuple[Ticket, int]]:
        """The jobs that start now, each with its worker, in the order of their turns."""
        self._keep_workers()
        placed = []
        while self._model_of and (pair := self._next()) is not None:
            placed.append(pair)
        return placed

    def _next(self) -> tuple[Ticket, int] | None:
        found: dict[tuple[object, ...], int | None] = {}
        running_of: dict[str, int] = {}

        def worker_for(ticket: Ticket, running: int) -> int | None:
            suspect = ticket.job_id if ticket.job_id in self._suspects else ""
            failed_on = self._failed_on.get(ticket.job_id)
            failed_at = self._failed_at.get(ticket.job_id)
            key = (ticket.model, ticket.samples > 0, running > 0, suspect, failed_on, failed_at)
            if key not in found:
                found[key] = self._best(ticket, running)
            return found[key]

        def may_start(ticket: Ticket, running: int) -> bool:
            running_of[ticket.job_id] = running
            return worker_for(ticket, running) is not None

        ticket = self._queue.take(may_start)
        if ticket is None:
            return None
        name = worker_for(ticket, running_of[ticket.job_id])
        assert name is not None
        self._begin(ticket.job_id)
        worker = self._workers[name]
        worker.jobs[ticket.job_id] = worker.sent[ticket.job_id] = ticket
        return ticket, name

    def _best(self, ticket: Ticket, running: int) -> int | None:
        ranked = [
            (worker.failures >= DOUBTED_AFTER, rank, worker.load, name)
            for name, worker in self._workers.items()
            if not self._avoids(ticket.job_id, worker)
            and self._may_be_together(name, worker, ticket)
            and (rank := self._rank(worker, ticket, running)) is not None
        ]
        return min(ranked)[3] if ranked else None

    def _keep_workers(self) -> None:
        """Keep one worker for each suspect that is its owner's next, those kept so far first."""
        if not self._suspects:
            self._kept = {}
            return
        before, self._kept = self._kept, {}
        for ticket in self._queue.firsts():
            free = [name for name in self._workers if name not in self._kept]
            if ticket.job_id in self._suspects and free:
                self._kept[self._to_keep(free, before, ticket.job_id)] = ticket.job_id

    def _to_keep(self, free: list[int], before: Container[int], job_id: str) -> int:
        def fitness(name: int) -> tuple[bool, bool, int, int]:
            worker = self._workers[name]
            return self._avoids(job_id, worker), name not in before, worker.load, name

        return min(free, key=fitness)

    def _avoids(self, job_id: str, worker: _Worker) -> bool:
        """Whether the job was given back from the worker's card, or from its machine, and there is
        another.
        """
        if job_id not in self._failed_on:
            return False
        doubt = self._doubt(job_id, worker)
        return doubt > min(self._doubt(job_id, other) for other in self._workers.values())

    def _doubt(self, job_id: str, worker: _Worker) -> int:
        """2: the job was given back from the worker's card, 1: from its machine, 0: neither."""
        if worker.card in self._failed_on[job_id]:
            return 2
        return int(worker.node in self._failed_at[job_id])

    def _may_be_together(self, name: int, worker: _Worker, ticket: Ticket) -> bool:
        """Whether the job may run beside those that the worker has, and with whom it waits for."""
        if ticket.job_id in self._suspects:
            return not worker.jobs and self._kept.get(name, ticket.job_id) == ticket.job_id
        return name not in self._kept and self._suspects.isdisjoint(worker.jobs)

    def _rank(self, worker: _Worker, ticket: Ticket, running: int) -> int | None:
        """How well it suits, 0 the best; None: the job may not start there now."""
        room, sent = worker.room, worker.sent.values()
        taken = sum(other.samples for other in sent)
        free = room.free_samples > taken
        if not free and (running or room.spare_samples <= taken):
            return None
        if not ticket.samples and not (room.may_solo and all(other.samples for other in sent)):
            return None
        if worker.has(ticket.model):
            return 0 if free else 2
        if self._may_load(worker, ticket.model):
            return 1 if free else 3
        return None

    def _may_load(self, worker: _Worker, model: str) -> bool:
        room = worker.room
        if not room.may_load or not all(worker.has(each.model) for each in worker.sent.values()):
            return False
        if not worker.jobs or self._waits_long(model):
            return True
        return room.settled and not any(other.awaits(model) for other in self._workers.values())

    def _waits_long(self, model: str) -> bool:
        since = next(iter(self._waiting[model].values()))
        return self._clock() - since >= PATIENCE_S

    def _return(self, ticket: Ticket, worker: _Worker) -> None:
        job_id = ticket.job_id
        self._failed_on[job_id] = self._failed_on.get(job_id, frozenset()) | {worker.card}
        self._failed_at[job_id] = self._failed_at.get(job_id, frozenset()) | {worker.node}
        self._queue.give_back(ticket)
        self._wait(ticket)

    def _wait(self, ticket: Ticket) -> None:
        self._waiting.setdefault(ticket.model, {})[ticket.job_id] = self._clock()
        self._model_of[ticket.job_id] = ticket.model

    def _forget(self, job_id: str) -> None:
        """A job is over."""
        self._suspects.discard(job_id)
        self._failed_on.pop(job_id, None)
        self._failed_at.pop(job_id, None)

    def _begin(self, job_id: str) -> None:
        """A job waits no more."""
        self._kept = {name: kept for name, kept in self._kept.items() if kept != job_id}
        model = self._model_of.pop(job_id)
        del self._waiting[model][job_id]
        if not self._waiting[model]:
            del self._waiting[model]
