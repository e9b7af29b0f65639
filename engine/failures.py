"""What an exception on the device thread means: for the member, for the batch, for the process."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

import torch

from engine.errors import EngineLost, JobError
from engine.messages import FailureKind

log = logging.getLogger(__name__)


class BrokenModelError(JobError):
    """The files of a model are missing or damaged; the text is for members and operator alike."""


class NotNumbersError(JobError):
    """The model made NaN."""

    def __init__(self, advice: str = "try another seed") -> None:
        super().__init__(f"The model made numbers that are no picture (NaN); {advice}.")


def explain(error: BaseException) -> tuple[str, FailureKind]:
    """What a member reads, and what kind of failure it is."""
    match error:
        case NotNumbersError():
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


def first_line(error: BaseException) -> str:
    """What a library says of its error, short enough to go into a sentence of ours."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".:")


def is_out_of_memory(error: BaseException) -> bool:
    """CUDA's own error, the host's, or the CPU allocator's, which is a plain RuntimeError."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError)
        and any(sign in str(error) for sign in ("can't allocate memory", "ALLOC_FAILED"))
    )


@contextlib.contextmanager
def harmless(sentence: str) -> Iterator[None]:
    """What happens within is an extra: where it fails, that is logged and life goes on."""
    try:
        yield
    except Exception as error:
        raise_if_lost(error)
        log.warning(sentence, exc_info=error)


def raise_if_lost(error: BaseException) -> None:
    """After a poisoned context no CUDA call of this process can succeed."""
    if isinstance(error, EngineLost):
        raise error
    accelerator = getattr(torch, "AcceleratorError", None)
    lost = accelerator is not None and isinstance(error, accelerator)
    if (lost or "CUDA error" in str(error)) and not is_out_of_memory(error):
        raise EngineLost(f"The device is lost: {str(error).splitlines()[0]}") from error
