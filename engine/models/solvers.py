"""Scheduler steps of many rows at once, from tables of numbers made by each row's own scheduler.

A scheduler of diffusers steps one row with ten to twenty calls of torch, so that the host would
hold a card back. What differs from row to row is a few numbers a step. They are computed here as
`step` of diffusers computes them, in fp32, and used in its order of operations: on a CPU the
results equal its own, bit for bit. A row whose scheduler has no solver here steps by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

COLUMNS = 6
"""Numbers of a step; solvers that need fewer have zeros after them."""

Columns = Sequence[Tensor]
"""The numbers of a step, (B, 1, 1, 1) fp32 each."""
Numbers = Sequence[Tensor]
"""At most `COLUMNS` of them, (steps,) fp32 each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solver:
    """What rows of one class of schedulers and one kind of prediction do in a step."""

    name: str
    step: Callable[[Tensor, Tensor, Tensor, Columns], tuple[Tensor, Tensor | None]]
    """Latents, guided prediction, what the step before left (both fp32, (B, C, h, w)) and numbers →
    the next latents, and what this step leaves to the next."""
    scales: bool = False
    """Whether the denoiser sees the latents divided by the last number."""
    remembers: bool = False
    """Whether a step leaves something to the next."""


def solver_for(scheduler: Any, timesteps: Tensor) -> tuple[Solver | None, NDArray[np.float32]]:  # noqa: ANN401
    """The solver of a scheduler that has its timesteps, and the numbers of its last steps.

    timesteps: (n,), those still to be done. The numbers are (n, COLUMNS) fp32. Without a solver for
    this class and its settings: None and zeros.
    """
    table = np.zeros((len(timesteps), COLUMNS), np.float32)
    entry = _SOLVERS.get(type(scheduler).__name__)
    found = None if entry is None else entry(scheduler, len(scheduler.timesteps) - len(timesteps))
    if found is None:
        return None, table
    solver, numbers = found
    for column, values in enumerate(numbers):
        table[:, column] = values.numpy()
    return solver, table


# Euler's method (Karras et al. 2022, algorithm 2 without its correction), from sigmas.


def _euler(x: Tensor, noise: Tensor, before: Tensor, c: Columns) -> tuple[Tensor, None]:
    del before
    sigma, further, *_ = c
    clean = x - sigma * noise
    return x + (x - clean) / sigma * further, None


def _euler_v(x: Tensor, velocity: Tensor, before: Tensor, c: Columns) -> tuple[Tensor, None]:
    del before
    sigma, further, out, skip, *_ = c
    clean = velocity * out + x / skip
    return x + (x - clean) / sigma * further, None


def _of_euler(scheduler: Any, begin: int) -> tuple[Solver, Numbers] | None:  # noqa: ANN401
    solver = {"epsilon": EULER, "v_prediction": EULER_V}.get(scheduler.config.prediction_type)
    if solver is None:
        return None
    sigma, after = scheduler.sigmas[begin:-1], scheduler.sigmas[begin + 1 :]
    square = sigma**2 + 1
    out = -sigma / square**0.5
    return solver, (sigma, after - sigma, out, square, torch.zeros_like(sigma), square**0.5)


EULER = Solver(name="euler", step=_euler, scales=True)
EULER_V = Solver(name="euler v", step=_euler_v, scales=True)


# DPM-Solver++(2M) (Lu et al. 2022, algorithm 2), whose second order uses the step before.


def _dpm(clean: Tensor, x: Tensor, before: Tensor, c: Columns) -> tuple[Tensor, Tensor]:
    _, _, kept, drawn, half, over_ratio = c
    return kept * x - drawn * clean - half * (over_ratio * (clean - before)), clean


def _dpm_noise(x: Tensor, noise: Tensor, before: Tensor, c: Columns) -> tuple[Tensor, Tensor]:
    alpha, sigma, *_ = c
    return _dpm((x - sigma * noise) / alpha, x, before, c)


def _dpm_v(x: Tensor, velocity: Tensor, before: Tensor, c: Columns) -> tuple[Tensor, Tensor]:
    alpha, sigma, *_ = c
    return _dpm(alpha * x - sigma * velocity, x, before, c)


