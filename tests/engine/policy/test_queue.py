from __future__ import annotations

import dataclasses
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import DrawJob, InputPicture, Lane, WeightedText
from engine.policy.cost import ticket_for
from engine.policy.queue import FLOOR, QUANTUM, FairQueue, Ticket

FREE = 32
AVOIDING = (WeightedText(text="a cat"), WeightedText(text="dogs", weight=-0.5))


def ticket(job_id, owner, *, lane=Lane.FAST, work=30.0, model="m", samples=2):
    return Ticket(
        job_id=str(job_id), owner=owner, lane=lane, model=model, samples=samples, work=work
    )


def queue_of(*tickets, owner_cap=3, clock=lambda: 0.0):
    queue = FairQueue(owner_cap=owner_cap, clock=clock)
    for each in tickets:
        queue.push(each)
    return queue


def serve(queue, *, at_once=1):
    """Hand everything out, ending each job when `at_once` run; the order of ids."""
    order, running = [], []
    while (handed := queue.next(FREE, FREE)) is not None or running:
        if handed is not None:
            order.append(handed.job_id)
            running.append(handed.job_id)
        if handed is None or len(running) >= at_once:
            queue.end(running.pop(0))
    return order


tickets = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.sampled_from(list(Lane)),
        st.floats(min_value=1, max_value=5000),
    ),
    max_size=40,
).map(lambda rows: [ticket(n, o, lane=ln, work=w) for n, (o, ln, w) in enumerate(rows)])


@given(tickets, st.integers(1, 4))
def test_every_job_is_handed_out_exactly_once(waiting, at_once):
    order = serve(queue_of(*waiting), at_once=at_once)
    assert sorted(order) == sorted(each.job_id for each in waiting)


@given(tickets)
def test_something_is_handed_out_whenever_something_waits_and_nothing_runs(waiting):
    queue = queue_of(*waiting)
    for left in range(len(waiting), 0, -1):
        assert len(queue) == left
        handed = queue.next(FREE, FREE)
        assert handed is not None
        queue.end(handed.job_id)
    assert queue.next(FREE, FREE) is None


@given(tickets, st.integers(1, 3))
def test_no_owner_ever_runs_more_than_the_cap(waiting, cap):
    queue = queue_of(*waiting, owner_cap=cap)
    running = Counter()
    while (handed := queue.next(FREE, FREE)) is not None:
        running[handed.owner] += 1
    assert all(count <= cap for count in running.values())
    most = Counter(each.owner for each in waiting)
    assert running == Counter({owner: min(cap, count) for owner, count in most.items()})


@pytest.mark.parametrize(("own", "runs"), [(1, 1), (2, 2), (0, 3), (9, 3)])
def test_a_jobs_own_cap_holds_its_owner_lower_never_higher(own, runs):
    waiting = [dataclasses.replace(ticket(n, "ann"), cap=own) for n in range(5)]
    queue = queue_of(*waiting, ticket("b", "ben"), owner_cap=3)
    handed = []
    while (each := queue.next(FREE, FREE)) is not None:
        handed.append(each.owner)
    assert sorted(handed) == ["ann"] * runs + ["ben"]


def test_a_jobs_cap_reaches_its_ticket():
    job = DrawJob(id="a", owner="b", model="m", prompt=(), running_cap=2)
    assert ticket_for(job).cap == 2


@given(tickets)
def test_lower_lanes_come_first_and_one_owners_jobs_keep_their_order(waiting):
    by_id = {each.job_id: each for each in waiting}
    order = [by_id[job_id] for job_id in serve(queue_of(*waiting))]
    for place, each in enumerate(order):
        if any(later.lane < each.lane for later in order[place:]):
            before = [t.lane for t in order[:place]]
            since = next((n for n, lane in enumerate(before[::-1]) if lane == each.lane), place)
            assert sum(lane < each.lane for lane in before[place - since :]) >= FLOOR - 1
    for owner in "abcd":
        for lane in Lane:
            mine = [int(t.job_id) for t in order if (t.owner, t.lane) == (owner, lane)]
            assert mine == sorted(mine)


@given(st.lists(st.floats(1, 1000), min_size=2, max_size=12), st.integers(2, 30))
def test_owners_who_always_ask_get_equal_work_within_a_quantum_and_a_job(works, rounds):
    """The bound of deficit round robin: no backlogged owner falls behind by more."""
    queue = queue_of()
    owners = [f"o{n}" for n in range(len(works))]
    for owner, work in zip(owners, works, strict=True):
        for turn in range(rounds * 40):
            queue.push(ticket(f"{owner}-{turn}", owner, work=work))
    served = Counter()
    for _ in range(rounds * len(works)):
        handed = queue.next(FREE, FREE)
        served[handed.owner] += handed.work
        queue.end(handed.job_id)
    totals = [served[owner] for owner in owners]
    assert max(totals) - min(totals) <= 2 * (QUANTUM + max(works))


def test_a_slower_lane_keeps_a_small_share_beside_faster_ones_that_never_end():
    queue = queue_of(*(ticket(f"r{n}", f"r{n}", lane=Lane.RELAX) for n in range(5)))
    served = []
    for n in range(4 * FLOOR):
        queue.push(ticket(f"f{n}", f"f{n}"))
        served.append(queue.next(FREE, FREE))
        queue.end(served[-1].job_id)
    relaxed = [place for place, each in enumerate(served) if each.lane is Lane.RELAX]
    assert relaxed == [FLOOR - 1, 2 * FLOOR - 1, 3 * FLOOR - 1, 4 * FLOOR - 1]


