"""Pictures as prompts: an IP-Adapter draws what diffusers draws with it, a scale for each row."""

from __future__ import annotations

import asyncio
import dataclasses
import io

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from PIL import Image
from transformers import CLIPVisionModelWithProjection

from engine import Engine, Failed, Finished, InitUse, InputPicture, WeightedText
from engine.models.image_prompts import style_layers
from tests.engine import tiny_models

PIPELINES = {"sd": StableDiffusionPipeline, "sdxl": StableDiffusionXLPipeline}


def picture(colour, size=(64, 48)):
    ramp = np.add.outer(np.arange(size[1]), 3 * np.arange(size[0])) % 256
    array = np.stack([ramp, 255 - ramp, (ramp * 7) % 256], axis=-1).astype(np.uint8)
    return Image.blend(Image.fromarray(array), Image.new("RGB", size, colour), 0.5)


def given(image, weight=1.0):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return InputPicture(data=buffer.getvalue(), weight=weight)


async def finish(engine, job):
    end = [event async for event in engine.run(job)][-1]
    assert isinstance(end, Finished), end
    return end, np.asarray(Image.open(io.BytesIO(end.pictures[0].png))).astype(int)


@pytest.fixture(scope="module")
def adapter_of(weights, tmp_path_factory):
    """A function: family, kind → the files of a tiny IP-Adapter for it."""
    folder = tmp_path_factory.mktemp("ip-adapters")

    def files(family, kind="plain"):
        path = folder / f"{family}-{kind}.safetensors"
        if not path.exists():
            tiny_models.save_ip_adapter(path, tiny_models.BUILDERS[family]().unet, kind=kind)
        return path, weights("vision")

    return files


@pytest.fixture
async def start(weights):
    engines = []

    async def started(family, adapter, **options):
        spec = tiny_models.spec(family, weights(family))
        if adapter is not None:
            spec = dataclasses.replace(spec, ip_adapter=adapter[0], image_encoder=adapter[1])
        engines.append(Engine([spec], device="cpu", **options))
        await engines[-1].start()
        return engines[-1]

    yield started
    for engine in engines:
        await engine.close()


def prompted(draw, family="sd", *pictures, **fields):
    return draw(
        family, inputs=pictures or (given(picture("teal")),), init_use=InitUse.PROMPT, **fields
    )


@pytest.mark.parametrize(
    ("family", "kind", "guidance"),
    [("sd", "plain", 7.0), ("sd", "plain", 1.0), ("sd", "full", 7.0), ("sdxl", "plain", 7.0)],
)
async def test_a_picture_as_prompt_equals_the_pipeline_bit_for_bit(
    start, draw, weights, adapter_of, family, kind, guidance
):
    adapter = adapter_of(family, kind)
    engine = await start(family, adapter)
    _, ours = await finish(
        engine, prompted(draw, family, image_scale=0.7, guidance=guidance, seed=3)
    )

    tower = CLIPVisionModelWithProjection.from_pretrained(adapter[1])
    pipeline = PIPELINES[family].from_pretrained(weights(family), image_encoder=tower)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.load_ip_adapter(
        str(adapter[0].parent), subfolder="", weight_name=adapter[0].name, image_encoder_folder=None
    )
    pipeline.set_ip_adapter_scale(0.7)
    theirs = pipeline(
        "a red cat at night",
        ip_adapter_image=picture("teal"),
        num_inference_steps=4,
        guidance_scale=guidance,
        width=64,
        height=64,
        generator=torch.Generator("cpu").manual_seed(3),
    ).images[0]

    assert np.abs(ours - np.asarray(theirs, dtype=int)).max() == 0


async def test_without_pictures_the_adapter_changes_nothing(start, draw, adapter_of):
    _, plain = await finish(await start("sd", None), draw(seed=3))
    _, beside = await finish(await start("sd", adapter_of("sd")), draw(seed=3))
    assert np.array_equal(plain, beside)


async def test_rows_with_and_without_pictures_share_a_pass_each_at_its_scale(
    start, draw, adapter_of
):
    engine = await start("sd", adapter_of("sd"), owner_cap=9)
    fields = {"seed": 3, "steps": 8, "guidance": 20.0}

    def jobs():
        return [
            draw(**fields),
            prompted(draw, image_scale=0.3, **fields),
            prompted(draw, image_scale=1.0, **fields),
            prompted(draw, "sd", given(picture("gold")), image_scale=1.0, **fields),
            draw(prompt=(WeightedText(text="a"), WeightedText(text="sea", weight=-0.5)), **fields),
        ]

    alone = [(await finish(engine, job))[1] for job in jobs()]
    together = [
        array for _, array in await asyncio.gather(*(finish(engine, job) for job in jobs()))
    ]

    for one, many in zip(alone, together, strict=True):
        assert np.abs(one - many).max() <= 1
    for number, one in enumerate(alone):
        assert all(np.abs(one - other).max() > 1 for other in alone[number + 1 :])


