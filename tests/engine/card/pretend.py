"""A CUDA card that is not there: its tensors hold real numbers, its waits and mix-ups are errors.

The engine's own lines for a card run on it: `torch.device("cuda")`, pinned memory, events. A tensor
"on the card" wraps one in host memory, which does the arithmetic. Around that, the rules of a card:

- a tensor of the card never meets one of the host, save a single number (`DeviceMixUpError`);
- no numbers of 64 bits in floating point are made there, which cards have but hardly calculate in
  (`NumberFormatError`);
- where the host would wait for the card — a number read back, a copy without pinned memory, an
  operation whose result has as many elements as its numbers say — the card notes the place, and
  where nothing may wait (`PretendCard.hurried`), raises `HostWaitsError`.

What it cannot show: memory that runs out, speed, other rounding, and kernels in flight together.
"""

from __future__ import annotations

import contextlib
import threading
import traceback
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter, tree_map

CARD = torch.device("cuda", 0)
OURS = Path(__file__).parents[3] / "engine"
"""A wait is told by the last of the engine's own lines that led to it."""
TIMER = OURS / "loop" / "tick_timer.py"
READS_NUMBERS = {
    *("_local_scalar_dense", "nonzero", "equal", "masked_select", "_unique2", "unique_dim"),
    *(
        "item",
        "linalg_solve",
        "linalg_inv",
        "unique_consecutive",
        "unique_dim_consecutive",
        "is_nonzero",
        "bincount",
        "linalg_solve",
    ),
    *("_linalg_check_errors", "histc"),
}
"""Operations whose result has as many elements as the numbers say, or that read them back."""


class DeviceMixUpError(RuntimeError):
    """Tensors of host and card in one operation."""


class NumberFormatError(RuntimeError):
    """Numbers in a format that a card should not be asked for."""


class HostWaitsError(RuntimeError):
    """The host waits for the card where nothing may wait."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A place at which the host waited for the card."""

    what: str
    thread: str
    where: str


class OnCard(torch.Tensor):
    """A tensor of the card; `host` does the arithmetic."""

    @staticmethod
    def __new__(cls, host):
        # A tensor of inference mode could be no view of a weight, which is none.
        with torch.inference_mode(mode=False):
            return torch.Tensor._make_wrapper_subclass(
                cls,
                host.size(),
                strides=host.stride(),
                storage_offset=host.storage_offset(),
                dtype=host.dtype,
                device=CARD,
            )

    def __init__(self, host):
        self.host = host

    @classmethod
    def __torch_function__(cls, function, types, arguments=(), options=None):
        # torch's own way of taking a part asks for parts of CUDA that are not there. It is left as
        # it is for tensors of the host: were `Tensor.__getitem__` replaced, even for a while,
        # single numbers would count as lists for the rest of the process.
        if function is torch.Tensor.__getitem__ and isinstance(arguments[0], OnCard):
            return arguments[0]._part(arguments[1])
        with torch._C.DisableTorchFunctionSubclass():
            return function(*arguments, **options or {})

    @classmethod
    def __torch_dispatch__(cls, function, types, arguments=(), options=None):
        return PretendCard.current.run(function, arguments, options or {})

    def __deepcopy__(self, memo):
        return OnCard(self.host.clone())

    # torch's own ways of the following ask for parts of CUDA that are not there.

    def contiguous(self, memory_format=torch.contiguous_format):
        return self.to(memory_format=memory_format)

    def __invert__(self):
        return torch.bitwise_not(self)

    def nonzero(self, **options):
        return torch.ops.aten.nonzero(self)

    def __float__(self):
        return float(self.item())

    def __int__(self):
        return int(self.item())

    def __bool__(self):
        return bool(self.item())

    def __setitem__(self, key, value):
        if isinstance(value, torch.Tensor) and not isinstance(value, OnCard):
            if value.dim():
                what = f"{tuple(value.shape)} of the host is put into the card's"
                PretendCard.current.mistaken(DeviceMixUpError(what))
            value = value.item()
        elif isinstance(value, OnCard):
            value = value.host
        with torch.utils._python_dispatch._disable_current_modes():
            self.host[self._key(key)] = value

    def __getitem__(self, key):
        # torch would not ask `__torch_function__` where one of its own functions is at work.
        if torch._C._len_torch_function_stack():
            return torch.Tensor.__getitem__(self, key)
        return self._part(key)

    def _part(self, key):
        with torch.utils._python_dispatch._disable_current_modes():
            return OnCard(self.host[self._key(key)])

    def _key(self, key):
        def on_host(part):
            if isinstance(part, slice):
                ends = (part.start, part.stop, part.step)
                return slice(*(int(e) if isinstance(e, OnCard) else e for e in ends))
            if not isinstance(part, torch.Tensor | list):
                return part
            if not isinstance(part, OnCard):
                if not isinstance(part, list) and not part.dim():
                    return int(part)  # as torch reads it: on the host
                PretendCard.current.wait("an index is copied to the card")
                return part
            if part.dtype is torch.bool:
                PretendCard.current.wait("a mask as an index")
            return part.host

        return tuple(map(on_host, key)) if isinstance(key, tuple) else on_host(key)

    def tolist(self):
        """torch's own takes no tensor of another class."""
        PretendCard.current.wait("tolist reads numbers back")
        return self.host.tolist()

    def __repr__(self):
        return f"OnCard({tuple(self.shape)}, {self.dtype})"


