"""Runs the playground until Ctrl-C: the server with its page, and the bot's process."""

from __future__ import annotations

import asyncio
import signal
import sys

from playground.bot_process import BotProcess
from playground.settings import Settings
from playground.testbed import Testbed


class Playground:
    """Runs the server and one bot, and starts the bot again when a person asks for it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._testbed = Testbed(
            port=settings.port,
            openapi=settings.openapi,
            state_file=settings.data_dir / "playground.json",
            history=settings.data_dir / "playground",
            echo=sys.stdout,
        )
        self._leave = asyncio.Event()
        self._again = asyncio.Event()

    async def run(self) -> int:
        """Serve until a signal; the exit code: 1 if the bot ended and there is no terminal."""
        self._listen_for_signals()
        async with self._testbed as testbed:
            print(f"Darkroom's playground is open: {testbed.url}", flush=True)
            while not self._leave.is_set():
                code = await self._run_bot_once()
                if self._leave.is_set():
                    break
                self._say_ended(code)
                if not sys.stdin.isatty():
                    return 1
                await self._until_asked_again()
            print("Closing the playground.", flush=True)
        return 0

    async def _run_bot_once(self) -> int:
        page_api = self._testbed.server.page_api
        page_api.restart = None
        page_api.set_bot_note("The bot is starting…")
        bot = await self._testbed.spawn_bot(
            self._settings.command, environment={"DATA_DIR": str(self._settings.data_dir)}
        )
        watch = asyncio.create_task(self._tell_when_connected())
        ended = asyncio.create_task(bot.wait())
        leaving = asyncio.create_task(self._leave.wait())
        await asyncio.wait({ended, leaving}, return_when=asyncio.FIRST_COMPLETED)
        for task in (watch, leaving):
            task.cancel()
        await asyncio.gather(watch, leaving, return_exceptions=True)
        if not ended.done():
            print("Asking the bot to finish what it draws and end…", flush=True)
            await self._stop(bot)
        return await ended

    async def _stop(self, bot: BotProcess) -> None:
        """Ask the bot to end and wait for it; a second Ctrl-C ends it at once."""
        self._leave.clear()
        stopping = asyncio.create_task(bot.stop())
        hurry = asyncio.create_task(self._leave.wait())
        await asyncio.wait({stopping, hurry}, return_when=asyncio.FIRST_COMPLETED)
        if not stopping.done():
            await bot.kill()
        hurry.cancel()
        await asyncio.gather(stopping, hurry, return_exceptions=True)
        self._leave.set()

    async def _tell_when_connected(self) -> None:
        page_api, gateway = self._testbed.server.page_api, self._testbed.server.gateway
        while True:
            await gateway.wait_connected()
            page_api.set_bot_note("")
            print(f"The bot is in: open {self._testbed.url} and type / there.", flush=True)
            await gateway.wait_connected(connected=False)
            page_api.set_bot_note("The bot has hung up.")

    def _say_ended(self, code: int) -> None:
        lines = self._testbed.bot.last_lines[-5:] if self._testbed.bot is not None else []
        page_api = self._testbed.server.page_api
        page_api.restart = self._ask_again
        last = lines[-1] if lines else "it wrote nothing"
        page_api.set_bot_note(f"The bot ended with exit code {code}. Its last line: {last}")
        print(f"The bot ended with exit code {code}. Its last lines:", file=sys.stderr)
        for line in lines:
            print(f"  {line}", file=sys.stderr)

    async def _until_asked_again(self) -> None:
        self._again.clear()
        loop = asyncio.get_running_loop()
        reads = sys.platform != "win32"  # on Windows, asyncio cannot wait for a terminal
        how = "Press Enter" if reads else "Use the page's button"
        print(f"{how} to start the bot again, Ctrl-C to leave.", flush=True)
        if reads:
            loop.add_reader(sys.stdin.fileno(), self._read_enter)
        waits = [asyncio.create_task(event.wait()) for event in (self._again, self._leave)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if reads:
                loop.remove_reader(sys.stdin.fileno())
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    def _read_enter(self) -> None:
        if sys.stdin.readline() == "":
            self._leave.set()  # the terminal is gone
        self._again.set()

    async def _ask_again(self) -> None:
        self._again.set()

    def _listen_for_signals(self) -> None:
        if sys.platform == "win32":
            return  # asyncio.run turns Ctrl-C into a cancellation; leaving the testbed ends the bot
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # SIGHUP: the window closed
            loop.add_signal_handler(number, self._leave.set)
