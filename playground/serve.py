"""Runs the playground until Ctrl-C: the server with its page, and the bot's process."""

from __future__ import annotations

import asyncio
import signal
import sys

from playground.bot_process import BotProcess
from playground.faults import Faults
from playground.settings import BadSetting, Settings
from playground.testbed import Testbed

SHOWN_LINES = 20
"""Of what the bot wrote last, on the page."""


class Playground:
    """Runs the server and one bot, and starts the bot again when a person asks for it."""

    def __init__(self, settings: Settings, faults: Faults | None = None) -> None:
        """BadSetting if the folder for its data cannot be made."""
        self._settings = settings
        try:
            settings.data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadSetting(
                f"DATA_DIR cannot be made: {settings.data_dir}: {error.strerror}."
            ) from None
        self._testbed = Testbed(
            port=settings.port,
            openapi=settings.openapi,
            state_file=settings.data_dir / "playground.json",
            history=settings.data_dir / "playground",
            echo=sys.stdout,
            faults=faults,
        )
        self._leave = asyncio.Event()
        self._again = asyncio.Event()

    async def run(self) -> int:
        """Serve until a signal, whatever becomes of the bot; the exit code."""
        self._listen_for_signals()
        async with self._testbed as testbed:
            print(f"Darkroom's playground is open: {testbed.url}", flush=True)
            while not self._leave.is_set():
                code = await self._run_bot_once()
                if self._leave.is_set():
                    break
                self._say_ended(code)
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
        bot = self._testbed.bot
        lines = bot.last_lines[-SHOWN_LINES:] if bot is not None else []
        page_api = self._testbed.server.page_api
        page_api.restart = self._ask_again
        page_api.set_bot_note(f"The bot has stopped{_why(code)}.", lines)
        print(f"The bot has stopped{_why(code)}.", file=sys.stderr, flush=True)

    async def _until_asked_again(self) -> None:
        self._again.clear()
        loop = asyncio.get_running_loop()
        # On Windows, asyncio cannot wait for a terminal.
        reads = sys.platform != "win32" and sys.stdin is not None and sys.stdin.isatty()
        how = "Press Enter" if reads else f"Press “Start the bot again” on {self._testbed.url}"
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


def _why(code: int) -> str:
    """The end of the sentence that it has stopped."""
    if code < 0:
        return f": signal {-code} ended it"
    return f" with exit code {code}" if code else ""
