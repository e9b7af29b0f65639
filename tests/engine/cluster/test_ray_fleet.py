"""A real Ray of this machine with two small workers; skips where the extra is not installed."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
import time
from pathlib import Path

import psutil
import pytest

from engine import (
    EngineError,
    Failed,
    Finished,
    GivenBack,
    InputPicture,
    Started,
    ray_engine,
)
from engine.cluster import ray_fleet
from engine.cluster.head import ClusterEngine
from engine.cluster.ray_fleet import RayFleet
from engine.fake import FAKE_MODEL
from tests.engine.cluster.local_fleet import RoomyEngine, card_engine, job, slow_engine

# One for each Ray of this process, whatever this machine has: ray reads them as it is imported.
os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
ray = pytest.importorskip("ray", reason="The extra `cluster` is not installed: no Ray was tried.")
Cluster = pytest.importorskip("ray.cluster_utils").Cluster
pytestmark = [
    # Ray's own: of its interfaces that will change, and of pipes that its processes leave.
    pytest.mark.filterwarnings("ignore::FutureWarning:ray"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX"),
]


@pytest.fixture
async def cluster(monkeypatch):
    """Two workers with fake engines in processes of their own."""
    root = str(Path(__file__).parents[3])
    monkeypatch.setenv("PYTHONPATH", root)
    made = []

    def fleet(specs):
        made.append(RayFleet(specs, new_engine=slow_engine, cpu_workers=2, object_store_mb=100))
        return made[0]

    engine = ClusterEngine([FAKE_MODEL], fleet=fleet, owner_cap=9)
    await engine.start()
    yield engine, made[0]
    await engine.close()
    assert not ray.is_initialized()


@pytest.fixture
def machines(monkeypatch):
    """A Ray of several machines, all of them processes here. Ray is told that they have cards."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    node = {"num_cpus": 1, "object_store_memory": 80_000_000}
    made = Cluster(
        initialize_head=True,
        head_node_args={**node, "num_gpus": 0, "include_dashboard": False},
    )
    yield lambda cards: made.add_node(**node, num_gpus=cards), made
    made.shutdown()


async def until(condition):
    while not condition():  # noqa: ASYNC110 - Ray's processes set no event of ours
        await asyncio.sleep(0.01)


async def drawn(cluster, each, into):
    async for event in cluster.run(each):
        into.append(event)


async def test_a_worker_is_killed_in_the_middle_and_every_job_ends_once_with_its_picture(cluster):
    engine, fleet = cluster
    assert [worker.device for worker in engine.status().workers] == ["fake", "fake"]
    assert fleet.most_job_bytes == 50_000_000
    pid = engine.status().workers[0].pid
    # Each takes a second, so that none is over when both workers have begun theirs.
    jobs = [job(f"j{n}", f"o{n % 3}", seed=n, steps=60) for n in range(8)]
    events = [[] for _ in jobs]
    tasks = [
        asyncio.create_task(drawn(engine, each, into))
        for each, into in zip(jobs, events, strict=True)
    ]

    def begun():
        return sum(isinstance(event, Started) for its in events for event in its)

    await until(lambda: begun() > 2)  # more than one worker takes at once
    os.kill(pid, signal.SIGKILL)
    await asyncio.gather(*tasks)
    alone = RoomyEngine([FAKE_MODEL], lambda _: None)
    for each, its in zip(jobs, events, strict=True):
        assert sum(isinstance(event, Finished | Failed) for event in its) == 1
        expected = [event async for event in alone.run(each)]
        assert its[-1].pictures == expected[-1].pictures
    assert any(isinstance(event, GivenBack) for its in events for event in its)
    await until(lambda: len(engine.status().workers) == 2)  # another takes its place


async def test_a_worker_whose_process_stands_still_is_killed_and_its_jobs_go_to_another(cluster):
    engine, _ = cluster
    engine._hangs_after_s = 5
    stuck = engine.status().workers[0].pid
    jobs = [job(f"j{n}", f"o{n}", seed=n, steps=60) for n in range(4)]
    events = [[] for _ in jobs]
    tasks = [
        asyncio.create_task(drawn(engine, each, into))
        for each, into in zip(jobs, events, strict=True)
    ]
    await until(lambda: all(any(isinstance(e, Started) for e in its) for its in events))
    os.kill(stuck, signal.SIGSTOP)
    await asyncio.gather(*tasks)
    assert all([isinstance(e, Finished) for e in its].count(True) == 1 for its in events)
    assert any(isinstance(event, GivenBack) for its in events for event in its)
    await until(lambda: len(engine.status().workers) == 2)
    assert stuck not in [each.pid for each in engine.status().workers]
    await until(lambda: not psutil.pid_exists(stuck))


