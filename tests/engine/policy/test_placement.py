from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from engine import Lane
from engine.policy.placement import DOUBTED_AFTER, NO_ROOM, PATIENCE_S, Placement, Room
from engine.policy.queue import FairQueue, Ticket


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


def ticket(job_id, owner="ann", *, model="m", samples=8, work=30.0, lane=Lane.FAST, cap=0):
    return Ticket(
        job_id=str(job_id), owner=owner, lane=lane, model=model, samples=samples, work=work, cap=cap
    )


def room(free=8, spare=0, *, models=("m",), **fields):
    return Room(free_samples=free, spare_samples=spare, models=frozenset(models), **fields)


def cluster(rooms, *waiting, owner_cap=9, clock=None):
    clock = clock or Clock()
    placement = Placement(FairQueue(owner_cap=owner_cap, clock=clock), clock=clock)
    for worker, told in rooms.items():
        placement.join(worker, card=worker)
        placement.pull(worker, told)
    for each in waiting:
        placement.push(each)
    return placement


def placed(placement):
    return {each.job_id: worker for each, worker in placement.place()}


def test_a_worker_that_has_not_told_of_room_gets_nothing():
    placement = cluster({}, ticket("a"))
    placement.join(1, card=1)
    assert placed(placement) == {}


def test_jobs_go_first_to_a_worker_that_has_their_model():
    placement = cluster({1: room(models=["x"]), 2: room(models=["m"])}, ticket("a"))
    assert placed(placement) == {"a": 2}


def test_the_least_busy_of_those_that_have_the_model_is_taken():
    rooms = {1: room(24, counted=frozenset("old")), 2: room(24)}
    placement = cluster(rooms, ticket("a"), ticket("b"), ticket("c"))
    assert sorted(placed(placement).values()) == [1, 1, 2] or sorted(
        placed(placement).values()
    ) == [1, 2, 2]


def test_what_was_sent_takes_room_until_the_worker_counts_it():
    placement = cluster({1: room(16)}, *map(ticket, "abc"))
    assert placed(placement) == {"a": 1, "b": 1}
    placement.pull(1, room(16, counted=frozenset("a")))
    assert placed(placement) == {"c": 1}


def test_a_full_worker_starts_a_job_of_an_owner_without_one_within_the_spare():
    placement = cluster({1: room(8, 64)}, ticket("a"), ticket("b"), ticket("c", "bob"))
    assert placed(placement) == {"a": 1, "c": 1}


def test_an_idle_worker_loads_a_model_where_those_that_have_it_are_full():
    placement = cluster({1: room(0, 8), 2: room(1, models=[])}, ticket("a"))
    assert placed(placement) == {"a": 2}


def test_a_model_is_loaded_once_where_one_worker_has_room_for_all():
    rooms = {1: room(1, models=[]), 2: room(1, models=[])}
    placement = cluster(rooms, ticket("a"))
    [first] = placed(placement).values()
    placement.pull(first, room(56, counted=frozenset("a")))
    for job_id in "bcd":
        placement.push(ticket(job_id))
    assert placed(placement) == dict.fromkeys("bcd", first)


def test_a_busy_worker_is_not_made_to_load_what_another_has_until_a_job_waited_long():
    clock = Clock()
    rooms = {1: room(0), 2: room(64, models=["x"])}
    placement = cluster(rooms, ticket("x", model="x"), clock=clock)
    assert placed(placement) == {"x": 2}
    placement.push(ticket("a"))
    assert placed(placement) == {}
    clock.now_s = PATIENCE_S
    assert placed(placement) == {"a": 2}


def test_a_worker_that_loads_is_given_only_what_it_has():
    placement = cluster({1: room(64, may_load=False)}, ticket("a"), ticket("b", model="x"))
    assert placed(placement) == {"a": 1}


def test_a_second_model_is_not_sent_before_the_first_is_counted():
    placement = cluster(
        {1: room(64, models=[])}, ticket("a", model="x"), ticket("b", "bob", model="y")
    )
    assert len(placed(placement)) == 1


def test_one_job_at_a_time_has_a_device_to_itself():
    upscales = [ticket(n, model="m", samples=0) for n in range(3)]
    placement = cluster({1: room(8), 2: room(8, may_solo=False)}, *upscales)
    assert placed(placement) == {"0": 1}


def test_the_cap_of_an_owner_holds_for_all_workers_together():
    rooms = {number: room(64) for number in range(4)}
    placement = cluster(rooms, *map(ticket, range(9)), owner_cap=3)
    assert len(placed(placement)) == 3


def test_the_jobs_of_a_dead_worker_are_the_next_of_their_owner_in_their_old_order():
    placement = cluster({1: room(16)}, *map(ticket, "abcd"))
    assert placed(placement) == {"a": 1, "b": 1}
    assert [each.job_id for each in placement.leave(1)] == ["a", "b"]
    assert placement.order() == ["a", "b", "c", "d"]
    placement.join(2, card=2)
    placement.pull(2, room(64))
    assert list(placed(placement)) == ["a", "b", "c", "d"]


