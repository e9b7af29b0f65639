"""Each family on a tiny random copy: a lone picture equals diffusers' own pipeline, bit for bit."""

from __future__ import annotations

import diffusers
import numpy as np
import pytest
import torch

from engine import Finished, InputPicture
from engine.families import FAMILIES
from engine.models.flow import FlowModel
from engine.models.latent import LatentModel
from tests.engine import tiny_models
from tests.engine.samples import finish, photo, png, right_half

pytestmark = pytest.mark.host

PIPELINES = {
    (name, operation): pipeline
    for name in tiny_models.SHARING
    for operation, pipeline in zip(("text", "image", "mask"), FAMILIES[name].pipelines, strict=True)
    if (name, operation) != ("sd3", "mask")  # see below
} | {("flux-schnell", "text"): "FluxPipeline"}


@pytest.mark.parametrize(("family", "operation"), PIPELINES)
async def test_a_lone_picture_equals_the_pipeline_bit_for_bit(
    engine_of, draw, weights, family, operation
):
    engine = await engine_of(family)
    pipeline = getattr(diffusers, PIPELINES[family, operation]).from_pretrained(weights(family))
    pipeline.set_progress_bar_config(disable=True)
    fields, options = {}, {"width": 64, "height": 64}
    if operation != "text":
        fields = {"inputs": (InputPicture(data=png(photo())),), "strength": 0.65}
        options |= {"image": photo(), "strength": 0.65}
    if operation == "mask":
        fields |= {"mask": png(right_half())}
        options |= {"mask_image": right_half()}
    if operation == "image" and family in {"sd", "sdxl"}:
        options = {key: options[key] for key in ("image", "strength")}

    (ours,) = await finish(engine, draw(family, seed=9, steps=6, guidance=4.0, **fields))
    (theirs,) = pipeline(
        prompt="a red cat at night",
        num_inference_steps=6,
        # Z-Image's pipeline counts guidance from 0, the engine from 1 as all others do.
        guidance_scale=3.0 if family == "z-image" else 4.0,
        generator=torch.Generator("cpu").manual_seed(9),
        **options,
    ).images

    assert np.array_equal(ours, np.asarray(theirs))


async def test_sd3_inpainting_equals_the_pipeline_with_the_shift_that_its_decode_forgets(
    engine_of, draw, weights
):
    engine = await engine_of("sd3")
    pipeline = diffusers.StableDiffusion3InpaintPipeline.from_pretrained(weights("sd3"))
    pipeline.set_progress_bar_config(disable=True)
    inputs = (InputPicture(data=png(photo())),)
    job = draw("sd3", seed=9, inputs=inputs, mask=png(right_half()), strength=0.65, steps=6)

    (ours,) = await finish(engine, job)
    latents = pipeline(
        prompt="a red cat at night",
        image=photo(),
        mask_image=right_half(),
        strength=0.65,
        num_inference_steps=6,
        guidance_scale=5.0,
        width=64,
        height=64,
        generator=torch.Generator("cpu").manual_seed(9),
        output_type="latent",
    ).images
    config = pipeline.vae.config
    with torch.no_grad():
        shifted = latents / config.scaling_factor + config.shift_factor
        decoded = pipeline.vae.decode(shifted, return_dict=False)[0]
    (theirs,) = pipeline.image_processor.postprocess(decoded)

    assert np.array_equal(ours, np.asarray(theirs))


@pytest.mark.parametrize("family", tiny_models.SHARING)
async def test_rows_at_different_steps_share_a_pass_and_round_alike(engine_of, draw, family):
    engine = await engine_of(family, owner_cap=9)
    fields = {"seed": 5, "steps": 6, "owner": "bob"}
    (alone,) = await finish(engine, draw(family, **fields))

    prompts = ["a dog", "the very blue sea at night and a red cat and a dog", ""]
    streams = [
        engine.run(draw(family, prompt, owner=prompt or "none", steps=3 + n, guidance=2.0 + n))
        for n, prompt in enumerate(prompts)
    ]
    (beside,) = await finish(engine, draw(family, **fields))
    for stream in streams:
        assert isinstance([event async for event in stream][-1], Finished)

    assert np.abs(alone.astype(int) - beside.astype(int)).max() <= 1


@pytest.mark.parametrize(
    ("family", "steps", "strength", "drawn"),
    [
        (LatentModel, 2, 0.45, 1),
        (LatentModel, 3, 0.2, 1),
        (LatentModel, 1, 0.01, 1),
        (LatentModel, 20, 0.45, 9),
        (LatentModel, 6, 0.65, 3),
        (FlowModel, 6, 0.65, 4),
        (FlowModel, 3, 0.2, 1),
        (LatentModel, 4, 0.0, 0),
        (FlowModel, 4, 0.0, 0),
        (LatentModel, 4, 1.0, 4),
        (FlowModel, 4, 1.0, 4),
    ],
)
def test_a_picture_is_drawn_over_in_one_step_at_least(family, steps, strength, drawn):
    """diffusers rounds few steps of little strength down to none, which gives copies."""
    assert steps - family.first_step(None, steps, strength) == drawn
