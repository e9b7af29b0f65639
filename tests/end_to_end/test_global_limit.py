"""A request that is cancelled while all requests are limited keeps no other from going out."""

import asyncio
import contextlib

import discord
from discord.http import Route

from bot.ui.client import use_api
from bot.ui.global_limit import GlobalLimit


async def test_the_next_request_goes_out(testbed, monkeypatch):
    monkeypatch.setattr(Route, "BASE", Route.BASE)  # put back afterwards
    use_api(testbed.environment()["DISCORD_API_URL"])
    async with discord.Client(intents=discord.Intents.none()) as client:
        await client.login(testbed.token)
        client.http._global_over = GlobalLimit(within_s=1)
        testbed.faults.add("rate_limit", seconds=1, everywhere=True, path="/channels/")
        channel = client.get_partial_messageable(testbed.general)
        limited = asyncio.create_task(channel.send("one"))
        async with asyncio.timeout(60):
            while client.http._global_over.is_set():  # noqa: ASYNC110 - discord.py tells nobody
                await asyncio.sleep(0.01)
            limited.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await limited
            assert (await channel.send("two")).content == "two"
