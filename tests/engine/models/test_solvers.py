"""Rows that step together get the very numbers that their own schedulers would give them."""

from __future__ import annotations

import itertools

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image

from engine import InputPicture, scheduler_table
from engine.loop import row_builder, sampler
from engine.loop.row_builder import build_rows
from engine.loop.rows import Work
from engine.models.solver import COLUMNS
from engine.models.solvers import solver_for
from engine.pictures.encoded import Inputs
from engine.policy.cost import ticket_for
from tests.engine.fakes import FakeModel

BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
NOISY = ("euler-a", "dpm++2m-sde", "dpm++2m-sde-karras", "ddpm", "lcm")
NAMES = ("euler", "euler-karras", "dpm++2m", "dpm++2m-karras", "ddim", "tcd", "unipc", *NOISY)


class Affine(FakeModel):
    """Its prediction of a sample is the same whatever stands beside it."""

    def __init__(self, own, dtype=torch.float32):
        super().__init__()
        self.scheduler, self.noise_dtype, self.picture_noise_dtype = own, dtype, dtype
        self.prediction = own.config.get("prediction_type", "flow")
        self.alphas = own.alphas_cumprod.tolist() if hasattr(own, "alphas_cumprod") else []

    def encode_image(self, picture):
        del picture
        return lambda generator: torch.randn(1, 3, 2, 2, generator=generator).to(self.noise_dtype)

    def encode_mask(self, mask, picture):
        del mask, picture
        return lambda _: (torch.tensor([0.0, 1.0]).expand(1, 1, 2, 2), None)

    def add_noise(self, scheduler, latents, noise, timestep):
        noising = getattr(scheduler, "scale_noise", None)
        if noising is not None:
            return noising(latents, timestep.reshape(1), noise)
        return scheduler.add_noise(latents, noise, timestep.reshape(1))

    def predict(self, latents, timesteps, conditioning, adapters):
        del conditioning, adapters
        return latents * 0.9 + 0.01 * timesteps.view(-1, 1, 1, 1).to(latents.dtype)

    def guide(self, predictions, scale, avoid_weight):
        del avoid_weight
        if len(predictions) == 1:
            return predictions[0]
        return predictions[0] + scale * (predictions[1] - predictions[0])


def rows_of(model, *jobs):
    rows, arrivals = [], itertools.count()
    for job in jobs:
        pictures = [Image.new("RGB", (64, 64))] if job.inputs else []
        mask = Image.new("L", (64, 64)) if job.mask else None
        rows += build_rows(
            Work(job, ticket_for(job), Inputs(pictures=pictures, mask=mask)), model, arrivals
        )
    return rows


@torch.inference_mode()
def walk(model, rows):
    """Step all rows to their ends together; the latents of each after each step."""
    seen = [[] for _ in rows]
    while left := [row for row in rows if row.step < row.total]:
        for _, error in sampler.step(model, left):
            raise error
        for row, latents in zip(rows, seen, strict=True):
            latents.append(row.latents.clone())
    return seen


def own_for(name, prediction="epsilon"):
    if scheduler_table.form_of(name) == "flow":
        return diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0)
    return diffusers.DDIMScheduler(clip_sample=False, prediction_type=prediction, **BETAS)


@pytest.fixture
def by_row(monkeypatch):
    """A function: as if there were no solver; then what is built steps by its own scheduler."""

    def none(_, timesteps):
        return None, np.zeros((len(timesteps), COLUMNS), np.float32)

    return lambda: monkeypatch.setattr(row_builder, "solver_for", none)


CASES = [
    *itertools.product(NAMES, ("epsilon", "v_prediction")),
    ("flow-euler", "flow"),
]


