"""One card of several breaks whatever it draws, and its workers start again and again."""

from __future__ import annotations

import dataclasses
import platform
from collections import Counter

import pytest

from engine import Failed, Finished, GivenBack
from engine.cluster import fleet as cluster_fleet
from engine.cluster import head
from engine.cluster.head import MOST_DEATHS
from tests.engine.cluster.local_fleet import Follower, draw_all, job, settle, worker_of


def step(fleet, broken):
    """Let each card take one step; the workers of the broken one die of theirs."""
    for worker in fleet.workers:
        if worker.engine is None or worker.dead.is_set():
            continue
        if worker.card == broken and worker.engine._runs:
            worker.dead.set()
        elif worker.card != broken:
            worker.engine.step()


def ends(followers):
    return Counter(
        f.kinds()[-1] for f in followers if f.events and f.kinds()[-1] in (Finished, Failed)
    )


@pytest.mark.parametrize("wait_s", [(0.0,), (2.0, 10.0, 60.0)])
async def test_a_card_that_breaks_all_it_draws_costs_each_job_one_try(
    cluster_of, clock, monkeypatch, wait_s
):
    cluster, fleet = await cluster_of(places=4, clock=clock, owner_cap=9)
    monkeypatch.setattr(head, "HIRE_AGAIN_S", wait_s)
    followers = [Follower(cluster, job(f"j{n}", f"o{n % 10}", steps=8)) for n in range(40)]
    for _ in range(600):
        await clock.passes(2, step_s=2)
        step(fleet, broken=3)
        if ends(followers).total() == len(followers):
            break
    assert ends(followers) == {Finished: 40}
    assert max(len([e for e in f.events if isinstance(e, GivenBack)]) for f in followers) <= 1


async def test_a_machine_that_breaks_all_it_draws_costs_each_job_one_try(
    cluster_of, clock, monkeypatch
):
    """Two machines of one name with four cards each; all cards of the second are broken."""

    def tell(hello):
        number = int(hello.card)
        return dataclasses.replace(hello, machine="ab"[number // 4], card=str(number % 4))

    cluster, fleet = await cluster_of(
        places=8, clock=clock, prepare=lambda its: setattr(its, "told", tell)
    )
    followers = [Follower(cluster, job(f"j{n}", f"o{n}", steps=4)) for n in range(16)]
    for _ in range(200):
        await clock.passes(2, step_s=2)
        for worker in fleet.workers:
            if worker.engine is None or worker.dead.is_set():
                continue
            if worker.card < 4:
                worker.engine.step()
            elif worker.engine._runs:
                worker.dead.set()
        if ends(followers).total() == len(followers):
            break
    assert ends(followers) == {Finished: 16}


async def test_machines_of_one_name_are_two_machines(cluster_of):
    def tell(hello):
        return dataclasses.replace(hello, machine="ab"[int(hello.card)], card="0")

    cluster, fleet = await cluster_of(prepare=lambda its: setattr(its, "told", tell))
    followers = [Follower(cluster, job(f"j{n}", f"o{n}")) for n in range(4)]
    await settle()
    first, other = fleet.workers
    lost = list(first.engine._runs)
    first.dead.set()
    for _ in range(5):
        await settle()
    assert fleet.workers[2].engine is not None, "no other has come in its place"
    assert sorted(cluster.status().queued) == sorted(lost), "they went back to that machine"
    await draw_all(fleet)
    assert {f.kinds()[-1] for f in followers} == {Finished}
    assert len(other.engine.jobs) == 4


def test_a_machine_is_told_by_its_boot_too(monkeypatch, tmp_path):
    ids = []
    for boot in ("one", "other"):
        (tmp_path / boot).write_text(f"{boot}\n")
        monkeypatch.setattr(cluster_fleet, "BOOT_ID", tmp_path / boot)
        ids.append(cluster_fleet.machine())
    assert len(set(ids)) == 2
    monkeypatch.setattr(cluster_fleet, "BOOT_ID", tmp_path / "nowhere")
    assert cluster_fleet.machine() == platform.node()


async def test_a_card_whose_workers_start_and_die_is_tried_less_and_less_often(
    cluster_of, clock, monkeypatch
):
    cluster, fleet = await cluster_of(places=2, clock=clock)
    monkeypatch.setattr(head, "HIRE_AGAIN_S", (2.0, 10.0, 60.0))
    hired = []
    for minute in range(10):
        for _ in range(30):
            if len(cluster.status().queued) < 2:
                Follower(cluster, job(f"j{minute} {clock.now_s}", f"o{clock.now_s}"))
            await clock.passes(2, step_s=2)
            step(fleet, broken=1)
        hired.append(len(fleet.workers) - sum(hired))
    assert max(hired[1:]) <= 2, hired
    assert sum(hired[1:]) >= 6, "it is given up for good"


async def test_a_worker_that_has_drawn_something_is_replaced_at_once(
    cluster_of, clock, monkeypatch
):
    cluster, fleet = await cluster_of(places=1, clock=clock)
    monkeypatch.setattr(head, "HIRE_AGAIN_S", (2.0, 10.0, 60.0))
    for n in range(4):
        follower = Follower(cluster, job(f"j{n}"))
        await draw_all(fleet)
        assert follower.kinds()[-1] is Finished
        fleet.workers[-1].dead.set()
        await settle()
        assert len(fleet.workers) == n + 2
        await settle()


async def test_a_worker_that_has_lived_for_a_minute_is_replaced_at_once(
    cluster_of, clock, monkeypatch
):
    _, fleet = await cluster_of(places=1, clock=clock)
    monkeypatch.setattr(head, "HIRE_AGAIN_S", (60.0,))
    await clock.passes(head.PROVEN_S + 5)
    fleet.workers[0].dead.set()
    await settle()
    assert len(fleet.workers) == 2
    fleet.workers[1].dead.set()
    await clock.passes(50)
    assert len(fleet.workers) == 2, "one that has just come and died was replaced at once"
    await clock.passes(15)
    assert len(fleet.workers) == 3


async def test_a_job_that_died_twice_on_the_only_card_is_drawn_by_one_that_joins(cluster_of):
    cluster, fleet = await cluster_of(places=1)
    follower = Follower(cluster, job("j"))
    for death in range(MOST_DEATHS - 1):
        await settle()
        if death:
            fleet.number = 2
            await settle()
        worker_of(fleet, "j").dead.set()
        for _ in range(5):
            await settle()
    assert worker_of(fleet, "j").card == 1
    await draw_all(fleet)
    assert follower.kinds()[-1] is Finished
