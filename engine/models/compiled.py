"""A denoiser compiled in the background, one shape after another; until then it runs eagerly."""

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

from engine.device.faults import is_out_of_memory
from engine.models.tracing import prepare_to_compile

Forward = Callable[..., Any]
Served = tuple[Any] | None
SHAPES_COMPILED = 64
"""Buckets × sizes × prompt lengths of which compiled code is kept; others stay eager."""
PADDED_TO = 32
"""Families that take texts of several lengths pad them to a multiple of this."""
REQUESTS = 4
"""How many shapes may wait to be compiled; each keeps its own tensors on the device."""
MISSES = 16
"""After this many passes whose compiled code did not fit, the model stays eager."""
log = logging.getLogger(__name__)


class Compiled:
    """A copy of a module that shares its weights; each combination of input shapes is compiled
    once.

    It is a copy because compiling replaces forwards in place, and because later changes of the
    module (LoRAs, seamless tiling) must neither wait for new code nor be run with the old.
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
        self._broken = self._closed = False
        self.missed = 0
        """How many passes ran eagerly because compiled code did not fit after all."""
        self._server: int | None = None
        """The thread that was told to compile nothing."""
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=self._warm, name="compile", daemon=True).start()

    def serve(self, arguments: tuple[Any, ...], options: Mapping[str, Any]) -> Served:
        """The output of compiled code in a tuple; None where the pass must run eagerly.

        Nothing is compiled here, on the device thread: compiled code depends on more than shapes,
        such as torch's default dtype, which changes while another model loads.
        """
        signature = _signature((arguments, options))
        if signature in self._ready:
            self._refuse_to_compile()
            try:
                return (self._forward(*arguments, **options),)
            except torch._dynamo.exc.RecompileError:  # noqa: SLF001
                if (
                    torch.get_default_dtype() is torch.float32
                ):  # otherwise it fits again after the load
                    self.missed += 1
                    self._broken = self._broken or self.missed >= MISSES
                    self._ready.discard(signature)
                    self._asked.discard(signature)
        elif signature not in self._asked and self._may_ask():
            self._asked.add(signature)
            self._requests.put((signature, _like(arguments), _like(options)))
        return None

    def _refuse_to_compile(self) -> None:
        """Forbid dynamo to compile on this thread; set once, since patching takes a millisecond a
        call.
        """
        if self._server != threading.get_ident():
            self._server = threading.get_ident()
            torch._dynamo.config.error_on_recompile = True  # noqa: SLF001

    def _may_ask(self) -> bool:
        waiting = len(self._asked) - len(self._ready)
        return not self._broken and len(self._asked) < SHAPES_COMPILED and waiting < REQUESTS

    @property
    def serves(self) -> bool:
        """Whether compiled code can still be expected."""
        return not self._broken

    def close(self) -> None:
        """End the compiling thread, which keeps the copy alive, after its current compilation."""
        self._closed = True
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
        while (request := self._requests.get()) is not None and not self._closed:
            signature, arguments, options = request
            try:
                self._forward(*arguments, **options)
            except Exception as error:
                if not is_out_of_memory(error):
                    log.exception("A denoiser cannot be compiled; it stays eager.")
                    self._broken = True
                    return
                log.warning("There was no memory to compile a shape; it stays eager.")
                self._asked.discard(signature)
            else:
                self._ready.add(signature)
            finally:
                del request, arguments, options


def twin_of(module: nn.Module) -> nn.Module:
    """A copy of the module that shares its parameters and buffers."""
    shared = itertools.chain(module.parameters(), module.buffers())
    return copy.deepcopy(module, {id(tensor): tensor for tensor in shared})


def compile_in_place(module: nn.Module, whole: bool, **options: Any) -> Forward:  # noqa: ANN401, FBT001
    """Compile the repeated blocks where the class lists them, which is quick, else the whole
    module.

    In a UNet those are only the transformer blocks; the whole UNet is faster to run but takes
    minutes to compile for each shape.
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
        case list() if value and all(isinstance(each, torch.Tensor) for each in value):
            # Texts of several lengths; the denoiser pads them to the longest.
            sides = zip(*(each.shape for each in value), strict=True)
            return (len(value), *(-(-max(side) // PADDED_TO) for side in sides), value[0].dtype)
        case list() | tuple():
            return tuple(_signature(each) for each in value)
        case _:
            return value


def _like(value: Any) -> Any:  # noqa: ANN401
    """The same structure with copied tensors, because the tick may change its own meanwhile."""
    match value:
        case torch.Tensor():
            return value.clone()
        case dict():
            return {key: _like(each) for key, each in value.items()}
        case list() | tuple():
            return type(value)(_like(each) for each in value)
        case _:
            return value
