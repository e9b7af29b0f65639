from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import discord
import discord.gateway
import pytest
import yarl

from playground.openapi import OpenApi
from playground.testbed import Testbed

EXAMPLE_BOT = Path(__file__).with_name("example_bot.py")


def load_example_bot():
    spec = importlib.util.spec_from_file_location("playground_example_bot", EXAMPLE_BOT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def openapi():
    """Discord's description where the environment names it, else None."""
    path = os.environ.get("DISCORD_OPENAPI")
    return OpenApi.load(path) if path else None


@pytest.fixture
async def testbed(openapi):
    async with Testbed(openapi=openapi) as running:
        yield running


@pytest.fixture
def bot_command():
    return [sys.executable, str(EXAMPLE_BOT)]


@asynccontextmanager
async def connected_client(testbed):
    """The example bot as an unmodified discord.py client in this process, connected."""
    gateway = yarl.URL(testbed.server.gateway_url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(discord.http.Route, "BASE", testbed.server.api_url)
        patch.setattr(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", gateway)
        async with load_example_bot().Bot() as bot:
            running = asyncio.create_task(bot.start(testbed.token))
            await testbed.server.gateway.wait_connected()
            await bot.wait_until_ready()
            yield bot
            await bot.close()
            await running


@pytest.fixture
async def client(testbed):
    async with connected_client(testbed) as bot:
        yield bot


@pytest.fixture(scope="session")
def connect_client():
    """For tests whose event loop is not the test's own."""
    return connected_client


@pytest.fixture
async def http(testbed):
    """A bare HTTP session with the bot's token, for what libraries hide."""
    headers = {"Authorization": f"Bot {testbed.token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        yield session
