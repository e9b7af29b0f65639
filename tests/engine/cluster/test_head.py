from __future__ import annotations

import asyncio
import dataclasses
import re
from collections import Counter

import pytest

from engine import (
    Cancelled,
    EngineClosed,
    EngineError,
    EngineLost,
    Failed,
    Finished,
    GivenBack,
    InputPicture,
    Progress,
    Queued,
    Started,
)
from engine.cluster import head
from engine.cluster.fleet import WorkerLost
from engine.cluster.head import MOST_DEATHS
from engine.fake import FAKE_MODEL
from tests.engine.cluster.local_fleet import Follower, RoomyEngine, draw_all, job, settle, worker_of


async def test_events_of_a_job_come_from_whichever_worker_draws_it(cluster_of):
    cluster, fleet = await cluster_of()
    followers = [Follower(cluster, job(f"j{n}")) for n in range(3)]
    await draw_all(fleet)
    for follower in followers:
        assert follower.kinds() == [Started, Progress, Finished]
    assert {len(worker.engine.jobs) for worker in fleet.workers} == {1, 2}


async def test_pictures_are_those_of_the_single_engine(cluster_of):
    cluster, fleet = await cluster_of()
    follower = Follower(cluster, job("j"))
    await draw_all(fleet)
    alone = RoomyEngine([FAKE_MODEL], lambda _: None)
    events = [event async for event in alone.run(job("j"))]
    assert follower.events[-1].pictures == events[-1].pictures


async def test_jobs_wait_here_and_are_told_how_they_stand(cluster_of):
    cluster, _ = await cluster_of(places=1, owner_cap=9)
    followers = [Follower(cluster, job(f"j{n}")) for n in range(4)]
    await settle()
    assert [follower.events for follower in followers[2:]] == [
        [Queued(job_id="j2", position=0)],
        [Queued(job_id="j3", position=1)],
    ]
    assert cluster.status().queued == ("j2", "j3")
    assert cluster.status().running == ("j0", "j1")


async def test_a_cancelled_job_ends_whether_it_waits_or_runs(cluster_of):
    cluster, fleet = await cluster_of(places=1)
    followers = [Follower(cluster, job(f"j{n}")) for n in range(3)]
    await settle()
    assert cluster.cancel("j0")
    assert cluster.cancel("j2")
    assert not cluster.cancel("nobody's")
    await settle()
    assert [f.kinds()[-1] for f in (followers[0], followers[2])] == [Cancelled, Cancelled]
    await draw_all(fleet)
    assert followers[1].kinds()[-1] is Finished


async def test_a_job_that_ends_while_its_cancel_is_on_the_way_is_cancelled(cluster_of):
    cluster, fleet = await cluster_of(places=1)
    follower = Follower(cluster, job("j"))
    await settle()
    fleet.workers[0].engine.step(20)  # its end is not read yet
    assert cluster.cancel("j")
    await settle()
    assert follower.kinds()[-1] is Cancelled


async def test_the_jobs_of_a_worker_that_dies_are_drawn_by_another_and_end_once(cluster_of):
    cluster, fleet = await cluster_of()
    followers = [Follower(cluster, job(f"j{n}", f"o{n}")) for n in range(4)]
    await settle()
    for worker in fleet.workers:
        worker.engine.step()
    await settle()
    victim = fleet.workers[0]
    lost = list(victim.engine._runs)
    assert lost
    victim.dead.set()
    await draw_all(fleet)
    for follower in followers:
        ends = [event for event in follower.events if isinstance(event, Finished)]
        assert len(ends) == 1
        assert (GivenBack in follower.kinds()) == (follower.events[0].job_id in lost)


async def test_a_job_that_only_waited_at_a_worker_tells_of_no_try(cluster_of):
    cluster, fleet = await cluster_of(places=1)
    follower = Follower(cluster, job("j"))
    await settle()
    fleet.workers[0].dead.set()  # before its first step, which would say Started
    await draw_all(fleet)
    assert follower.kinds() == [Queued, Started, Progress, Finished]


async def test_a_job_that_kills_its_workers_before_they_tell_of_it_fails_at_last(cluster_of):
    cluster, fleet = await cluster_of(places=1)
    follower = Follower(cluster, job("j"))
    for _ in range(MOST_DEATHS):
        await settle()
        worker_of(fleet, "j").dead.set()
        for _ in range(5):
            await settle()
    assert isinstance(follower.events[-1], Failed)
    assert str(MOST_DEATHS) in follower.events[-1].reason


