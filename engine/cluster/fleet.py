"""What the head of a cluster asks of whatever runs its workers."""

from __future__ import annotations

import functools
import hashlib
import platform
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Protocol

from engine.messages import EngineStatus, Event, Job
from engine.policy.placement import Room

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
Report = Event | Room | EngineStatus
"""What a worker tells the head."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """What a worker says of itself once its engine runs."""

    node: str
    """The machine, as its people call it."""
    machine: str
    """What tells it from all others, those of the same name too; see `machine`."""
    pid: int
    """Of the worker's process there."""
    device: str
    card: str
    """Which of the machine's cards; workers on the same one, and all on CPUs, say the same."""
    version: str
    """Of Darkroom there; see `version`."""
    installed: Mapping[str, int]
    """The entries of the catalogue whose files are there, with the bytes of their weights."""


class WorkerLost(Exception):
    """The worker is dead or cannot be reached; its argument says what is known."""


class WorkerClient(Protocol):
    """The head's end of one worker; `hello`, `reports` and `submit` raise WorkerLost."""

    waits_for: str
    """What keeps it from saying hello, for the operator."""

    async def hello(self) -> Hello: ...
    def reports(self) -> AsyncIterator[Sequence[Report]]:
        """Until the worker ends; to be asked for once, after `hello`."""

    async def submit(self, job: Job) -> None:
        """Until it has the job. Any error but WorkerLost: the worker lives and has not got it."""

    def cancel(self, job_id: str) -> None: ...
    def kill(self) -> None:
        """End it at once."""


class Fleet(Protocol):
    """Places for workers, some of which may come and go."""

    @property
    def most_job_bytes(self) -> int | None:
        """How large the pictures of one job may be together; None: any size."""

    async def open(self) -> None:
        """EngineError with one sentence, which names the setting, where it cannot be reached."""

    async def places(self) -> int:
        """For how many workers there is room now; EngineLost once it is gone for good."""

    def hire(self) -> WorkerClient:
        """Start one more worker; it says hello when it is there."""

    async def close(self) -> None: ...


def machine() -> str:
    """This machine's name and the kernel's id of its last boot (proc(5)): images of one disk may
    share the name, and what else a disk holds.
    """
    try:
        boot = BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:  # no Linux
        boot = ""
    return f"{platform.node()} {boot}".strip()


@functools.cache
def version() -> str:
    """The version of Darkroom and a digest of the engine's code: the same on every node."""
    digest = hashlib.sha256()
    folder = Path(__file__).parents[1]
    for file in sorted(folder.rglob("*.py")):
        digest.update(file.relative_to(folder).as_posix().encode() + b"\0" + file.read_bytes())
    try:
        number = metadata.version("darkroom")
    except metadata.PackageNotFoundError:  # run from its folder
        number = "of this folder"
    return f"{number} ({digest.hexdigest()[:8]})"
