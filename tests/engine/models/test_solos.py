from __future__ import annotations

import contextlib
import importlib.util
import io
import itertools
import json
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import (
    DDPMScheduler,
    EulerAncestralDiscreteScheduler,
    IFPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from PIL import Image, ImageOps
from transformers import (
    BlipForConditionalGeneration,
    CLIPImageProcessorPil,
    CLIPModel,
    Swin2SRForImageSuperResolution,
)

from doodle.scenes import Scene
from engine import (
    Cancelled,
    DescribeJob,
    DrawJob,
    Engine,
    Failed,
    FailureKind,
    Finished,
    InputPicture,
    Progress,
    Started,
    UpscaleJob,
    WeightedText,
    WordWeightsJob,
)
from engine.errors import BrokenModelError, JobError, NotFiniteError
from engine.loop.reports import Reports
from engine.models import Conditioning, loading
from engine.models.clip_pixels import ClipPreprocessing, preprocessing_of
from engine.models.clip_ranking import ClipRanking, Wording, distinct, wording_of
from engine.models.solo_pipeline import SoloPipeline
from engine.models.stable_diffusion import StableDiffusion
from engine.models.upscaler import CROP_PX, OVERLAP_PX, Upscaler
from engine.models.word_weights import WordWeights, replaced
from engine.pictures.encoded import Inputs
from tests.engine import tiny_models

pytestmark = pytest.mark.host

DOODLE = Path(__file__).parents[3] / "doodle" / "weights"
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


async def test_a_network_of_the_community_enlarges_where_its_package_is_there(weights):
    place = weights("spandrel") / "compact.safetensors"
    spec = tiny_models.spec("spandrel", place)
    if None in map(importlib.util.find_spec, ("spandrel", "torchvision")):
        with pytest.raises(BrokenModelError, match=r"-e '.\[upscale\]'"):
            loading.load(spec, torch.device("cpu"), torch.float32)
        pytest.skip("The extra `upscale` is not installed.")
    engine = Engine([tiny_models.spec("sd", weights("sd")), spec], device="cpu")
    await engine.start()
    try:
        end = await end_of(engine, UpscaleJob(id="u", owner="ann", picture=photo(), factor=4))
        assert (end.pictures[0].width_px, end.notes) == (160, ())
    finally:
        await engine.close()


def test_crops_leave_no_seams():
    """A network that only looks at near pixels draws the same at once and in crops."""

    def blur_and_double(pixels):
        blurred = torch.nn.functional.avg_pool2d(
            torch.nn.functional.pad(pixels, (2, 2, 2, 2), mode="replicate"), 5, 1
        )
        return blurred.repeat_interleave(2, -1).repeat_interleave(2, -2)

    solo = Upscaler("u", blur_and_double, 2, torch.device("cpu"))
    pixels = torch.rand(1, 3, CROP_PX + 50, 2 * CROP_PX + 9, generator=torch.manual_seed(0))
    seen = []
    joined = solo._enlarge(pixels, lambda: seen.append(1))
    assert OVERLAP_PX >= 2
    assert torch.allclose(joined, blur_and_double(pixels), atol=1e-6)
    assert len(seen) == 6


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
    solo = ClipRanking(
        "pair", None, None, wording or wording_of(Path("nowhere")), ClipPreprocessing()
    )
    solo._embed_picture, solo._score = lambda picture: picture, Echo(points)
    job = DescribeJob(id="d", owner="ann", picture=photo(), suggestions=suggestions)
    return solo.run(job, Inputs(pictures=(Image.new("RGB", (8, 8)),)), lambda done, total: None)


def test_words_are_ranked_within_whole_captions():
    """What a word is worth alone misleads here on purpose."""
    end = described({"owl": 9, "orange": 8, "in the snow": 7, "neon": 6})
    assert end.texts[0] == "an orange owl in the snow, neon"
    assert end.weights[0] > 0.4
    assert list(end.weights) == sorted(end.weights, reverse=True)


class Knotted:
    """Scores that are highest for one place with one style, and else lead away from both."""

    def __call__(self, picture, texts):
        return torch.tensor([self._of(text) for text in texts]).float()

    def _of(self, text):
        right = ("in the snow" in text) + ("neon" in text)
        wrong = ("at night" in text) + ("sketch" in text)
        return {2: 9, 1: 0, 0: 3 * wrong}[right]


def test_place_and_style_are_found_together():
    solo = ClipRanking("pair", None, None, wording_of(Path("nowhere")), ClipPreprocessing())
    solo._embed_picture, solo._score = lambda picture: picture, Knotted()
    job = DescribeJob(id="d", owner="ann", picture=photo())
    told = []
    seen = Inputs(pictures=(Image.new("RGB", (8, 8)),))
    end = solo.run(job, seen, lambda done, total: told.append((done, total)))
    assert end.texts[0].endswith("in the snow, neon")
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1] - 1


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
    assert distinct([*near, far], 2) == [near[0], far]
    assert distinct([*near, far], 3) == [*near[:2], far]
    assert distinct(near, 3) == near