async def test_a_job_that_kills_its_workers_fails_at_last(cluster_of):
    cluster, fleet = await cluster_of(places=1)
    follower = Follower(cluster, job("j"))
    for _ in range(MOST_DEATHS):
        await settle()
        worker = worker_of(fleet, "j")
        worker.engine.step()
        await settle()
        worker.dead.set()
        for _ in range(5):
            await settle()
    assert follower.kinds().count(GivenBack) == MOST_DEATHS - 1
    assert isinstance(follower.events[-1], Failed)
    assert str(MOST_DEATHS) in follower.events[-1].reason


async def test_a_job_that_ran_beside_the_culprit_is_not_given_up_with_it(cluster_of):
    cluster, fleet = await cluster_of(places=1)
    culprit, neighbour = Follower(cluster, job("bad", "bob")), Follower(cluster, job("j"))
    for _ in range(MOST_DEATHS):
        await settle()
        worker = fleet.workers[-1]
        while "bad" not in worker.engine._runs:  # its neighbour is drawn first, to its end
            assert set(worker.engine._runs) == {"j"}
            worker.engine.step()
            await settle()
        worker.engine.step()
        await settle()
        worker.dead.set()
        for _ in range(5):
            await settle()
    await draw_all(fleet)
    assert isinstance(culprit.events[-1], Failed)
    assert isinstance(neighbour.events[-1], Finished)
    assert neighbour.kinds().count(GivenBack) == MOST_DEATHS - 1


async def test_a_job_cancelled_on_a_worker_that_dies_is_cancelled(cluster_of):
    cluster, fleet = await cluster_of(places=1)
    follower = Follower(cluster, job("j"))
    await settle()
    fleet.workers[0].dead.set()
    assert cluster.cancel("j")
    await settle()
    assert follower.kinds()[-1] is Cancelled


async def test_where_no_worker_is_left_jobs_wait_and_status_says_so(cluster_of):
    cluster, fleet = await cluster_of(places=1)
    fleet.number = 0
    fleet.workers[0].dead.set()
    await settle()
    follower = Follower(cluster, job("j"))
    await settle()
    assert follower.kinds() == [Queued]
    assert cluster.status().alive
    assert "No worker is there" in cluster.status().extras["reason"]
    fleet.number = 1
    await settle()
    await draw_all(fleet)
    assert follower.kinds()[-1] is Finished


async def test_workers_join_while_it_runs(cluster_of):
    cluster, fleet = await cluster_of(places=1, owner_cap=9)
    followers = [Follower(cluster, job(f"j{n}")) for n in range(4)]
    await settle()
    fleet.number = 2
    await settle()
    assert len(cluster.status().workers) == 2
    assert [len(worker.running) for worker in cluster.status().workers] == [2, 2]
    await draw_all(fleet)
    assert all(follower.kinds()[-1] is Finished for follower in followers)


async def test_workers_that_are_missing_at_the_start_are_told_of_with_what_they_wait_for(
    cluster_of, monkeypatch, caplog
):
    def prepare(fleet):
        fleet.late = 1

    monkeypatch.setattr(head, "START_MORE_S", 0.1)
    cluster, fleet = await cluster_of(places=3, prepare=prepare)
    missing = "2 of 3 workers are there; 1 waiting for a free card."
    assert cluster.status().extras == {"reason": missing}
    assert cluster.status().places == 3
    assert caplog.text.count(missing) == 1
    await settle()
    assert caplog.text.count(missing) == 1
    fleet.workers[0].come.set()
    await settle()
    assert cluster.status().extras == {}


async def test_workers_that_are_missing_later_are_told_of_after_a_minute(
    cluster_of, clock, caplog, monkeypatch
):
    cluster, fleet = await cluster_of(clock=clock)
    await clock.passes(head.PROVEN_S + 5)
    monkeypatch.setattr(head, "HIRE_AGAIN_S", (600.0,))
    fleet.workers[0].dead.set()
    await settle()
    fleet.workers[2].dead.set()
    await clock.passes(55)
    assert "workers are there" not in caplog.text
    await clock.passes(20)
    assert caplog.text.count("1 of 2 workers are there; 1 tried again later") == 1
    assert "it was killed" in cluster.status().extras["reason"]


async def test_a_start_without_a_worker_says_what_was_waited_for(cluster_of, monkeypatch):
    def prepare(fleet):
        fleet.late = 2

    monkeypatch.setattr(head, "START_S", 0.1)
    with pytest.raises(EngineError, match=r"no worker was there .*; each waits for a free card"):
        await cluster_of(prepare=prepare)


