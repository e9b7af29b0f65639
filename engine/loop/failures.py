"""What an exception on the device thread means for the member whose job it ends."""

from __future__ import annotations

from engine.device.faults import is_out_of_memory
from engine.errors import BrokenModelError, JobError, NotFiniteError
from engine.messages import FailureKind


def explain(error: BaseException) -> tuple[str, FailureKind]:
    """What a member reads, and what kind of failure it is."""
    match error:
        case NotFiniteError():
            return str(error), FailureKind.BAD_PICTURE
        case BrokenModelError():
            return str(error), FailureKind.BROKEN_MODEL
        case JobError():
            return str(error), FailureKind.BAD_INPUT
        case _ if is_out_of_memory(error):
            reason = "The device ran out of memory even for one picture; ask for a smaller size."
            return reason, FailureKind.OUT_OF_MEMORY
        case _:
            reason = "Something broke inside the engine; the operator's log says what."
            return reason, FailureKind.INTERNAL
