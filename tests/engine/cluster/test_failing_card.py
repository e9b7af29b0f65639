"""A worker lives, but every job fails on it at once: the others draw them."""

from __future__ import annotations

import pytest

from engine import (
    Cancelled,
    Failed,
    FailureKind,
    Finished,
    GivenBack,
    Progress,
    Queued,
    Sentence,
    Started,
)
from engine.cluster.head import MOST_FAILURES
from tests.engine.cluster.local_fleet import Follower, draw_all, job, settle, worker_of

NOT_THE_MEMBERS = [kind for kind in FailureKind if kind != FailureKind.BAD_INPUT]


def fail(worker, kind=FailureKind.BROKEN_MODEL, reason="It broke."):
    """Let all jobs of the worker fail; how many."""
    runs = list(worker.engine._runs.values())
    for run in runs:
        worker.engine._end(run, Failed(job_id=run.job.id, reason=Sentence(reason), kind=kind))
    return len(runs)


def ends(follower):
    return [e for e in follower.events if isinstance(e, Finished | Failed | Cancelled)]


@pytest.mark.parametrize("kind", NOT_THE_MEMBERS)
async def test_a_worker_that_fails_at_all_it_gets_does_not_swallow_the_queue(cluster_of, kind):
    cluster, fleet = await cluster_of(owner_cap=9)
    good, bad = fleet.workers
    followers = []
    for n in range(30):
        followers.append(Follower(cluster, job(f"j{n}", f"o{n % 10}")))
        await settle()
        fail(bad, kind)
        good.engine.step()
        await settle()
    for _ in range(400):
        if all(map(ends, followers)):
            break
        fail(bad, kind)
        good.engine.step()
        await settle()
    assert [[type(end) for end in ends(f)] for f in followers] == [[Finished]] * 30
    assert max(f.kinds().count(GivenBack) for f in followers) <= 1
    assert len(good.engine.jobs) == 30, "something was drawn twice"
    assert not bad.dead.is_set()


async def test_a_job_that_had_begun_tells_of_the_try_and_begins_again(cluster_of):
    cluster, fleet = await cluster_of()
    follower = Follower(cluster, job("j", steps=8))
    await settle()
    first = worker_of(fleet, "j")
    first.engine.step()
    await settle()
    fail(first)
    await draw_all(fleet)
    assert follower.kinds() == [Started, GivenBack, Started, Progress, Finished]
    assert cluster.status().running == cluster.status().queued == ()


async def test_one_that_waits_for_the_other_card_is_told_its_place(cluster_of):
    cluster, fleet = await cluster_of(owner_cap=9)
    for n in range(2):
        Follower(cluster, job(f"a{n}", "ann"))
    await settle()
    bad = fleet.workers[1]
    for n in range(2):
        Follower(cluster, job(f"b{n}", "ben"))
    await settle()
    follower = Follower(cluster, job("c", "cat"))
    await settle()
    assert follower.events == [Queued(job_id="c", position=0)]
    failed = list(bad.engine._runs)
    fail(bad)
    await settle()
    assert worker_of(fleet, "c") is bad
    assert sorted(cluster.status().queued) == sorted(failed)


@pytest.mark.parametrize("kind", [FailureKind.OUT_OF_MEMORY, FailureKind.INTERNAL])
async def test_a_job_that_fails_everywhere_fails_with_its_own_reason(cluster_of, kind):
    cluster, fleet = await cluster_of(places=5)
    follower = Follower(cluster, job("j"))
    tried = []
    for _ in range(MOST_FAILURES + 2):
        await settle()
        tried += [w.card for w in fleet.workers if fail(w, kind, "It does not fit.")]
    assert len(tried) == len(set(tried)) == MOST_FAILURES
    assert [(end.reason, end.kind) for end in ends(follower)] == [("It does not fit.", kind)]


async def test_where_no_other_card_is_there_it_fails_at_once(cluster_of):
    cluster, fleet = await cluster_of(places=1)
    follower = Follower(cluster, job("j"))
    await settle()
    fail(fleet.workers[0])
    await settle()
    assert follower.kinds() == [Failed]


async def test_what_a_member_gave_is_not_tried_again(cluster_of):
    cluster, fleet = await cluster_of()
    follower = Follower(cluster, job("j"))
    await settle()
    fail(worker_of(fleet, "j"), FailureKind.BAD_INPUT)
    await settle()
    assert follower.kinds() == [Failed]


async def test_a_job_that_was_cancelled_meanwhile_is_not_tried_again(cluster_of):
    cluster, fleet = await cluster_of()
    follower = Follower(cluster, job("j"))
    await settle()
    worker = worker_of(fleet, "j")
    fail(worker)  # its end is not read yet
    assert cluster.cancel("j")
    await settle()
    assert follower.kinds() == [Cancelled]
    assert cluster.status().running == cluster.status().queued == ()