def test_as_many_suggestions_as_a_job_may_ask_for():
    assert len(set(described({"owl": 9}, suggestions=16).texts)) == 16


def test_a_pairs_own_words_and_sentence_are_used(tmp_path):
    own = {"subjects": ["snail"], "sentence": "{style}: {subject}, {colour}, {place}"}
    (tmp_path / "describe.json").write_text(json.dumps(own))
    wording = wording_of(tmp_path)
    assert wording.words["subjects"] == ["snail"]
    assert "at night" in wording.words["places"]
    assert wording.said(("snail", "red", "at night", "neon")) == "neon: snail, red, at night"


@pytest.mark.parametrize(
    "sentence",
    [
        "a {subject}",
        "{subject} {colour} {place} {style} {mood}",
        "{subject:>9999999999} {colour} {place} {style}",
        "{subject!r} {colour} {place} {style}",
    ],
)
def test_a_sentence_that_cannot_be_filled_is_refused(tmp_path, sentence):
    (tmp_path / "describe.json").write_text(json.dumps({"sentence": sentence}))
    with pytest.raises(ValueError, match=r"must name \{subject\}"):
        wording_of(tmp_path)


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        (["cat"], "must hold an object"),
        ({"subjects": "cat"}, "subjects in .* must be a list of words"),
        ({"styles": ["neon", 3]}, "styles in .* must be a list of words"),
        ({"places": [""]}, "places in .* must be a list of words"),
        ({"colours": None}, "colours in .* must be a list of words"),
        ({"sentence": 7}, "the sentence in .* must be a text"),
        ({"sentence": "{subject"}, "expected '}'"),
    ],
)
def test_a_wording_of_other_types_is_refused(tmp_path, own, reason):
    (tmp_path / "describe.json").write_text(json.dumps(own))
    with pytest.raises(ValueError, match=reason):
        wording_of(tmp_path)


@pytest.mark.parametrize(("colour", "article"), [("red", "a"), ("orange", "an")])
def test_the_article_is_that_of_the_colour(colour, article):
    said = Wording(words={}).said(("owl", colour, "at night", "neon"))
    assert said == f"{article} {colour} owl at night, neon"


def test_a_pair_sees_the_middle_square_of_a_long_picture(weights):
    pair = CLIPModel.from_pretrained(weights("clip"))
    solo = ClipRanking("pair", pair, None, Wording(words={}), ClipPreprocessing())
    middle = Image.open(io.BytesIO(photo(24, 24)))
    for size, place in (((60, 24), (18, 0)), ((24, 40), (0, 8))):
        long = Image.new("RGB", size, (200, 0, 0))
        long.paste(middle, place)
        with torch.no_grad():
            assert torch.equal(solo._embed_picture(long), solo._embed_picture(middle))


def test_a_picture_and_its_mirror_image_are_described_alike(weights):
    pair = CLIPModel.from_pretrained(weights("clip"))
    solo = ClipRanking("pair", pair, None, Wording(words={}), ClipPreprocessing())
    one = Image.new("RGB", (24, 24), (200, 0, 0))
    one.paste((0, 0, 200), (0, 0, 9, 24))
    with torch.no_grad():
        seen, mirrored = (solo._embed_picture(each) for each in (one, ImageOps.mirror(one)))
    assert torch.allclose(seen, mirrored, atol=1e-6)
    assert seen.norm() == pytest.approx(1, abs=1e-5)


