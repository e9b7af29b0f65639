"""Compiles in a process of its own, so that Python's lock stays with the thread that draws.

The other process leaves its results in torch's cache on the disk. When this process compiles the
same afterwards, it traces, and finds the rest there: graphs are neither lowered nor scheduled nor
built a second time, nor after the next start.
"""

from __future__ import annotations

import copy
import itertools
import logging
import multiprocessing
import os
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.reduction import ForkingPickler
from typing import Any, NoReturn, Self

import torch
from torch import nn

from engine.models import PATIENCE_S
from engine.models.how import HowCompiled
from engine.models.nested import mapped

POLL_S = 0.2
END_S = 5.0
"""How long a process that was killed is waited for; one that waits for its driver may stay."""
log = logging.getLogger(__name__)


def compile_ahead(
    module: nn.Module,
    how: HowCompiled,
    arguments: tuple[Any, ...],
    options: Mapping[str, Any],
    stopped: Callable[[], bool],
) -> None:
    """Let another process compile a module for these arguments; returns when it is done.

    Where that cannot be, it returns at once, and everything is compiled in this process.
    stopped: asked from time to time; then the other process is ended. Raises TimeoutError where
    the other process is not done within `PATIENCE_S`; it is ended, too.
    """
    # Not forked: a forked process cannot use CUDA.
    context = multiprocessing.get_context("spawn")
    try:
        task = (_outline(module), how, arguments, dict(options), _Settings.of_this_process())
        # In memory that both share: through a pipe, `start` would wait for ever for a process that
        # died before it had read all.
        shared = torch.frombuffer(ForkingPickler.dumps(task), dtype=torch.uint8)
        other = context.Process(
            target=_compile_and_leave, args=(shared,), name="compile ahead", daemon=True
        )
        other.start()
    except Exception:
        log.info("A denoiser cannot be compiled in another process.", exc_info=True)
        return
    until_s = time.monotonic() + PATIENCE_S
    while other.is_alive() and not stopped() and time.monotonic() < until_s:
        other.join(timeout=POLL_S)
    if other.is_alive():
        other.kill()
        other.join(timeout=END_S)
        if not stopped():
            raise TimeoutError(f"Compiling in another process took over {PATIENCE_S:.0f} s.")
    elif other.exitcode:
        log.info("Compiling in another process ended with %s.", other.exitcode)


@dataclass(frozen=True)
class _Settings:
    """What torch makes a part of the key of compiled code, and `device.tune` has changed here."""

    threads: int
    precision: str  # of products of float32 matrices, as torch names it
    on_cards: str  # the same in torch's newer names, which tell "never set" from "ieee"
    convolutions_in_tf32: bool
    try_convolutions: bool

    @classmethod
    def of_this_process(cls) -> Self:
        cudnn = torch.backends.cudnn
        return cls(
            threads=torch.get_num_threads(),
            precision=torch.get_float32_matmul_precision(),
            on_cards=torch.backends.cuda.matmul.fp32_precision,
            convolutions_in_tf32=cudnn.allow_tf32,
            try_convolutions=cudnn.benchmark,
        )

    def apply(self) -> None:
        torch.set_num_threads(self.threads)
        torch.set_float32_matmul_precision(self.precision)
        torch.backends.cuda.matmul.fp32_precision = self.on_cards
        torch.backends.cudnn.allow_tf32 = self.convolutions_in_tf32
        torch.backends.cudnn.benchmark = self.try_convolutions


def _outline(module: nn.Module) -> nn.Module:
    """A copy without weights where they lie in host memory: their values make no difference.

    On a card the other process gets those that are there, which takes no memory.
    """
    tensors = itertools.chain(module.parameters(), module.buffers())
    memo: dict[int, Any] = {
        id(tensor): tensor if tensor.is_cuda else _empty(tensor) for tensor in tensors
    }
    return copy.deepcopy(module, memo)


def _empty(tensor: torch.Tensor) -> torch.Tensor:
    empty = torch.empty_like(tensor, device="meta")
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(empty, requires_grad=False)
    return empty


def _compile_and_leave(shared: torch.Tensor) -> NoReturn:
    """All that the other process does. What it has compiled lies on the disk before it leaves.

    It leaves at once. A usual end waits for torch's own pool of compilers, which before torch 2.13
    may take five minutes to end (its issue 162199).
    """
    code = 1
    try:
        _compile(*ForkingPickler.loads(shared.numpy().tobytes()))
        code = 0
    except Exception:  # noqa: BLE001 - the last that this process does
        traceback.print_exc()
    finally:
        os._exit(code)


def _compile(
    module: nn.Module,
    how: HowCompiled,
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    settings: _Settings,
) -> None:
    """In the other process.

    Torch finds code again only for the same settings and for tensors of the same mode: weights are
    usual tensors, because models are loaded as such, and all that passes through them was made in
    inference mode.
    """
    from engine.models.compiled import compile_in_place  # noqa: PLC0415 - it imports this module
    from engine.models.lora_layers import made_anew  # noqa: PLC0415
    from engine.models.tracing import prepare_to_compile  # noqa: PLC0415

    settings.apply()
    prepare_to_compile()
    device = next((each.device for each in module.parameters()), torch.device("cpu"))
    if device.type == "cuda":
        torch.cuda.set_device(device)
    elif device.type == "meta":
        module.to_empty(device="cpu")
    with torch.inference_mode():
        made_anew(module)
        given = mapped((arguments, options), torch.Tensor.clone)
        compile_in_place(module, how)(*given[0], **given[1])
