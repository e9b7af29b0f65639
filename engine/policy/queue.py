"""Who is next: lanes, deficit round robin over owners in each, and a cap on each owner's jobs."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Container
from dataclasses import dataclass, field

from engine.messages import Lane

QUANTUM = 120.0
"""Work that an owner may ask for in each round: a small grid."""
FLOOR = 8
"""A lane with waiting jobs is handed one of so many, however many jobs wait in faster lanes."""
RECENT_USE_HALF_LIFE_S = 3600.0
RECENT_USE_UNIT = 10 * QUANTUM
"""Recent use that halves an owner's share of the relax lane."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What the queue knows of a waiting job."""

    job_id: str
    owner: str
    lane: Lane
    model: str
    samples: int
    """Samples it brings to a pass, all its rows together."""
    work: float
    """Evaluations of one sample at 512 × 512 px."""
    cap: int = 0
    """How many jobs of its owner may run with it; 0: as many as the queue lets."""


@dataclass(slots=True)
class _Owner:
    tickets: deque[Ticket] = field(default_factory=deque)
    deficit: float = 0.0


class FairQueue:
    """Tickets of waiting jobs; workers take the next one.

    Faster lanes come first, but a slower one keeps a small share. Within a lane, owners get equal
    shares of the work that they ask for; in the relax lane an owner's share shrinks with recent
    use. Work that was handed out counts, even if it is cancelled.
    """

    def __init__(self, *, owner_cap: int, clock: Callable[[], float]) -> None:
        self._owner_cap = owner_cap
        self._clock = clock
        self._lanes: dict[Lane, OrderedDict[str, _Owner]] = {lane: OrderedDict() for lane in Lane}
        self._passed_over: Counter[Lane] = Counter()
        """How often in a row a faster lane was served while jobs of this one could have started."""
        self._running: dict[str, str] = {}
        self._running_of: Counter[str] = Counter()
        self._recent: dict[str, tuple[float, float]] = {}

    def __len__(self) -> int:
        return sum(len(owner.tickets) for ring in self._lanes.values() for owner in ring.values())

    def push(self, ticket: Ticket) -> None:
        """Let a job wait its turn."""
        self._lanes[ticket.lane].setdefault(ticket.owner, _Owner()).tickets.append(ticket)

    def cancel(self, job_id: str) -> bool:
        """Forget a waiting job; False where it does not wait here."""
        for ring in self._lanes.values():
            for name, owner in ring.items():
                for ticket in owner.tickets:
                    if ticket.job_id == job_id:
                        owner.tickets.remove(ticket)
                        if not owner.tickets:
                            del ring[name]
                        return True
        return False

    def next(
        self,
        free_samples: int,
        spare_samples: int,
        models: Container[str] | None = None,
        *,
        solo: bool = True,
    ) -> Ticket | None:
        """Hand out the next job, or None where none may start now.

        While no samples are free, an owner without a running job may still start one within the
        spare samples. models: those that jobs may start on; None: any. solo: whether a job may
        start that has the device to itself and so brings no samples.
        """

        def may_start(ticket: Ticket, running: int) -> bool:
            room = free_samples > 0 or (spare_samples > 0 and not running)
            known = models is None or ticket.model in models
            return room and known and (solo or ticket.samples > 0)

        return self.take(may_start)

    def take(self, may_start: Callable[[Ticket, int], bool]) -> Ticket | None:
        """Hand out the next job that may start, or None.

        may_start: is asked for the first job of each owner below the cap, with how many jobs of
        that owner run.
        """
        eligible = {
            lane: names
            for lane, ring in self._lanes.items()
            if (
                names := [
                    name
                    for name, owner in ring.items()
                    if self._running_of[name] < self._cap(owner.tickets[0])
                    and may_start(owner.tickets[0], self._running_of[name])
                ]
            )
        }
        if not eligible:
            return None
        lane = self._lane(list(eligible))
        return self._hand_out(self._lanes[lane], eligible[lane])

    def _cap(self, ticket: Ticket) -> int:
        """How many jobs of the ticket's owner may run, itself among them."""
        return min(ticket.cap or self._owner_cap, self._owner_cap)

    def _lane(self, lanes: list[Lane]) -> Lane:
        """The fastest lane, but a slower one that was passed over `FLOOR` − 1 times."""
        longest = max(lanes, key=lambda lane: self._passed_over[lane])
        lane = longest if self._passed_over[longest] >= FLOOR - 1 else lanes[0]
        for other in lanes:
            self._passed_over[other] += other > lane
        self._passed_over[lane] = 0
        return lane

    def end(self, job_id: str) -> None:
        """A job that was handed out is over, however it ended."""
        owner = self._running.pop(job_id, None)
        if owner is not None:
            self._running_of[owner] -= 1
            if not self._running_of[owner]:
                del self._running_of[owner]

    def give_back(self, ticket: Ticket) -> None:
        """A job that was handed out could not be done: it is its owner's next, and is not counted
        twice against the owner's share.
        """
        owner = self._again(ticket)
        owner.deficit += ticket.work
        self._charge(ticket.owner, -min(ticket.work, self._recent_use(ticket.owner)))

    def go_on(self, ticket: Ticket) -> None:
        """A job that was handed out waits for its next part: it is its owner's next."""
        self._again(ticket)

    def _again(self, ticket: Ticket) -> _Owner:
        self.end(ticket.job_id)
        owner = self._lanes[ticket.lane].setdefault(ticket.owner, _Owner())
        owner.tickets.appendleft(ticket)
        return owner

    def firsts(self) -> list[Ticket]:
        """The job of each owner below the cap that would be handed out first, in each lane."""
        return [
            owner.tickets[0]
            for ring in self._lanes.values()
            for name, owner in ring.items()
            if self._running_of[name] < self._cap(owner.tickets[0])
        ]

    def order(self) -> list[str]:
        """Ids of the waiting jobs, next first, as if all brought the same work."""
        turns = [
            (lane, turn, place, ticket.job_id)
            for lane, ring in self._lanes.items()
            for place, owner in enumerate(ring.values())
            for turn, ticket in enumerate(owner.tickets)
        ]
        return [job_id for *_, job_id in sorted(turns)]

    def _hand_out(self, ring: OrderedDict[str, _Owner], eligible: list[str]) -> Ticket:
        """Deficit round robin (Shreedhar & Varghese 1995); rounds in which nobody could be served
        are skipped.
        """
        quantum = {name: QUANTUM * self._share(name, ring) for name in eligible}
        rounds = {
            name: max(0, math.ceil((ring[name].tickets[0].work - ring[name].deficit) / share))
            for name, share in quantum.items()
        }
        fewest = min(rounds.values())
        for name, share in quantum.items():
            ring[name].deficit += fewest * share
        chosen = next(name for name in eligible if rounds[name] == fewest)
        owner = ring[chosen]
        ticket = owner.tickets.popleft()
        owner.deficit -= ticket.work
        ring.move_to_end(chosen)
        if not owner.tickets:
            del ring[chosen]
        self._running[ticket.job_id] = chosen
        self._running_of[chosen] += 1
        self._charge(chosen, ticket.work)
        return ticket

    def _share(self, owner: str, ring: OrderedDict[str, _Owner]) -> float:
        if ring is not self._lanes[Lane.RELAX]:
            return 1.0
        return 1.0 / (1.0 + self._recent_use(owner) / RECENT_USE_UNIT)

    def _recent_use(self, owner: str) -> float:
        use, since = self._recent.get(owner, (0.0, 0.0))
        return float(use * 0.5 ** ((self._clock() - since) / RECENT_USE_HALF_LIFE_S))

    def _charge(self, owner: str, work: float) -> None:
        now = self._clock()
        self._recent[owner] = (self._recent_use(owner) + work, now)
        if len(self._recent) > 2 * len(self._running) + 1000:
            self._recent = {
                name: use for name, use in self._recent.items() if self._recent_use(name) > 1.0
            }
