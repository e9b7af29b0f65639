"""On torch's meta device whatever would read a number back raises: it stands for a card here."""

from __future__ import annotations

import contextlib
import itertools

import pytest
import torch
from diffusers import AutoencoderTiny

from engine import scheduler_table
from engine.device.async_copy import NonBlocking
from engine.loop import sampler
from engine.loop.row_builder import build_rows
from engine.loop.rows import Mask, Work
from engine.models import loading, z_image
from engine.models.preview import LinearRgb, TinyDecoder
from engine.pictures.encoded import Inputs
from engine.policy.cost import ticket_for
from tests.engine import tiny_models

META = torch.device("meta")


def to_device(tensor, device):
    """As if through pinned memory."""
    return torch.empty_like(tensor, device=device)


class Watching(torch.overrides.TorchFunctionMode):
    """Counts the copies from host to device that nobody sent, such as of a list of indices."""

    def __init__(self):
        super().__init__()
        self.blocking = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        copied = function is torch.Tensor.to and args[0].device.type == "cpu"
        looked_up = function is torch.Tensor.__getitem__ and isinstance(args[1], list)
        if (copied or looked_up or function is torch.tensor) and result.device == META:
            self.blocking += 1
        return result


@pytest.fixture(scope="module")
def model_of(weights):
    """A function: family → its tiny model on the CPU; loaded once."""
    models = {}

    def load(family):
        if family not in models:
            spec = tiny_models.spec(family, weights(family))
            models[family] = loading.load(spec, torch.device("cpu"), torch.float32)
        return models[family]

    return load


@pytest.fixture
def rows_on_meta(model_of):
    """A function: family, job → its rows as if on a card."""

    @torch.inference_mode()
    def place(family, job):
        work = Work(job, ticket_for(job), Inputs())
        rows = list(build_rows(work, model_of(family), itertools.count()))
        for row in rows:
            row.latents = row.latents.to(META)
        return rows

    return place


@torch.inference_mode()
def steps(row, mode):
    """Copies that somebody waited for, over all steps of a row."""
    with Watching() as watching, mode:
        while row.step < row.total:
            row.advance(row.scaled(), torch.zeros_like(row.latents), 0)
    assert row.latents.device == META
    return watching.blocking


@pytest.mark.parametrize(
    "name", scheduler_table.names_for(flow=False) + scheduler_table.names_for(flow=True)
)
def test_no_scheduler_lets_the_host_wait_for_the_device(rows_on_meta, draw, name):
    family = "sd" if name in scheduler_table.names_for(flow=False) else "sd3"
    (row,) = rows_on_meta(family, draw(family, scheduler=name, steps=6))
    assert steps(row, NonBlocking(META, to_device)) == 0


def test_left_alone_schedulers_that_draw_noise_do(rows_on_meta, draw):
    (row,) = rows_on_meta("sd", draw(scheduler="euler-a", steps=6))
    assert steps(row, contextlib.nullcontext()) == 6


@pytest.mark.parametrize("name", ["euler", "ddim", "dpm++2m"])
def test_a_row_with_a_mask_waits_for_nothing_either(rows_on_meta, draw, name):
    (row,) = rows_on_meta("sd", draw(scheduler=name, steps=6))
    parts = (torch.ones(1, 4, 8, 8, device=META) for _ in range(3))
    row.mask = Mask(*parts, [(0.5, 0.5)] * 6)
    assert steps(row, NonBlocking(META, to_device)) == 0


def test_what_is_sent_another_way_is_the_same():
    sigma = torch.tensor(0.3)
    with NonBlocking(torch.device("cpu"), lambda tensor, _: tensor):
        assert sigma.to("cpu") == sigma
        assert torch.tensor(0.3, device="cpu") == sigma
        matrix, vector = torch.tensor([[2.0, 1.0], [1.0, 3.0]]), torch.tensor([1.0, 2.0])
        solved = torch.linalg.solve(matrix, vector)
    assert torch.equal(solved, torch.linalg.solve(matrix, vector))


@pytest.mark.parametrize("kind", ["linear", "tiny"])
@torch.inference_mode()
def test_a_preview_is_on_its_way_before_anybody_waits_for_it(weights, kind):
    preview = LinearRgb(4)
    if kind == "tiny":
        decoder = AutoencoderTiny.from_pretrained(weights("taesd"))
        preview = TinyDecoder(decoder.to(META))
    latents = torch.zeros(1, 4, 8, 8, device=META)
    preview.draw(latents)
    with Watching() as watching:
        rough = preview.draw(latents)
    assert watching.blocking == 0
    with pytest.raises(NotImplementedError):  # only here would the host wait
        rough()


@pytest.mark.parametrize("family", tiny_models.SHARING)
@torch.inference_mode()
def test_a_tick_of_each_family_waits_for_nothing(rows_on_meta, draw, weights, monkeypatch, family):
    spec = tiny_models.spec(family, weights(family))
    model = loading.load(spec, torch.device("cpu"), torch.float32)
    rows = rows_on_meta(family, draw(family, images=2))
    model.denoiser.to(META)
    model.device = META
    for row in rows:
        row.model = model
        row.conditioning = [
            {key: value if key == "length" else value.to(META) for key, value in sample.items()}
            for sample in row.conditioning
        ]
    for module in (sampler, z_image):
        monkeypatch.setattr(module, "non_blocking", lambda device: NonBlocking(device, to_device))
    assert sampler.step(model, rows) == []  # the first of a size copies what it keeps
    with Watching() as watching:
        assert sampler.step(model, rows) == []
    assert all(row.latents.device == META for row in rows)
    assert watching.blocking <= 1, "only the timesteps are sent"