def test_what_a_dead_worker_had_is_not_charged_twice():
    """Ann's job is lost and given back; she and Bob then still take turns."""
    placement = cluster({1: room(8)}, ticket("a1", work=120.0))
    placement.place()
    placement.leave(1)
    for job_id, owner in (("a2", "ann"), ("b1", "bob"), ("b2", "bob")):
        placement.push(ticket(job_id, owner, work=120.0))
    placement.join(2, card=2)
    placement.pull(2, room(64))
    owners = [each.owner for each, _ in placement.place()]
    assert owners[:2] in (["ann", "bob"], ["bob", "ann"])
    assert owners[2:4] in (["ann", "bob"], ["bob", "ann"])


def test_reports_of_a_worker_that_is_gone_are_no_matter():
    placement = cluster({1: room(8)})
    placement.leave(1)
    placement.pull(1, room(8))
    placement.push(ticket("a"))
    assert placed(placement) == {}
    assert placement.leave(1) == []


steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("push"), st.sampled_from("abc"), st.sampled_from("mx"), st.integers(0, 4)
        ),
        st.tuples(
            st.just("tell"), st.integers(0, 3), st.integers(0, 32), st.sampled_from(["m", "mx"])
        ),
        st.tuples(st.just("end"), st.integers(0, 9)),
        st.tuples(st.just("cancel"), st.integers(0, 40)),
        st.tuples(st.just("leave"), st.integers(0, 3)),
    ),
    max_size=60,
)


@given(steps)
def test_whatever_dies_every_job_is_in_one_place_and_none_is_lost(script):
    placement = cluster({})
    running, waiting, failed_on, number = {}, set(), {}, 0
    for verb, *values in script:
        match verb, values:
            case "push", [owner, model, samples]:
                placement.push(ticket(number, owner, model=model, samples=samples))
                waiting.add(str(number))
                number += 1
            case "tell", [worker, free, models]:
                if worker not in placement._workers:
                    placement.join(worker, card=worker % 2)
                counted = frozenset(j for j, at in running.items() if at == worker)
                placement.pull(worker, room(free, models=models, counted=counted))
            case "end", [place] if running:
                ended = sorted(running)[place % len(running)]
                del running[ended]
                placement.end(ended)
            case "cancel", [job]:
                assert placement.cancel(str(job)) == (str(job) in waiting)
                waiting.discard(str(job))
            case "leave", [worker]:
                back = {each.job_id for each in placement.leave(worker)}
                assert back == {job_id for job_id, at in running.items() if at == worker}
                waiting |= back
                for job_id in back:
                    failed_on.setdefault(job_id, set()).add(worker % 2)
                running = {job_id: at for job_id, at in running.items() if at != worker}
        for each, worker in placement.place():
            assert each.job_id in waiting
            waiting.discard(each.job_id)
            running[each.job_id] = worker
            failed, cards = failed_on.get(each.job_id, set()), {n % 2 for n in placement._workers}
            assert worker % 2 not in failed or cards <= failed
        assert Counter(placement.order()) == Counter(waiting)
        assert len(placement) == len(waiting)


# Cards that break what they draw.


def test_a_job_whose_worker_died_waits_for_another_card_rather_than_going_back():
    placement = cluster({1: room(8)}, ticket("a"))
    placement.place()
    placement.leave(1)
    placement.join(2, card=1)
    placement.pull(2, room(8))
    placement.join(3, card=3)
    placement.pull(3, room(0))
    assert placed(placement) == {}
    placement.push(ticket("b", "bob"))
    assert placed(placement) == {"b": 2}
    placement.pull(3, room(8))
    assert placed(placement) == {"a": 3}


def test_where_all_cards_failed_a_job_any_of_them_may_try_again():
    placement = cluster({1: room(8)}, ticket("a"))
    placement.place()
    placement.leave(1)
    placement.join(2, card=1)
    placement.pull(2, room(8))
    assert placed(placement) == {"a": 2}


def test_a_job_that_did_not_reach_its_worker_goes_to_another_card():
    placement = cluster({1: room(8), 2: room(8)}, ticket("a"))
    [first] = placed(placement).values()
    placement.give_back("a")
    assert placed(placement) == {"a": 3 - first}
    placement.push(ticket("b"))
    assert placed(placement) == {"b": first}, "what did not arrive takes room"


def test_a_suspect_is_not_kept_a_worker_on_the_card_that_it_died_on():
    placement = cluster({1: room(8)}, ticket("bad"))
    placement.place()
    placement.leave(1)
    placement.suspect("bad")
    placement.join(2, card=1)
    placement.pull(2, room(8))
    placement.join(3, card=3)
    placement.pull(3, room(8))
    assert placed(placement) == {"bad": 3}