async def test_the_cap_of_a_member_holds_over_all_workers(cluster_of):
    cluster, _ = await cluster_of(places=4, owner_cap=3)
    for n in range(6):
        Follower(cluster, job(f"j{n}"))
    Follower(cluster, job("bob's", "bob"))
    await settle()
    assert all(worker.running for worker in cluster.status().workers)
    assert set(cluster.status().queued) == {"j3", "j4", "j5"}


async def test_a_worker_of_another_darkroom_stops_the_start(cluster_of):
    def prepare(fleet):
        fleet.told = lambda hello: dataclasses.replace(hello, version="0.0.1 (other)")

    with pytest.raises(EngineError, match=r"has Darkroom 0.0.1 .* RAY_ADDRESS"):
        await cluster_of(prepare=prepare)


async def test_workers_with_other_files_stop_the_start(cluster_of):
    def prepare(fleet):
        sizes = iter([{"doodle": 10}, {}])
        fleet.told = lambda hello: dataclasses.replace(hello, installed=next(sizes))

    with pytest.raises(EngineError, match=r"MODELS.*doodle is at /.*same files"):
        await cluster_of(prepare=prepare)


def named(name):
    return dataclasses.replace(
        FAKE_MODEL, info=dataclasses.replace(FAKE_MODEL.info, name=name, aliases=())
    )


def has(node, **installed):
    return lambda hello: dataclasses.replace(hello, node=node, installed=installed)


async def test_a_machine_without_the_files_is_refused_also_when_it_is_the_only_one(cluster_of):
    def prepare(fleet):
        fleet.told = has("a", doodle=10)

    cluster, fleet = await cluster_of(places=1, prepare=prepare)
    fleet.told = has("b")
    fleet.workers[0].dead.set()
    await settle()
    assert not cluster.status().workers
    reason = cluster.status().extras["reason"]
    assert re.search(r"doodle is at /.* there on b is not what was there on a .*start", reason)
    assert [info.installed for info in cluster.models()] == [True]
    fleet.told = has("a", doodle=10)
    await settle()
    assert [worker.name.split()[-1] for worker in cluster.status().workers] == ["a"]


async def test_a_model_fetched_while_it_runs_refuses_no_worker_and_is_there_after_a_start(
    cluster_of,
):
    def prepare(fleet):
        fleet.told = has("a", doodle=10)

    models = (FAKE_MODEL, named("big"))
    cluster, fleet = await cluster_of(models=models, prepare=prepare)
    fleet.told = has("a", doodle=10, big=20)
    fleet.workers[0].dead.set()
    await settle()
    assert len(cluster.status().workers) == 2
    assert [info.installed for info in cluster.models()] == [True, False]


async def test_a_model_that_changed_since_the_start_refuses_workers(cluster_of):
    def prepare(fleet):
        fleet.told = has("a", doodle=10)

    cluster, fleet = await cluster_of(prepare=prepare)
    fleet.told = has("a", doodle=11)
    fleet.workers[0].dead.set()
    await settle()
    assert len(cluster.status().workers) == 1


async def test_a_worker_that_joins_later_with_another_darkroom_gets_no_jobs(cluster_of):
    cluster, fleet = await cluster_of(places=1)
    fleet.told = lambda hello: dataclasses.replace(hello, version="0.0.1 (other)")
    fleet.number = 2
    await settle()
    assert len(cluster.status().workers) == 1
    assert cluster.status().alive


async def test_what_is_installed_is_what_the_workers_have(cluster_of):
    def prepare(fleet):
        fleet.told = lambda hello: dataclasses.replace(hello, installed={"doodle": 12})

    cluster, _ = await cluster_of(models=(FAKE_MODEL, named("big")), prepare=prepare)
    assert [(i.name, i.installed, i.weight_bytes) for i in cluster.models()] == [
        ("doodle", True, 12),
        ("big", False, 0),
    ]


async def test_pictures_that_the_cluster_cannot_carry_are_refused_with_the_setting(cluster_of):
    def prepare(fleet):
        fleet.most_job_bytes = 2_000_000

    cluster, _ = await cluster_of(prepare=prepare)
    large = job("j", inputs=(InputPicture(data=b"x" * 2_000_001),))
    with pytest.raises(ValueError, match=r"3 MB together.*CLUSTER_OBJECT_STORE_MB"):
        cluster.run(large)


def refuse(worker, *refused, times=99):
    """Let jobs not get to a worker, which lives on, as where Ray cannot fetch their pictures."""
    send, left = worker.submit, Counter(dict.fromkeys(refused, times))

    async def submit(sent):
        if left[sent.id] > 0:
            left[sent.id] -= 1
            raise MemoryError("/home/operator/secret cannot be fetched")
        await send(sent)

    worker.submit = submit