def _cannot_be_read():
    raise MemoryError("of a picture")


class Unreadable(bytes):
    """Picture data that breaks where it arrives."""

    def __reduce__(self):
        return _cannot_be_read, ()


async def test_a_job_that_never_gets_to_a_worker_fails_and_the_next_is_drawn(cluster):
    engine, _ = cluster
    lost, events = [], []
    picture = InputPicture(data=Unreadable(b"x"))
    async with asyncio.timeout(60):
        await drawn(engine, job("lost", inputs=(picture,)), lost)
        await drawn(engine, job("j"), events)
    assert isinstance(lost[-1], Failed)
    assert "CLUSTER_OBJECT_STORE_MB" in lost[-1].reason
    assert isinstance(events[-1], Finished)


async def test_machines_with_cards_join_and_leave_and_each_share_of_a_card_is_a_worker(machines):
    add, made = machines
    first = add(1)

    def fleet(specs):
        return RayFleet(specs, new_engine=card_engine, gpu_share=0.5, address=made.address)

    engine = ClusterEngine([FAKE_MODEL], fleet=fleet, owner_cap=9)
    await engine.start()
    try:
        halves = engine.status().workers
        assert [each.device for each in halves] == ["cuda 0", "cuda 0"]
        assert len({each.pid for each in halves}) == 2
        events, tasks = {}, []

        def ask(*jobs):
            for each in jobs:
                events[each.id] = []
                tasks.append(asyncio.create_task(drawn(engine, each, events[each.id])))

        ask(*(job(f"early{n}", f"o{n}", seed=n, steps=100, images=4) for n in range(8)))
        await until(lambda: len(engine.status().running) >= 4)
        add(2)  # Ray does this on the main thread only
        await until(lambda: len(engine.status().workers) == 6)
        devices = sorted(each.device for each in engine.status().workers)
        assert devices == ["cuda 0"] * 4 + ["cuda 1"] * 2, "those of the second machine are 0 and 1"
        assert {each.hello.card for each in engine._workers.values()} == {"0", "1"}
        # Two for each worker, and long enough that none is over before its machine is gone.
        ask(*(job(f"late{n}", f"o{n}", seed=n, steps=150, images=4) for n in range(12)))

        def begun_on_the_first():
            names = {each.name for each in halves}
            theirs = [id_ for w in engine.status().workers if w.name in names for id_ in w.running]
            return any(isinstance(e, Started) for id_ in theirs for e in events[id_])

        await until(begun_on_the_first)
        made.remove_node(first, allow_graceful=False)
        await asyncio.gather(*tasks)
        ends = [[isinstance(e, Finished) for e in its] for its in events.values()]
        assert all(each.count(True) == 1 for each in ends)
        assert any(isinstance(event, GivenBack) for its in events.values() for event in its)
        assert len(engine.status().workers) == 4
    finally:
        await engine.close()


async def test_nothing_at_the_address_is_one_sentence_that_names_the_setting():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    engine = ray_engine([FAKE_MODEL], address=f"127.0.0.1:{port}")
    with pytest.raises(EngineError, match=rf"Nothing answers at RAY_ADDRESS \(127.0.0.1:{port}\)"):
        await engine.start()