def test_a_pair_that_was_trained_on_whole_pictures_sees_all_of_a_long_one(weights, tmp_path):
    (tmp_path / "preprocessor_config.json").write_text('{"do_center_crop": false}')
    pair = CLIPModel.from_pretrained(weights("clip"))
    solo = ClipRanking("pair", pair, None, Wording(words={}), preprocessing_of(tmp_path))
    one, other = (Image.new("RGB", (60, 24), (200, 0, 0)) for _ in range(2))
    other.paste((0, 0, 200), (0, 0, 12, 24))  # beside the middle square
    with torch.no_grad():
        assert not torch.equal(solo._embed_picture(one), solo._embed_picture(other))


@pytest.mark.parametrize(
    ("said", "crops"), [("true", True), ("null", True), ("false", False), ("0", False)]
)
def test_whether_a_pair_sees_the_middle_is_read_as_transformers_reads_it(said, crops, tmp_path):
    (tmp_path / "preprocessor_config.json").write_text(f'{{"do_center_crop": {said}}}')
    assert preprocessing_of(tmp_path) == ClipPreprocessing(crops=crops)


def test_the_file_that_transformers_5_writes_for_picture_and_text_is_read(tmp_path):
    own = CLIPImageProcessorPil(do_center_crop=False, image_mean=(0.5,) * 3, image_std=(0.25,) * 3)
    whole = {
        "processor_class": "CLIPProcessor",
        "image_processor": json.loads(own.to_json_string()),
    }
    (tmp_path / "processor_config.json").write_text(json.dumps(whole))
    assert preprocessing_of(tmp_path) == ClipPreprocessing([0.5] * 3, [0.25] * 3, crops=False)


@pytest.mark.parametrize("said", ['"half"', "[0.5, 0.5]", "{}", "[0, 0, 0]", "[1, 2, null]", "7"])
def test_a_preprocessing_that_cannot_be_meant_is_refused(said, tmp_path):
    (tmp_path / "preprocessor_config.json").write_text(f'{{"image_std": {said}}}')
    with pytest.raises(ValueError, match=r"image_std in .*preprocessor_config.json must"):
        preprocessing_of(tmp_path)


async def test_doodles_pair_says_what_a_drawn_scene_shows(doodle):
    drawing = pytest.importorskip("doodle.drawing", reason="needs skia", exc_type=ImportError)
    subjects = ("house", "tree", "apple", "butterfly", "fish", "castle", "umbrella", "star")
    colours, places = ("red", "blue", "green", "purple"), ("snow", "night", "forest", "sea")
    right = Counter()
    for number, subject in enumerate(subjects):
        colour, place = colours[number % 4], places[(number + 1) % 4]
        buffer = io.BytesIO()
        scene = Scene(subject=subject, colour=colour, place=place, style="sketch")
        drawing.draw(scene, seed=number).save(buffer, "PNG")
        job = DescribeJob(id=f"d{number}", owner="ann", picture=buffer.getvalue())
        end = await end_of(doodle, job)
        said = end.texts[0]
        right["subject"] += f" {subject} " in said
        right["colour"] += f" {colour} " in said
        right["style"] += said.endswith(", sketch")
        assert len(set(end.texts)) == 4
    assert right["subject"] >= 7
    assert right["colour"] >= 7
    assert right["style"] >= 7


@pytest.mark.parametrize("family", ["clip", "captioner"])
async def test_earlier_suggestions_are_not_made_again(engine_of, family):
    engine = await engine_of("sd", family)
    first = await end_of(engine, DescribeJob(id="a", owner="ann", picture=photo(), suggestions=2))
    again = DescribeJob(id="b", owner="ann", picture=photo(), suggestions=2, without=first.texts)
    second = await end_of(engine, again)
    assert len({*first.texts, *second.texts}) == 4


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

    @staticmethod
    def without_text_cache():
        return contextlib.nullcontext()

    @staticmethod
    def tokens(word):
        return len(word) if "q" in word else 1

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


def test_a_word_that_the_tokenizer_spells_out_weighs_nothing_and_counts_for_no_other():
    found = weighed("hedgehog, qzeqxwvutsrq cat 猫猫猫猫q zq")
    assert found["qzeqxwvutsrq"] == 0.0
    assert found["hedgehog,"] == 1.0
    assert found["cat"] > 0.0
    assert found["zq"] > 0.0, "short"
    assert found["猫猫猫猫q"] > 0.0, "another script"


