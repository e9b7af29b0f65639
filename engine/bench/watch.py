"""Watch an engine that draws: its ticks, the time inside its networks, its compiled code."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from diffusers.models.attention import BasicTransformerBlock

from engine.device.async_copy import sleeping_event
from engine.loop import sampler
from engine.loop.rows import Row
from engine.loop.worker import Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One call of the sampler."""

    began_s: float
    """When its turn took the messages: what came later cannot take part."""
    called_s: float
    """When the pass itself began."""
    model: str
    jobs: tuple[str, ...]
    eager: bool
    """Whether any block of the denoiser ran without compiled code."""


class Networks:
    """Time spent inside the networks: on a CPU the host's time, on a card the card's own time."""

    def __init__(self) -> None:
        self._host_s = 0.0
        self._on_card: list[tuple[Any, Any]] = []

    def timed(self, function: Callable[..., Any], device: torch.device) -> Callable[..., Any]:
        """The same function; the time of each call is added up."""

        def call(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
            began = _mark(device)
            result = function(*arguments, **options)
            ended = _mark(device)
            if device.type == "cuda":
                self._on_card.append((began, ended))
            else:
                self._host_s += ended - began
            return result

        return call

    def seconds(self) -> float:
        """Seconds since the start or the last `clear`; waits for the card."""
        if self._on_card:
            torch.cuda.synchronize()
        card_ms = float(sum(began.elapsed_time(ended) for began, ended in self._on_card))
        return self._host_s + card_ms / 1000

    def clear(self) -> None:
        """Begin again at zero."""
        self._host_s, self._on_card = 0.0, []


STAGES = ("prompts", "denoiser", "decoder")
"""What the networks of a drawing are for: reading its words, each step, and the picture."""


@dataclass(slots=True)
class Watch:
    """What the sampler did."""

    ticks: list[Tick] = field(default_factory=list)
    stages: Mapping[str, Networks] = field(
        default_factory=lambda: {stage: Networks() for stage in STAGES}
    )
    """Time inside the networks, by what they are for."""
    decoded_s: float = 0.0
    """When the decoder was last done."""
    eager_blocks: int = 0

    def clear(self) -> None:
        """Forget what was so far."""
        self.ticks = []
        for networks in self.stages.values():
            networks.clear()


@contextmanager
def watching() -> Iterator[Watch]:
    """Record every tick, and the time inside the networks, of the engine within."""
    watch = Watch()
    step, decode, forward = sampler.step, sampler.decode, BasicTransformerBlock.forward
    take, turn_began_s = Worker._goes_on, 0.0  # noqa: SLF001

    def seen_take(worker: Worker) -> bool:
        nonlocal turn_began_s
        turn_began_s = time.perf_counter()
        return take(worker)

    def seen_step(model: Any, rows: Sequence[Row]) -> Any:  # noqa: ANN401
        if "watched" not in vars(model):
            model.watched = True
            model.predict = watch.stages["denoiser"].timed(model.predict, model.device)
            model.condition = watch.stages["prompts"].timed(model.condition, model.device)
        before, called_s = watch.eager_blocks, time.perf_counter()
        failed = step(model, rows)
        jobs = tuple(dict.fromkeys(row.work.job.id for row in rows))
        eager = watch.eager_blocks > before
        watch.ticks.append(
            Tick(began_s=turn_began_s, called_s=called_s, model=model.name, jobs=jobs, eager=eager)
        )
        return failed

    def seen_decode(model: Any, rows: Sequence[Row]) -> Any:  # noqa: ANN401
        wait = watch.stages["decoder"].timed(decode, model.device)(model, rows)

        def pixels() -> Any:  # noqa: ANN401
            drawn = wait()
            watch.decoded_s = time.perf_counter()
            return drawn

        return pixels

    def seen_forward(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        if not torch.compiler.is_compiling():  # so what is compiled does not count
            watch.eager_blocks += 1
        return forward(*arguments, **options)

    sampler.step, sampler.decode = seen_step, seen_decode
    Worker._goes_on = seen_take  # type: ignore[method-assign,assignment] # noqa: SLF001
    BasicTransformerBlock.forward = seen_forward
    try:
        yield watch
    finally:
        sampler.step, sampler.decode = step, decode
        Worker._goes_on = take  # type: ignore[method-assign] # noqa: SLF001
        BasicTransformerBlock.forward = forward


@contextmanager
def as_while_a_model_loads() -> Iterator[None]:
    """Make half precision torch's default dtype, as it is for the whole process during a load."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def graphs() -> int:
    """How many graphs dynamo has compiled in this process, on any thread."""
    return int(torch._dynamo.utils.counters["stats"]["unique_graphs"])  # noqa: SLF001


def _mark(device: torch.device) -> Any:  # noqa: ANN401 - seconds, or a CUDA event
    if device.type != "cuda":
        return time.perf_counter()
    event = sleeping_event(timed=True)
    event.record()
    return event
