"""What reaches the device thread: messages of the engine and of the shelf's loading thread."""

from __future__ import annotations

from dataclasses import dataclass

from engine.messages import Job
from engine.pictures import Inputs
from engine.shelf import Model


@dataclass(frozen=True, slots=True)
class Submit:
    """A job, checked, with its pictures decoded."""

    job: Job
    inputs: Inputs


@dataclass(frozen=True, slots=True)
class Cancel:
    """End this job, waiting or running."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Unheard:
    """Nobody reads this job's events any more."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """The shelf's loading thread is done."""

    name: str
    result: Model | Exception


@dataclass(frozen=True, slots=True)
class Close:
    """Start nothing more; what runs may go on until then."""

    at_s: float


Message = Submit | Cancel | Unheard | Loaded | Close
