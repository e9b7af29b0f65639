"""A picture is its job: what the engine draws equals diffusers' own pipelines, bit for bit."""

from __future__ import annotations

import io

import diffusers
import numpy as np
import pytest
import torch
from diffusers import (
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
)
from PIL import Image

from engine import Engine, Failed, FailureKind, Finished, InputPicture, scheduler_table
from engine.models import schedulers
from tests.engine import tiny_models

pytestmark = pytest.mark.host


async def finish(engine, job):
    events = [event async for event in engine.run(job)]
    end = events[-1]
    assert isinstance(end, Finished), end
    return [np.asarray(Image.open(io.BytesIO(picture.png))) for picture in end.pictures]


def generators(seed, count):
    return [torch.Generator("cpu").manual_seed((seed + i) % 2**32) for i in range(count)]


def drawn(pipeline, **options):
    pipeline.set_progress_bar_config(disable=True)
    return [np.asarray(picture) for picture in pipeline(**options).images]


@pytest.fixture
def pipeline(weights):
    return StableDiffusionPipeline.from_pretrained(weights("sd"), safety_checker=None)


def photo(width=64, height=64):
    ramp = np.add.outer(np.arange(height), 2 * np.arange(width))
    array = np.stack([ramp % 256, (3 * ramp) % 256, 255 - ramp % 256], axis=-1).astype(np.uint8)
    return Image.fromarray(array)


def right_half():
    mask = Image.new("L", (64, 64))
    mask.paste(255, (32, 0, 64, 64))
    return mask


def png(picture):
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


async def test_a_lone_picture_equals_the_pipeline_bit_for_bit(engine_of, draw, pipeline):
    engine = await engine_of("sd")
    job = draw(seed=2**32 - 1, negative="a dog", guidance=7.0, steps=5)

    (ours,) = await finish(engine, job)
    (theirs,) = drawn(
        pipeline,
        prompt="a red cat at night",
        negative_prompt="a dog",
        num_inference_steps=5,
        guidance_scale=7.0,
        width=64,
        height=64,
        generator=generators(job.seed, 1),
    )

    assert np.abs(ours.astype(int) - np.asarray(theirs, dtype=int)).max() == 0


async def test_a_grid_in_one_pass_equals_the_pipeline_bit_for_bit(engine_of, draw, pipeline):
    engine = await engine_of("sd")
    job = draw(seed=2**32 - 2, images=4)

    ours = await finish(engine, job)
    theirs = drawn(
        pipeline,
        prompt="a red cat at night",
        num_inference_steps=4,
        guidance_scale=5.0,
        width=64,
        height=64,
        num_images_per_prompt=4,
        generator=generators(job.seed, 4),
    )

    assert np.array_equal(ours, theirs)


async def test_image_to_image_equals_the_pipeline_bit_for_bit(engine_of, draw, pipeline):
    engine = await engine_of("sd")
    job = draw(inputs=(InputPicture(data=png(photo())),), strength=0.6, steps=6, seed=3)

    (ours,) = await finish(engine, job)
    (theirs,) = drawn(
        StableDiffusionImg2ImgPipeline(**pipeline.components, requires_safety_checker=False),
        prompt="a red cat at night",
        image=photo(),
        strength=0.6,
        num_inference_steps=6,
        guidance_scale=5.0,
        generator=generators(3, 1),
    )

    assert np.abs(ours.astype(int) - np.asarray(theirs, dtype=int)).max() == 0


@pytest.mark.parametrize("strength", [0.7, 1.0])
async def test_inpainting_equals_the_pipeline_bit_for_bit(engine_of, draw, pipeline, strength):
    engine = await engine_of("sd")
    inputs = (InputPicture(data=png(photo())),)
    fields = {"scheduler": "euler-a", "strength": strength, "steps": 5, "seed": 3}
    job = draw(inputs=inputs, mask=png(right_half()), **fields)
    inpaint = StableDiffusionInpaintPipeline(**pipeline.components, requires_safety_checker=False)
    inpaint.scheduler = schedulers.build("euler-a", pipeline.scheduler)

    (ours,) = await finish(engine, job)
    (theirs,) = drawn(
        inpaint,
        prompt="a red cat at night",
        image=photo(),
        mask_image=right_half(),
        strength=strength,
        num_inference_steps=5,
        guidance_scale=5.0,
        width=64,
        height=64,
        generator=generators(3, 1),
    )

    assert np.abs(ours.astype(int) - np.asarray(theirs, dtype=int)).max() == 0


@pytest.mark.parametrize("strength", [0.7, 1.0])
async def test_an_inpainting_checkpoint_equals_its_pipeline_bit_for_bit(
    engine_of, draw, weights, strength
):
    engine = await engine_of("sd-inpaint")
    job = draw(
        "sd-inpaint",
        inputs=(InputPicture(data=png(photo())),),
        mask=png(right_half()),
        strength=strength,
        seed=3,
    )
    inpaint = StableDiffusionInpaintPipeline.from_pretrained(
        weights("sd-inpaint"), safety_checker=None
    )

    (ours,) = await finish(engine, job)
    (theirs,) = drawn(
        inpaint,
        prompt="a red cat at night",
        image=photo(),
        mask_image=right_half(),
        strength=strength,
        num_inference_steps=4,
        guidance_scale=5.0,
        width=64,
        height=64,
        generator=generators(3, 1),
    )

    assert np.abs(ours.astype(int) - np.asarray(theirs, dtype=int)).max() == 0


