"""Copies between host and card for which the host does not wait, through pinned memory."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.overrides import TorchFunctionMode


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Copy a host tensor to the device; the host does not wait for a card to finish it."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def to_host(tensor: Tensor) -> Callable[[], NDArray[Any]]:
    """Start to copy a tensor to the host; the result is a function that waits for the copy.

    The function may be called on another thread, so that the device thread never waits.
    """
    if tensor.device.type != "cuda":
        return lambda: tensor.contiguous().cpu().numpy()
    host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    host.copy_(tensor, non_blocking=True)
    copied = sleeping_event()
    copied.record()

    def wait() -> NDArray[Any]:
        copied.synchronize()
        array: NDArray[Any] = host.numpy()
        return array

    return wait


def sleeping_event(*, timed: bool = False) -> Any:  # noqa: ANN401 - a CUDA event
    """An event whose waiting thread sleeps; CUDA's default spins, and uses a whole core for it."""
    return torch.cuda.Event(enable_timing=timed, blocking=True)  # type: ignore[no-untyped-call]


def non_blocking(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Within this context, calls of diffusers never wait for a card; elsewhere it does nothing."""
    return NonBlocking(device, to_device) if device.type == "cuda" else contextlib.nullcontext()


class NonBlocking(TorchFunctionMode):
    """Replaces calls that would make the host wait for the device by others with equal results.

    A scheduler that draws noise copies it from the host, once a row; UniPC and SA-Solver copy
    sigmas and solve a small system, and torch reads back whether that succeeded.
    """

    def __init__(
        self, device: torch.device, to_device: Callable[[Tensor, torch.device], Tensor]
    ) -> None:
        super().__init__()
        self._device, self._to_device = device, to_device

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Iterable[type],
        arguments: tuple[Any, ...] = (),
        options: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        del types
        options = options or {}
        if function is Tensor.to and self._leaves_host(*arguments, **options):
            return function(self._to_device(arguments[0], self._device), *arguments[1:], **options)
        if function is torch.tensor and self._is_here(options.get("device")):
            on_host = function(*arguments, **options | {"device": "cpu"})
            return self._to_device(on_host, self._device)
        if function is Tensor.__getitem__ and self._is_here(arguments[0]):
            return function(arguments[0], self._index(arguments[1]))
        if function is torch.linalg.solve:
            return torch.linalg.solve_ex(*arguments, **options)[0]
        return function(*arguments, **options)

    def _index(self, key: Any) -> Any:  # noqa: ANN401 - whatever stands between brackets
        """An index whose numbers are on the device; Euler's noising takes a list of places."""
        if isinstance(key, list):
            key = torch.tensor(key)
        on_host = isinstance(key, Tensor) and key.dim() and key.device.type == "cpu"
        return self._to_device(key, self._device) if on_host else key

    def _leaves_host(self, source: Tensor, *places: Any, **options: Any) -> bool:  # noqa: ANN401
        places = (*places, options.get("device"), options.get("other"))
        return source.device.type == "cpu" and any(map(self._is_here, places))

    def _is_here(self, place: Any) -> bool:  # noqa: ANN401 - a device, its name, or a tensor on one
        if isinstance(place, Tensor):
            place = place.device
        if isinstance(place, str):
            place = torch.device(place)
        return isinstance(place, torch.device) and place.type == self._device.type