async def test_something_else_at_the_address_is_one_sentence(monkeypatch):
    monkeypatch.setattr(ray_fleet, "CONNECT_S", 0.2)
    monkeypatch.setattr(RayFleet, "_init", lambda _: time.sleep(1))
    with socket.create_server(("127.0.0.1", 0)) as server:
        engine = ray_engine([FAKE_MODEL], address=f"127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(EngineError, match=r"RAY_ADDRESS .* is no Ray cluster"):
            await engine.start()


@pytest.mark.parametrize("mode", ["disabled", "token"])
async def test_a_cluster_that_lets_nobody_in_without_its_token_names_the_file(monkeypatch, mode):
    def refused(_):
        raise ConnectionError("Failed to connect to Ray cluster at 10.0.0.1:6379.")

    monkeypatch.setenv("RAY_AUTH_MODE", mode)
    monkeypatch.setattr(RayFleet, "_init", refused)
    with socket.create_server(("127.0.0.1", 0)) as server:
        engine = ray_engine([FAKE_MODEL], address=f"127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(EngineError, match=r"RAY_ADDRESS .* cannot be used: Failed") as caught:
            await engine.start()
    assert ("must be in ~/.ray/auth_token here" in str(caught.value)) == (mode == "disabled")


async def test_without_the_extra_the_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(ray_fleet.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(EngineError, match=r"ENGINE=ray needs the extra .*\[cluster\]"):
        await ray_engine([FAKE_MODEL], address="").start()


class _Ray:
    """Of ray, what a fleet asks before it hires anybody."""

    def __init__(self, *nodes):
        self._nodes = [{"Alive": True, "Resources": node} for node in nodes]

    def nodes(self):
        return self._nodes

    def shutdown(self):
        pass


def test_an_actor_that_ray_calls_unreferenced_was_refused_for_its_token(monkeypatch):
    died = RuntimeError(
        "The actor died unexpectedly before finishing this task.\n"
        "The actor is dead because all references to the actor were removed including lineage."
    )
    assert "RAY_AUTH_MODE=token on every machine" in ray_fleet._cause(died)
    monkeypatch.delenv("RAY_AUTH_MODE")
    assert ray_fleet._cause(died).startswith("The actor is dead because all references")


def fleet_on(monkeypatch, *nodes, **options):
    def init(fleet):
        fleet._ray = _Ray(*nodes)

    monkeypatch.setattr(RayFleet, "_init", init)
    return RayFleet([FAKE_MODEL], new_engine=slow_engine, **options)


async def test_a_cluster_without_a_card_is_one_sentence_that_names_the_setting(monkeypatch):
    fleet = fleet_on(monkeypatch, {"CPU": 8.0})
    with pytest.raises(EngineError, match=r"has no GPU.*CLUSTER_CPU_WORKERS"):
        await fleet.open()


async def test_no_more_workers_than_cpus_are_waited_for_and_the_log_names_the_setting(
    monkeypatch, caplog
):
    fleet = fleet_on(monkeypatch, {"CPU": 1.0}, {"CPU": 2.0}, {"GPU": 1.0}, cpu_workers=8)
    await fleet.open()
    assert await fleet.places() == 4
    [said] = [r.getMessage() for r in caplog.records if "CLUSTER_CPU_WORKERS" in r.getMessage()]
    assert "is 8" in said
    assert "has 3 CPUs" in said


async def test_a_cluster_without_any_cpu_for_its_workers_is_one_sentence(monkeypatch):
    fleet = fleet_on(monkeypatch, {"memory": 1e9}, cpu_workers=2)
    with pytest.raises(EngineError, match=r"no CPU for CLUSTER_CPU_WORKERS"):
        await fleet.open()


@pytest.mark.parametrize(("share", "places"), [(1.0, 5), (0.5, 10), (0.4, 10), (0.6, 5)])
async def test_every_share_of_a_card_is_a_place(monkeypatch, share, places):
    nodes = {"GPU": 4.0, "object_store_memory": 4e8}, {"GPU": 1.0, "object_store_memory": 2e8}
    fleet = fleet_on(monkeypatch, *nodes, {"CPU": 8.0}, gpu_share=share)
    await fleet.open()
    assert await fleet.places() == places
    assert fleet.most_job_bytes == 100_000_000


@pytest.mark.parametrize(
    ("address", "token", "mode"),
    [
        ("10.0.0.1:6379", True, "token"),
        ("10.0.0.1:6379", False, None),
        ("", True, None),  # Ray sees to a cluster of its own itself
    ],
)
def test_a_token_that_is_there_is_shown_to_the_cluster(monkeypatch, tmp_path, address, token, mode):
    """Ray shows it by itself only where it looks for a cluster without an address."""
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.setenv(name, "")  # so that what the code sets is taken back as well
        monkeypatch.delenv(name)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    if token:
        (tmp_path / ".ray").mkdir()
        (tmp_path / ".ray" / "auth_token").write_text("f" * 64)
    seen = []
    monkeypatch.setattr(ray, "init", lambda **_: seen.append(os.environ.get("RAY_AUTH_MODE")))
    RayFleet([], new_engine=slow_engine, address=address)._init()
    assert seen == [mode]
