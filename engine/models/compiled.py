"""A denoiser compiled in the background, one shape after another; eager serves meanwhile."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Any

import torch

Forward = Callable[..., Any]
SHAPES_COMPILED = 64
"""Buckets × sizes × prompt lengths of which compiled code is kept."""
log = logging.getLogger(__name__)


class CompiledForward:
    """Stands in for a module's `forward`; each signature of shapes is compiled once.

    The whole forward is compiled and not the repeated blocks, since those are replaced in place,
    which would leave nothing eager to serve while they compile.
    """

    def __init__(self, eager: Forward, compile_: Callable[[Forward], Forward]) -> None:
        self._eager = eager
        self._compiled = compile_(eager)
        self._asked: set[Any] = set()
        self._ready: set[Any] = set()
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.bypassed = False
        """Set once LoRAs hook into the module: every other mix of them would compile anew."""
        threading.Thread(target=self._warm, name="compile", daemon=True).start()

    def __call__(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        signature = _signature((arguments, options))
        if self.bypassed:
            return self._eager(*arguments, **options)
        if signature in self._ready:
            return self._compiled(*arguments, **options)
        if signature not in self._asked:
            self._asked.add(signature)
            self._requests.put((signature, _like(arguments), _like(options)))
        return self._eager(*arguments, **options)

    def close(self) -> None:
        """End the compiling thread, which holds the module."""
        self._requests.put(None)

    def ready(self) -> int:
        """How many signatures are compiled."""
        return len(self._ready)

    @torch.inference_mode()
    def _warm(self) -> None:
        while (request := self._requests.get()) is not None:
            signature, arguments, options = request
            try:
                self._compiled(*arguments, **options)
            except Exception:
                log.exception("A denoiser cannot be compiled; it stays eager.")
                self.bypassed = True
                return
            self._ready.add(signature)


def compile_denoiser(module: torch.nn.Module) -> CompiledForward:
    """Let a module's forward be compiled as its shapes come; it goes on being called as before."""
    torch._dynamo.config.recompile_limit = SHAPES_COMPILED  # noqa: SLF001 - it has no other door
    forward = CompiledForward(module.forward, lambda eager: torch.compile(eager, dynamic=False))
    module.forward = forward
    return forward


def _signature(value: Any) -> Any:  # noqa: ANN401
    """What compiled code depends on: shapes and types of tensors, other values themselves."""
    match value:
        case torch.Tensor():
            return (tuple(value.shape), value.dtype, value.stride())
        case dict():
            return tuple((key, _signature(each)) for key, each in value.items())
        case list() | tuple():
            return tuple(_signature(each) for each in value)
        case _:
            return value


def _like(value: Any) -> Any:  # noqa: ANN401
    """The same structure with tensors of its own, since the tick's may change meanwhile."""
    match value:
        case torch.Tensor():
            return value.clone()
        case dict():
            return {key: _like(each) for key, each in value.items()}
        case list() | tuple():
            return type(value)(_like(each) for each in value)
        case _:
            return value
