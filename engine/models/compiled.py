"""A denoiser compiled in the background, one shape after another; until then it runs eagerly."""

from __future__ import annotations

import contextlib
import copy
import itertools
import logging
import queue
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from engine.device.faults import is_out_of_memory
from engine.models import constructing
from engine.models.compile_ahead import compile_ahead
from engine.models.cuda_graphs import MOST_SAMPLES, Graphed, samples_of
from engine.models.how import HowCompiled
from engine.models.lora_layers import LoraLayers, LoraPass
from engine.models.nested import mapped
from engine.models.tracing import prepare_to_compile, refuse_to_compile

Forward = Callable[..., Any]
Served = tuple[Any] | None
BLOCKS = HowCompiled()
ALSO = frozenset({"ResnetBlock2D", "Downsample2D", "Upsample2D"})
"""Classes of blocks that no class lists, though a UNet repeats them too."""
AROUND = {"BasicTransformerBlock": "Transformer2DModel"}
"""What is compiled in place of a listed block where that is within it: in a UNet its norm, which is
slow in channels last, its projections and the sum with its input."""
SHAPES_COMPILED = 64
"""Buckets × sizes × prompt lengths of which compiled code is kept."""
IDLE_PASSES = 256
"""A new shape takes the place of the one that was not used for longest, and for so many passes at
least: were it sooner, more shapes than there are places would be compiled again and again."""
PADDED_TO = 32
"""Families that take texts of several lengths pad them to a multiple of this."""
REQUESTS = 4
"""How many shapes may wait to be compiled; each keeps its own tensors on the device."""
MISSES = 16
"""After this many passes whose compiled code did not fit, the model stays eager."""
SWITCH_S = 0.0002
"""How long a thread that compiles may keep Python's lock while another waits for it. By default
it is 5 ms, which a tick would wait before nearly each of its hundreds of kernels."""
log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Place:
    """The code of one combination of shapes."""

    forward: Forward | None = None
    """None until it is compiled."""
    loras: LoraLayers | None = None
    """Those of this copy, where its passes have LoRAs."""
    used_at: int = 0
    """The pass that asked for it last."""


class Compiled:
    """Copies of a module that share its weights, one compiled for each combination of shapes.

    They are copies because compiling replaces forwards in place, and because later changes of the
    module (seamless tiling) must neither wait for new code nor be run with the old. Each shape has
    its own, so that its code goes with it.
    """

    def __init__(
        self,
        module: nn.Module,
        how: HowCompiled = BLOCKS,
        *,
        graphs: bool = False,
        compile_: Callable[[nn.Module, HowCompiled], Forward] | None = None,
    ) -> None:
        """graphs: whether passes of few samples are recorded as CUDA graphs, on a card."""
        self._original, self._how = twin_of(module), how
        self._compile = compile_ or compile_in_place
        self._device = next((each.device for each in module.parameters()), torch.device("cpu"))
        self._graphs = graphs and self._device.type == "cuda"
        self._places: OrderedDict[Any, _Place] = OrderedDict()
        """By signature, the least recently used first."""
        self._passes = 0
        self._broken, self._closed = False, threading.Event()
        self.missed = 0
        """How many passes ran eagerly because compiled code did not fit after all."""
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=self._warm, name="compile", daemon=True).start()

    def serve(
        self,
        arguments: tuple[Any, ...],
        options: Mapping[str, Any],
        loras: LoraPass | None = None,
    ) -> Served:
        """The output of compiled code in a tuple; None where the pass must run eagerly.

        Nothing is compiled here, on the device thread: compiled code depends on more than shapes,
        such as torch's default dtype, which changes while another model loads.
        """
        self._passes += 1
        # Latents of a given picture may have another memory order, which would be one more shape.
        arguments, options = _in_order(arguments), _in_order(dict(options))
        signature = (_signature((arguments, options)), None if loras is None else loras.signature)
        place = self._places.get(signature)
        if place is None:
            if self._may_ask():
                self._places[signature] = _Place(used_at=self._passes)
                self._requests.put((signature, _like(arguments), _like(options), loras))
            return None
        place.used_at = self._passes
        self._places.move_to_end(signature)
        if place.forward is None:
            return None
        refuse_to_compile()
        if place.loras is not None and loras is not None:
            place.loras.use(loras)
        try:
            return (place.forward(*arguments, **options),)
        except torch._dynamo.exc.RecompileError:  # noqa: SLF001
            if torch.get_default_dtype() is torch.float32:  # otherwise it fits after the load
                self.missed += 1
                self._broken = self._broken or self.missed >= MISSES
                del self._places[signature]
        return None

    def _may_ask(self) -> bool:
        """Whether there is a place for one more shape; the longest unused may have to leave."""
        if self._broken or len(self._waiting()) >= REQUESTS:
            return False
        if len(self._places) < SHAPES_COMPILED:
            return True
        signature, oldest = next(iter(self._places.items()))
        if oldest.forward is None or self._passes - oldest.used_at < IDLE_PASSES:
            return False
        del self._places[signature]
        return True

    def _waiting(self) -> list[Any]:
        return [each for each, place in tuple(self._places.items()) if place.forward is None]

    @property
    def serves(self) -> bool:
        """Whether compiled code can still be expected."""
        return not self._broken

    def close(self) -> None:
        """End the compiling thread after its current compilation, and free the weights at once.

        That thread has the weights in hand, and would keep them on the device for minutes.
        """
        self._closed.set()
        self._requests.put(None)
        for tensor in (*self._original.parameters(), *self._original.buffers()):
            for held in _held(tensor):
                held.data = held.data.new_empty(0)

    def ready(self) -> int:
        """How many signatures are compiled."""
        return len(self._places) - len(self._waiting())

    def waits(self) -> bool:
        """Whether a signature that was asked for is still to be compiled."""
        return not self._broken and bool(self._waiting())

    @torch.inference_mode()
    def _warm(self) -> None:
        prepare_to_compile()
        if self._device.type == "cuda":
            torch.cuda.set_device(self._device)  # each thread has its own
        while (request := self._requests.get()) is not None and not self._closed.is_set():
            signature, arguments, options, loras = request
            try:
                forward, layers = self._made(arguments, options, loras)
            except Exception as error:
                if self._closed.is_set():
                    return
                if not is_out_of_memory(error):
                    log.exception("A denoiser cannot be compiled; it stays eager.")
                    self._broken = True
                    return
                log.warning("There was no memory to compile a shape; it stays eager.")
                self._places.pop(signature, None)
            else:
                if signature in self._places:
                    self._places[signature].loras = layers
                    self._places[signature].forward = forward
            finally:
                del request, arguments, options, loras

    def _made(
        self, arguments: tuple[Any, ...], options: Mapping[str, Any], loras: LoraPass | None
    ) -> tuple[Forward, LoraLayers | None]:
        """Code for these shapes; most of the work is done by another process, where one can."""
        twin, layers = twin_of(self._original), None
        if loras is not None:
            layers = LoraLayers()
            keys = [key for key in loras.stack.downs if not key[0].startswith("text_encoder")]
            layers.attach(lambda _: twin, keys)
            layers.use(loras)
        compile_ahead(twin, self._how, arguments, options, self._closed.is_set)
        forward = self._compile(twin, self._how)
        # dynamo saves torch's default dtype and sets it back at its end, and the load of a model
        # changes it meanwhile: each waits for the other.
        with constructing(), _quick_switching():
            if not self._closed.is_set():
                forward(*arguments, **options)
        if self._graphs and loras is None and samples_of((arguments, options)) <= MOST_SAMPLES:
            return Graphed(forward), layers
        return forward, layers


