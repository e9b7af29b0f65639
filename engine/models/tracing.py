"""Lets one thread compile while another one draws."""

from __future__ import annotations

import copyreg
import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import fx

VARIANTS = 512
"""How many graphs dynamo may keep of one function: for each shape of the picture, a UNet's blocks
have several widths."""
REFUSED = threading.local()
"""`here` is True on threads that compile nothing."""


def prepare_to_compile() -> None:
    """Call it on each thread that compiles: dynamo's limits apply to one thread only."""
    torch._dynamo.config.recompile_limit = VARIANTS  # noqa: SLF001 - it has no other door
    torch._dynamo.config.accumulated_recompile_limit = 4 * VARIANTS  # noqa: SLF001
    # LoRAs are hooks of layers. Unless dynamo looks at them, it would run the code of a copy that
    # has none for one that has some: torch keeps the code of all copies together.
    torch._dynamo.config.skip_nnmodule_hook_guards = False  # noqa: SLF001
    _keep_threads_apart()
    _keep_refusals_apart()
    copyreg.pickle(torch.memory_format, _by_name)


def refuse_to_compile() -> None:
    """From now on dynamo raises `RecompileError` on this thread where it would compile."""
    REFUSED.here = True


def _keep_refusals_apart() -> None:
    """Make dynamo ask whether this thread refuses.

    Its own setting, `error_on_recompile`, is that of the whole process in torch 2.11, and would
    keep the thread that compiles from compiling.
    """
    convert_frame: Any = torch._dynamo.convert_frame  # noqa: SLF001
    reasons = convert_frame.get_and_maybe_log_recompilation_reasons
    if hasattr(reasons, "asks_the_thread"):
        return

    def asked(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        found = reasons(*arguments, **options)
        if getattr(REFUSED, "here", False):
            raise torch._dynamo.exc.RecompileError("\n".join(found))  # noqa: SLF001
        return found

    asked.asks_the_thread = True  # type: ignore[attr-defined]
    convert_frame.get_and_maybe_log_recompilation_reasons = asked


def _by_name(order: torch.memory_format) -> tuple[Callable[[str], Any], tuple[str]]:
    """How a memory order is pickled, and so a part of the key of compiled code on the disk.

    By itself it is pickled as an attribute of whichever module was the first to import torch. That
    is another one in another process, which would never find what this one has compiled.
    """
    return _named, (str(order).removeprefix("torch."),)


def _named(name: str) -> Any:  # noqa: ANN401
    return getattr(torch, name)


def _keep_threads_apart() -> None:
    """Make fx's tracers ignore the modules of other threads.

    While one traces, it replaces `nn.Module.__call__` and `__getattr__` for the whole process. A
    pass on another thread then failed ("module is not installed as a submodule"), or would have
    been given a proxy for a weight that both share.
    """
    tracer = fx.Tracer
    if hasattr(tracer, "keeps_threads_apart"):
        return
    trace, call_module, get = tracer.trace, tracer.call_module, tracer.getattr

    def traced(self: Any, *arguments: Any, **options: Any) -> fx.Graph:  # noqa: ANN401
        self.thread = threading.get_ident()
        return trace(self, *arguments, **options)

    def call(
        self: Any,  # noqa: ANN401
        module: torch.nn.Module,
        forward: Callable[..., Any],
        arguments: tuple[Any, ...],
        options: dict[str, Any],
    ) -> Any:  # noqa: ANN401
        if threading.get_ident() != self.thread:
            return forward(*arguments, **options)
        return call_module(self, module, forward, arguments, options)

    def got(self: Any, name: str, value: Any, proxies: dict[str, fx.Proxy]) -> Any:  # noqa: ANN401
        if threading.get_ident() != self.thread:
            return value
        return get(self, name, value, proxies)

    tracer.trace, tracer.call_module, tracer.getattr = traced, call, got  # type: ignore[method-assign,assignment]
    tracer.keeps_threads_apart = True  # type: ignore[attr-defined]
