"""Errors of the device: out of memory, lost until the process starts anew, or only logged."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

import torch

from engine.errors import EngineLost

log = logging.getLogger(__name__)


_SIGNS_OF_NO_MEMORY = ("out of memory", "can't allocate memory", "alloc_failed")
"""What a RuntimeError says where memory ran out: torch's allocators, CUDA's runtime and driver,
Triton, and the libraries (CUBLAS_STATUS_ALLOC_FAILED) each have a form of their own."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, of the card or of the host, whichever layer says so."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError)
        and any(sign in str(error).lower() for sign in _SIGNS_OF_NO_MEMORY)
    )


@contextlib.contextmanager
def log_failure(sentence: str) -> Iterator[None]:
    """Log an exception of the code within, and go on: what it does is not needed for the job."""
    try:
        yield
    except Exception as error:
        raise_if_lost(error)
        log.warning(sentence, exc_info=error)


def raise_if_lost(error: BaseException) -> None:
    """Raise EngineLost where the device is lost: no CUDA call of this process can succeed then."""
    if isinstance(error, EngineLost):
        raise error
    accelerator = getattr(torch, "AcceleratorError", None)
    lost = accelerator is not None and isinstance(error, accelerator)
    if (lost or "CUDA error" in str(error)) and not is_out_of_memory(error):
        raise EngineLost(f"The device is lost: {str(error).splitlines()[0]}") from error
