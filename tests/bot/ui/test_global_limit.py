"""A limit on all requests ends, also where the request that met it was cancelled."""

import asyncio

import pytest

from bot.ui.global_limit import GlobalLimit

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


async def test_a_limit_that_nobody_ends_ends_by_itself():
    limit = GlobalLimit(within_s=0)
    assert limit.is_set()
    limit.clear()
    assert not limit.is_set()
    async with asyncio.timeout(60):
        await limit.wait()


async def test_the_end_of_one_limit_does_not_end_the_next():
    limit = GlobalLimit(within_s=0)
    limit.clear()
    limit.set()
    limit._within_s = 3600
    limit.clear()
    for _ in range(10):
        await asyncio.sleep(0)
    assert not limit.is_set()
    limit.set()


async def test_the_bot_waits_by_it(simcord_bot, guild):
    assert isinstance(simcord_bot.http._global_over, GlobalLimit)
