import os

import pytest

from playground.openapi import OpenApi
from playground.testbed import Testbed


@pytest.fixture(scope="session")
def openapi():
    """Discord's own description where the environment names it, else None."""
    path = os.environ.get("DISCORD_OPENAPI")
    return OpenApi.load(path) if path else None


@pytest.fixture
async def testbed(openapi):
    """A playground; whatever the bot asked of it must be what Discord allows."""
    async with Testbed(openapi=openapi) as running:
        yield running
    assert running.gaps == []
    assert running.violations == []


@pytest.fixture
def environment(tmp_path):
    return {"DATA_DIR": str(tmp_path / "data"), "PREVIEW_INTERVAL_S": "0.5", "DEVICE": "cpu"}


@pytest.fixture
async def bot(testbed, environment):
    """The real bot, as its own process, connected."""
    process = await testbed.start_bot(environment=environment)
    await testbed.wait_for_command("imagine")
    yield process
    assert process.exit_code is None, "the process stayed up"
