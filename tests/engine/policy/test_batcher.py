from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.policy.batcher import FLOOR_TICKS, plan
from engine.policy.budgets import BUCKETS, FLOOR, REVISIT, Budgets, Profile, bucket_of


@dataclass
class FakeRow:
    owner: str
    group: str
    samples: int
    arrival: int
    last_tick: int = -1
    lane: int = 1
    left: int = 10**9


rows = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.integers(1, 3)), max_size=30
).map(lambda each: [FakeRow(o, g, s, n) for n, (o, g, s) in enumerate(each)])


def run(pending, ticks, budget=8):
    """Serve rows for so many ticks; how often each was."""
    served = Counter()
    begin = 1 + max(row.last_tick for row in pending) if pending else 0
    for tick in range(begin, begin + ticks):
        for row in plan(pending, tick, lambda _: budget):
            row.last_tick = tick
            served[row.arrival] += 1
    return served


@given(rows, st.integers(1, 32))
def test_a_tick_is_one_group_within_the_budget_in_order_of_arrival(pending, budget):
    chosen = plan(pending, 1, lambda _: budget)
    assert bool(chosen) == bool(pending)
    assert len({row.group for row in chosen}) <= 1
    assert sum(row.samples for row in chosen) <= max(budget, 3)
    assert [row.arrival for row in chosen] == sorted(row.arrival for row in chosen)


@given(rows, st.integers(3, 16))
def test_no_room_is_left_that_a_waiting_row_of_the_group_would_fit(pending, budget):
    chosen = plan(pending, 1, lambda _: budget)
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
    assert newcomer in plan([*pending, newcomer], 5, lambda _: 8)


def test_a_newcomer_does_not_wait_until_all_rows_of_other_newcomers_have_stepped():
    pending = [FakeRow(owner, "x", 2, n) for n, owner in enumerate("aaaabbbbccccdddd")]
    run(pending, 1, budget=8)
    late = FakeRow("late", "x", 2, 99)
    assert late in plan([*pending, late], 1, lambda _: 8)


def test_a_lone_picture_steps_in_every_tick_beside_anybodys_many():
    pending = [FakeRow("ann", "x", 2, n) for n in range(16)] + [FakeRow("bob", "x", 2, 99)]
    served = run(pending, 40, budget=8)
    assert served[99] == 40


def test_a_turbo_picture_steps_in_every_tick_beside_many_who_relax():
    pending = [FakeRow(f"o{n}", "x", 2, n, lane=2) for n in range(127)]
    run(pending, 5)
    turbo = [FakeRow("ann", "x", 2, 200 + n, lane=0) for n in range(3)]
    served = run([*pending, *turbo], 70)
    for row in turbo:
        assert served[row.arrival] >= 70 * (1 - 1 / FLOOR_TICKS) - 1
    assert turbo[0] in plan([*pending, *turbo], 75, lambda _: 8)


def test_who_relaxes_keeps_a_small_share_beside_many_in_faster_lanes():
    relaxed = FakeRow("ann", "y", 2, 0, lane=2)
    pending = [relaxed, *(FakeRow(f"o{n}", "x", 2, 1 + n, lane=0) for n in range(40))]
    served = run(pending, 10 * FLOOR_TICKS)
    assert 5 <= served[0] <= 10


def test_an_owner_of_a_faster_lane_with_many_rows_goes_before_slower_lanes():
    pending = [FakeRow("ann", "x", 2, n, lane=0) for n in range(9)]
    pending += [FakeRow("bob", "x", 2, 10 + n, lane=1) for n in range(9)]
    assert {row.owner for row in plan(pending, 1, lambda _: 8)} == {"ann"}


lanes_too = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.integers(1, 3), st.integers(0, 2)),
    max_size=30,
).map(lambda each: [FakeRow(o, g, s, n, lane=lane) for n, (o, g, s, lane) in enumerate(each)])


@given(lanes_too, st.sampled_from(BUCKETS[1:]))
def test_no_row_starves_where_there_are_lanes_and_passes_fill_whole_buckets(pending, budget):
    served = Counter()
    budgets = Budgets()
    for tick in range(30 * FLOOR_TICKS * (len(pending) + 1)):
        chosen = plan(
            pending,
            tick,
            lambda _: budget,
            lambda _, samples: budgets.fill(("m", ()), samples, bucket_of),
        )
        assert chosen or not pending
        for row in chosen:
            row.last_tick = tick
            served[row.arrival] += 1
        if len(served) == len(pending):
            return
    raise AssertionError(f"{len(pending) - len(served)} rows never stepped.")


@pytest.mark.parametrize(("count", "budget", "sizes"), [(9, 32, 16), (11, 32, 16), (5, 8, 8)])
def test_passes_that_would_be_padded_fill_a_whole_bucket(count, budget, sizes):
    """Nine guided rows bring 18 samples: padded to 32, almost half of the pass would be wasted."""
    budgets, samples = Budgets(), Counter()
    pending = [FakeRow(f"o{n}", "x", 2, n) for n in range(count)]
    for tick in range(40):
        chosen = plan(
            pending, tick, lambda _: budget, lambda _, n: budgets.fill(("m", ()), n, bucket_of)
        )
        samples[sum(row.samples for row in chosen)] += 1
        for row in chosen:
            row.last_tick = tick
    assert set(samples) == {sizes}
    assert all(row.last_tick >= 38 for row in pending)


