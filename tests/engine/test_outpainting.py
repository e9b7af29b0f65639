"""Outpainting through the engine: the original's pixels stay, the rest is diffusers' inpainting."""

from pathlib import Path

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image

from engine import Engine, Failed, InputPicture, Place, load_catalogue
from engine.pictures.outpainting import FEATHER_PX, canvas
from tests.engine.samples import finish, photo, png, right_half

ROOT = Path(__file__).parents[2]
PIPELINES = {
    "sd": diffusers.StableDiffusionInpaintPipeline,
    "sdxl": diffusers.StableDiffusionXLInpaintPipeline,
}
PLACE = Place(left_px=16, top_px=16, width_px=64, height_px=64)
"""On a drawing of 96 × 96 px."""


@pytest.mark.host
@pytest.mark.parametrize("strength", [1.0, 0.8])
@pytest.mark.parametrize("family", PIPELINES)
async def test_what_is_new_equals_diffusers_inpainting_and_what_is_kept_the_picture(
    engine_of, draw, weights, family, strength
):
    engine = await engine_of(family)
    pipeline = PIPELINES[family].from_pretrained(weights(family))
    pipeline.set_progress_bar_config(disable=True)
    job = draw(
        family,
        seed=9,
        steps=6,
        guidance=4.0,
        width_px=96,
        height_px=96,
        inputs=(InputPicture(data=png(photo())),),
        place=PLACE,
        strength=strength,
    )
    (ours,) = await finish(engine, job)
    laid = canvas(photo(), PLACE, (96, 96), None)
    (theirs,) = pipeline(
        prompt="a red cat at night",
        image=laid.picture,
        mask_image=laid.mask,
        strength=strength,
        num_inference_steps=6,
        guidance_scale=4.0,
        width=96,
        height=96,
        generator=torch.Generator("cpu").manual_seed(9),
    ).images
    theirs = np.asarray(theirs)
    new = laid.kept.share[..., 0] == 0
    assert np.array_equal(ours[new], theirs[new])
    assert np.array_equal(ours[24:72, 24:72], np.asarray(photo())[8:56, 8:56])
    assert not np.array_equal(theirs[24:72, 24:72], np.asarray(photo())[8:56, 8:56]), (
        "diffusers' own pipeline does not keep the pixels"
    )
    assert np.array_equal(ours, laid.kept.over(theirs)), "and blended between"


@pytest.fixture(scope="module")
def doodle():
    return [spec for spec in load_catalogue(ROOT / "models.toml") if spec.info.name == "doodle"]


@pytest.mark.parametrize(
    ("size", "place"),
    [
        ((352, 352), Place(left_px=64, top_px=64, width_px=224, height_px=224)),  # zoom out
        ((384, 256), Place(left_px=0, top_px=0, width_px=256, height_px=256)),  # pan right
        (
            (256, 256),
            Place(left_px=0, top_px=128, width_px=256, height_px=256),
        ),  # the bottom is lost
    ],
)
async def test_doodle_keeps_the_original_pixels_outside_of_a_narrow_band(
    request, doodle, draw, size, place
):
    engine = Engine(doodle, device=request.config.getoption("--device"), dtype="float32")
    await engine.start()
    original = Image.open(ROOT / "doodle" / "samples.jpg").crop((4, 4, 260, 260))
    job = draw(
        "doodle",
        images=2,
        width_px=size[0],
        height_px=size[1],
        inputs=(InputPicture(data=png(original)),),
        place=place,
        strength=1.0,
    )
    pictures = await finish(engine, job)
    await engine.close()
    scaled = original.resize((place.width_px, place.height_px), Image.Resampling.LANCZOS)
    laid = Image.new("RGB", size)
    laid.paste(scaled, (place.left_px, place.top_px))
    right = min(place.left_px + place.width_px, size[0])
    bottom = min(place.top_px + place.height_px, size[1])
    edges = (  # of what is kept; at an edge of the drawing there is no band
        place.left_px + FEATHER_PX if place.left_px else 0,
        place.top_px + FEATHER_PX if place.top_px else 0,
        right - FEATHER_PX if right < size[0] else right,
        bottom - FEATHER_PX if bottom < size[1] else bottom,
    )
    kept = np.asarray(laid.crop(edges)).astype(int)
    for picture in pictures:
        shown = np.asarray(Image.fromarray(picture).crop(edges)).astype(int)
        assert np.abs(shown - kept).max() <= 2
    assert not np.array_equal(*pictures), "what is new differs"


async def test_an_inpainting_checkpoint_takes_the_same_canvas(engine_of, draw):
    engine = await engine_of("sd-inpaint")
    inputs = (InputPicture(data=png(photo())),)
    job = draw("sd-inpaint", width_px=96, height_px=96, inputs=inputs, place=PLACE, strength=1.0)
    (picture,) = await finish(engine, job)
    assert np.array_equal(picture[24:72, 24:72], np.asarray(photo())[8:56, 8:56])


async def test_a_painted_region_is_drawn_anew_and_the_rest_kept(engine_of, draw):
    engine = await engine_of("sd")
    job = draw(
        "sd",
        inputs=(InputPicture(data=png(photo())),),
        mask=png(right_half()),
        place=Place(left_px=0, top_px=0, width_px=64, height_px=64),
        strength=1.0,
    )
    (picture,) = await finish(engine, job)
    assert np.array_equal(picture[:, :24], np.asarray(photo())[:, :24])
    assert not np.array_equal(picture[:, 32:], np.asarray(photo())[:, 32:])


@pytest.mark.parametrize(
    "fields",
    [
        {"inputs": ()},
        {"place": Place(left_px=64, top_px=0, width_px=64, height_px=64)},
        {"place": Place(left_px=0, top_px=-64, width_px=64, height_px=64)},
        {"place": Place(left_px=0, top_px=0, width_px=0, height_px=64)},
        {"place": Place(left_px=0, top_px=0, width_px=9999, height_px=64)},
        {"enlarge": 2},
    ],
)
async def test_a_place_that_is_not_on_the_drawing_is_refused(engine_of, draw, fields):
    engine = await engine_of("sd")
    given = {
        "inputs": (InputPicture(data=png(photo())),),
        "place": Place(left_px=0, top_px=0, width_px=32, height_px=32),
    }
    with pytest.raises(ValueError, match=r"place on the drawing|stand outside|Enlarging"):
        engine.check(draw("sd", **(given | fields)))


async def test_a_picture_that_fills_the_drawing_leaves_nothing_to_draw(engine_of, draw):
    engine = await engine_of("sd")
    place = Place(left_px=0, top_px=0, width_px=64, height_px=64)
    job = draw("sd", inputs=(InputPicture(data=png(photo())),), place=place)
    [*_, end] = [event async for event in engine.run(job)]
    assert isinstance(end, Failed)
    assert "nothing would be drawn" in end.reason
