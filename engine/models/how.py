"""How an entry's networks run on a device: what is compiled, and their memory order."""

from __future__ import annotations

import importlib.util
import shutil
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import torch

from engine.catalogue import ModelSpec


@dataclass(frozen=True, slots=True)
class HowCompiled:
    """What of a denoiser is compiled, and how; a part of the key of its code on the disk."""

    whole: bool = False
    """All of it, instead of its repeated and residual blocks."""
    autotune: bool = False
    """Try several kernels for each product of matrices and keep the fastest, which takes long."""


def how_compiled(spec: ModelSpec, device: torch.device) -> HowCompiled | None:
    """How an entry's denoiser is compiled; None: not at all.

    Where the catalogue says nothing: the blocks on a card, where code can be built for it, and the
    weights are plain and stay there.
    """
    if spec.compiled == "off" or not spec.family.shares_passes:
        return None
    if not spec.compiled:
        plain = not (spec.offload or spec.quantise or spec.denoiser)
        if device.type != "cuda" or not plain or not can_build():
            return None
    return HowCompiled(whole=spec.compiled == "whole", autotune=spec.autotune)


def can_build() -> bool:
    """Whether code for a card can be built here: Triton needs a C compiler and Python's header."""
    compiler = any(map(shutil.which, ("cc", "gcc", "clang", "cl")))
    header = Path(sysconfig.get_path("include"), "Python.h")
    return compiler and importlib.util.find_spec("triton") is not None and header.exists()


def orders(spec: ModelSpec, device: torch.device) -> dict[str, torch.memory_format]:
    """The memory order of the parts that convolve, by name, where it is not the plain one.

    Where the catalogue says nothing: on a card the autoencoder has channels last, and the denoiser
    too where it is compiled. Uncompiled, the plain order was a tenth quicker on an H200
    (docs/h200.md).
    """
    if spec.memory_order:
        last = {"unet", "vae"} if spec.memory_order == "channels_last" else set()
    elif device.type == "cuda":
        last = {"vae", "unet"} if how_compiled(spec, device) is not None else {"vae"}
    else:
        last = set()
    return dict.fromkeys(last, torch.channels_last)
