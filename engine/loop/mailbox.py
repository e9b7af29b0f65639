"""Messages to the device thread, from the engine and from the thread that loads models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.messages import Job
from engine.models.model_cache import Model
from engine.pictures.encoded import Inputs


@dataclass(frozen=True, slots=True)
class Submit:
    """A job, checked, with its pictures decoded."""

    job: Job
    inputs: Inputs
    begins: Callable[[], None] = lambda: None
    """Is called before its first pass."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """End this job, waiting or running."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Detached:
    """Nobody reads this job's events any more."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """The thread that loads models is done."""

    name: str
    result: Model | Exception


@dataclass(frozen=True, slots=True)
class Close:
    """Start nothing more; what runs may go on until then."""

    at_s: float


Message = Submit | Cancel | Detached | Loaded | Close
