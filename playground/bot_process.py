"""The bot as a process of its own, started as an operator starts it; its output is kept."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

LAST_LINES = 40
LAUNCHER: Sequence[str] = ()
if sys.platform == "linux":
    # If this process is killed, the kernel sends SIGTERM to the bot (PR_SET_PDEATHSIG). Otherwise
    # the bot would go on running alone.
    LAUNCHER = (
        sys.executable,
        "-c",
        (
            "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 15); "
            "os.execvp(sys.argv[1], sys.argv[1:])"
        ),
    )
STOP_WITHIN_S = 75.0
"""Longer than the bot's own DRAIN_S (60), in which it finishes the jobs that are running."""


class BotProcess:
    """One run of the bot: `start` starts it, `stop` asks it to end, `kill` ends it at once."""

    def __init__(self, process: asyncio.subprocess.Process, echo: TextIO | None) -> None:
        self._process = process
        self._echo = echo
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self._wrote = asyncio.Event()
        self._ended = False
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(
        cls,
        command: Sequence[str] | None,
        environment: Mapping[str, str],
        *,
        echo: TextIO | None = None,
    ) -> BotProcess:
        """Start `command` (default: this Python with `-m bot`); its output is copied to echo."""
        # In a process group of its own: Ctrl-C reaches this process only, which then stops the bot.
        group: dict[str, Any]
        if sys.platform == "win32":
            group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        else:
            group = {"process_group": 0}
        process = await asyncio.create_subprocess_exec(
            *LAUNCHER,
            *(command or (sys.executable, "-m", "bot")),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
            limit=2**20,
            **group,
        )
        return cls(process, echo)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        return self._process.returncode

    @property
    def last_lines(self) -> list[str]:
        """The last lines it wrote, standard output and error together."""
        return list(self._lines)

    async def wait_for_line(self, text: str) -> str:
        """Wait for a line that contains the text; the last lines are searched first.

        EOFError if the bot ends without writing one.
        """
        while True:
            for line in self._lines:
                if text in line:
                    return line
            if self._ended:
                raise EOFError(f"The bot ended without writing {text!r}.")
            self._wrote.clear()
            await self._wrote.wait()

    async def wait(self) -> int:
        """Wait until it has ended and its output is read; its exit code."""
        code = await self._process.wait()
        await self._reader
        return code

    async def stop(self, *, within_s: float = STOP_WITHIN_S) -> int:
        """Ask it to end (SIGTERM; Ctrl-Break on Windows); kill it after within_s. Its exit code."""
        if self.exit_code is None:
            if sys.platform == "win32":
                self._process.send_signal(signal.CTRL_BREAK_EVENT)
            else:
                self._process.terminate()
            try:
                async with asyncio.timeout(within_s):
                    return await self.wait()
            except TimeoutError:
                pass
        return await self.kill()

    async def kill(self) -> int:
        """End it at once (SIGKILL), so that it cannot finish anything; its exit code."""
        if self.exit_code is None:
            self._process.kill()
        return await self.wait()

    async def _read(self) -> None:
        stream = self._process.stdout
        if stream is None:
            raise RuntimeError("The bot was started without a pipe for its output.")
        try:
            while raw := await self._line(stream):
                line = raw.decode(errors="replace").rstrip("\r\n")
                self._lines.append(line)
                self._wrote.set()
                if self._echo is not None:
                    print(line, file=self._echo, flush=True)
        finally:
            self._ended = True
            self._wrote.set()

    async def _line(self, stream: asyncio.StreamReader) -> bytes:
        """The next line, or b"" at the end; a line longer than the stream's limit is skipped."""
        while True:
            try:
                return await stream.readline()
            except ValueError:
                continue