# Suspects.


def test_a_job_that_died_on_a_machine_is_drawn_by_another_machine_while_there_is_one():
    placement = cluster({}, ticket("a"))
    placement.join(1, card="b0", node="b")
    placement.pull(1, room())
    assert placed(placement) == {"a": 1}
    placement.leave(1)
    placement.join(2, card="b1", node="b")
    placement.pull(2, room())
    placement.join(3, card="a0", node="a")
    placement.pull(3, room(0))
    assert placed(placement) == {}, "it waits for the other machine"
    placement.leave(3)
    placement.join(4, card="b0", node="b")
    placement.pull(4, room())
    assert placed(placement) == {"a": 2}, "another card of the only machine that is left"


def test_a_worker_on_which_jobs_fail_gets_only_what_no_other_has_room_for():
    placement = cluster({1: room(80), 2: room(80, models=())})
    for number in range(DOUBTED_AFTER):
        placement.push(ticket(f"x{number}", f"o{number}"))
        assert placed(placement) == {f"x{number}": 1}
        assert placement.fail(f"x{number}")
        placement.end(f"x{number}")
    placement.push(ticket("a", "a"))
    assert placed(placement) == {"a": 2}
    placement.pull(2, NO_ROOM)
    placement.push(ticket("b", "b"))
    assert placed(placement) == {"b": 1}
    placement.vouch(1)
    placement.pull(2, room(80, models=()))
    placement.push(ticket("c", "c"))
    assert placed(placement) == {"c": 1}


def test_a_job_that_failed_on_every_card_has_none_left():
    placement = cluster({1: room(), 2: room()}, ticket("a"))
    [first] = placed(placement).values()
    assert placement.fail("a")
    placement.give_back("a")
    [second] = placed(placement).values()
    assert {first, second} == {1, 2}
    assert not placement.fail("a")


def test_a_suspect_gets_a_worker_to_itself_and_keeps_it():
    placement = cluster({1: room(80), 2: room(80)}, ticket("bad"), ticket("a", "ben"))
    placement.suspect("bad")
    where = placed(placement)
    assert where["bad"] != where["a"]
    for name in "bcd":
        placement.push(ticket(name, name))
    assert set(placed(placement).values()) == {where["a"]}


def test_where_all_are_busy_one_worker_is_kept_free_for_a_suspect():
    jobs = [ticket(name, name) for name in "abcd"]
    placement = cluster({1: room(16), 2: room(16)}, *jobs)
    where = placed(placement)
    for worker in (1, 2):
        placement.pull(worker, room(80, counted=frozenset(where)))
    placement.push(ticket("bad", "bob"))
    placement.suspect("bad")
    placement.push(ticket("e", "eve"))
    busy = placed(placement)["e"]
    kept = 3 - busy
    for name in [name for name, worker in where.items() if worker == kept]:
        assert placed(placement) == {}
        placement.push(ticket(name * 2, name))
        assert placed(placement) == {name * 2: busy}, "others go on meanwhile"
        placement.end(name)
    assert placed(placement) == {"bad": kept}


def test_two_suspects_on_one_worker_run_one_after_the_other():
    placement = cluster({1: room(80)}, ticket("one", "ann"), ticket("two", "ben"))
    placement.suspect("one")
    placement.suspect("two")
    [first] = placed(placement)
    placement.end(first)
    [second] = placed(placement)
    assert {first, second} == {"one", "two"}
    placement.end(second)
    placement.push(ticket("a", "a"))
    placement.push(ticket("b", "b"))
    assert placed(placement) == {"a": 1, "b": 1}


def test_a_suspect_behind_another_job_of_its_owner_keeps_no_worker():
    placement = cluster({1: room(80)}, ticket("a"), ticket("bad"), owner_cap=1)
    placement.suspect("bad")
    assert placed(placement) == {"a": 1}
    placement.push(ticket("b", "ben"))
    assert placed(placement) == {"b": 1}
    placement.end("a")
    placement.end("b")
    assert placed(placement) == {"bad": 1}


def test_a_suspect_whose_owner_has_all_jobs_of_the_plan_running_keeps_no_worker():
    placement = cluster({1: room(80)}, ticket("a", cap=1), ticket("bad", cap=1))
    placement.suspect("bad")
    assert placed(placement) == {"a": 1}
    placement.push(ticket("b", "ben"))
    assert placed(placement) == {"b": 1}


def test_a_cancelled_suspect_keeps_no_worker():
    placement = cluster({1: room(80)}, ticket("a"))
    placed(placement)
    placement.push(ticket("bad", "bob"))
    placement.suspect("bad")
    placement.push(ticket("b", "ben"))
    assert placed(placement) == {}
    assert placement.cancel("bad")
    assert placed(placement) == {"b": 1}