async def test_a_job_that_reaches_no_worker_fails_alone_and_its_room_is_given_back(cluster_of):
    cluster, fleet = await cluster_of(places=1)
    refuse(fleet.workers[0], "large")
    large, small = Follower(cluster, job("large")), Follower(cluster, job("small"))
    await draw_all(fleet)
    assert large.kinds()[-1] is Failed
    assert "CLUSTER_OBJECT_STORE_MB" in large.events[-1].reason
    assert "secret" not in large.events[-1].reason
    assert small.kinds()[-1] is Finished
    more = [Follower(cluster, job(f"j{n}", f"o{n}")) for n in range(2)]
    await settle()
    assert set(cluster.status().running) == {"j0", "j1"}, "what never came takes room"
    await draw_all(fleet)
    assert all(each.kinds()[-1] is Finished for each in more)


async def test_a_job_that_does_not_reach_its_worker_at_first_is_drawn(cluster_of):
    cluster, fleet = await cluster_of()
    for worker in fleet.workers:
        refuse(worker, "j", times=1)
    follower = Follower(cluster, job("j"))
    await draw_all(fleet)
    assert follower.kinds()[-1] is Finished
    assert GivenBack not in follower.kinds()


async def test_a_job_that_is_cancelled_before_it_turns_out_not_to_arrive_is_cancelled(cluster_of):
    cluster, fleet = await cluster_of(places=1)
    refuse(fleet.workers[0], "j")
    follower = Follower(cluster, job("j"))
    assert cluster.cancel("j")
    await settle()
    assert follower.kinds() == [Cancelled]
    assert not cluster.cancel("j")


async def test_a_worker_that_cannot_be_reached_by_a_job_gives_back_all_it_has(cluster_of):
    cluster, fleet = await cluster_of(places=1)
    there = Follower(cluster, job("there", steps=5))
    await settle()

    async def submit(_):
        raise WorkerLost("The actor is dead")

    first = fleet.workers[0]
    first.submit = submit
    late = Follower(cluster, job("late"))
    await settle()
    assert first.dead.is_set()
    await draw_all(fleet)
    await draw_all(fleet)
    assert [each.kinds()[-1] for each in (there, late)] == [Finished, Finished]


async def test_a_drain_lets_running_jobs_finish_and_leaves_the_others_open(cluster_of):
    cluster, fleet = await cluster_of(places=1)
    followers = [Follower(cluster, job(f"j{n}", f"o{n}")) for n in range(3)]
    await settle()
    closing = asyncio.create_task(cluster.close(drain_s=60))
    await settle()
    with pytest.raises(EngineClosed):
        cluster.run(job("late"))
    for _ in range(10):
        fleet.workers[0].engine.step()
        await settle()
    await closing
    await settle()
    assert [type(follower.events[-1]) for follower in followers] == [Finished, Finished, Queued]
    assert isinstance(followers[2].error, EngineClosed)


async def test_a_cluster_that_is_lost_leaves_its_jobs_open(cluster_of):
    cluster, fleet = await cluster_of(places=1)
    follower = Follower(cluster, job("j"))

    async def gone():
        raise EngineLost("The cluster is lost.")

    fleet.places = gone
    await settle()
    assert isinstance(follower.error, EngineLost)
    assert not cluster.status().alive
    with pytest.raises(EngineLost):
        cluster.run(job("later"))


async def test_a_worker_that_hangs_is_killed_and_its_jobs_are_drawn_by_another(cluster_of, clock):
    cluster, fleet = await cluster_of(hangs_after_s=60, clock=clock)
    followers = [Follower(cluster, job(f"j{n}", f"o{n}")) for n in range(4)]
    await settle()
    for each in fleet.workers:
        each.engine.step()
    await settle()
    stuck = fleet.workers[0]
    lost, stuck.engine.hangs = list(stuck.engine._runs), True
    await clock.passes(60)
    assert not any(each.dead.is_set() for each in fleet.workers)
    await clock.passes(10)
    assert [each.dead.is_set() for each in fleet.workers] == [True, False, False]
    await draw_all(fleet)
    for follower in followers:
        assert [type(e) for e in follower.events].count(Finished) == 1
        assert (GivenBack in follower.kinds()) == (follower.events[0].job_id in lost)


async def test_a_worker_without_jobs_may_stand_still(cluster_of, clock):
    cluster, fleet = await cluster_of(places=1, hangs_after_s=60, clock=clock)
    fleet.workers[0].engine.hangs = True
    await clock.passes(600)
    follower = Follower(cluster, job("j"))
    await clock.passes(30)
    fleet.workers[0].engine.hangs = False
    await draw_all(fleet)
    assert follower.kinds() == [Started, Progress, Finished]


