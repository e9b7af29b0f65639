"""A pass of few samples as one CUDA graph, whose kernels the host starts all at once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from engine.models.nested import mapped

MOST_SAMPLES = 4
"""Of a pass that is recorded: one or two pictures with guidance. The kernels of more are so long
that the host is ahead of them anyway."""
PLAIN_CALLS = 3
"""Calls before the recording, in which kernels are loaded and libraries choose theirs."""
log = logging.getLogger(__name__)


class Graphed:
    """Calls a forward of fixed shapes, first plainly, then by replaying its recording.

    A recording reads and writes the same memory each time: what it is given is copied there, and
    what it makes is copied away before the next pass writes over it. Where recording fails, calls
    stay plain.
    """

    def __init__(self, forward: Callable[..., Any]) -> None:
        self._forward = forward
        self._calls = 0
        self._graph: Any = None
        self._given: Any = None
        self._made: Any = None

    def __call__(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        """What the forward returns; on the thread that draws, which records too."""
        self._calls += 1
        if self._calls == PLAIN_CALLS + 1:
            self._record(arguments, options)
        if self._graph is None:
            return self._forward(*arguments, **options)
        for kept, new in zip(_tensors(self._given), _tensors((arguments, options)), strict=True):
            kept.copy_(new)
        self._graph.replay()
        return mapped(self._made, Tensor.clone)

    def _record(self, arguments: Any, options: Any) -> None:  # noqa: ANN401
        given = mapped((arguments, options), Tensor.clone)
        graph = torch.cuda.CUDAGraph()
        try:
            # Other threads, which load models, may use the card meanwhile.
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                made = self._forward(*given[0], **given[1])
        except Exception:
            log.warning("A pass cannot be recorded as a CUDA graph.", exc_info=True)
            return
        self._graph, self._given, self._made = graph, given, made


def samples_of(value: Any) -> int:  # noqa: ANN401
    """How many samples a pass with these arguments has."""
    return len(next(_tensors(value)))


def _tensors(value: Any) -> Iterator[Tensor]:  # noqa: ANN401
    match value:
        case Tensor():
            yield value
        case dict():
            for each in value.values():
                yield from _tensors(each)
        case list() | tuple():
            for each in value:
                yield from _tensors(each)