@pytest.mark.parametrize(("name", "prediction"), CASES)
def test_rows_that_step_together_equal_their_own_schedulers_bit_for_bit(
    name, prediction, draw, by_row
):
    """At mixed counts of steps, with and without guidance, from noise and from a picture."""
    model = Affine(own_for(name, prediction))
    jobs = [
        draw(scheduler=name, steps=steps, seed=steps, guidance=guidance, images=images, **given)
        for steps, guidance, images, given in (
            (1, 5.0, 1, {}),
            (7, 7.5, 3, {}),
            (20, 1.0, 2, {}),
            (30, 4.0, 1, {"stop": 0.5}),
            (14, 4.0, 1, {"inputs": (InputPicture(data=b"p"),), "strength": 0.6}),
            (33, 3.0, 2, {"inputs": (InputPicture(data=b"p"),), "strength": 0.3}),
        )
    ]
    together = rows_of(model, *jobs)
    assert all(row.solver is not None for row in together)
    ours = walk(model, together)
    by_row()
    alone = rows_of(model, *jobs)
    assert all(row.solver is None for row in alone)
    for row, mine in zip(alone, ours, strict=True):
        (theirs,) = walk(model, [row])
        for step, expected in enumerate(theirs):
            assert torch.equal(mine[step], expected), (name, row.work.job.steps, step)


@pytest.mark.parametrize("name", scheduler_table.SCHEDULERS)
def test_only_schedulers_of_one_short_formula_have_a_solver(name):
    own = own_for(name) if name != "edm-euler" else diffusers.EDMEulerScheduler()
    scheduler = row_builder.schedulers.build(name, own)
    scheduler.set_timesteps(6)
    solver, numbers = solver_for(scheduler, scheduler.timesteps)
    assert (solver is not None) == (name in (*NAMES, "flow-euler"))
    assert numbers.shape == (len(scheduler.timesteps), COLUMNS)
    assert numbers.any() == (solver is not None)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("DPMSolverMultistepScheduler", {"solver_order": 3}),
        ("DPMSolverMultistepScheduler", {"solver_type": "heun"}),
        ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++", "solver_order": 3}),
        ("EulerAncestralDiscreteScheduler", {"prediction_type": "sample"}),
        ("DPMSolverMultistepScheduler", {"thresholding": True}),
        ("DPMSolverMultistepScheduler", {"prediction_type": "sample"}),
        ("DDIMScheduler", {"clip_sample": True}),
        ("DDIMScheduler", {"thresholding": True, "clip_sample": False}),
        ("EulerDiscreteScheduler", {"prediction_type": "sample"}),
        ("DDPMScheduler", {"clip_sample": True}),
        ("DDPMScheduler", {"variance_type": "fixed_large", "clip_sample": False}),
        ("LCMScheduler", {"thresholding": True}),
        ("TCDScheduler", {"prediction_type": "sample"}),
        ("UniPCMultistepScheduler", {"solver_order": 3}),
        ("UniPCMultistepScheduler", {"solver_type": "bh1"}),
        ("UniPCMultistepScheduler", {"predict_x0": False}),
        ("UniPCMultistepScheduler", {"lower_order_final": False}),
        ("FlowMatchEulerDiscreteScheduler", {"stochastic_sampling": True}),
    ],
)
def test_settings_that_need_another_formula_are_left_to_the_scheduler(kind, settings):
    scheduler = getattr(diffusers, kind)(**settings)
    scheduler.set_timesteps(6)
    solver, numbers = solver_for(scheduler, scheduler.timesteps)
    assert solver is None
    assert not numbers.any()


@pytest.mark.parametrize(
    "settings",
    [
        {"final_sigmas_type": "sigma_min"},
        {"final_sigmas_type": "sigma_min", "euler_at_final": True},
        {"final_sigmas_type": "sigma_min", "lower_order_final": False},
        {"solver_order": 1},
    ],
)
def test_a_checkpoints_own_settings_of_the_last_step_are_heeded(settings, draw, by_row):
    check_settings(diffusers.DPMSolverMultistepScheduler(**BETAS, **settings), draw, by_row)


@pytest.mark.parametrize(
    "settings",
    [
        {"solver_order": 1},
        {"final_sigmas_type": "sigma_min"},
        {"disable_corrector": [0, 3]},
        {"use_karras_sigmas": True},
    ],
)
def test_a_checkpoints_own_settings_of_unipc_are_heeded(settings, draw, by_row):
    check_settings(diffusers.UniPCMultistepScheduler(**BETAS, **settings), draw, by_row)