@pytest.mark.parametrize("name", scheduler_table.names_for(flow=False))
async def test_each_scheduler_equals_the_pipeline_bit_for_bit(engine_of, draw, pipeline, name):
    engine = await engine_of("sd")
    built = schedulers.build(name, pipeline.scheduler)
    pipeline.scheduler = getattr(diffusers, type(built).__name__).from_config(built.config)

    (ours,) = await finish(engine, draw(scheduler=name, steps=6, seed=11))
    (theirs,) = drawn(
        pipeline,
        prompt="a red cat at night",
        num_inference_steps=6,
        guidance_scale=5.0,
        width=64,
        height=64,
        generator=generators(11, 1),
    )

    assert np.abs(ours.astype(int) - np.asarray(theirs, dtype=int)).max() == 0


BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
SAVED = {
    "edm-euler on an EDM checkpoint": (
        diffusers.EDMDPMSolverMultistepScheduler(),
        "edm-euler",
        diffusers.EDMEulerScheduler(),
    ),
    "an EDM checkpoint's own": (
        diffusers.EDMEulerScheduler(sigma_max=120.0, sigma_schedule="exponential"),
        "",
        diffusers.EDMEulerScheduler(sigma_max=120.0, sigma_schedule="exponential"),
    ),
    "dpm++2m-karras on a checkpoint saved with DEIS": (
        diffusers.DEISMultistepScheduler(**BETAS, steps_offset=1),
        "dpm++2m-karras",
        diffusers.DPMSolverMultistepScheduler(**BETAS, steps_offset=1, use_karras_sigmas=True),
    ),
}
"""What the checkpoint is saved with, the name, and what it should be."""


@pytest.mark.parametrize("case", SAVED)
@pytest.mark.parametrize("start", ["text", "picture"])
async def test_a_checkpoint_saved_with_another_scheduler_equals_its_pipeline(
    draw, pipeline, tmp_path, case, start
):
    own, name, meant = SAVED[case]
    pipeline.scheduler = own
    pipeline.save_pretrained(tmp_path)
    pipeline.scheduler = meant
    options = {"width": 64, "height": 64}
    fields = {}
    if start == "picture":
        fields = {"inputs": (InputPicture(data=png(photo())),), "strength": 0.6}
        options = {"image": photo(), "strength": 0.6}
        pipeline = StableDiffusionImg2ImgPipeline(
            **pipeline.components, requires_safety_checker=False
        )

    engine = Engine([tiny_models.spec("sd", tmp_path)], device="cpu")
    await engine.start()
    (ours,) = await finish(engine, draw(scheduler=name, steps=6, seed=11, **fields))
    await engine.close()
    (theirs,) = drawn(
        pipeline,
        prompt="a red cat at night",
        num_inference_steps=6,
        guidance_scale=5.0,
        generator=generators(11, 1),
        **options,
    )

    assert np.abs(ours.astype(int) - np.asarray(theirs, dtype=int)).max() == 0


async def test_what_a_scheduler_cannot_do_is_said_in_a_sentence(engine_of, draw):
    engine = await engine_of("sd")
    for fields, words in (
        ({"scheduler": "edm-euler"}, "choose another, such as euler"),
        (
            {"scheduler": "ipndm", "inputs": (InputPicture(data=png(photo())),)},
            "cannot begin from a picture; choose another",
        ),
    ):
        end = [event async for event in engine.run(draw(**fields))][-1]
        assert isinstance(end, Failed)
        assert end.kind is FailureKind.BAD_INPUT
        assert words in end.reason


async def test_strangers_in_the_batch_change_a_picture_by_rounding_only(engine_of, draw):
    engine = await engine_of("sd", owner_cap=9)
    job = draw(seed=5, owner="bob", steps=6)
    (alone,) = await finish(engine, job)

    streams = [engine.run(draw(owner=f"m{n}", steps=3 + n, seed=n)) for n in range(5)]
    (beside,) = await finish(engine, draw(seed=5, owner="bob", steps=6))
    for stream in streams:
        assert not isinstance([event async for event in stream][-1], Failed)

    assert np.abs(alone.astype(int) - beside.astype(int)).max() <= 1


@pytest.mark.parametrize(("share", "first"), [(0.0, 0), (0.5, 3), (1.0, 6)])
async def test_a_tile_wraps_around_from_its_models_share_of_the_steps_on(
    weights, draw, pipeline, share, first
):
    spec = tiny_models.spec("sd", weights("sd"), tile_from=share, compiled="off")
    engine = Engine([spec], device="cpu", dtype="float32")
    await engine.start()
    try:
        ours = await finish(engine, draw(tile=True, images=1, steps=6, seed=11))
    finally:
        await engine.close()

    def wrap(network):
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d):
                module.padding_mode = "circular"

    def after(_, step, __, state):
        if step + 1 == first:
            wrap(pipeline.unet)
        return state

    if not first:
        wrap(pipeline.unet)
    wrap(pipeline.vae.decoder)
    (theirs,) = drawn(
        pipeline,
        prompt="a red cat at night",
        width=64,
        height=64,
        num_inference_steps=6,
        guidance_scale=5.0,
        generator=generators(11, 1),
        callback_on_step_end=after,
    )
    assert np.array_equal(ours[0], theirs)