def test_weighing_words_leaves_the_texts_of_others_where_they_are():
    model = StableDiffusion("sd", tiny_models.stable_diffusion(), torch.device("cpu"))
    others = [WeightedText(text=f"a {word} cat") for word in ("red", "blue", "very")]
    kept = []

    def report(done, total):
        """Between two words another member's job begins."""
        if others:
            model.condition(DrawJob(id="j", owner="bob", model="sd", prompt=(others.pop(),)))
            kept.append(len(model._texts))

    with torch.inference_mode():
        WordWeights(model).run(
            WordWeightsJob(id="w", owner="ann", model="sd", text="a red cat at night, the sea"),
            Inputs(),
            report,
        )
    assert kept == [2, 3, 4]  # with the empty negative
    assert len(model._texts) == 4


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


@pytest.mark.parametrize("family", tiny_models.SHARING)
async def test_every_family_weighs_words(engine_of, family):
    engine = await engine_of(family)
    job = WordWeightsJob(id="w", owner="ann", model=family, text="a red cat, at night")
    end = await end_of(engine, job)
    assert isinstance(end, Finished), end
    assert max(end.weights) == 1.0
    assert end.weights[0] == 0.0  # the neutral word itself
    assert len({round(weight, 6) for weight in end.weights}) == 5


async def test_any_other_pipeline_runs_by_itself_with_progress(engine_of, draw, weights):
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


async def test_a_solo_pipeline_is_cancelled_at_its_next_report(engine_of, draw):
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


@pytest.fixture
async def engine_at():
    """A function: family, directory → a started engine with what was saved there."""
    engines = []

    async def start(family, place):
        engine = Engine([tiny_models.spec(family, place)], device="cpu")
        engines.append(engine)
        await engine.start()
        return engine

    yield start
    for engine in engines:
        await engine.close()


