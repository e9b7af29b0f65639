"""The real process tells systemd what it does."""

import asyncio
import socket
import sys

from tests.chaos.__main__ import BOT, environment_of

WAIT_S = 60


async def test_a_started_bot_is_ready_gives_signs_of_life_and_says_that_it_stops(testbed, tmp_path):
    data = tmp_path / "data"
    environment = environment_of(data, f"sqlite+aiosqlite:///{data / 'darkroom.db'}", "fake")
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.setblocking(False)
        heard.bind(str(tmp_path / "notify"))
        told = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
        await testbed.start_bot([sys.executable, BOT], environment=environment | told)
        said = []
        async with asyncio.timeout(WAIT_S):
            while not {b"READY=1", b"WATCHDOG=1"} <= set(said):
                said.append(await loop.sock_recv(heard, 100))
            assert await testbed.stop_bot() == 0
            while b"STOPPING=1" not in said:
                said.append(await loop.sock_recv(heard, 100))
