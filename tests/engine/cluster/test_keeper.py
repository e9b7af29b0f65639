"""What looks after the workers goes on, whatever the fleet answers."""

from __future__ import annotations

import asyncio
import logging

from engine import EngineLost, Finished
from engine.cluster import head
from tests.engine.cluster.local_fleet import Follower, draw_all, job, settle


def fails_once(method):
    """The method, whose first call raises what nobody foresaw, and how often it was called."""
    calls = []

    def failing(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            raise RuntimeError("a moment's trouble")
        return method(*arguments)

    return failing, calls


async def test_a_hire_that_fails_is_tried_again_later(cluster_of, clock, monkeypatch, caplog):
    cluster, fleet = await cluster_of(places=1, clock=clock)
    monkeypatch.setattr(head, "HIRE_AGAIN_S", (10.0, 60.0))
    await clock.passes(head.PROVEN_S + 5)
    hire, calls = fails_once(fleet.hire)
    monkeypatch.setattr(fleet, "hire", hire)
    fleet.workers[0].dead.set()
    follower = Follower(cluster, job("j"))
    await settle()
    assert len(calls) == 1
    assert "a moment's trouble" in cluster.status().extras["reason"]
    assert "could not be started" in caplog.text
    await clock.passes(5)
    assert len(calls) == 1, "it is tried again at once"
    await clock.passes(10)
    assert len(calls) == 2
    await draw_all(fleet)
    assert follower.kinds()[-1] is Finished


async def test_the_jobs_of_a_worker_that_cannot_be_killed_go_to_another(
    cluster_of, clock, monkeypatch
):
    cluster, fleet = await cluster_of(places=1, clock=clock)
    monkeypatch.setattr(head, "HIRE_AGAIN_S", (0.0,))
    follower = Follower(cluster, job("j"))
    await settle()
    kill, calls = fails_once(fleet.workers[0].kill)
    monkeypatch.setattr(fleet.workers[0], "kill", kill)
    fleet.workers[0].dead.set()
    await settle()
    assert calls
    await draw_all(fleet)
    assert follower.kinds()[-1] is Finished


async def test_a_look_that_fails_is_followed_by_the_next(cluster_of, monkeypatch, caplog):
    _, fleet = await cluster_of(places=1)
    failing, calls = fails_once(fleet.places)
    monkeypatch.setattr(fleet, "places", failing)
    await settle()
    assert len(calls) > 1
    assert [r.levelno for r in caplog.records if "a look at the workers" in r.message] == [
        logging.ERROR
    ]
    fleet.number = 2
    await settle()
    assert len(fleet.workers) == 2


async def test_a_drain_waits_no_more_once_the_cluster_is_lost(cluster_of, monkeypatch):
    cluster, fleet = await cluster_of(places=1)
    follower = Follower(cluster, job("j"))
    await settle()
    closing = asyncio.create_task(cluster.close(drain_s=600))
    await settle()
    assert not closing.done()

    async def gone():
        raise EngineLost("The cluster is lost.")

    monkeypatch.setattr(fleet, "places", gone)
    await settle()
    assert isinstance(follower.error, EngineLost)
    assert closing.done()
