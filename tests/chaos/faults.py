"""What goes wrong around a running bot: it must lose nothing and go on by itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from playground.testbed import Testbed
from tests.chaos.bot_under_test import BACK_S

LOCKED_S = 30.0
FULL_S = 10.0
DISK_MB = 24
BOT = str(Path(__file__).with_name("bot_under_test.py"))

Fault = Callable[[Testbed, Path, dict[str, str]], AbstractAsyncContextManager[str]]
"""It has lasted for some time when its block begins, and is over at the end; `Path` is DATA_DIR.

It gives what another process said, if one did."""


@contextlib.asynccontextmanager
async def database_locked(testbed: Testbed, data: Path, _: dict[str, str]) -> AsyncIterator[str]:
    """Another process writes for half a minute."""
    held = sqlite3.connect(data / "darkroom.db", timeout=60, isolation_level=None)
    held.execute("BEGIN IMMEDIATE")
    try:
        await asyncio.sleep(LOCKED_S)
        yield ""
    finally:
        held.execute("ROLLBACK")
        held.close()


@contextlib.asynccontextmanager
async def disk_full(testbed: Testbed, data: Path, _: dict[str, str]) -> AsyncIterator[str]:
    """Not a byte is left for some seconds."""
    filler = data / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    try:
        await asyncio.sleep(FULL_S)
        yield ""
    finally:
        filler.unlink()


@contextlib.asynccontextmanager
async def disk_read_only(testbed: Testbed, data: Path, _: dict[str, str]) -> AsyncIterator[str]:
    """Pictures cannot be kept for some seconds; files that are open already can be written."""
    pictures = data / "pictures"
    await asyncio.to_thread(pictures.mkdir, exist_ok=True)
    await asyncio.to_thread(_mount, "--bind", pictures, pictures)
    await asyncio.to_thread(_mount, "-o", "remount,bind,ro", pictures)
    try:
        await asyncio.sleep(FULL_S)
        yield ""
    finally:
        await asyncio.to_thread(subprocess.run, ["umount", "-l", pictures], check=True)


@contextlib.asynccontextmanager
async def started_read_only(
    testbed: Testbed, data: Path, environment: dict[str, str]
) -> AsyncIterator[str]:
    """The process dies, and its next one may write nothing below DATA_DIR."""
    await testbed.kill_bot()
    await asyncio.to_thread(_mount, "-o", "remount,ro", data)
    try:
        process = await testbed.spawn_bot([sys.executable, BOT], environment=environment)
        await process.wait()
        yield " ".join(process.last_lines)
    finally:
        await asyncio.to_thread(_mount, "-o", "remount,rw", data)


@contextlib.asynccontextmanager
async def clock_set_back(testbed: Testbed, data: Path, _: dict[str, str]) -> AsyncIterator[str]:
    """By an hour, while it runs; see `BACK_S`."""
    assert BACK_S > 0
    os.kill(testbed.bot.pid, signal.SIGUSR2)
    await asyncio.sleep(2)
    yield ""


@contextlib.asynccontextmanager
async def second_bot(
    testbed: Testbed, data: Path, environment: dict[str, str]
) -> AsyncIterator[str]:
    """It must end with one sentence."""
    second = await asyncio.create_subprocess_exec(
        *(sys.executable, BOT),
        env={**os.environ, **testbed.environment(), **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    _, said = await second.communicate()
    assert second.returncode == 1, said
    assert said.decode().startswith("Another Darkroom already runs"), said
    yield said.decode().strip()


FAULTS: dict[str, Fault] = {
    "the database locked for half a minute": database_locked,
    "the disk full": disk_full,
    "the pictures' folder read-only": disk_read_only,
    "the clock set back by an hour": clock_set_back,
    "a second bot": second_bot,
}
OF_DISKS = (disk_full, disk_read_only)
"""Those that need a file system of their own, which only root may mount."""


@contextlib.asynccontextmanager
async def disk(folder: Path) -> AsyncIterator[Path]:
    """A small file system in memory for DATA_DIR."""
    await asyncio.to_thread(folder.mkdir)
    await asyncio.to_thread(_mount, "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", folder)
    try:
        yield folder
    finally:
        await asyncio.to_thread(subprocess.run, ["umount", "-l", folder], check=True)


def _mount(*arguments: object) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True)