def test_passes_that_are_not_padded_take_all_that_fits():
    pending = [FakeRow(f"o{n}", "x", 2, n) for n in range(9)]
    budgets = Budgets()
    chosen = plan(pending, 1, lambda _: 32, lambda _, n: budgets.fill(("m", ()), n, lambda n: n))
    assert len(chosen) == 9


def test_where_a_padded_pass_is_known_to_be_quicker_for_each_picture_it_is_taken():
    """Small passes take as long as larger ones: three samples in a pass of four, not two."""
    budgets = Budgets()
    group = ("m", (1, 4, 64, 64))
    assert budgets.fill(group, 3, bucket_of) == 2
    budgets.record(group, 2, 1.0)
    budgets.record(group, 4, 1.1)
    assert budgets.fill(group, 3, bucket_of) == 3
    budgets.record(group, 4, 1.8)
    budgets.record(group, 4, 1.8)
    assert budgets.fill(group, 3, bucket_of) == 2


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


@pytest.mark.parametrize(("gain", "budget"), [(0.0, 8), (0.04, 8), (0.06, 16), (0.3, 16)])
def test_a_larger_batch_must_take_five_percent_less_time_for_each_sample(gain, budget):
    profile = Profile(ceiling=16)
    feed(profile, lambda samples: 1.0 - gain if samples == 16 else 1.0)
    assert profile.budget == budget


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


def test_out_of_memory_lowers_the_budget_and_it_stays_there():
    profile = Profile()
    feed(profile, lambda samples: 1 / samples)
    profile.out_of_memory(24)
    assert profile.budget == 8
    feed(profile, lambda samples: 1 / samples)
    assert profile.budget == 8


@pytest.mark.parametrize("samples", [1, 2, 3, 5, 32])
def test_what_did_not_fit_is_tried_again_once_memory_may_be_free(samples):
    profile = Profile()
    profile.out_of_memory(samples)
    low = profile.budget
    assert low <= max(1, samples // 2)
    feed(profile, lambda samples: 1 / samples, ticks=REVISIT)
    assert profile.budget == 2 * low


def test_a_pass_above_its_budget_counts_for_it_too():
    """A row brings two samples whatever the budget says."""
    profile = Profile()
    profile.out_of_memory(2)
    assert profile.budget == 1
    for _ in range(REVISIT):
        profile.record(2, 1.0)
    assert profile.budget > 1


SMALL, LARGE = ("doodle", (1, 4, 16, 16)), ("doodle", (1, 4, 32, 32))


def test_groups_of_one_model_and_size_share_what_was_learned():
    budgets = Budgets()
    budgets.out_of_memory((*SMALL, "tile"), 4)
    assert budgets.of((*SMALL, "plain")) == 2
    assert budgets.of((*LARGE, "plain")) == FLOOR


def stay_at(budgets, group, ticks=40):
    for _ in range(ticks):
        budgets.record(group, budgets.of(group), 1.0)


def test_settled_budgets_outlive_the_process_for_the_same_machine(tmp_path):
    file = tmp_path / "engine" / "budgets.json"
    stay_at(Budgets(file=file, machine="card"), SMALL)
    again = Budgets(file=file, machine="card")
    assert again.of(SMALL) == BUCKETS[-1]
    assert again.of(LARGE) == FLOOR
    assert Budgets(file=file, machine="another").of(SMALL) == FLOOR


def test_two_workers_of_a_machine_keep_what_each_learned(tmp_path):
    file = tmp_path / "budgets.json"
    one, other = (Budgets(file=file, machine="card") for _ in range(2))
    stay_at(one, SMALL)
    other.out_of_memory(LARGE, 4)
    again = Budgets(file=file, machine="card")
    assert (again.of(SMALL), again.of(LARGE)) == (BUCKETS[-1], 2)
    assert [each.name for each in tmp_path.iterdir()] == [file.name]


def test_memory_that_ran_out_is_remembered_across_starts(tmp_path):
    file = tmp_path / "budgets.json"
    Budgets(file=file).out_of_memory(SMALL, 4)
    assert Budgets(file=file).of(SMALL) == 2


@pytest.mark.parametrize("text", ["{", "[1]", '{"": 3}', '{"": {"doodle (1, 4, 16, 16)": 1e99}}'])
def test_a_damaged_file_is_no_reason_to_stop(tmp_path, text):
    file = tmp_path / "budgets.json"
    file.write_text(text)
    assert Budgets(file=file).of(SMALL) == FLOOR


def test_a_file_that_cannot_be_written_is_no_reason_to_stop(tmp_path):
    (tmp_path / "taken").write_text("")
    budgets = Budgets(file=tmp_path / "taken" / "budgets.json")
    stay_at(budgets, SMALL)
    assert budgets.of(SMALL) == BUCKETS[-1]


@given(st.integers(1, 32))
def test_the_bucket_holds_the_samples_and_no_smaller_one_does(samples):
    bucket = bucket_of(samples)
    assert bucket >= samples
    assert all(other < samples for other in BUCKETS if other < bucket)
