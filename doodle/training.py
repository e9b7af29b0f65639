"""The training loop of every part, with progress, checkpoints and resuming."""

from __future__ import annotations

import json
import math
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from diffusers.training_utils import EMAModel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor, nn

WARMUP_STEPS = 100
REPORT_EVERY = 50  # steps
CHECKPOINT_EVERY_S = 240.0


class ResumeError(RuntimeError):
    """A checkpoint from which this run cannot continue; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Where a training run keeps its checkpoints, and whether it continues from them."""

    folder: Path
    fingerprint: Callable[[str], str]  # hash of what a part's checkpoint depends on
    device: str = "cpu"
    resume: bool = False
    clock: Callable[[], float] = time.monotonic
    say: Callable[[str], None] = print

    def autocast(self) -> torch.autocast:
        """Return the bf16 context every part trains under."""
        return torch.autocast(self.device.split(":")[0], torch.bfloat16)

    def load(self, part: str) -> dict | None:
        """Return a part's checkpoint, or None if there is none to continue from."""
        path = self.folder / f"{part}.pt"
        if not self.resume or not path.exists():
            return None
        state = torch.load(path, map_location="cpu", weights_only=True)
        if state["fingerprint"] != self.fingerprint(part):
            message = (
                f"{path} was made by another recipe. "
                "Resume with that recipe, or train without --resume to start afresh."
            )
            raise ResumeError(message)
        return state

    def finished(self, part: str, steps: int) -> bool:
        """Tell whether a part has already been trained for that many steps."""
        state = self.load(part)
        return state is not None and state["step"] >= steps

    def save(self, part: str, state: dict) -> None:
        """Write a part's checkpoint whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self.folder / f"{part}.pt.partial"
        torch.save({**state, "fingerprint": self.fingerprint(part)}, temporary)
        temporary.replace(self.folder / f"{part}.pt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long one part is trained, and with which learning rate."""

    part: str
    steps: int
    learning_rate: float
    decay_from: float = 0.0  # share of the steps after which the rate falls to zero (a cosine)
    ema: bool = False


def fit(
    run: Run,
    plan: Plan,
    model: nn.Module,
    loss: Callable[[int], Tensor],
    *,
    on_checkpoint: Callable[[int], None] | None = None,
) -> None:
    """Train `model` in place by `plan.steps` gradient steps on `loss(step)`.

    With `plan.ema` the model has the averaged weights at the end. Ctrl-C saves a checkpoint and
    is then raised again. `on_checkpoint` is called with the averaged weights, and may be slow.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=plan.learning_rate, weight_decay=1e-4)
    average = _average(parameters) if plan.ema else None
    step = _restore(run, plan, model, optimizer, average)
    progress = _Progress(run, plan, step)
    saved_at = run.clock()

    def save() -> None:
        run.save(
            plan.part,
            {
                "step": step,
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "average": average.state_dict() if average else None,
            },
        )

    try:
        while step < plan.steps:
            for group in optimizer.param_groups:
                group["lr"] = plan.learning_rate * rate(step, plan)
            value = loss(step)
            value.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            if average:
                average.step(parameters)
            step += 1
            progress.note(step, value.detach())
            if run.clock() - saved_at > CHECKPOINT_EVERY_S:
                save()
                if on_checkpoint:
                    with _averaged(average, parameters):
                        on_checkpoint(step)
                saved_at = run.clock()
    except KeyboardInterrupt:
        save()
        run.say(f"{plan.part}: stopped at step {step}; --resume goes on from here.")
        raise
    save()
    if average:
        average.copy_to(parameters)


def seeded(seed: int, step: int) -> torch.Generator:
    """Return the generator of one step's random choices: a resumed run makes the same choices."""
    return torch.Generator().manual_seed(seed * 1_000_000 + step)


def rate(step: int, plan: Plan) -> float:
    """Return the share of the learning rate at a step: warm-up, constant, then a cosine to zero."""
    warm = min(1.0, (step + 1) / WARMUP_STEPS)
    start = plan.decay_from * plan.steps
    fallen = max(0.0, (step - start) / max(1.0, plan.steps - start))
    return warm * 0.5 * (1 + math.cos(math.pi * min(1.0, fallen)))


def _average(parameters: list[nn.Parameter]) -> EMAModel:
    return EMAModel(
        parameters, decay=0.999, use_ema_warmup=True, inv_gamma=10, power=0.8, foreach=True
    )


def _averaged(average: EMAModel | None, parameters: list[nn.Parameter]):  # noqa: ANN202
    return _Swapped(average, parameters) if average else nullcontext()


class _Swapped:
    """Replaces the weights by the averaged ones for a `with` block."""

    def __init__(self, average: EMAModel, parameters: list[nn.Parameter]) -> None:
        self._average, self._parameters = average, parameters

    def __enter__(self) -> None:
        self._average.store(self._parameters)
        self._average.copy_to(self._parameters)

    def __exit__(self, *_: object) -> None:
        self._average.restore(self._parameters)


def _restore(
    run: Run,
    plan: Plan,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: EMAModel | None,
) -> int:
    state = run.load(plan.part)
    if state is None:
        return 0
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    if average:
        average.load_state_dict(state["average"])
    run.say(f"{plan.part}: going on from step {state['step']}.")
    return int(state["step"])


class _Progress:
    """Prints a part's progress and remaining time, and writes the losses for the plot."""

    def __init__(self, run: Run, plan: Plan, step: int) -> None:
        self._run, self._plan = run, plan
        self._first, self._started = step, run.clock()
        self._losses: list[Tensor] = []

    def note(self, step: int, loss: Tensor) -> None:
        self._losses.append(loss.float().cpu())
        if step % REPORT_EVERY and step != self._plan.steps:
            return
        mean = float(torch.stack(self._losses).mean())
        self._losses.clear()
        pace_s = (self._run.clock() - self._started) / max(1, step - self._first)
        left_min = pace_s * (self._plan.steps - step) / 60
        self._run.say(
            f"{self._plan.part}: step {step}/{self._plan.steps}, loss {mean:.4f}, "
            f"{1 / max(pace_s, 1e-9):.1f} steps/s, {left_min:.0f} min left"
        )
        self._run.folder.mkdir(parents=True, exist_ok=True)
        with (self._run.folder / "losses.jsonl").open("a") as file:
            file.write(json.dumps({"part": self._plan.part, "step": step, "loss": mean}) + "\n")