def spoilt(module):
    """The module with one weight in each layer that is no number."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.flatten()[0] = torch.nan
    return module


async def test_numbers_that_are_no_picture_fail_a_solo_pipeline(engine_at, draw, tmp_path):
    pipeline = tiny_models.stable_diffusion()
    spoilt(pipeline.unet)
    pipeline.save_pretrained(tmp_path)
    engine = await engine_at("pipeline", tmp_path)
    end = await end_of(engine, draw("pipeline", images=2))
    assert isinstance(end, Failed), end
    assert end.kind is FailureKind.BAD_PICTURE
    assert "NaN" in end.reason


async def test_numbers_that_are_no_picture_fail_an_upscale(engine_at, tmp_path):
    spoilt(tiny_models.swin2sr()).save_pretrained(tmp_path)
    engine = await engine_at("swin2sr", tmp_path)
    end = await end_of(engine, UpscaleJob(id="u", owner="ann", picture=photo()))
    assert isinstance(end, Failed), end
    assert end.kind is FailureKind.BAD_PICTURE


@pytest.mark.parametrize(
    ("family", "saved", "network"),
    [
        ("clip", tiny_models.ClipPair, CLIPModel),
        ("captioner", tiny_models.Blip, BlipForConditionalGeneration),
    ],
)
async def test_numbers_that_rank_nothing_fail_a_describe(
    engine_at, tmp_path, family, saved, network
):
    saved().save_pretrained(tmp_path)
    spoilt(network.from_pretrained(tmp_path)).save_pretrained(tmp_path)
    engine = await engine_at(family, tmp_path)
    end = await end_of(engine, DescribeJob(id="d", owner="ann", picture=photo()))
    assert isinstance(end, Failed), end
    assert end.kind is FailureKind.BAD_PICTURE
    assert end.reason.endswith("the operator should load it in float32.")


def test_a_text_encoder_without_numbers_weighs_nothing():
    model = Positions()
    model.meaning = lambda token: torch.nan
    with pytest.raises(NotFiniteError):
        weighed("a cat", model)


def test_a_network_that_does_not_enlarge_is_refused():
    with pytest.raises(ValueError, match="enlarges by 1, not by 2 or more"):
        Upscaler("u", lambda pixels: pixels, 1, torch.device("cpu"))


@pytest.mark.parametrize(("scale", "factor", "crops"), [(2, 2, 6), (2, 4, 6 + 15), (4, 2, 6)])
def test_an_upscale_counts_the_crops_of_all_its_passes(scale, factor, crops):
    solo = Upscaler(
        "u",
        lambda pixels: pixels.repeat_interleave(scale, -1).repeat_interleave(scale, -2),
        scale,
        torch.device("cpu"),
    )
    picture = Image.new("RGB", (CROP_PX * 2 + 9, CROP_PX + 50))
    seen = []
    end = solo.run(
        UpscaleJob(id="u", owner="ann", picture=b"", factor=factor),
        Inputs(pictures=(picture,)),
        lambda done, total: seen.append((done, total)),
    )
    assert (end.pictures[0].width_px, end.pictures[0].height_px) == (393 * factor, 242 * factor)
    assert seen == [(number, crops) for number in range(crops)]


SOLOS = {
    "swin2sr": UpscaleJob(id="s", owner="ann", picture=photo(400, 200), factor=4),
    "clip": DescribeJob(id="s", owner="ann", picture=photo()),
    "captioner": DescribeJob(id="s", owner="ann", picture=photo()),
    "sd": WordWeightsJob(id="s", owner="ann", model="sd", text="a very red cat, at night"),
}


@pytest.mark.parametrize("family", SOLOS)
async def test_every_solo_tells_how_far_it_is(engine_of, monkeypatch, family):
    told, tell = [], Reports.tell

    def keep_and_tell(reports, event):
        told.append(event)
        tell(reports, event)

    monkeypatch.setattr(Reports, "tell", keep_and_tell)
    engine = await engine_of(family)
    events = [event async for event in engine.run(SOLOS[family])]
    assert isinstance(events[-1], Finished), events[-1]
    told = [event for event in told if isinstance(event, Progress)]
    done = [event.done for event in told]
    assert done[0] == 0 and len(done) > 3
    assert len({event.total for event in told}) == 1
    assert done == sorted(done) and done[-1] <= told[0].total
    heard = [event for event in events if isinstance(event, Progress)]
    assert heard and all(event in told for event in heard), "some may be left out by a late reader"


@pytest.mark.parametrize("family", SOLOS)
async def test_every_solo_ends_where_it_is_cancelled_and_the_next_runs(
    engine_of, monkeypatch, family
):
    cancelled, tell = threading.Event(), Reports.solo

    def tell_and_wait(reports, work, done, total):
        tell(reports, work, done, total)
        reports.flush()
        assert done < 2 or cancelled.wait(60)

    monkeypatch.setattr(Reports, "solo", tell_and_wait)
    engine = await engine_of(family)
    events = []
    async for event in engine.run(SOLOS[family]):
        events.append(event)
        if isinstance(event, Progress) and event.done == 2:
            assert engine.cancel("s")
            cancelled.set()
    assert events[-1] == Cancelled(job_id="s")
    done = [event.done for event in events if isinstance(event, Progress)]
    assert done[-1] == 2, "and nothing after it; of reports that wait, only the latest is told"
    assert done == sorted(done)
    assert isinstance(await end_of(engine, SOLOS[family]), Finished)


def pixel_diffusion():
    """A pipeline of diffusers that takes the older callback and draws without an autoencoder."""
    torch.manual_seed(12)
    words = tiny_models.tokenizer()
    denoiser = UNet2DConditionModel(
        sample_size=32,
        in_channels=3,
        out_channels=6,
        block_out_channels=(32, 64),
        layers_per_block=1,
        norm_num_groups=8,
        attention_head_dim=8,
        cross_attention_dim=32,
        encoder_hid_dim=32,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )
    pipeline = IFPipeline(
        tokenizer=words,
        text_encoder=tiny_models.t5(words),
        unet=denoiser.eval(),
        scheduler=DDPMScheduler(variance_type="learned_range"),
        safety_checker=None,
        feature_extractor=None,
        watermarker=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def test_a_pipeline_with_the_older_callback_tells_each_step_and_draws_its_own_picture(draw):
    pipeline, seen = pixel_diffusion(), []
    end = SoloPipeline("if", pipeline, None).run(
        draw("if", "a cat", images=2, seed=5),
        Inputs(),
        lambda done, total: seen.append((done, total)),
    )
    assert sorted(set(seen)) == [(number, 8) for number in range(9)]
    assert seen == sorted(seen)
    theirs = pipeline(
        "a cat",
        num_inference_steps=4,
        guidance_scale=5.0,
        width=64,
        height=64,
        generator=torch.Generator("cpu").manual_seed(6),
    ).images[0]
    ours = Image.open(io.BytesIO(end.pictures[1].png))
    assert np.array_equal(np.asarray(ours), np.asarray(theirs))


class Stop(Exception):
    pass


def test_a_pipeline_with_the_older_callback_ends_where_it_is_cancelled(draw):
    seen = []

    def report(done, total):
        del total
        seen.append(done)
        if done == 2:
            raise Stop

    with pytest.raises(Stop):
        SoloPipeline("if", pixel_diffusion(), None).run(draw("if", "a cat"), Inputs(), report)
    assert seen == [0, 1, 2]


async def test_a_solo_pipeline_heeds_a_scheduler_and_has_its_own_again_afterwards(
    engine_of, draw, weights
):
    engine = await engine_of("pipeline")
    named = await end_of(engine, draw("pipeline", seed=5, scheduler="euler-a"))
    assert named.notes == ()
    after = await end_of(engine, draw("pipeline", seed=5))

    pipeline = StableDiffusionPipeline.from_pretrained(weights("pipeline"), safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    own = pipeline.scheduler
    for end, scheduler in (
        (named, EulerAncestralDiscreteScheduler.from_config(own.config)),
        (after, own),
    ):
        pipeline.scheduler = scheduler
        theirs = pipeline(
            "a red cat at night",
            num_inference_steps=4,
            guidance_scale=5.0,
            width=64,
            height=64,
            generator=torch.Generator("cpu").manual_seed(5),
        ).images[0]
        ours = Image.open(io.BytesIO(end.pictures[0].png))
        assert np.array_equal(np.asarray(ours), np.asarray(theirs))


async def test_a_scheduler_and_a_film_that_a_solo_pipeline_cannot_have_are_said(engine_of, draw):
    engine = await engine_of("pipeline")
    plain = await end_of(engine, draw("pipeline"))
    end = await end_of(engine, draw("pipeline", scheduler="tcd", film_frames=4))
    assert end.notes == (
        "This model shows nothing of its drawing, so there is no film.",
        "This model has no scheduler 'tcd'; it drew with its own.",
    )
    assert end.pictures == plain.pictures


def test_a_pipeline_whose_scheduler_learns_the_variance_keeps_to_those_that_know_it(draw):
    solo = SoloPipeline("if", pixel_diffusion(), None)

    def notes(scheduler):
        job = draw("if", "a cat", scheduler=scheduler)
        return solo.run(job, Inputs(), lambda done, total: None).notes

    assert notes("dpm++2m") == ()
    assert notes("euler-a") == ("This model has no scheduler 'euler-a'; it drew with its own.",)


async def test_what_a_pipeline_itself_refuses_is_said_in_its_own_words(engine_at, draw, tmp_path):
    parts = tiny_models.stable_diffusion().components
    parts = {name: part for name, part in parts.items() if name != "image_encoder"}
    StableDiffusionInpaintPipeline(**parts, requires_safety_checker=False).save_pretrained(tmp_path)
    engine = await engine_at("pipeline", tmp_path)
    end = await end_of(engine, draw("pipeline"))
    assert isinstance(end, Failed), end
    assert end.kind is FailureKind.BAD_INPUT
    assert end.reason.startswith("This model cannot draw this: Input is in incorrect format.")
    assert end.reason.endswith("It takes a picture, and none was given.")
    drawn = await end_of(
        engine,
        draw("pipeline", inputs=(InputPicture(data=photo(64, 64)),), mask=photo(64, 64)),
    )
    assert isinstance(drawn, Finished), drawn


class NeedsPicture:
    """A pipeline that cannot be called without a picture."""

    def set_progress_bar_config(self, **options):
        pass

    def __call__(self, image, prompt=None, generator=None, output_type="pil"):
        raise AssertionError


def test_a_pipeline_that_must_be_given_a_picture_is_not_run_without(draw):
    with pytest.raises(JobError, match="This model needs a picture to start from; give one"):
        SoloPipeline("edit", NeedsPicture(), None).run(draw("edit"), Inputs(), lambda *_: None)
