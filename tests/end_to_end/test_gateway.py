"""A connection to the gateway that breaks is made again, at the same address."""

import asyncio
import sys

import pytest

from playground.testbed import is_grid
from tests.chaos.__main__ import BOT, environment_of

WAIT_S = 120


@pytest.mark.parametrize("resumable", [True, False])
async def test_a_bot_whose_connection_broke_hears_its_members_again(testbed, tmp_path, resumable):
    data = tmp_path / "data"
    environment = environment_of(data, f"sqlite+aiosqlite:///{data / 'darkroom.db'}", "fake")
    bot = await testbed.start_bot([sys.executable, BOT], environment=environment)
    await testbed.wait_for_command("imagine")
    gateway = testbed.server.gateway
    await (gateway.drop() if resumable else gateway.forget())
    async with asyncio.timeout(WAIT_S):
        await gateway.wait_connected(connected=False)
        await gateway.wait_connected()
    testbed.member("dora").slash(testbed.general, "imagine", {"prompt": "a red cat"})
    await testbed.wait_for_message(is_grid, timeout_s=WAIT_S)
    assert bot.exit_code is None
