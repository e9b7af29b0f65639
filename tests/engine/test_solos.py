from __future__ import annotations

import io
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image
from transformers import CLIPModel, Swin2SRForImageSuperResolution

from doodle.scenes import Scene
from doodle.scenes import draw as draw_scene
from engine import (
    Cancelled,
    DescribeJob,
    Engine,
    Failed,
    Finished,
    Progress,
    Started,
    UpscaleJob,
    WordWeightsJob,
)
from engine.models import Conditioning
from engine.models.clip_pixels import Eye
from engine.models.describer import ClipRanking, Wording, unlike, wording_of
from engine.models.upscaler import OVERLAP_PX, TILE_PX, Upscaler
from engine.models.words import WordWeights, replaced
from engine.pictures import Inputs
from tests.engine import tiny_models

DOODLE = Path(__file__).parents[2] / "doodle" / "weights"
SMALL_WORDS = {"a", "at", "by", "in", "of", "the"}


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


class Echo:
    """A pair that scores a text by points for the words in it, in whole captions only."""

    def __init__(self, points):
        self.points = points

    def __call__(self, picture, texts):
        del picture
        return torch.tensor(
            [
                sum(n for word, n in self.points.items() if word in text)
                if text.count(" ") > 4
                else -sum(n for word, n in self.points.items() if word in text)
                for text in texts
            ]
        ).float()


def described(points, wording=None, suggestions=4):
    solo = ClipRanking("pair", None, None, wording or wording_of(Path("nowhere")), Eye())
    solo._see, solo._score = lambda picture: picture, Echo(points)
    job = DescribeJob(id="d", owner="ann", picture=photo(), suggestions=suggestions)
    return solo.run(job, Inputs(pictures=(Image.new("RGB", (8, 8)),)), lambda done, total: None)


def test_words_are_ranked_within_whole_captions():
    """What a word is worth alone misleads here on purpose."""
    end = described({"owl": 9, "orange": 8, "in the snow": 7, "neon": 6})
    assert end.texts[0] == "an orange owl in the snow, neon"
    assert end.weights[0] > 0.4
    assert list(end.weights) == sorted(end.weights, reverse=True)


def test_no_two_suggestions_differ_in_one_word_beside_the_subject():
    points = {"owl": 9, "fox": 2, "orange": 3, "red": 2.9, "in the snow": 7, "neon": 6, "flat": 5.9}
    texts = described(points).texts
    assert texts[0] == "an orange owl in the snow, neon"
    assert texts[1] == "a red owl in the snow, flat"
    assert "an orange owl in the snow, flat" not in texts
    assert len(set(texts)) == 4


def test_where_little_can_differ_near_repeats_fill_the_suggestions():
    near = [("cat", "red", "at night", style) for style in ("neon", "flat", "sketch")]
    far = ("dog", "red", "at night", "neon")
    assert unlike([*near, far], 2) == [near[0], far]
    assert unlike([*near, far], 3) == [*near[:2], far]
    assert unlike(near, 3) == near


def test_as_many_suggestions_as_a_job_may_ask_for():
    assert len(set(described({"owl": 9}, suggestions=16).texts)) == 16


def test_a_pairs_own_words_and_sentence_are_used(tmp_path):
    own = {"subjects": ["snail"], "sentence": "{style}: {subject}, {colour}, {place}"}
    (tmp_path / "describe.json").write_text(json.dumps(own))
    wording = wording_of(tmp_path)
    assert wording.words["subjects"] == ["snail"]
    assert "at night" in wording.words["places"]
    assert wording.said(("snail", "red", "at night", "neon")) == "neon: snail, red, at night"


@pytest.mark.parametrize("sentence", ["a {subject}", "{subject} {colour} {place} {style} {mood}"])
def test_a_sentence_that_cannot_be_filled_is_refused(tmp_path, sentence):
    (tmp_path / "describe.json").write_text(json.dumps({"sentence": sentence}))
    with pytest.raises(ValueError, match=r"must name \{subject\}"):
        wording_of(tmp_path)


@pytest.mark.parametrize(("colour", "article"), [("red", "a"), ("orange", "an")])
def test_the_article_is_that_of_the_colour(colour, article):
    said = Wording(words={}).said(("owl", colour, "at night", "neon"))
    assert said == f"{article} {colour} owl at night, neon"


def test_a_pair_sees_the_middle_square_of_a_long_picture(weights):
    pair = CLIPModel.from_pretrained(weights("clip"))
    solo = ClipRanking("pair", pair, None, Wording(words={}), Eye())
    middle = Image.open(io.BytesIO(photo(24, 24)))
    for size, place in (((60, 24), (18, 0)), ((24, 40), (0, 8))):
        long = Image.new("RGB", size, (200, 0, 0))
        long.paste(middle, place)
        with torch.no_grad():
            assert torch.equal(solo._see(long), solo._see(middle))


