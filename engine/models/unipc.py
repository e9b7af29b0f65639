"""UniPC's step of the second order (Zhao et al. 2023), for rows that step together."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from engine.models.solver import Columns, Numbers, Solver, clean, clean_v, one_by_one


def _unipc(now: Tensor, x: Tensor, left: Tensor, c: Columns) -> tuple[Tensor, Tensor]:
    """Correct the latents by what the model now predicts, then go one step further.

    now: the clean latents as predicted. left: those predicted one and two steps ago, and the
    corrected latents of one step ago.
    """
    _, _, ratio, whole, over, first, second, outer, *further = c
    one_ago, two_ago, begun = left.chunk(3, dim=1)
    bent = first * ((two_ago - one_ago) / over) + second * (now - one_ago)
    corrected = ratio * begun - whole * one_ago - outer * bent
    x = torch.where(outer != 0, corrected, x)

    ratio, whole, over, half, outer = further
    after = ratio * x - whole * now - outer * (half * ((one_ago - now) / over))
    return after, torch.cat([now, one_ago, x], dim=1)


def _unipc_noise(
    x: Tensor, noise: Tensor, before: Tensor, fresh: Tensor, c: Columns
) -> tuple[Tensor, Tensor]:
    del fresh
    return _unipc(clean(x, noise, c), x, before, c)


def _unipc_v(
    x: Tensor, velocity: Tensor, before: Tensor, fresh: Tensor, c: Columns
) -> tuple[Tensor, Tensor]:
    del fresh
    return _unipc(clean_v(x, velocity, c), x, before, c)


UNIPC = Solver(name="unipc", step=_unipc_noise, remembers=3)
UNIPC_V = Solver(name="unipc v", step=_unipc_v, remembers=3)


def of_unipc(scheduler: Any, begin: int) -> tuple[Solver, Numbers] | None:  # noqa: ANN401
    """The solver of diffusers' scheduler and its numbers from a step on; None where its settings
    need another formula.
    """
    config, steps = scheduler.config, len(scheduler.timesteps)
    solver = {"epsilon": UNIPC, "v_prediction": UNIPC_V}.get(config.prediction_type)
    if (
        solver is None
        or config.solver_type != "bh2"
        or config.solver_order > 2
        or not (config.predict_x0 and config.lower_order_final)
        or (config.thresholding or config.use_flow_sigmas)
        or scheduler.solver_p is not None
    ):
        return None
    alphas, sigmas = scheduler._sigma_to_alpha_sigma_t(scheduler.sigmas)  # noqa: SLF001
    logs = one_by_one(torch.log, alphas) - one_by_one(torch.log, sigmas)
    h = logs[1:] - logs[:-1]
    grown = one_by_one(torch.expm1, -h)
    # Of the step from each timestep to the next.
    ratio, whole = sigmas[1:] / sigmas[:-1], alphas[1:] * grown
    over = torch.ones_like(h)
    over[1:] = (logs[:-2] - logs[1:-1]) / h[1:]
    number = torch.arange(steps)
    second_order = (number > begin) & (number < steps - 1) & (config.solver_order == 2)
    over[~second_order] = 1.0
    half = second_order.to(h.dtype) * 0.5

    weights = _corrections(-h, grown, over, second_order)
    # What a step corrects is the one before it.
    corrects = [_later(each) for each in (ratio, whole, over, *weights, whole)]
    idle = [place for place in number.tolist() if place <= begin or _is_off(scheduler, place)]
    corrects[2][idle] = 1.0
    for each in (*corrects[:2], *corrects[3:]):
        each[idle] = 0.0
    every = (alphas[:-1], sigmas[:-1], *corrects, ratio, whole, over, half, whole)
    return solver, [each[begin:] for each in every]


def _corrections(hh: Tensor, grown: Tensor, over: Tensor, second_order: Tensor) -> list[Tensor]:
    """How much the bend of the last two steps and that of the new prediction count, (steps,) each.

    hh: −h; grown: e^−h − 1; over: the ratio of the steps' lengths, where the order is the second.
    """
    bend = grown / hh - 1
    right = torch.stack([bend * 1 / grown, (bend / hh - 1 / 2) * 2 / grown], dim=1)
    first, second = torch.zeros_like(hh), torch.full_like(hh, 0.5)
    for place in second_order.nonzero().flatten().tolist():
        ones = hh.new_ones(2)
        rows = torch.stack([ones, torch.stack([over[place], ones[0]])])
        first[place], second[place] = torch.linalg.solve(rows, right[place])
    return [first, second]


def _later(values: Tensor) -> Tensor:
    """Those of the step before, for each step; the first has none."""
    return torch.cat([values[:1], values[:-1]])


def _is_off(scheduler: Any, place: int) -> bool:  # noqa: ANN401
    """Whether the step that ends here is not corrected."""
    return place - 1 in scheduler.disable_corrector
