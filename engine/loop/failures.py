"""What an exception on the device thread means for the member whose job it ends."""

from __future__ import annotations

from engine.device.faults import is_out_of_memory
from engine.errors import (
    INTERNAL,
    BrokenModelError,
    JobError,
    NotFiniteError,
    Sentence,
    sentence_of,
)
from engine.messages import FailureKind

OUT_OF_MEMORY = Sentence(
    "The device ran out of memory even for one picture; ask for a smaller size."
)


def explain(error: BaseException) -> tuple[Sentence, FailureKind]:
    """What a member reads, and what kind of failure it is."""
    match error:
        case NotFiniteError():
            return sentence_of(error), FailureKind.BAD_PICTURE
        case BrokenModelError():
            return sentence_of(error), FailureKind.BROKEN_MODEL
        case JobError():
            return sentence_of(error), FailureKind.BAD_INPUT
        case _ if is_out_of_memory(error):
            return OUT_OF_MEMORY, FailureKind.OUT_OF_MEMORY
        case _:
            return INTERNAL, FailureKind.INTERNAL
