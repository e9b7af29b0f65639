"""Which jobs start now: pulled from the queue while there is room, their models loaded first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from engine import naming
from engine.loop.rows import Row, Work
from engine.messages import DrawJob, Job
from engine.models.model_cache import Model, ModelCache
from engine.policy.budgets import Budgets
from engine.policy.cost import ticket_for
from engine.policy.placement import Room
from engine.policy.queue import FairQueue, Ticket

OVERCOMMIT = 7
"""How many budgets of samples may be added to a full device by owners without a running job: they
step at once and everybody steps less often, which keeps small jobs quick."""


class Admission:
    """Jobs from the mailbox to their first tick."""

    def __init__(self, queue: FairQueue, models: ModelCache, budgets: Budgets) -> None:
        self._queue, self._models, self._budgets = queue, models, budgets
        self._waiting: dict[str, list[Work]] = {}
        """Jobs that the queue handed out and whose model is still to be loaded, by model."""
        self._order: list[str] | None = None
        """The order of waiting jobs; None: it has changed and must be asked for again."""
        self._blocked = False
        """Whether a model waits to be loaded until rows in flight leave memory for it."""
        self.may_start = False
        """Whether something happened since the last pull that could let a job start."""

    def ticket(self, job: Job) -> Ticket:
        """What the queue must know of a job, or of its next part."""
        if isinstance(job, DrawJob) and job.name_inputs:
            job = naming.question(job)
        return ticket_for(job, solo=self._models.is_solo(job))

    def submit(self, work: Work) -> None:
        """Let a job wait its turn."""
        self._queue.push(work.ticket)
        self._order = None
        self.may_start = True

    def go_on(self, work: Work) -> None:
        """Let a job whose first part is done wait for its turn with the next one."""
        work.ticket = self.ticket(work.job)
        self._queue.go_on(work.ticket)
        self._order = None
        self.may_start = True

    def order(self) -> list[str]:
        """Ids of the waiting jobs, next first; the same list until it changes."""
        if self._order is None:
            self._order = self._queue.order()
        return self._order

    def loading(self) -> str | None:
        """The name of the model that is being loaded."""
        return self._models.loading

    def title(self, model: str) -> str:
        """What members call a model."""
        return self._models.title(model)

    def resident(self) -> tuple[str, ...]:
        """Names of the models at hand."""
        return self._models.names()

    def compiling(self) -> tuple[str, ...]:
        """Names of the models that are still being compiled."""
        return self._models.compiling()

    def loads(self) -> bool:
        """Whether jobs that have started wait for their model."""
        return any(self._waiting.values())

    def end(self, work: Work) -> None:
        """A job is over, wherever it was."""
        self._queue.cancel(work.job.id)
        self._queue.end(work.job.id)
        self._order = None
        # A name without jobs would keep the device free for a model that nobody wants any more.
        self._waiting = {
            name: rest
            for name, works in self._waiting.items()
            if (rest := [other for other in works if other is not work])
        }
        self.may_start = True

    def pull(
        self,
        rows: Sequence[Row],
        works: Mapping[str, Work],
        in_use: Callable[[], Collection[str]],
        solo: Callable[[], bool],
    ) -> Iterator[tuple[Work, Model | None]]:
        """Jobs that start now, each with its model; None: the model is being loaded.

        Everything is looked at again after each job, because the caller begins the job meanwhile.
        solo: whether a job that has the device to itself may start.
        """
        self.may_start = False
        while not self._must_make_room(in_use()):
            ticket = self._next(rows, solo=solo())
            if ticket is None:
                return
            self._order = None
            work, model = works[ticket.job_id], self._models.get(ticket.model)
            if model is None:
                self._waiting.setdefault(ticket.model, []).append(work)
            yield work, model

    def room(self, rows: Sequence[Row], works: Collection[Work], *, solo: bool) -> Room:
        """What there is room for beside the rows in flight and the jobs that are to become rows."""
        free, spare = (0, 0) if self._blocked else self._samples(rows)
        waiting = sum(self._samples_to_come(work) for work in works if not work.rows)
        return Room(
            free_samples=free - waiting,
            spare_samples=spare - waiting,
            models=frozenset(self._models.names()),
            may_load=not (self._models.loading or self.loads()),
            settled=not self._models.just_loaded(),
            may_solo=solo,
            counted=frozenset(work.job.id for work in works),
        )

    def _samples_to_come(self, work: Work) -> int:
        """What a job brings to a pass, be it after its pictures were described."""
        if isinstance(work.job, DrawJob) and work.job.name_inputs:
            return ticket_for(work.job, solo=self._models.is_solo(work.job)).samples
        return work.ticket.samples

    def _samples(self, rows: Sequence[Row]) -> tuple[int, int]:
        """Samples that are free, and those to spare for owners without a running job."""
        budget = sum(self._budgets.of(group) for group in {row.kind for row in rows})
        taken: Counter[str] = Counter()
        for row in rows:
            taken[row.owner] += row.samples
        for row in {row.work: row for row in rows}.values():  # some are still to get rows for crops
            taken[row.owner] += (row.work.images - len(row.work.rows)) * row.samples
        free = (budget or 1) - taken.total()
        # One owner's large job counts as at most one budget, so that others can start.
        spare = (1 + OVERCOMMIT) * budget - sum(min(count, budget) for count in taken.values())
        return free, spare

    def _next(self, rows: Sequence[Row], *, solo: bool) -> Ticket | None:
        if not len(self._queue):  # every turn asks
            return None
        free, spare = self._samples(rows)
        resident = self._models.names()
        if self._models.loading or self._models.just_loaded():
            ticket = self._queue.next(free, spare, resident, solo=solo)
            if ticket is not None or self._models.loading:
                return ticket
        return self._queue.next(free, spare, solo=solo)

    def loaded(self, name: str, result: Model | Exception) -> list[Work]:
        """The jobs that waited for this load, which has ended."""
        self.may_start = True
        self._models.loading = None
        if not isinstance(result, Exception):
            self._models.put(name, result)
        return self._waiting.pop(name, [])

    def idle(self, after_s: float | None, in_use: Collection[str]) -> None:
        """Unload models that nobody has used for so long."""
        if after_s is not None:
            self._models.unload_idle(after_s, in_use)

    def close(self) -> None:
        """Unload every model; a load that has begun may end."""
        self._models.close()

    def _must_make_room(self, in_use: Collection[str]) -> bool:
        """Begin the load that jobs wait for; True where rows in flight leave no memory for it.

        Then nothing else is started, so that those rows end and the model can be loaded.
        """
        other = next((name for name in self._waiting if name != self._models.loading), None)
        self._blocked = other is not None and (
            bool(self._models.loading) or not self._models.want(other, in_use)
        )
        return self._blocked