def test_a_slower_lane_whose_jobs_cannot_start_saves_up_no_share():
    queue = queue_of(ticket("r", "ann", lane=Lane.RELAX, model="absent"), owner_cap=99)
    for n in range(2 * FLOOR):
        queue.push(ticket(f"f{n}", "bob"))
        assert queue.next(FREE, FREE, {"m"}).job_id == f"f{n}"
    queue.push(ticket("last", "bob"))
    assert queue.next(FREE, FREE).job_id == "last"


def test_a_single_picture_does_not_wait_behind_forty_repeats():
    repeats = [ticket(f"r{n}", "ann", work=240.0) for n in range(40)]
    queue = queue_of(*repeats)
    queue.next(FREE, FREE)
    queue.push(ticket("single", "bob"))

    assert queue.order()[:2] == ["r1", "single"]
    handed = [queue.next(FREE, FREE).job_id for _ in range(2)]
    assert "single" in handed


def test_with_nothing_free_only_an_owner_without_a_running_job_may_join():
    queue = queue_of(ticket("a1", "ann"), ticket("a2", "ann"), ticket("b1", "bob"))
    assert queue.next(FREE, FREE).job_id == "a1"

    assert queue.next(0, FREE).job_id == "b1"
    assert queue.next(0, FREE) is None
    assert queue.next(0, 0) is None
    assert queue.next(2, FREE).job_id == "a2"


@pytest.mark.parametrize(
    ("fields", "samples", "evaluations"),
    [
        ({}, 8, 8 * 30),
        ({"images": 1}, 2, 2 * 30),
        ({"guidance": 1.0}, 4, 4 * 30),
        ({"prompt": AVOIDING}, 12, 12 * 30),
        ({"prompt": AVOIDING, "guidance": 1.0}, 4, 4 * 30),
        ({"width_px": 1024}, 8, 2 * 8 * 30),
        ({"scheduler": "heun"}, 8, 8 * 59),
        ({"stop": 0.5}, 8, 8 * 15),
        ({"inputs": (InputPicture(data=b""),), "strength": 0.5}, 8, 8 * 15),
        ({"inputs": (InputPicture(data=b""),), "strength": 1, "images": 1, "enlarge": 2}, 18, 540),
    ],
)
def test_a_ticket_asks_for_the_samples_and_evaluations_that_the_job_will_take(
    fields, samples, evaluations
):
    asks = {"prompt": (WeightedText(text="a cat"),), **fields}
    job = DrawJob(id="1", owner="a", model="m", **asks)
    asked = ticket_for(job)
    assert (asked.samples, asked.work) == (samples, evaluations)


def test_a_job_that_takes_the_device_whole_waits_while_another_does():
    queue = queue_of(ticket("1", "ann", samples=0), ticket("2", "bob"))
    assert queue.next(FREE, FREE, solo=False).job_id == "2"
    assert queue.next(FREE, FREE, solo=False) is None
    assert queue.next(FREE, FREE, solo=True).job_id == "1"


def test_jobs_of_models_that_may_not_start_are_passed_over():
    queue = queue_of(ticket("1", "ann", model="large"), ticket("2", "bob", model="small"))
    assert queue.next(FREE, FREE, {"small"}).job_id == "2"
    assert queue.next(FREE, FREE, {"small"}) is None
    assert queue.next(FREE, FREE).job_id == "1"


def test_a_cancelled_job_that_was_handed_out_still_counts():
    """Ann cancels each job once it runs: her turns are used up all the same."""
    rows = [ticket(f"{o}{n}", o, work=QUANTUM) for n in range(6) for o in ("ann", "bob")]
    queue = queue_of(*rows)
    order = []
    while (handed := queue.next(FREE, FREE)) is not None:
        order.append(handed.owner)
        queue.end(handed.job_id)
    assert order[:6].count("bob") == 3


def test_a_waiting_job_can_be_cancelled_once():
    queue = queue_of(ticket("1", "ann"))
    assert queue.cancel("1")
    assert not queue.cancel("1")
    assert queue.next(FREE, FREE) is None


def test_relax_serves_who_drew_little_lately_more_often_until_it_is_forgotten():
    now = [0.0]

    def waits(queue):
        for n in range(20):
            queue.push(ticket(f"h{now[0]}{n}", "heavy", lane=Lane.RELAX, work=QUANTUM))
            queue.push(ticket(f"l{now[0]}{n}", "light", lane=Lane.RELAX, work=QUANTUM))

    def share(queue):
        first = []
        for _ in range(12):
            handed = queue.next(FREE, FREE)
            first.append(handed.owner)
            queue.end(handed.job_id)
        while (handed := queue.next(FREE, FREE)) is not None:
            queue.end(handed.job_id)
        return first.count("light")

    queue = queue_of(clock=lambda: now[0])
    queue.push(ticket("big", "heavy", work=100 * QUANTUM))
    queue.end(queue.next(FREE, FREE).job_id)
    waits(queue)
    assert share(queue) >= 9
    now[0] += 48 * 3600
    waits(queue)
    assert share(queue) == 6


@pytest.mark.parametrize("lane", [Lane.TURBO, Lane.FAST])
def test_recent_use_counts_in_the_relax_lane_alone(lane):
    queue = queue_of(ticket("big", "heavy", work=100 * QUANTUM))
    queue.end(queue.next(FREE, FREE).job_id)
    for n in range(10):
        queue.push(ticket(f"h{n}", "heavy", lane=lane, work=QUANTUM))
        queue.push(ticket(f"l{n}", "light", lane=lane, work=QUANTUM))
    first = []
    for _ in range(12):
        handed = queue.next(FREE, FREE)
        first.append(handed.owner)
        queue.end(handed.job_id)
    assert first.count("heavy") == 6