async def test_doodles_pair_says_what_a_drawn_scene_shows(doodle):
    scenes = {
        "a red cat in the snow, flat style": ("cat", "red", "snow", "flat"),
        "an orange fox in a forest, sketch": ("fox", "orange", "forest", "sketch"),
        "a blue owl at night, neon": ("owl", "blue", "night", "neon"),
        "a purple castle at sunset, sketch": ("castle", "purple", "sunset", "sketch"),
        "a green umbrella in the rain, neon": ("umbrella", "green", "rain", "neon"),
    }
    for number, (sentence, parts) in enumerate(scenes.items()):
        words = dict(zip(("subject", "colour", "place", "style"), parts, strict=True))
        buffer = io.BytesIO()
        draw_scene(Scene(**words), seed=number).save(buffer, "PNG")
        job = DescribeJob(id=f"d{number}", owner="ann", picture=buffer.getvalue())
        end = await end_of(doodle, job)
        assert end.texts[0] == sentence
        assert len(set(end.texts)) == 4


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


class Positions:
    """A text encoder whose states are a token's meaning and its place, the place far larger."""

    name = "positions"

    def condition(self, job):
        states = torch.zeros(1, 24, 3)
        tokens = [piece for word in job.prompt[0].text.split() for piece in word.split("-")]
        for place, token in enumerate(tokens):
            states[0, place] = torch.tensor([self.meaning(token), 9.0 * place, 1.0])
        return Conditioning(tensors={"encoder_hidden_states": states})

    @staticmethod
    def meaning(token):
        return 0.0 if token in {"a", "the", "in", "x"} else float(len(token))


def weighed(text, model=None):
    job = WordWeightsJob(id="w", owner="ann", model="sd", text=text)
    end = WordWeights(model or Positions()).run(job, Inputs(), lambda done, total: None)
    return dict(zip(end.texts, end.weights, strict=True))


def test_a_word_weighs_the_same_wherever_it_stands():
    words = ["tree-house", "the", "hedgehog", "cat"]
    found = [weighed(" ".join(order)) for order in itertools.permutations(words)]
    for word in words:
        assert len({round(weights[word], 6) for weights in found}) == 1, word
    assert found[0]["hedgehog"] == 1.0
    assert found[0]["cat"] == pytest.approx(3 / 8)
    assert found[0]["the"] == 0.0


def test_the_punctuation_around_a_word_stays():
    assert replaced(["a", "(red)", "cat,"], 1, "x") == "a (x) cat,"
    assert replaced(["a", "red", "cat,"], 2, "a a") == "a red a a,"
    assert replaced(["fox", "—", "neon"], 1, "x") == "fox x neon"


@pytest.fixture
async def doodle():
    specs = [tiny_models.spec("sd", DOODLE), tiny_models.spec("clip", DOODLE / "clip")]
    engine = Engine(specs, device="cpu")
    await engine.start()
    yield engine
    await engine.close()


@pytest.mark.parametrize(
    "parts",
    [
        ("a red cat", "in the rain", "neon"),
        ("a blue fish", "in the snow", "pencil sketch"),
    ],
)
async def test_what_doodle_understands_outweighs_small_words_at_any_place(doodle, parts):
    heard = {"red", "cat", "rain", "neon", "blue", "fish", "snow", "sketch"}
    places = {}
    for number, order in enumerate(itertools.permutations(parts)):
        text = ", ".join(order)
        job = WordWeightsJob(id=f"w{number}", owner="ann", model="sd", text=text)
        end = await end_of(doodle, job)
        words = [word.strip(",") for word in end.texts]
        weights = list(zip(words, end.weights, strict=True))
        content = [weight for word, weight in weights if word in heard]
        small = [weight for word, weight in weights if word in SMALL_WORDS]
        assert sum(content) / len(content) > 2 * sum(small) / len(small), text
        for rank, (word, _) in enumerate(sorted(weights, key=lambda pair: pair[1])):
            if word in heard:
                places.setdefault(word, set()).add(rank)
    moved = [max(ranks) - min(ranks) for ranks in places.values()]
    assert sum(moved) / len(moved) <= 0.2 * (len(words) - 1), places


@pytest.mark.parametrize("family", ["sdxl", "sd3", "flux", "z-image"])
async def test_every_family_weighs_words(engine_of, family):
    engine = await engine_of(family)
    job = WordWeightsJob(id="w", owner="ann", model=family, text="a red cat, at night")
    end = await end_of(engine, job)
    assert isinstance(end, Finished), end
    assert max(end.weights) == 1.0
    assert end.weights[0] == 0.0  # the neutral word itself
    assert len({round(weight, 6) for weight in end.weights}) == 5


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