def check_settings(own, draw, by_row):
    model = Affine(own)
    jobs = [draw(steps=steps) for steps in (3, 14, 15, 20)]
    together = rows_of(model, *jobs)
    assert all(row.solver is not None for row in together)
    ours = walk(model, together)
    by_row()
    theirs = walk(model, rows_of(model, *jobs))
    assert all(torch.equal(a[-1], b[-1]) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("name", scheduler_table.SCHEDULERS)
def test_the_kept_part_of_an_inpainted_picture_is_noised_as_the_scheduler_would(name, draw):
    if name in ("ipndm", "edm-euler"):
        pytest.skip("It cannot begin from a picture.")
    model = Affine(own_for(name))
    fields = {"inputs": (InputPicture(data=b"p"),), "mask": b"m", "strength": 0.7}
    (row,) = rows_of(model, draw(scheduler=name, steps=8, **fields))
    mask, begin = row.mask, len(row.scheduler.timesteps) - len(row.timesteps)
    for number, timestep in enumerate(row.timesteps):
        if hasattr(row.scheduler, "set_begin_index"):
            row.scheduler.set_begin_index(begin + number)
        theirs = model.add_noise(row.scheduler, mask.image_latents, mask.noise, timestep)
        picture, noise = mask.levels[number]
        assert torch.equal(picture * mask.image_latents + noise * mask.noise, theirs)


@pytest.mark.parametrize("name", NOISY)
def test_a_step_that_is_tried_again_has_the_same_noise(name, draw, monkeypatch):
    """As where memory ran out while the rows were stepped."""
    model = Affine(own_for(name))
    jobs = [draw(scheduler=name, steps=5, seed=seed) for seed in (3, 4)]
    expected = walk(model, rows_of(model, *jobs))

    rows = rows_of(model, *jobs)
    with monkeypatch.context() as patch:
        patch.setattr(sampler, "_each", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError), torch.inference_mode():
            sampler.step(model, rows)
    assert [row.step for row in rows] == [0, 0]
    ours = walk(model, rows)
    assert all(torch.equal(a[-1], b[-1]) for a, b in zip(ours, expected, strict=True))


@pytest.mark.parametrize("name", NOISY)
def test_in_half_precision_the_noise_is_drawn_as_the_scheduler_draws_it(
    name, draw, by_row, monkeypatch
):
    """Else a seed would give another picture there."""
    drawn, randn = [], torch.randn
    model = Affine(own_for(name), torch.bfloat16)
    for solve in (True, False):
        if not solve:
            by_row()
        (row,) = rows_of(model, draw(scheduler=name, steps=5, seed=3))
        row.latents = row.latents.to(torch.bfloat16)
        with monkeypatch.context() as patch:
            seen = []
            patch.setattr(
                torch, "randn", lambda *a, seen=seen, **o: seen.append(o["dtype"]) or randn(*a, **o)
            )
            walk(model, [row])
        drawn.append(seen)
    ours, theirs = drawn
    assert len(ours) == 5
    # Some schedulers draw none in the last step; what is drawn after a picture's end is no matter.
    assert len(theirs) >= 4 and ours[: len(theirs)] == theirs


def test_in_half_precision_the_steps_are_taken_in_single(draw, by_row):
    """And so are nearer to what single precision gives than the scheduler's own."""
    errors = []
    for solve in (True, False):
        if not solve:
            by_row()
        results = []
        for dtype in (torch.bfloat16, torch.float32):
            model = Affine(own_for("ddim"), dtype)
            (row,) = rows_of(model, draw(scheduler="ddim", steps=20))
            row.latents = row.latents.to(dtype)
            torch.manual_seed(0)
            row.latents = torch.randn(1, 3, 2, 2).to(torch.bfloat16).to(dtype)
            results.append(walk(model, [row])[0][0])
        assert results[0].dtype is torch.bfloat16
        errors.append((results[0].float() - results[1]).abs().max())
    assert errors[0] <= errors[1]
