"""The clock of these tests: what it lets pass by itself, and what it waits for."""

import asyncio
import threading

import pytest

pytestmark = pytest.mark.simcord(shard_count=1)


@pytest.fixture
def bot_does(simcord_env, simcord_bot, channel, alice, monkeypatch):
    """Has the bot do a piece of work, as its answer to a reaction, until it rests."""

    async def begin(work):
        message = await alice.send(channel, "hello")
        monkeypatch.setattr(simcord_bot, "on_raw_reaction_add", lambda _: work())
        await alice.react(message, "✉️")
        await simcord_env.settle()

    return begin


async def test_who_sleeps_for_less_than_a_minute_is_awake_once_all_rests(bot_does):
    awake = []

    async def sleeps():
        await asyncio.sleep(50)
        awake.append(asyncio.get_running_loop().time())

    await bot_does(sleeps)
    assert awake


async def test_who_sleeps_for_longer_wakes_when_the_clock_is_moved(bot_does, simcord_env):
    awake = []

    async def sleeps():
        await asyncio.sleep(1000)
        awake.append("now")

    await bot_does(sleeps)
    assert not awake
    await simcord_env.advance_time(1001)
    assert awake


async def test_what_a_thread_does_takes_none_of_the_bots_time(bot_does):
    came = []

    async def waits():
        async with asyncio.timeout(50):  # within what the clock may pass by itself
            came.append(await asyncio.to_thread(threading.Event().wait, 0.2))

    await bot_does(waits)
    assert came == [False]