async def test_pictures_guide_without_any_words(start, draw, adapter_of):
    engine = await start("sd", adapter_of("sd"))
    fields = {"seed": 3, "prompt": (), "image_scale": 1.0}
    _, low = await finish(engine, prompted(draw, "sd", guidance=1.0, **fields))
    _, high = await finish(engine, prompted(draw, "sd", guidance=30.0, **fields))
    assert np.abs(low - high).max() > 1


def styled(draw, family="sd", *pictures, **fields):
    return draw(family, style_inputs=pictures or (given(picture("teal")),), **fields)


@pytest.mark.parametrize("family", ["sd", "sdxl"])
async def test_of_a_pictures_style_only_the_layers_of_style_see_anything(
    start, draw, weights, adapter_of, family
):
    adapter = adapter_of(family)
    engine = await start(family, adapter)
    fields = {"seed": 3, "guidance": 20.0}
    _, plain = await finish(engine, draw(family, **fields))
    end, style = await finish(engine, styled(draw, family, style_scale=0.9, **fields))
    assert end.notes == ()
    _, whole = await finish(engine, prompted(draw, family, image_scale=0.9, **fields))
    assert np.abs(style - plain).max() > 1
    assert np.abs(style - whole).max() > 1

    tower = CLIPVisionModelWithProjection.from_pretrained(adapter[1])
    pipeline = PIPELINES[family].from_pretrained(weights(family), image_encoder=tower)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.load_ip_adapter(
        str(adapter[0].parent), subfolder="", weight_name=adapter[0].name, image_encoder_folder=None
    )
    names = [n for n, p in pipeline.unet.attn_processors.items() if hasattr(p, "to_k_ip")]
    for name in names:
        pipeline.unet.attn_processors[name].scale = [0.9 if name in style_layers(names) else 0.0]
    theirs = pipeline(
        "a red cat at night",
        ip_adapter_image=picture("teal"),
        num_inference_steps=4,
        guidance_scale=20.0,
        width=64,
        height=64,
        generator=torch.Generator("cpu").manual_seed(3),
    ).images[0]
    assert np.abs(style - np.asarray(theirs, dtype=int)).max() == 0


def test_the_layers_of_style_are_those_of_the_paper():
    sd = [
        f"up_blocks.{block}.attentions.{place}.transformer_blocks.0.attn2.processor"
        for block in (1, 2, 3)
        for place in range(3)
    ]
    assert style_layers(["mid_block.x", "down_blocks.2.x", *sd]) == {
        name for name in sd if name.startswith("up_blocks.1.")
    }
    xl = [
        f"up_blocks.{block}.attentions.{place}.transformer_blocks.0.attn2.processor"
        for block in (0, 1)
        for place in range(3)
    ]
    assert style_layers(["mid_block.x", "down_blocks.2.x", *xl]) == {xl[1]}


async def test_rows_with_a_style_share_a_pass_with_rows_of_every_other_kind(
    start, draw, adapter_of
):
    engine = await start("sd", adapter_of("sd"), owner_cap=9)
    fields = {"seed": 3, "steps": 6, "guidance": 20.0}

    def jobs():
        return [
            draw(**fields),
            prompted(draw, image_scale=1.0, **fields),
            styled(draw, style_scale=1.0, **fields),
            styled(
                draw,
                "sd",
                given(picture("gold")),
                inputs=(given(picture("teal", (64, 64))),),
                strength=0.9,
                **fields,
            ),
        ]

    alone = [(await finish(engine, job))[1] for job in jobs()]
    together = [
        array for _, array in await asyncio.gather(*(finish(engine, job) for job in jobs()))
    ]
    for one, many in zip(alone, together, strict=True):
        assert np.abs(one - many).max() <= 1
    for number, one in enumerate(alone):
        assert all(np.abs(one - other).max() > 1 for other in alone[number + 1 :])