def _of_positions():
    """Whether diffusers asks for the angles of positions, which it makes in 64 bits everywhere."""
    return any(line.name.startswith("get_1d_rotary") for line in traceback.extract_stack())


class _Dispatch(TorchDispatchMode):
    """Sends what is made on the card, and what is sent to it, to the pretended one."""

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        return PretendCard.current.run(function, arguments, options or {})


class PretendCard:
    """The card; `with` it, every thread that starts has it, and so does the one that enters."""

    current: PretendCard

    def __init__(self, *, capability=(9, 0)):
        self.capability = capability
        self.waits = []
        self.mistakes = []
        """What was wrong so far: mix-ups, formats, and waits where nothing may wait. Where the
        engine takes an error for that of one job or one preview, only this list tells of it."""
        self._pinned = []
        """Storages in pinned memory; kept, so that no other one gets their address."""
        self._hurry = threading.local()

    @contextlib.contextmanager
    def here(self, patch):
        """Pretend; `patch` is pytest's monkeypatch, which undoes all of it."""
        PretendCard.current = self
        self._replace_torch_cuda(patch)
        begin = threading.Thread.run

        def run(thread):
            torch._C._set_only_lift_cpu_tensors(True)  # of each thread
            with _Dispatch():
                begin(thread)

        patch.setattr(threading.Thread, "run", run)
        with _Dispatch():
            yield self

    @contextlib.contextmanager
    def hurried(self):
        """Within this context, on this thread, the host must not wait for the card."""
        self._hurry.now = True
        try:
            yield
        finally:
            self._hurry.now = False

    def mistaken(self, error):
        """Note and raise an error."""
        self.mistakes.append(error)
        raise error

    def wait(self, what):
        """Note that the host waits here."""
        lines = [
            line for line in traceback.extract_stack() if Path(line.filename).is_relative_to(OURS)
        ]
        place = lines[-1] if lines else traceback.extract_stack()[-3]
        name = Path(place.filename)
        where = f"{name.parent.name}/{name.name}:{place.lineno} {place.line}"
        self.waits.append(Wait(what, threading.current_thread().name, where))
        if getattr(self._hurry, "now", False):
            self.mistaken(HostWaitsError(f"{what} at {where}"))

    def run(self, function, arguments, options):
        """One operation of torch."""
        name = function.overloadpacket.__name__
        for_card = any(
            isinstance(each, torch.device) and each.type == CARD.type
            for each in tree_iter((arguments, options))
        )
        tensors = [
            each for each in tree_iter((arguments, options)) if isinstance(each, torch.Tensor)
        ]
        on_card = [each for each in tensors if isinstance(each, OnCard)]
        if name in {"pin_memory", "_pin_memory"}:
            return self._pin(arguments[0].clone())
        if name in {"_has_compatible_shallow_copy_type", "is_pinned"}:
            return name == "is_pinned" and not on_card and self._is_pinned(arguments[0])
        if not on_card and not for_card:
            pinned = options.pop("pin_memory", False)
            result = function(*arguments, **options)
            return self._pin(result) if pinned else result
        if name == "to":
            return self._to(function, arguments, options)
        if name == "type_as":
            return self._to(torch.ops.aten.to.other, arguments, options)
        self._check_places(name, function, arguments, tensors)
        self._check_waits(name, function, arguments, options, for_card=for_card)
        return self._calculate(function, arguments, options)

    def _to(self, function, arguments, options):
        """What `Tensor.to` stands for; torch's own way asks for parts of CUDA that it lacks."""
        names = [each.name for each in function._schema.arguments]
        given = dict(zip(names, arguments, strict=False)) | options
        source = given["self"]
        other = given.get("other")
        device = other.device if other is not None else given.get("device")
        dtype = other.dtype if other is not None else given.get("dtype")
        device = source.device if device is None else torch.device(device)
        here = device.type == source.device.type
        order = given.get("memory_format") or torch.preserve_format
        same_order = order == torch.preserve_format or source.is_contiguous(memory_format=order)
        same = here and dtype in {None, source.dtype} and same_order
        if same and not given.get("copy"):
            return source
        return self.run(
            torch.ops.aten._to_copy.default,
            (source,),
            {
                "dtype": dtype or source.dtype,
                "device": device,
                "non_blocking": bool(given.get("non_blocking")),
                "memory_format": order,
            },
        )

    def _check_places(self, name, function, arguments, tensors):
        if name in {"copy_", "_to_copy", "_copy_from"}:
            return
        indexes = name.startswith(("index", "_index", "_unsafe_index"))
        for each in tensors:
            if isinstance(each, OnCard) or each.dim() == 0 or each.device.type == "meta":
                continue
            if indexes and each is not arguments[0]:
                self.wait("an index is copied to the card")
                continue
            what = f"{function}: {tuple(each.shape)} of the host meets the card"
            self.mistaken(DeviceMixUpError(what))

    def _check_waits(self, name, function, arguments, options, *, for_card):
        if name in READS_NUMBERS or (name == "repeat_interleave" and "Tensor" in str(function)):
            self.wait(f"{name} reads numbers back")
        if name.startswith(("index", "_unsafe_index")) and any(
            isinstance(each, torch.Tensor) and each.dtype is torch.bool
            for each in tree_iter(arguments[1:])
        ):
            self.wait("a mask as an index")
        if name in {"_to_copy", "copy_"}:
            source = arguments[1] if name == "copy_" else arguments[0]
            target = arguments[0] if name == "copy_" else None
            from_card = isinstance(source, OnCard)
            to_card = isinstance(target, OnCard) if target is not None else for_card
            if target is None and options.get("device") is None:
                to_card = from_card
            if from_card == to_card or source.numel() == 0:
                return
            freely = options.get("non_blocking", False) or (
                name == "copy_" and True in arguments[2:]
            )
            host = target if from_card and target is not None else source
            if not (freely and not isinstance(host, OnCard) and self._is_pinned(host)):
                self.wait("a copy from the card" if from_card else "a copy to the card")

    def _calculate(self, function, arguments, options):
        wrapped = {
            id(each.host): each
            for each in tree_iter((arguments, options))
            if isinstance(each, OnCard)
        }
        wanted = options.get("device")
        leaves = wanted is not None and torch.device(wanted).type != CARD.type

        def to_host(value):
            if isinstance(value, OnCard):
                return value.host
            if isinstance(value, torch.device) and value.type == CARD.type:
                return torch.device("cpu")
            return value

        options = {key: to_host(value) for key, value in tree_map(to_host, options).items()}
        pinned = options.pop("pin_memory", False)
        options.pop("non_blocking", None)
        with torch.utils._python_dispatch._disable_current_modes():
            result = function(*tree_map(to_host, arguments), **options)
            if function.overloadpacket.__name__ == "_to_copy" and any(
                result is each.host for each in wrapped.values()
            ):
                result = result.clone()
        if leaves or (
            function.overloadpacket.__name__ == "copy_" and not isinstance(arguments[0], OnCard)
        ):
            return self._pin(result) if pinned else result

        def to_card(value):
            if not isinstance(value, torch.Tensor) or isinstance(value, OnCard):
                return value
            if value.dtype is torch.float64 and value.dim() and not _of_positions():
                self.mistaken(NumberFormatError(f"{function} makes numbers of 64 bits on the card"))
            before = wrapped.get(id(value))  # an operation in place returns what it was given
            return OnCard(value) if before is None else before

        return tree_map(to_card, result)

    def _pin(self, tensor):
        self._pinned.append(tensor.untyped_storage())
        return tensor

    def _is_pinned(self, tensor):
        address = tensor.untyped_storage().data_ptr()
        return any(storage.data_ptr() == address for storage in self._pinned)

    def _replace_torch_cuda(self, patch):
        card = self

        class Event:
            """Of the pretended card, which is never behind."""

            def __init__(self, *, enable_timing=False, blocking=False):
                if not blocking:
                    raise AssertionError("A thread that waits for this event would use a core.")

            def record(self, stream=None):
                pass

            def query(self):
                return True

            def synchronize(self):
                # The timer waits in a tick for the one before: that keeps the host near the card.
                if not any(Path(line.filename) == TIMER for line in traceback.extract_stack()):
                    card.wait("an event")

            def elapsed_time(self, later):
                return 1.0

        class Properties:
            total_memory = 80 * 10**9
            name = "A pretended card"
            major, minor = card.capability
            multi_processor_count = 132

        patch.setattr(torch.cuda, "_lazy_init", lambda: None)
        patch.setattr(torch.cuda, "is_available", lambda: True)
        patch.setattr(torch.cuda, "device_count", lambda: 1)
        patch.setattr(torch.cuda, "current_device", lambda: 0)
        patch.setattr(torch.cuda, "set_device", lambda device: None)
        patch.setattr(torch.cuda, "synchronize", lambda device=None: card.wait("synchronize"))
        patch.setattr(torch.cuda, "empty_cache", lambda: None)
        patch.setattr(torch.cuda, "get_device_name", lambda device=None: Properties.name)
        patch.setattr(torch.cuda, "get_device_properties", lambda device=None: Properties)
        patch.setattr(torch.cuda, "get_device_capability", lambda device=None: card.capability)
        patch.setattr(torch.cuda, "Event", Event)
        patch.setattr(torch.cuda, "Stream", lambda device: object())
        patch.setattr(torch.cuda, "stream", lambda _: contextlib.nullcontext())
        patch.setattr(torch.version, "cuda", "pretended")
        # Else a module's weights would be set in place, which no wrapper can be.
        torch.__future__.set_overwrite_module_params_on_conversion(True)
        torch._C._ensureCUDADeviceGuardSet()
        torch._C._set_only_lift_cpu_tensors(True)

    def close(self):
        """Undo what pytest's monkeypatch cannot."""
        torch.__future__.set_overwrite_module_params_on_conversion(False)
        torch._C._set_only_lift_cpu_tensors(False)