async def test_time_in_which_this_process_was_held_up_is_not_its_workers(cluster_of, clock):
    cluster, fleet = await cluster_of(places=1, hangs_after_s=60, clock=clock)
    follower = Follower(cluster, job("j"))
    await settle()
    await clock.passes(600, step_s=600)
    await draw_all(fleet)
    assert follower.kinds() == [Started, Progress, Finished]


async def test_an_engine_lost_on_its_worker_gives_its_jobs_back(cluster_of):
    cluster, fleet = await cluster_of(places=1)
    follower = Follower(cluster, job("j"))
    await settle()
    fleet.workers[0].engine.step()
    await settle()
    fleet.workers[0].engine.lose("The card fell off the bus.")
    await settle()
    assert GivenBack in follower.kinds()
    await draw_all(fleet)
    assert follower.kinds()[-1] is Finished


async def test_a_cancel_that_overtakes_its_job_ends_it_before_it_is_drawn(cluster_of, monkeypatch):
    """Calls of a Ray actor run in any order; one that brings pictures is late."""
    cluster, fleet = await cluster_of(places=1)
    worker, come = fleet.workers[0], asyncio.Event()
    submit = worker.worker.submit

    async def late(drawn):
        await come.wait()
        await submit(drawn)

    monkeypatch.setattr(worker.worker, "submit", late)
    follower = Follower(cluster, job("j", steps=50))
    await settle()
    assert cluster.cancel("j")
    await settle()
    come.set()
    await settle()
    assert not worker.engine.jobs, "it was begun"
    assert follower.kinds() == [Cancelled]
    second = Follower(cluster, job("k"))
    await draw_all(fleet)
    assert second.kinds()[-1] is Finished, "its room was not given back"


async def test_a_job_that_a_worker_cannot_take_fails_in_words_for_members(cluster_of, monkeypatch):
    cluster, fleet = await cluster_of(places=1)

    def run(*_):
        raise MemoryError("/home/operator/secret")

    monkeypatch.setattr(fleet.workers[0].engine, "run", run)
    follower = Follower(cluster, job("j"))
    await settle()
    assert follower.kinds() == [Failed]
    assert "operator's log" in str(follower.events[0].reason)
    assert "secret" not in str(follower.events[0].reason)


async def test_a_worker_that_reports_nonsense_is_replaced(cluster_of):
    cluster, fleet = await cluster_of(places=2)
    follower = Follower(cluster, job("j"))
    await settle()
    bad = fleet.workers[0].worker
    bad._reports.put_nowait("no report")
    bad._news.set()
    await settle()
    assert fleet.workers[0].dead.is_set()
    more = [Follower(cluster, job(f"k{n}", f"o{n}")) for n in range(6)]
    await draw_all(fleet)
    await draw_all(fleet)
    assert all(each.kinds()[-1] is Finished for each in [follower, *more])


async def test_a_stop_waits_for_nothing_where_the_last_worker_died(cluster_of):
    cluster, fleet = await cluster_of(places=1)
    follower = Follower(cluster, job("j"))
    await settle()
    closing = asyncio.create_task(cluster.close(drain_s=600))
    await settle()
    fleet.number = 0
    fleet.workers[0].dead.set()
    async with asyncio.timeout(60):
        await closing
    await settle()
    assert isinstance(follower.error, EngineClosed)


async def test_a_cancel_while_the_cluster_is_closed_is_no_error(cluster_of, monkeypatch):
    cluster, fleet = await cluster_of(places=1)
    Follower(cluster, job("j"))
    await settle()
    closed = asyncio.Event()
    monkeypatch.setattr(fleet, "close", closed.wait)
    closing = asyncio.create_task(cluster.close())
    await settle()
    assert cluster.cancel("j")
    closed.set()
    await closing


async def test_a_worker_whose_start_hangs_is_started_again(cluster_of, monkeypatch):
    cluster, fleet = await cluster_of(places=1)
    fleet.may_start.clear()
    monkeypatch.setattr(head, "HELLO_S", 0)
    fleet.workers[0].dead.set()
    for _ in range(20):
        await settle()
    assert len(fleet.workers) > 2, "its place is held for ever"
    monkeypatch.setattr(head, "HELLO_S", 600)
    fleet.may_start.set()
    follower = Follower(cluster, job("j"))
    for _ in range(3):
        await draw_all(fleet)
    assert follower.kinds()[-1] is Finished