@contextlib.contextmanager
def _quick_switching() -> Iterator[None]:
    """Let the threads of this process take turns more often meanwhile."""
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(usual_s)


def _held(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    """The tensors whose numbers a tensor holds: itself, or those that torchao's are made of."""
    if not hasattr(tensor, "__tensor_flatten__"):
        yield tensor
        return
    for name in tensor.__tensor_flatten__()[0]:
        yield from _held(getattr(tensor, name))


def twin_of(module: nn.Module) -> nn.Module:
    """A copy of the module that shares its parameters and buffers."""
    shared = itertools.chain(module.parameters(), module.buffers())
    return copy.deepcopy(module, {id(tensor): tensor for tensor in shared})


def compile_in_place(module: nn.Module, how: HowCompiled, **options: Any) -> Forward:  # noqa: ANN401
    """Compile the blocks where the class lists those that it repeats, which is quick, else the
    whole module.

    In a UNet those that it lists are the transformer blocks. With them alone compiled code gains
    next to nothing; with what is around them, the residual blocks and the steps between sizes, a
    pass of Stable Diffusion 1.5 took 67 ms instead of 111 on an H100 (docs/h100.md). The whole UNet
    takes minutes to compile for each shape.
    """
    # Not with `isolate_recompiles`: in torch 2.13 which copy's code is meant is noted once for all
    # threads, so that what was made beside a pass was not found, and was made again in the tick.
    if how.autotune:
        # Its CUDA graphs would be of every shape; ours are of passes of few samples.
        options = {"mode": "max-autotune-no-cudagraphs"} | options
    repeated = set(getattr(module, "_repeated_blocks", None) or ())
    if how.whole or not repeated:
        module.compile(dynamic=False, **options)
        return module
    here = {type(each).__name__ for each in module.modules()}
    wanted = {AROUND[name] if AROUND.get(name) in here else name for name in repeated} | ALSO
    for each in module.modules():
        if type(each).__name__ in wanted:
            each.compile(dynamic=False, **options)
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


def _in_order(value: Any) -> Any:  # noqa: ANN401
    """The same structure with every tensor in the usual memory order."""
    return mapped(value, torch.Tensor.contiguous)


def _like(value: Any) -> Any:  # noqa: ANN401
    """The same structure with copied tensors, because the tick may change its own meanwhile."""
    return mapped(value, torch.Tensor.clone)