def _of_dpm(scheduler: Any, begin: int) -> tuple[Solver, Numbers] | None:  # noqa: ANN401
    config, steps = scheduler.config, len(scheduler.timesteps)
    solver = {"epsilon": DPM, "v_prediction": DPM_V}.get(config.prediction_type)
    if (
        solver is None
        or (config.algorithm_type, config.solver_type) != ("dpmsolver++", "midpoint")
        or config.solver_order > 2
        or config.thresholding
        or config.variance_type in {"learned", "learned_range"}
    ):
        return None
    ends_first_order = (
        config.euler_at_final
        or (config.lower_order_final and steps < 15)
        or config.final_sigmas_type == "zero"
    )

    alphas, sigmas = scheduler._sigma_to_alpha_sigma_t(scheduler.sigmas)  # noqa: SLF001
    logs = _one_by_one(torch.log, alphas) - _one_by_one(torch.log, sigmas)
    h = logs[1:] - logs[:-1]
    drawn = alphas[1:] * (_one_by_one(torch.exp, -h) - 1.0)
    over_ratio = torch.zeros_like(h)
    over_ratio[1:] = 1.0 / (h[:-1] / h[1:])
    half = 0.5 * drawn
    number = torch.arange(steps)
    second_order = (number > begin) & ((number < steps - 1) | (not ends_first_order))
    for each in (half, over_ratio):
        each[~second_order | (config.solver_order == 1)] = 0.0
    every = (alphas[:-1], sigmas[:-1], sigmas[1:] / sigmas[:-1], drawn, half, over_ratio)
    return solver, [each[begin:] for each in every]


def _one_by_one(function: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
    """As a scheduler does it: torch rounds logarithms of many numbers at once otherwise."""
    return torch.stack([function(value) for value in values])


DPM = Solver(name="dpm", step=_dpm_noise, remembers=True)
DPM_V = Solver(name="dpm v", step=_dpm_v, remembers=True)


# DDIM (Song et al. 2021, eq. 12) with η = 0.


def _ddim(x: Tensor, noise: Tensor, before: Tensor, c: Columns) -> tuple[Tensor, None]:
    del before
    signal, spread, signal_after, spread_after, *_ = c
    clean = (x - spread * noise) / signal
    return signal_after * clean + spread_after * noise, None


def _ddim_v(x: Tensor, velocity: Tensor, before: Tensor, c: Columns) -> tuple[Tensor, None]:
    del before
    signal, spread, signal_after, spread_after, *_ = c
    clean = signal * x - spread * velocity
    noise = signal * velocity + spread * x
    return signal_after * clean + spread_after * noise, None


def _of_ddim(scheduler: Any, begin: int) -> tuple[Solver, Numbers] | None:  # noqa: ANN401
    config = scheduler.config
    solver = {"epsilon": DDIM, "v_prediction": DDIM_V}.get(config.prediction_type)
    if solver is None or config.thresholding or config.clip_sample:
        return None

    timesteps = scheduler.timesteps[begin:]
    after = timesteps - config.num_train_timesteps // scheduler.num_inference_steps
    alpha = scheduler.alphas_cumprod[timesteps]
    within = scheduler.alphas_cumprod[after.clamp_min(0)]
    alpha_after = torch.where(after >= 0, within, scheduler.final_alpha_cumprod)
    return solver, (alpha**0.5, (1 - alpha) ** 0.5, alpha_after**0.5, (1 - alpha_after) ** 0.5)


DDIM = Solver(name="ddim", step=_ddim)
DDIM_V = Solver(name="ddim v", step=_ddim_v)


# Euler's method for flow matching (Lipman et al. 2023), whose models predict the velocity.


def _flow(x: Tensor, velocity: Tensor, before: Tensor, c: Columns) -> tuple[Tensor, None]:
    del before
    return x + c[0] * velocity, None


def _of_flow(scheduler: Any, begin: int) -> tuple[Solver, Numbers] | None:  # noqa: ANN401
    if scheduler.config.stochastic_sampling:
        return None
    return FLOW, (scheduler.sigmas[begin + 1 :] - scheduler.sigmas[begin:-1],)


FLOW = Solver(name="flow", step=_flow)


_SOLVERS: Mapping[str, Callable[[Any, int], tuple[Solver, Numbers] | None]] = {
    "EulerDiscreteScheduler": _of_euler,
    "DPMSolverMultistepScheduler": _of_dpm,
    "DDIMScheduler": _of_ddim,
    "FlowMatchEulerDiscreteScheduler": _of_flow,
}
"""By class of diffusers: its solver and numbers from a step on; None: its settings need another."""