async def test_a_style_without_an_adapter_is_said_and_left_out(start, draw):
    engine = await start("sd", None)
    end, ours = await finish(engine, styled(draw, seed=3))
    _, plain = await finish(engine, draw(seed=3))
    assert np.array_equal(ours, plain)
    assert end.notes == ("This model has no image adapter, so it follows no picture's style.",)


async def test_a_style_goes_with_no_pictures_that_are_prompts(start, draw, adapter_of):
    engine = await start("sd", adapter_of("sd"))
    with pytest.raises(ValueError, match="do not go with"):
        engine.run(prompted(draw, style_inputs=(given(picture("teal")),)))


async def test_pictures_mix_by_weight(start, draw, adapter_of):
    engine = await start("sd", adapter_of("sd"))
    teal, gold = picture("teal"), picture("gold")
    fields = {"seed": 3, "guidance": 30.0, "image_scale": 1.0}
    _, one = await finish(engine, prompted(draw, "sd", given(teal), **fields))
    _, nearly = await finish(
        engine, prompted(draw, "sd", given(teal, 999.0), given(gold, 0.001), **fields)
    )
    _, even = await finish(engine, prompted(draw, "sd", given(teal), given(gold), **fields))
    assert np.abs(one - nearly).max() <= 1
    assert np.abs(one - even).max() > 1


async def test_a_model_without_an_adapter_draws_over_the_mix_and_says_so(start, draw):
    engine = await start("sd", None)
    pictures = (given(picture("teal", (64, 64))), given(picture("gold", (64, 64))))
    end, ours = await finish(engine, prompted(draw, "sd", *pictures, seed=3))
    _, mixed = await finish(engine, draw(inputs=pictures, init_use=InitUse.MIX, seed=3))
    assert np.array_equal(ours, mixed)
    assert end.notes == (
        "This model takes no pictures as prompts; the drawing starts from their mix.",
    )


async def test_a_picture_as_prompt_keeps_its_own_shape_and_needs_no_note(start, draw, adapter_of):
    engine = await start("sd", adapter_of("sd"))
    end, _ = await finish(engine, prompted(draw, "sd", given(picture("teal", (3000, 1000)))))
    assert end.notes == ()


async def test_a_thin_picture_as_prompt_is_looked_at_about_its_middle_and_that_is_said(
    start, draw, adapter_of
):
    engine = await start("sd", adapter_of("sd"))
    thin = picture("teal", (1, 1024))
    end, ours = await finish(engine, prompted(draw, "sd", given(thin)))
    note = (
        "Only the middle 1 × 4 px of the picture of 1 × 1024 px are looked at: one side may be at"
        " most 4 times the other."
    )
    assert end.notes == (note,)
    _, middle = await finish(engine, prompted(draw, "sd", given(thin.crop((0, 510, 1, 514)))))
    assert np.array_equal(ours, middle)


async def fails_to_load(engine, job):
    end = [event async for event in engine.run(job)][-1]
    assert isinstance(end, Failed)
    assert "\n" not in end.reason
    return end.reason


async def test_an_adapter_for_another_architecture_is_one_sentence(start, draw, adapter_of):
    engine = await start("sd", adapter_of("sdxl"))
    assert "does not fit this model" in await fails_to_load(engine, draw())


async def test_a_face_adapter_is_refused_with_one_sentence(start, draw, adapter_of):
    engine = await start("sd", adapter_of("sd", "faces"))
    assert "Face ID" in await fails_to_load(engine, draw())


async def test_missing_and_damaged_files_are_one_sentence(start, draw, adapter_of, tmp_path):
    whole, tower = adapter_of("sd")
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(whole.read_bytes()[:500])
    engine = await start("sd", (cut, tower))
    assert "cut.safetensors" in await fails_to_load(engine, draw())
    engine = await start("sd", (tmp_path / "gone.safetensors", tower))
    assert "are not at" in await fails_to_load(engine, draw())


@pytest.mark.parametrize("fields", [{"image_scale": 1.5}, {"image_scale": float("nan")}])
async def test_a_scale_outside_0_to_1_is_refused(start, draw, adapter_of, fields):
    engine = await start("sd", adapter_of("sd"))
    with pytest.raises(ValueError, match="image scale"):
        engine.run(prompted(draw, **fields))


async def test_pictures_as_prompts_go_with_no_mask(start, draw, adapter_of):
    engine = await start("sd", adapter_of("sd"))
    with pytest.raises(ValueError, match="no mask"):
        engine.run(prompted(draw, mask=b"x"))
