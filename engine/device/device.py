"""Which device and number format to draw with, and why."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch

from engine.errors import EngineError

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
_FIRST_WITH_BF16 = (8, 0)
"""The compute capability (Ampere) from which on NVIDIA's cards calculate in bfloat16 themselves;
older ones emulate it, many times slower than float16."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Where the engine draws."""

    where: torch.device
    title: str
    dtype: torch.dtype
    """For models whose catalogue entry says auto."""
    memory_gb: float
    """What models may fill, on the card or in host memory."""
    warning: str = ""
    """Why a CPU is used beside an NVIDIA card."""

    def dtype_for(self, wanted: str) -> torch.dtype:
        """The number format for a catalogue entry's `dtype`; on a CPU always the device's own,
        because half precision is slow there.
        """
        if wanted == "auto" or self.where.type == "cpu":
            return self.dtype
        return _DTYPES[wanted]


def choose(device: str, dtype: str, memory_gb: float | None) -> Device:
    """`device`: auto, cpu, cuda, cuda:N or mps; EngineError where it is asked for but missing."""
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if device == "auto":
        chosen = torch.device("cuda:0" if cuda else "mps" if mps else "cpu")
    else:
        try:
            chosen = torch.device("cuda:0" if device == "cuda" else device)
        except RuntimeError:
            raise EngineError(
                f"DEVICE is {device!r}; it can be auto, cpu, cuda, cuda:N or mps."
            ) from None
    if chosen.type not in {"cpu", "cuda", "mps"}:
        raise EngineError(f"DEVICE is {device!r}; it can be auto, cpu, cuda, cuda:N or mps.")
    if chosen.type == "cuda" and (not cuda or (chosen.index or 0) >= torch.cuda.device_count()):
        raise EngineError(f"DEVICE is {device!r}, but {_why_no_cuda()}.")
    if chosen.type == "mps" and not mps:
        raise EngineError("DEVICE is 'mps', but this machine or this torch has no Metal.")
    if dtype not in {"auto", *_DTYPES}:
        raise EngineError(f"DTYPE is {dtype!r}; it can be auto, {', '.join(_DTYPES)}.")
    warning = ""
    if device == "auto" and chosen.type == "cpu" and _has_nvidia_card():
        warning = (
            f"Drawing on the CPU although there is an NVIDIA card: {_why_no_cuda()}. Expect"
            " pictures to take minutes; install torch with CUDA, or set DEVICE=cpu to accept this."
        )
    return Device(
        where=chosen,
        title=_title(chosen),
        dtype=_best_dtype(chosen) if dtype == "auto" else _DTYPES[dtype],
        memory_gb=memory_gb if memory_gb is not None else _memory_gb(chosen),
        warning=warning,
    )


def tune(device: Device, *, try_convolutions: bool = False) -> None:
    """Let a card multiply quickly, unless the operator wants all in float32.

    Parts of a model that stay in float32, such as some autoencoders, then multiply in TF32, whose
    numbers have ten bits: no fewer than those of the half precision around them.

    try_convolutions: let cuDNN try its ways at each new shape and keep the fastest. On an H200 they
    were no faster than those it guesses, and each first pass of a size took over a second longer
    (docs/h200.md).
    """
    if device.where.type == "cuda" and device.dtype is not torch.float32:
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = try_convolutions


def leave_a_core() -> None:
    """Leave one core to the event loop and the picture encoders where there are three or more.

    On two cores torch uses both: it releases the interpreter during its kernels, and its threads
    sleep at barriers (see `libraries.py`), so the event loop gets a core when it needs one.
    """
    cores = os.cpu_count() or 1
    if cores > 2:
        torch.set_num_threads(min(torch.get_num_threads(), cores - 1))


def _best_dtype(device: torch.device) -> torch.dtype:
    if device.type == "cuda":
        # By the card's own age: torch would ask the current card, and count emulation as support.
        native = torch.version.hip or torch.cuda.get_device_capability(device) >= _FIRST_WITH_BF16
        return torch.bfloat16 if native else torch.float16
    return torch.float16 if device.type == "mps" else torch.float32


def _title(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{device} {torch.cuda.get_device_name(device)}"
    return str(device)


def _memory_gb(device: torch.device) -> float:
    """Nine tenths of a card, half of host memory: the rest is for activations and the system."""
    if device.type == "cuda":
        return 0.9 * torch.cuda.get_device_properties(device).total_memory / 1e9
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return 8.0
    return 0.5 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def _has_nvidia_card() -> bool:
    return Path("/proc/driver/nvidia").exists() or shutil.which("nvidia-smi") is not None


def _why_no_cuda() -> str:
    if torch.version.cuda is None:
        return f"this torch ({torch.__version__}) was built without CUDA"
    if not torch.cuda.device_count():
        return "torch finds no CUDA card; look at nvidia-smi for the driver's state"
    return f"there are only {torch.cuda.device_count()} CUDA cards"
