from __future__ import annotations

import io
import json
import shutil

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLImg2ImgPipeline, StableDiffusionXLPipeline
from PIL import Image

from engine import Engine, Failed, Finished, InitUse, InputPicture, WeightedText
from engine.models.latent import LatentModel
from tests.engine import tiny_models


def plain(colour, size=(64, 64)):
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return InputPicture(data=buffer.getvalue())


async def end_of(engine, job):
    end = [event async for event in engine.run(job)][-1]
    assert isinstance(end, Finished), end
    return end


async def finish(engine, job):
    end = await end_of(engine, job)
    return np.asarray(Image.open(io.BytesIO(end.pictures[0].png))).astype(int)


def parts(*pairs):
    return tuple(WeightedText(text=text, weight=weight) for text, weight in pairs)


@pytest.mark.parametrize("start", [False, True])
async def test_an_autoencoder_with_means_by_channel_equals_the_pipeline_bit_for_bit(
    weights, draw, tmp_path, start
):
    shutil.copytree(weights("sdxl"), tmp_path / "sdxl")
    config = tmp_path / "sdxl" / "vae" / "config.json"
    said = json.loads(config.read_text())
    said |= {"latents_mean": [-1.6, 0.7, 0.1, 2.0], "latents_std": [8.4, 5.9, 0.9, 3.2]}
    config.write_text(json.dumps(said))
    fields = {"inputs": (plain("teal"),), "strength": 0.6} if start else {}
    engine = Engine([tiny_models.spec("sdxl", tmp_path / "sdxl")], device="cpu")
    await engine.start()
    try:
        ours = await finish(engine, draw("sdxl", seed=3, **fields))
    finally:
        await engine.close()

    kind = StableDiffusionXLImg2ImgPipeline if start else StableDiffusionXLPipeline
    pipeline = kind.from_pretrained(tmp_path / "sdxl")
    pipeline.set_progress_bar_config(disable=True)
    size = {"width": 64, "height": 64}
    picture = {"image": Image.new("RGB", (64, 64), "teal"), "strength": 0.6} if start else size
    theirs = pipeline(
        "a red cat at night",
        num_inference_steps=4,
        guidance_scale=5.0,
        generator=torch.Generator("cpu").manual_seed(3),
        **picture,
    ).images[0]
    assert np.abs(ours - np.asarray(theirs, dtype=int)).max() == 0


async def test_one_part_draws_the_same_at_any_weight(engine_of, draw):
    engine = await engine_of("sd")
    one = await finish(engine, draw(prompt=parts(("a cat", 1.0))))
    two = await finish(engine, draw(prompt=parts(("a cat", 2.5))))
    assert np.array_equal(one, two)


async def test_weights_are_relative_and_matter(engine_of, draw):
    engine = await engine_of("sd")
    even = await finish(engine, draw(prompt=parts(("a cat", 1.0), ("the sea", 1.0)), guidance=30.0))
    same = await finish(engine, draw(prompt=parts(("a cat", 2.0), ("the sea", 2.0)), guidance=30.0))
    more = await finish(engine, draw(prompt=parts(("a cat", 9.0), ("the sea", 1.0)), guidance=30.0))
    assert np.abs(even - same).max() <= 1
    assert np.abs(even - more).max() > 1


async def test_a_negative_part_pushes_away_with_a_third_sample(engine_of, draw):
    engine = await engine_of("sd")
    without = await finish(engine, draw(prompt=parts(("a cat", 1.0)), guidance=30.0))
    pushed = await finish(engine, draw(prompt=parts(("a cat", 1.0), ("red", -0.5)), guidance=30.0))
    assert np.abs(without - pushed).max() > 1


def test_a_negative_part_pushes_away_from_what_it_names():
    """With the avoided thing in one direction, the guided prediction goes in the other."""
    negative, text, avoided = torch.zeros(1), torch.zeros(1), torch.ones(1)
    guided = LatentModel.guide(None, [negative, text, avoided], 5.0, -0.5)
    assert guided == -2.5


