"""A PostgreSQL of one test's own, on a socket in a folder, which the test may stop and start."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path


class Server:
    """Made, and not yet started; `url` is its address as DATABASE_URL has it."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self._folder = programs, folder
        self._as: list[str] = []
        if os.getuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(folder, "postgres")
            self._as = ["runuser", "-u", "postgres", "--"]
        self._run("initdb", "--auth", "trust", "--username", "postgres", "--no-sync")
        self.url = f"postgresql+asyncpg://postgres@/postgres?host={folder}"

    def start(self) -> None:
        options = f"-c listen_addresses= -c unix_socket_directories={self._folder} -c fsync=off"
        log = str(self._folder / "log")
        self._run("pg_ctl", "--wait", "--log", log, "--options", options, "start")

    def stop(self) -> None:
        """At once, as if it had been killed."""
        self._run("pg_ctl", "--mode", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        data = ["--pgdata", str(self._folder / "data")]
        subprocess.run(
            [*self._as, self._programs / program, *data, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
        )


def programs() -> Path | None:
    """The folder of PostgreSQL's programs; None where it is not installed."""
    found = shutil.which("pg_ctl")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1] if folders else Path(found).parent if found else None


@contextlib.contextmanager
def serving(at: Path) -> Iterator[Server]:
    """A server that runs, and is gone in the end. at: as `programs`."""
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp", ignore_cleanup_errors=True) as folder:
        made = Server(at, Path(folder))
        made.start()
        yield made
        made.stop()
