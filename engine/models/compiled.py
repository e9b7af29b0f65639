"""A denoiser compiled in the background, one shape after another; eager serves meanwhile."""

from __future__ import annotations

import copy
import itertools
import logging
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from engine.models.tracing import prepare_to_compile

Forward = Callable[..., Any]
SHAPES_COMPILED = 64
"""Buckets × sizes × prompt lengths of which compiled code is kept; others stay eager."""
log = logging.getLogger(__name__)


class Compiled:
    """A module's twin with the same weights; each signature of shapes is compiled once.

    A twin, because compiling replaces forwards in place, and because what changes a module later
    (LoRAs, seamless tiling) must neither wait for new code nor meet the old.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        whole: bool = False,
        compile_: Callable[[nn.Module, bool], Forward] | None = None,
    ) -> None:
        self._forward = (compile_ or compile_in_place)(twin_of(module), whole)
        self._device = next((each.device for each in module.parameters()), torch.device("cpu"))
        self._asked: set[Any] = set()
        self._ready: set[Any] = set()
        self._broken = False
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=self._warm, name="compile", daemon=True).start()

    def for_shapes(self, arguments: tuple[Any, ...], options: Mapping[str, Any]) -> Forward | None:
        """The compiled forward for such arguments; None while eager must serve."""
        signature = _signature((arguments, options))
        if signature in self._ready:
            return self._forward
        if signature not in self._asked and len(self._asked) < SHAPES_COMPILED:
            self._asked.add(signature)
            if not self._broken:
                self._requests.put((signature, _like(arguments), _like(options)))
        return None

    def close(self) -> None:
        """End the compiling thread, which holds the twin."""
        self._requests.put(None)

    def ready(self) -> int:
        """How many signatures are compiled."""
        return len(self._ready)

    def waits(self) -> bool:
        """Whether a signature that was asked for is still to be compiled."""
        return not self._broken and len(self._ready) < len(self._asked)

    @torch.inference_mode()
    def _warm(self) -> None:
        prepare_to_compile()
        if self._device.type == "cuda":
            torch.cuda.set_device(self._device)  # each thread has its own
        while (request := self._requests.get()) is not None:
            signature, arguments, options = request
            try:
                self._forward(*arguments, **options)
            except Exception:
                log.exception("A denoiser cannot be compiled; it stays eager.")
                self._broken = True
                return
            self._ready.add(signature)


def twin_of(module: nn.Module) -> nn.Module:
    """The same module anew, whose parameters and buffers are those of the first."""
    shared = itertools.chain(module.parameters(), module.buffers())
    return copy.deepcopy(module, {id(tensor): tensor for tensor in shared})


def compile_in_place(module: nn.Module, whole: bool, **options: Any) -> Forward:  # noqa: ANN401, FBT001
    """Compile the repeated blocks where the class lists them, which is soon done, else the whole.

    Of a UNet those are only the transformer blocks; its whole is faster and takes minutes a shape.
    """
    if not whole and getattr(module, "_repeated_blocks", None):
        module.compile_repeated_blocks(dynamic=False, **options)  # type: ignore[operator]
    else:
        module.compile(dynamic=False, **options)
    return module


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
