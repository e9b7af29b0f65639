"""Scheduler steps of many rows at once, from tables of numbers made by each row's own scheduler.

A scheduler of diffusers steps one row with ten to twenty calls of torch, so that the host would
hold a card back. What differs from row to row is a few numbers a step. They are computed here as
`step` of diffusers computes them, in fp32, and used in its order of operations: on a CPU the
results equal its own, bit for bit. A row whose scheduler has no solver here steps by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.models.solver import COLUMNS, Columns, Numbers, Solver, clean, clean_v, one_by_one
from engine.models.unipc import of_unipc


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


def _euler(
    x: Tensor, noise: Tensor, before: Tensor, fresh: Tensor, c: Columns
) -> tuple[Tensor, None]:
    del before, fresh
    sigma, further, *_ = c
    clean = x - sigma * noise
    return x + (x - clean) / sigma * further, None


def _euler_v(
    x: Tensor, velocity: Tensor, before: Tensor, fresh: Tensor, c: Columns
) -> tuple[Tensor, None]:
    del before, fresh
    sigma, further, _, out, skip, *_ = c
    clean = velocity * out + x / skip
    return x + (x - clean) / sigma * further, None


def _of_euler(scheduler: Any, begin: int) -> tuple[Solver, Numbers] | None:  # noqa: ANN401
    solver = {"epsilon": EULER, "v_prediction": EULER_V}.get(scheduler.config.prediction_type)
    sigma, after = scheduler.sigmas[begin:-1], scheduler.sigmas[begin + 1 :]
    return None if solver is None else (solver, _of_sigmas(sigma, after, torch.zeros_like(sigma)))


def _of_sigmas(sigma: Tensor, after: Tensor, up: Tensor) -> Numbers:
    """From each sigma to one after it, with fresh noise of so much."""
    square, zero = sigma**2 + 1, torch.zeros_like(sigma)
    return (sigma, after - sigma, up, -sigma / square**0.5, square, zero, square**0.5)


EULER = Solver(name="euler", step=_euler, scales=True)
EULER_V = Solver(name="euler v", step=_euler_v, scales=True)


# Ancestral sampling (as k-diffusion has it): Euler's step goes below, and fresh noise brings it up.


def _euler_a(
    x: Tensor, noise: Tensor, before: Tensor, fresh: Tensor, c: Columns
) -> tuple[Tensor, None]:
    down, _ = _euler(x, noise, before, fresh, c)
    return down + fresh * c[2], None


def _euler_a_v(
    x: Tensor, velocity: Tensor, before: Tensor, fresh: Tensor, c: Columns
) -> tuple[Tensor, None]:
    down, _ = _euler_v(x, velocity, before, fresh, c)
    return down + fresh * c[2], None


def _of_euler_a(scheduler: Any, begin: int) -> tuple[Solver, Numbers] | None:  # noqa: ANN401
    solver = {"epsilon": EULER_A, "v_prediction": EULER_A_V}.get(scheduler.config.prediction_type)
    sigma, after = scheduler.sigmas[begin:-1], scheduler.sigmas[begin + 1 :]
    up = (after**2 * (sigma**2 - after**2) / sigma**2) ** 0.5
    down = (after**2 - up**2) ** 0.5
    return None if solver is None else (solver, _of_sigmas(sigma, down, up))


EULER_A = Solver(name="euler-a", step=_euler_a, scales=True, noise="own")
EULER_A_V = Solver(name="euler-a v", step=_euler_a_v, scales=True, noise="own")


# DPM-Solver++(2M) (Lu et al. 2022, algorithm 2), whose second order uses the step before; with
# fresh noise in each step it solves the stochastic equation.


def _dpm(
    shown: Tensor, x: Tensor, before: Tensor, fresh: Tensor, c: Columns
) -> tuple[Tensor, Tensor]:
    del fresh
    _, _, kept, drawn, half, over_ratio, *_ = c
    return kept * x - drawn * shown - half * (over_ratio * (shown - before)), shown


def _dpm_noise(
    x: Tensor, noise: Tensor, before: Tensor, fresh: Tensor, c: Columns
) -> tuple[Tensor, Tensor]:
    return _dpm(clean(x, noise, c), x, before, fresh, c)


def _dpm_v(
    x: Tensor, velocity: Tensor, before: Tensor, fresh: Tensor, c: Columns
) -> tuple[Tensor, Tensor]:
    return _dpm(clean_v(x, velocity, c), x, before, fresh, c)


def _sde(
    shown: Tensor, x: Tensor, before: Tensor, fresh: Tensor, c: Columns
) -> tuple[Tensor, Tensor]:
    _, _, kept, drawn, half, over_ratio, spread, *_ = c
    after = kept * x + drawn * shown + half * (over_ratio * (shown - before))
    return after + spread * fresh, shown


def _sde_noise(
    x: Tensor, noise: Tensor, before: Tensor, fresh: Tensor, c: Columns
) -> tuple[Tensor, Tensor]:
    return _sde(clean(x, noise, c), x, before, fresh, c)


def _sde_v(
    x: Tensor, velocity: Tensor, before: Tensor, fresh: Tensor, c: Columns
) -> tuple[Tensor, Tensor]:
    return _sde(clean_v(x, velocity, c), x, before, fresh, c)


def _of_dpm(scheduler: Any, begin: int) -> tuple[Solver, Numbers] | None:  # noqa: ANN401
    config, steps = scheduler.config, len(scheduler.timesteps)
    solver = {
        ("epsilon", "dpmsolver++"): DPM,
        ("v_prediction", "dpmsolver++"): DPM_V,
        ("epsilon", "sde-dpmsolver++"): SDE,
        ("v_prediction", "sde-dpmsolver++"): SDE_V,
    }.get((config.prediction_type, config.algorithm_type))
    if (
        solver is None
        or config.solver_type != "midpoint"
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
    logs = one_by_one(torch.log, alphas) - one_by_one(torch.log, sigmas)
    h = logs[1:] - logs[:-1]
    kept, spread = sigmas[1:] / sigmas[:-1], torch.zeros_like(h)
    if solver.noise:
        left = one_by_one(torch.exp, -2.0 * h)
        kept = kept * one_by_one(torch.exp, -h)
        drawn, spread = alphas[1:] * (1 - left), sigmas[1:] * torch.sqrt(1.0 - left)
    else:
        drawn = alphas[1:] * (one_by_one(torch.exp, -h) - 1.0)
    over_ratio = torch.zeros_like(h)
    over_ratio[1:] = 1.0 / (h[:-1] / h[1:])
    half = 0.5 * drawn
    number = torch.arange(steps)
    second_order = (number > begin) & ((number < steps - 1) | (not ends_first_order))
    for each in (half, over_ratio):
        each[~second_order | (config.solver_order == 1)] = 0.0
    every = (alphas[:-1], sigmas[:-1], kept, drawn, half, over_ratio, spread)
    return solver, [each[begin:] for each in every]


DPM = Solver(name="dpm", step=_dpm_noise, remembers=1)
DPM_V = Solver(name="dpm v", step=_dpm_v, remembers=1)
SDE = Solver(name="dpm sde", step=_sde_noise, remembers=1, noise="single")
SDE_V = Solver(name="dpm sde v", step=_sde_v, remembers=1, noise="single")


# DDIM (Song et al. 2021, eq. 12) with η = 0.


def _ddim(
    x: Tensor, noise: Tensor, before: Tensor, fresh: Tensor, c: Columns
) -> tuple[Tensor, None]:
    del before, fresh
    signal, spread, signal_after, spread_after, *_ = c
    clean = (x - spread * noise) / signal
    return signal_after * clean + spread_after * noise, None


def _ddim_v(
    x: Tensor, velocity: Tensor, before: Tensor, fresh: Tensor, c: Columns
) -> tuple[Tensor, None]:
    del before, fresh
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


# Strategic stochastic sampling (Zheng et al. 2024) with γ = 0, which is a step of DDIM.


def _of_tcd(scheduler: Any, begin: int) -> tuple[Solver, Numbers] | None:  # noqa: ANN401
    config = scheduler.config
    solver = {"epsilon": DDIM, "v_prediction": DDIM_V}.get(config.prediction_type)
    timesteps = scheduler.timesteps[begin:]
    after = torch.cat([timesteps[1:], timesteps.new_zeros(1)])
    alpha, alpha_after = scheduler.alphas_cumprod[timesteps], scheduler.alphas_cumprod[after]
    numbers = (alpha**0.5, (1 - alpha) ** 0.5, alpha_after**0.5, (1 - alpha_after) ** 0.5)
    return None if solver is None else (solver, numbers)


# Denoising diffusion (Ho et al. 2020, eq. 7), with fresh noise in each step but the last.


def _ddpm(
    shown: Tensor, x: Tensor, before: Tensor, fresh: Tensor, c: Columns
) -> tuple[Tensor, None]:
    del before
    _, _, share, kept, spread, *_ = c
    return share * shown + kept * x + spread * fresh, None


def _ddpm_noise(
    x: Tensor, noise: Tensor, before: Tensor, fresh: Tensor, c: Columns
) -> tuple[Tensor, None]:
    return _ddpm(clean(x, noise, c), x, before, fresh, c)


def _ddpm_v(
    x: Tensor, velocity: Tensor, before: Tensor, fresh: Tensor, c: Columns
) -> tuple[Tensor, None]:
    return _ddpm(clean_v(x, velocity, c), x, before, fresh, c)


def _of_ddpm(scheduler: Any, begin: int) -> tuple[Solver, Numbers] | None:  # noqa: ANN401
    config = scheduler.config
    solver = {"epsilon": DDPM, "v_prediction": DDPM_V}.get(config.prediction_type)
    if (
        solver is None
        or config.thresholding
        or config.clip_sample
        or config.variance_type != "fixed_small"
    ):
        return None
    timesteps = scheduler.timesteps[begin:]
    alpha, alpha_after = _alphas_of_a_step(scheduler, timesteps, scheduler.one)
    beta, beta_after, step = 1 - alpha, 1 - alpha_after, alpha / alpha_after
    share = alpha_after**0.5 * (1 - step) / beta
    kept = step**0.5 * beta_after / beta
    spread = torch.clamp(beta_after / beta * (1 - step), min=1e-20) ** 0.5
    spread[timesteps == 0] = 0.0
    return solver, (alpha**0.5, beta**0.5, share, kept, spread)


def _alphas_of_a_step(
    scheduler: Any,  # noqa: ANN401
    timesteps: Tensor,
    last: Tensor,
) -> tuple[Tensor, Tensor]:
    """Cumulative products of 1 − β before and after each step; last: after the last one."""
    alphas = scheduler.alphas_cumprod
    return alphas[timesteps], torch.cat([alphas[timesteps[1:]], last.reshape(1)])


DDPM = Solver(name="ddpm", step=_ddpm_noise, noise="own")
DDPM_V = Solver(name="ddpm v", step=_ddpm_v, noise="own")


# Latent consistency (Luo et al. 2023, algorithm 3), with fresh noise in each step but the last.


def _lcm(
    shown: Tensor, x: Tensor, before: Tensor, fresh: Tensor, c: Columns
) -> tuple[Tensor, None]:
    del before
    _, _, out, skip, signal, spread, *_ = c
    return signal * (out * shown + skip * x) + spread * fresh, None


def _lcm_noise(
    x: Tensor, noise: Tensor, before: Tensor, fresh: Tensor, c: Columns
) -> tuple[Tensor, None]:
    return _lcm(clean(x, noise, c), x, before, fresh, c)


def _lcm_v(
    x: Tensor, velocity: Tensor, before: Tensor, fresh: Tensor, c: Columns
) -> tuple[Tensor, None]:
    return _lcm(clean_v(x, velocity, c), x, before, fresh, c)


def _of_lcm(scheduler: Any, begin: int) -> tuple[Solver, Numbers] | None:  # noqa: ANN401
    config = scheduler.config
    solver = {"epsilon": LCM, "v_prediction": LCM_V}.get(config.prediction_type)
    if solver is None or config.thresholding or config.clip_sample:
        return None
    timesteps = scheduler.timesteps[begin:]
    alpha, alpha_after = _alphas_of_a_step(
        scheduler, timesteps, scheduler.alphas_cumprod.new_ones(1)
    )
    skip, out = scheduler.get_scalings_for_boundary_condition_discrete(timesteps)
    numbers = (alpha**0.5, (1 - alpha) ** 0.5, out, skip)
    return solver, (*numbers, alpha_after**0.5, (1 - alpha_after) ** 0.5)


LCM = Solver(name="lcm", step=_lcm_noise, noise="own")
LCM_V = Solver(name="lcm v", step=_lcm_v, noise="own")


# Euler's method for flow matching (Lipman et al. 2023), whose models predict the velocity.


def _flow(
    x: Tensor, velocity: Tensor, before: Tensor, fresh: Tensor, c: Columns
) -> tuple[Tensor, None]:
    del before, fresh
    return x + c[0] * velocity, None


def _of_flow(scheduler: Any, begin: int) -> tuple[Solver, Numbers] | None:  # noqa: ANN401
    if scheduler.config.stochastic_sampling:
        return None
    return FLOW, (scheduler.sigmas[begin + 1 :] - scheduler.sigmas[begin:-1],)


FLOW = Solver(name="flow", step=_flow)


_SOLVERS: Mapping[str, Callable[[Any, int], tuple[Solver, Numbers] | None]] = {
    "EulerDiscreteScheduler": _of_euler,
    "EulerAncestralDiscreteScheduler": _of_euler_a,
    "DPMSolverMultistepScheduler": _of_dpm,
    "DDIMScheduler": _of_ddim,
    "DDPMScheduler": _of_ddpm,
    "LCMScheduler": _of_lcm,
    "TCDScheduler": _of_tcd,
    "UniPCMultistepScheduler": of_unipc,
    "FlowMatchEulerDiscreteScheduler": _of_flow,
}
"""By class of diffusers: its solver and numbers from a step on; None: its settings need another."""
