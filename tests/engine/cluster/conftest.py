from __future__ import annotations

import pytest

from engine.cluster import head
from engine.cluster import worker as cluster_worker
from engine.cluster.head import ClusterEngine
from engine.fake import FAKE_MODEL
from tests.engine.cluster.local_fleet import HandClock, LocalFleet, settle


@pytest.fixture
async def cluster_of(monkeypatch):
    """A function: a started cluster in this process, and its fleet."""
    monkeypatch.setattr(head, "LOOK_EVERY_S", 0)
    monkeypatch.setattr(head, "HIRE_AGAIN_S", (0.0,))
    engines = []

    async def start(places=2, models=(FAKE_MODEL,), prepare=lambda _: None, **options):
        made = []

        def fleet(specs):
            made.append(LocalFleet(specs, places=places))
            prepare(made[0])
            return made[0]

        cluster = ClusterEngine(models, fleet=fleet, **options)
        engines.append(cluster)
        await cluster.start()
        await settle()
        return cluster, made[0]

    yield start
    for cluster in engines:
        await cluster.close()


@pytest.fixture
def clock(monkeypatch):
    """Seconds that a test lets pass; workers report all the time."""
    monkeypatch.setattr(cluster_worker, "STATUS_EVERY_S", 0)
    return HandClock()
