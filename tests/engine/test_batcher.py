from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from engine.batcher import plan
from engine.budgets import BUCKETS, FLOOR, REVISIT, Profile, bucket_of


@dataclass
class FakeRow:
    owner: str
    group: str
    samples: int
    arrival: int
    last_tick: int = -1
    left: int = 10**9


rows = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.integers(1, 3)), max_size=30
).map(lambda each: [FakeRow(o, g, s, n) for n, (o, g, s) in enumerate(each)])


def run(pending, ticks, budget=8):
    """Serve rows for so many ticks; how often each was."""
    served = Counter()
    for tick in range(ticks):
        for row in plan(pending, lambda _: budget):
            row.last_tick = tick
            served[row.arrival] += 1
    return served


@given(rows, st.integers(1, 32))
def test_a_tick_is_one_group_within_the_budget_in_order_of_arrival(pending, budget):
    chosen = plan(pending, lambda _: budget)
    assert bool(chosen) == bool(pending)
    assert len({row.group for row in chosen}) <= 1
    assert sum(row.samples for row in chosen) <= max(budget, 3)
    assert [row.arrival for row in chosen] == sorted(row.arrival for row in chosen)


@given(rows, st.integers(3, 16))
def test_no_room_is_left_that_a_waiting_row_of_the_group_would_fit(pending, budget):
    chosen = plan(pending, lambda _: budget)
    if chosen:
        room = max(budget, chosen[0].samples) - sum(row.samples for row in chosen)
        passed = [r for r in pending if r.group == chosen[0].group and r not in chosen]
        assert all(row.samples > room for row in passed)


@given(rows, st.integers(3, 16))
def test_no_row_starves(pending, budget):
    ticks = 3 * len(pending) + 3
    assert set(run(pending, ticks, budget)) == {row.arrival for row in pending}


def test_a_newcomer_steps_in_the_very_next_tick_under_full_load():
    pending = [FakeRow("ann", "x", 2, n) for n in range(16)]
    run(pending, 5, budget=8)
    newcomer = FakeRow("bob", "x", 2, 99)
    assert newcomer in plan([*pending, newcomer], lambda _: 8)


def test_a_lone_picture_steps_in_every_tick_beside_anybodys_many():
    pending = [FakeRow("ann", "x", 2, n) for n in range(16)] + [FakeRow("bob", "x", 2, 99)]
    served = run(pending, 40, budget=8)
    assert served[99] == 40


def test_groups_take_turns():
    pending = [FakeRow("a", "x", 2, n) for n in range(4)] + [FakeRow("b", "y", 2, 9)]
    served = run(pending, 10)
    assert served[9] == served[0] == 5


def feed(profile, each_s_of, ticks=12):
    for _ in range(ticks):
        samples = profile.budget
        profile.record(samples, samples * each_s_of(samples))


def test_the_budget_grows_while_batches_pay():
    profile = Profile()
    feed(profile, lambda samples: 1 / samples)
    assert profile.budget == BUCKETS[-1]


def test_the_budget_steps_back_where_they_do_not():
    profile = Profile()
    feed(profile, lambda samples: 1.0 if samples <= 16 else 0.99)
    assert profile.budget == 8


def test_one_slow_tick_does_not_settle_the_budget():
    profile = Profile()
    profile.record(FLOOR, FLOOR * 1.0)
    profile.record(FLOOR, FLOOR * 1.0)
    profile.record(FLOOR, FLOOR * 1.0)
    profile.record(16, 16 * 9.0)
    feed(profile, lambda samples: 1 / samples)
    assert profile.budget == 32


def test_a_settled_budget_is_tried_again_later():
    profile = Profile()
    feed(profile, lambda samples: 1.0)
    assert profile.budget == 8
    feed(profile, lambda samples: 1 / samples, ticks=REVISIT + 20)
    assert profile.budget > 8


def test_out_of_memory_lowers_the_budget_for_good():
    profile = Profile()
    feed(profile, lambda samples: 1 / samples)
    profile.out_of_memory(24)
    assert profile.budget == 12
    feed(profile, lambda samples: 1 / samples)
    assert profile.budget <= 12


@given(st.integers(1, 32))
def test_the_bucket_holds_the_samples_and_no_smaller_one_does(samples):
    bucket = bucket_of(samples)
    assert bucket >= samples
    assert all(other < samples for other in BUCKETS if other < bucket)
