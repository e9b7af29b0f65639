"""Metrics of what was drawn, /healthz and /readyz; and a dashboard that asks for what there is."""

import json
import re
import socket
from pathlib import Path

import aiohttp
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

import engine
from bot.credits import ledger
from bot.errors import StartError
from bot.jobs.metered import MeteredEngine
from bot.monitoring import Monitoring
from engine import FakeEngine

DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana.json"
HOST = "127.0.0.1"


class Discord:
    ready = True

    def is_ready(self):
        return self.ready


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


@pytest.fixture
def drawing():
    return FakeEngine()


@pytest.fixture
async def watched(database, drawing):
    """(what answers, a function: path → (status, text))."""
    registry, port = CollectorRegistry(), free_port()
    metered = MeteredEngine(drawing, registry)
    discord = Discord()
    monitoring = Monitoring(
        client=discord, database=database, engine_client=metered, registry=registry
    )
    await monitoring.start(HOST, port)

    async def get(path):
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{HOST}:{port}{path}") as reply,
        ):
            return reply.status, await reply.text()

    get.metered, get.discord, get.port = metered, discord, port
    yield get
    await monitoring.close()


def values(text):
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def job(id_="a", **changed):
    wanted = {"id": id_, "owner": "1234567890", "model": "doodle", "images": 2, "steps": 2}
    parts = (engine.WeightedText(text="a cat"),)
    return engine.DrawJob(prompt=parts, width_px=128, height_px=128, **wanted | changed)


async def test_what_was_drawn_and_what_failed_is_counted(watched, drawing):
    async for _ in watched.metered.run(job()):
        pass
    drawing.fail_next("It broke.", engine.FailureKind.OUT_OF_MEMORY)
    async for _ in watched.metered.run(job("b")):
        pass
    found = values((await watched("/metrics"))[1])
    assert found["darkroom_jobs_total", "draw", "finished"] == 1
    assert found["darkroom_jobs_total", "draw", "failed"] == 1
    assert found["darkroom_images_total",] == 2
    assert found["darkroom_errors_total", "out_of_memory"] == 1
    assert found["darkroom_errors_total", "internal"] == 0
    assert found["darkroom_stage_seconds_count", "wait"] == 2
    assert found["darkroom_stage_seconds_count", "draw"] == 2
    assert found["darkroom_engine_up",] == 1


async def test_waiting_jobs_are_counted_by_lane_until_they_go(watched, drawing):
    drawing.pause()
    streams = [watched.metered.run(job(str(n), lane=engine.Lane.RELAX)) for n in range(3)]
    for stream in streams:
        await anext(stream)
    found = values((await watched("/metrics"))[1])
    assert [found["darkroom_queue_jobs", lane] for lane in ("turbo", "fast", "relax")] == [0, 0, 3]
    for stream, number in zip(streams, range(3), strict=True):
        watched.metered.cancel(str(number))
        async for _ in stream:
            pass
    found = values((await watched("/metrics"))[1])
    assert found["darkroom_queue_jobs", "relax"] == 0
    assert found["darkroom_jobs_total", "draw", "cancelled"] == 3


async def test_credits_are_counted_once(watched, database):
    async with database.write() as connection:
        account = await ledger.account(connection, guild_id=1, user_id=2, trial=250, now_ms=0)
    for _ in range(2):
        found = values((await watched("/metrics"))[1])
        assert found["darkroom_credits_total", "trial"] == 2.5
    async with database.write() as connection:
        await ledger.grant(connection, account_id=account, amount=100, actor_id=9, now_ms=0)
    found = values((await watched("/metrics"))[1])
    assert found["darkroom_credits_total", "grant"] == 1


async def test_no_label_names_a_member_a_server_or_a_job(watched):
    async for _ in watched.metered.run(job("abcdefghijklmnop", owner="987654321987654321")):
        pass
    text = (await watched("/metrics"))[1]
    assert "987654321987654321" not in text and "abcdefghijklmnop" not in text


async def test_ready_is_who_is_connected_and_healthy_whose_device_is_there(
    watched, drawing, monkeypatch
):
    assert await watched("/healthz") == (200, "ok\n")
    assert await watched("/readyz") == (200, "ok\n")
    watched.discord.ready = False
    assert await watched("/readyz") == (503, "not connected to Discord\n")
    assert await watched("/healthz") == (200, "ok\n")
    watched.discord.ready = True
    with monkeypatch.context() as without_workers:  # a cluster of which no worker is there
        waiting = engine.EngineStatus(device="", extras={"reason": "No worker is there."})
        without_workers.setattr(drawing, "status", lambda: waiting)
        assert await watched("/readyz") == (503, "No worker is there.\n")
        assert await watched("/healthz") == (200, "ok\n")
        found = values((await watched("/metrics"))[1])
        assert found["darkroom_engine_up",] == found["darkroom_workers",] == 0
    drawing.lose("The card fell out.")
    assert await watched("/healthz") == (503, "The card fell out.\n")
    assert await watched("/readyz") == (503, "The card fell out.\n")


async def test_each_worker_of_a_cluster_is_told_by_its_name(watched, drawing, monkeypatch):
    workers = [
        engine.WorkerStatus(name=f"{n} on b", pid=n, device="cuda", busy_share=n / 4, running=jobs)
        for n, jobs in ((1, ("x",)), (2, ()))
    ]
    status = engine.EngineStatus(device="2 × cuda", workers=tuple(workers), places=3)
    monkeypatch.setattr(drawing, "status", lambda: status)
    found = values((await watched("/metrics"))[1])
    assert (found["darkroom_workers",], found["darkroom_places",]) == (2, 3)
    assert found["darkroom_worker_running_jobs", "cuda", "1 on b"] == 1
    assert found["darkroom_worker_running_jobs", "cuda", "2 on b"] == 0
    assert found["darkroom_worker_busy_ratio", "cuda", "2 on b"] == 0.5


async def test_a_port_that_is_taken_is_one_sentence(watched, database, drawing):
    registry = CollectorRegistry()
    second = Monitoring(
        client=Discord(),
        database=database,
        engine_client=MeteredEngine(drawing, registry),
        registry=registry,
    )
    with pytest.raises(StartError, match=f"METRICS_PORT {watched.port} on 127.0.0.1"):
        await second.start(HOST, watched.port)


async def test_what_the_engine_refuses_is_refused_and_leaves_no_lane(watched):
    with pytest.raises(ValueError, match="nope"):
        async for _ in watched.metered.run(job(model="nope")):
            pass
    assert watched.metered._lanes == {}


async def test_the_dashboard_asks_for_metrics_that_there_are(watched, database):
    async for _ in watched.metered.run(job()):
        pass
    async with database.write() as connection:
        await ledger.account(connection, guild_id=1, user_id=2, trial=1, now_ms=0)
    text = (await watched("/metrics"))[1]
    there = {
        sample.name for family in text_string_to_metric_families(text) for sample in family.samples
    }
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    asked = {
        name
        for panel in board["panels"]
        for target in panel["targets"]
        for name in re.findall(r"\bdarkroom_\w+", target["expr"])
    }
    assert asked - there == set()
    assert len(asked) > 10
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    page = (DASHBOARD.parent / "operating.md").read_text(encoding="utf-8")
    families = {family.name for family in text_string_to_metric_families(text)}
    assert set(re.findall(r"\bdarkroom_\w+", page)) - there - families == set()
