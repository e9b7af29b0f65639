from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image
from transformers import Swin2SRForImageSuperResolution

from engine import (
    Cancelled,
    DescribeJob,
    Failed,
    Finished,
    Progress,
    Started,
    UpscaleJob,
    WordWeightsJob,
)
from engine.models.upscaler import OVERLAP_PX, TILE_PX, Upscaler


def photo(width=40, height=24):
    ramp = np.add.outer(3 * np.arange(height), 5 * np.arange(width))
    array = np.stack([ramp % 256, (2 * ramp) % 256, 255 - ramp % 256], axis=-1)
    buffer = io.BytesIO()
    Image.fromarray(array.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


async def end_of(engine, job):
    return [event async for event in engine.run(job)][-1]


async def test_without_a_network_a_picture_is_resampled_and_that_is_said(engine_of):
    engine = await engine_of("sd")
    end = await end_of(engine, UpscaleJob(id="u", owner="ann", picture=photo(), factor=4))
    assert (end.pictures[0].width_px, end.pictures[0].height_px) == (160, 96)
    assert "resampled" in end.notes[0]


@pytest.mark.parametrize("factor", [2, 4])
async def test_the_catalogues_network_enlarges(engine_of, factor):
    engine = await engine_of("sd", "swin2sr")
    end = await end_of(engine, UpscaleJob(id="u", owner="ann", picture=photo(), factor=factor))
    with Image.open(io.BytesIO(end.pictures[0].png)) as picture:
        assert picture.size == (40 * factor, 24 * factor)
    assert end.notes == ()


async def test_the_network_sees_what_transformers_own_call_sees(engine_of, weights):
    engine = await engine_of("sd", "swin2sr")
    end = await end_of(engine, UpscaleJob(id="u", owner="ann", picture=photo()))
    ours = np.asarray(Image.open(io.BytesIO(end.pictures[0].png)))

    network = Swin2SRForImageSuperResolution.from_pretrained(weights("swin2sr"))
    pixels = torch.from_numpy(np.array(Image.open(io.BytesIO(photo())))).permute(2, 0, 1) / 255
    with torch.no_grad():
        theirs = network(pixel_values=pixels[None]).reconstruction[0]
    theirs = theirs.clamp(0, 1).mul(255).round().permute(1, 2, 0).numpy().astype(np.uint8)
    assert np.array_equal(ours, theirs[: ours.shape[0], : ours.shape[1]])


def test_tiles_leave_no_seams():
    """A network that only looks at near pixels draws the same whole and in tiles."""

    def blur_and_double(pixels):
        blurred = torch.nn.functional.avg_pool2d(
            torch.nn.functional.pad(pixels, (2, 2, 2, 2), mode="replicate"), 5, 1
        )
        return blurred.repeat_interleave(2, -1).repeat_interleave(2, -2)

    solo = Upscaler("u", blur_and_double, 2, torch.device("cpu"))
    pixels = torch.rand(1, 3, TILE_PX + 50, 2 * TILE_PX + 9, generator=torch.manual_seed(0))
    seen = []
    tiled = solo._enlarge(pixels, lambda done, total: seen.append((done, total)))
    assert OVERLAP_PX >= 2
    assert torch.allclose(tiled, blur_and_double(pixels), atol=1e-6)
    assert seen == [(n, 6) for n in range(6)]


async def test_a_picture_that_would_grow_too_large_is_one_sentence_with_numbers(engine_of):
    engine = await engine_of("sd")
    large = photo(3000, 1500)
    end = await end_of(engine, UpscaleJob(id="u", owner="ann", picture=large, factor=4))
    assert isinstance(end, Failed)
    assert "4 times 3000 × 1500 px would be 72 megapixels" in end.reason


async def test_describing_ranks_sentences_by_the_pair(engine_of):
    engine = await engine_of("sd", "clip")
    job = DescribeJob(id="d", owner="ann", picture=photo(), suggestions=3)
    end = await end_of(engine, job)
    assert len(set(end.texts)) == 3
    assert list(end.weights) == sorted(end.weights, reverse=True)
    assert sum(end.weights) <= 1


async def test_a_captioner_describes_where_the_catalogue_has_one(engine_of):
    engine = await engine_of("sd", "captioner")
    job = DescribeJob(id="d", owner="ann", picture=photo(), suggestions=3)
    end = await end_of(engine, job)
    assert isinstance(end, Finished), end
    assert len(end.texts) == len(end.weights) == 3
    assert all(end.texts)


async def test_describing_without_a_pair_is_refused_with_one_sentence(engine_of):
    engine = await engine_of("sd")
    with pytest.raises(ValueError, match="no captioner and no CLIP pair"):
        engine.run(DescribeJob(id="d", owner="ann", picture=photo()))


async def test_each_word_gets_a_weight_and_the_heaviest_gets_one(engine_of):
    engine = await engine_of("sd")
    job = WordWeightsJob(id="w", owner="ann", model="sd", text="a very red cat")
    end = await end_of(engine, job)
    assert end.texts == ("a", "very", "red", "cat")
    assert max(end.weights) == 1.0 and min(end.weights) >= 0.0


async def test_any_other_pipeline_runs_whole_with_progress(engine_of, draw, weights):
    engine = await engine_of("pipeline")
    events = [e async for e in engine.run(draw("pipeline", images=2, seed=5))]
    assert isinstance(events[-1], Finished)
    assert any(isinstance(e, Progress) and e.total == 8 for e in events)

    pipeline = StableDiffusionPipeline.from_pretrained(weights("pipeline"), safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        "a red cat at night",
        num_inference_steps=4,
        guidance_scale=5.0,
        width=64,
        height=64,
        generator=torch.Generator("cpu").manual_seed(6),
    ).images[0]
    ours = Image.open(io.BytesIO(events[-1].pictures[1].png))
    assert np.array_equal(np.asarray(ours), np.asarray(theirs))


async def test_a_whole_pipeline_is_cancelled_at_its_next_report(engine_of, draw):
    engine = await engine_of("pipeline")
    job = draw("pipeline", steps=150)
    events = []
    async for event in engine.run(job):
        events.append(event)
        if isinstance(event, Progress) and not any(isinstance(e, Progress) for e in events[:-1]):
            assert engine.status().solo == job.id
            assert engine.cancel(job.id)
    assert events[-1] == Cancelled(job_id=job.id)
    assert max(e.done for e in events if isinstance(e, Progress)) < 150


async def test_rows_step_between_the_reports_of_a_solo(engine_of, draw):
    engine = await engine_of("sd", "pipeline")
    await end_of(engine, draw("sd", steps=1))
    whole = engine.run(draw("pipeline", steps=150, owner="bob"))
    async for event in whole:
        if isinstance(event, Progress):
            break
    rows = [event async for event in engine.run(draw("sd", steps=3))]
    assert isinstance(rows[-1], Finished)
    assert any(isinstance(event, Started) for event in rows)
    assert engine.status().solo is not None
    rest = [event async for event in whole]
    assert isinstance(rest[-1], Finished)
