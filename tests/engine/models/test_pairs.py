"""Each family's job beside diffusers' own pipeline with the same settings: bit for bit alike."""

from __future__ import annotations

import diffusers
import numpy as np
import pytest
import torch

from engine import InputPicture, LoraSpec
from engine.families import FAMILIES
from tests.engine import tiny_models
from tests.engine.samples import finish, photo, png, right_half

pytestmark = pytest.mark.host

OPERATIONS = ("text", "image", "mask")
WIDE = (96, 64)
STEPS = 5


def theirs(place, model, operation="text", *, guidance=4.0, images=1, adapter=None, **options):
    """What diffusers draws."""
    family = tiny_models.spec(model, place).info.family
    name = FAMILIES[family].pipelines[OPERATIONS.index(operation)]
    pipeline = getattr(diffusers, name).from_pretrained(place)
    pipeline.set_progress_bar_config(disable=True)
    if adapter is not None:
        path, weight = adapter
        pipeline.load_lora_weights(path.parent, weight_name=path.name, adapter_name="ink")
        pipeline.set_adapters(["ink"], [weight])
    generators = [torch.Generator("cpu").manual_seed(9 + number) for number in range(images)]
    options |= {
        "prompt": "a red cat at night",
        "num_inference_steps": STEPS,
        # Z-Image's pipeline counts guidance from 0, the engine from 1 as all others do.
        "guidance_scale": guidance - (family == "z-image"),
        "num_images_per_prompt": images,
        "generator": generators if images > 1 else generators[0],
    }
    if (family, operation) == ("sd3", "mask"):
        # This pipeline forgets the shift when it decodes.
        latents = pipeline(**options, output_type="latent").images
        config = pipeline.vae.config
        with torch.no_grad():
            scaled = latents / config.scaling_factor + config.shift_factor
            decoded = pipeline.vae.decode(scaled, return_dict=False)[0]
        pictures = pipeline.image_processor.postprocess(decoded)
    else:
        pictures = pipeline(**options).images
    return [np.asarray(picture) for picture in pictures]


async def ours(engine, draw, model, **fields):
    """What the engine draws of the same."""
    return await finish(engine, draw(model, seed=9, steps=STEPS, **({"guidance": 4.0} | fields)))


def given(operation, model, size, strength):
    """The job's fields and the pipeline's options for a picture of this size."""
    width, height = size
    fields = {"width_px": width, "height_px": height}
    options = {"width": width, "height": height}
    if operation != "text":
        fields |= {"inputs": (InputPicture(data=png(photo(*size))),), "strength": strength}
        options |= {"image": photo(*size), "strength": strength}
    if operation == "mask":
        fields |= {"mask": png(right_half(*size))}
        options |= {"mask_image": right_half(*size)}
    if operation == "image" and model.startswith("sd") and model != "sd3":
        del options["width"], options["height"]  # they are the picture's
    return fields, options


async def pair(engine_of, draw, weights, model, operation, *, size=WIDE, strength=1.0):
    fields, options = given(operation, model, size, strength)
    mine = await ours(await engine_of(model), draw, model, **fields)
    assert np.array_equal(mine, theirs(weights(model), model, operation, **options))


@pytest.mark.parametrize("model", tiny_models.SHARING)
async def test_a_wide_picture_with_something_to_leave_out(engine_of, draw, weights, model):
    fields, options = given("text", model, WIDE, 1.0)
    if model != "flux":  # has no negative
        fields |= {"negative": "a dog"}
        options |= {"negative_prompt": "a dog"}
    mine = await ours(await engine_of(model), draw, model, **fields)
    assert np.array_equal(mine, theirs(weights(model), model, **options))


@pytest.mark.parametrize("model", tiny_models.SHARING)
async def test_guidance_of_1_is_none(engine_of, draw, weights, model):
    fields, options = given("text", model, (64, 64), 1.0)
    mine = await ours(await engine_of(model), draw, model, guidance=1.0, **fields)
    assert np.array_equal(mine, theirs(weights(model), model, guidance=1.0, **options))


@pytest.mark.parametrize("model", tiny_models.SHARING)
async def test_a_grid_of_four_in_one_pass(engine_of, draw, weights, model):
    fields, options = given("text", model, (64, 64), 1.0)
    mine = await ours(await engine_of(model), draw, model, images=4, **fields)
    assert np.array_equal(mine, theirs(weights(model), model, images=4, **options))


@pytest.mark.parametrize("model", tiny_models.SHARING)
async def test_a_wide_picture_redrawn_from_pure_noise(engine_of, draw, weights, model):
    await pair(engine_of, draw, weights, model, "image")


@pytest.mark.parametrize("model", ["sdxl", "flux", "z-image"])
async def test_half_a_wide_picture_redrawn_from_pure_noise(engine_of, draw, weights, model):
    await pair(engine_of, draw, weights, model, "mask")


async def test_half_a_wide_picture_of_sd3_with_the_shift_that_its_decode_forgets(
    engine_of, draw, weights
):
    await pair(engine_of, draw, weights, "sd3", "mask")


@pytest.mark.parametrize("operation", ["image", "mask"])
async def test_flux_without_guidance_embeddings(engine_of, draw, weights, operation):
    await pair(engine_of, draw, weights, "flux-schnell", operation, size=(64, 64), strength=0.65)


@pytest.mark.parametrize("strength", [0.65, 1.0])
async def test_an_inpainting_checkpoint_of_sdxl(engine_of, draw, weights, strength):
    await pair(engine_of, draw, weights, "sdxl-inpaint", "mask", strength=strength)


@pytest.mark.parametrize("operation", ["text", "image", "mask"])
async def test_a_denoiser_that_predicts_velocity(engine_of, draw, weights, operation):
    await pair(engine_of, draw, weights, "sd-velocity", operation, size=(64, 64), strength=0.65)


@pytest.mark.parametrize("model", tiny_models.SHARING)
async def test_a_lora_at_half_its_weight(engine_of, draw, weights, tmp_path, model):
    path = tmp_path / "ink.safetensors"
    tiny_models.save_lora(path, tiny_models.BUILDERS[model]())
    fields, options = given("text", model, (64, 64), 1.0)
    engine = await engine_of(model, loras=(LoraSpec(name="ink", path=path),))
    mine = await ours(engine, draw, model, loras=(("ink", 0.5),), **fields)
    plain = await ours(engine, draw, model, **fields)
    assert np.array_equal(mine, theirs(weights(model), model, adapter=(path, 0.5), **options))
    assert not np.array_equal(mine, plain)