async def test_words_beyond_77_tokens_still_matter(engine_of, draw):
    engine = await engine_of("sd")
    long = "a very red cat " * 30
    one = await finish(engine, draw(prompt=long + "at night", guidance=30.0))
    two = await finish(engine, draw(prompt=long + "the blue sea", guidance=30.0))
    assert np.abs(one - two).max() >= 1


async def test_an_empty_prompt_is_an_unguided_drawing(engine_of, draw):
    engine = await engine_of("sd")
    unguided = await finish(engine, draw(prompt=(), guidance=9.0))
    alone = await finish(engine, draw(prompt=parts(("", 1.0)), guidance=1.0))
    assert np.array_equal(unguided, alone)


async def test_strength_0_keeps_the_picture_up_to_the_autoencoder(engine_of, draw):
    engine = await engine_of("sd")
    fields = {"inputs": (plain("teal"),), "strength": 0.0}
    end = await end_of(engine, draw(**fields, images=2))
    assert len(end.pictures) == 2


async def test_a_picture_of_another_size_is_fitted_and_said(engine_of, draw):
    engine = await engine_of("sd")
    end = await end_of(engine, draw(inputs=(plain("teal", (90, 50)),)))
    assert end.notes == (
        "The picture of 90 × 50 px was scaled and cropped about its middle to 64 × 64.",
    )


async def test_a_mix_lies_between_its_pictures(engine_of, draw):
    engine = await engine_of("sd")
    teal, gold = plain("teal"), plain("gold")
    fields = {"strength": 0.0}
    one = await finish(engine, draw(inputs=(teal,), **fields))
    other = await finish(engine, draw(inputs=(gold,), **fields))
    mixed = await finish(engine, draw(inputs=(teal, gold), init_use=InitUse.MIX, **fields))
    assert 0 < np.abs(mixed - one).mean() < np.abs(other - one).mean() + 50
    assert np.abs(mixed - other).max() > 1


async def test_an_early_stop_asks_the_denoiser_less_often(engine_of, draw):
    engine = await engine_of("sd")
    whole = await finish(engine, draw(steps=10))
    stopped = await finish(engine, draw(steps=10, stop=0.5))
    assert np.abs(whole - stopped).max() > 1
    assert stopped.std() < 3 * whole.std()


async def test_a_tile_meets_itself_at_the_edges(engine_of, draw):
    engine = await engine_of("sd")
    tile = await finish(engine, draw(tile=True, seed=4, width_px=96))
    plainly = await finish(engine, draw(seed=4, width_px=96))

    def seam(picture):
        inside = np.abs(np.diff(picture, axis=1)).mean()
        return np.abs(picture[:, 0] - picture[:, -1]).mean() / inside

    assert np.abs(tile - plainly).max() > 1
    assert seam(tile) < 1.5


async def test_tiles_and_others_in_flight_together_do_not_mix_their_paddings(engine_of, draw):
    engine = await engine_of("sd")
    alone = await finish(engine, draw(seed=4))
    tiled = engine.run(draw(seed=4, tile=True, owner="bob", steps=8))
    beside = await finish(engine, draw(seed=4))
    assert isinstance([event async for event in tiled][-1], Finished)
    assert np.abs(alone - beside).max() <= 1


async def test_an_inpainting_checkpoint_without_a_mask_is_one_sentence(engine_of, draw):
    engine = await engine_of("sd-inpaint")
    end = [event async for event in engine.run(draw("sd-inpaint"))][-1]
    assert isinstance(end, Failed)
    assert end.reason == "This model draws only within a mask; give one, or choose another."


@pytest.mark.parametrize(("family", "guidance"), [("sd", 1.0), ("flux", 4.0)])
async def test_a_negative_that_cannot_be_heeded_is_said(engine_of, draw, family, guidance):
    engine = await engine_of(family)
    end = await end_of(engine, draw(family, negative="red", guidance=guidance))
    assert "Without guidance this model cannot heed what to leave out." in end.notes
