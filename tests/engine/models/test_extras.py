"""What a catalogue entry may add to a model: a safety checker, a small decoder for previews."""

from __future__ import annotations

import dataclasses
import io
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image

from engine import DescribeJob, Engine, Finished, InputPicture, Progress, UpscaleJob
from engine.models import how, loading
from engine.models.clip_pixels import ClipPreprocessing
from engine.models.how import HowCompiled, how_compiled
from engine.models.model_cache import ModelCache, size_gb
from engine.models.preview import TinyDecoder, calibrate
from engine.models.safety import load_safety
from tests.engine import tiny_models
from tests.engine.fakes import FakeClock, FakeModel

CPU = torch.device("cpu")


async def events_of(spec, job, **options):
    engine = Engine([spec], device="cpu", **options)
    await engine.start()
    try:
        return [event async for event in engine.run(job)]
    finally:
        await engine.close()


async def test_without_a_checker_there_is_no_score(weights, draw):
    end = (await events_of(tiny_models.spec("sd", weights("sd")), draw()))[-1]
    assert end.pictures[0].safety_score is None


async def test_a_named_checker_scores_every_picture(weights, draw):
    spec = tiny_models.spec("sd", weights("sd"), safety_checker=weights("safety"))
    end = (await events_of(spec, draw(images=3)))[-1]
    scores = [picture.safety_score for picture in end.pictures]
    assert all(0 <= score <= 1 for score in scores)

    check = load_safety(weights("safety"), torch.device("cpu"), torch.float32)
    pictures = [np.asarray(Image.open(io.BytesIO(p.png))) for p in end.pictures]
    with torch.no_grad():
        assert check.scores(pictures) == pytest.approx(scores, abs=1e-4)


@pytest.mark.parametrize("family", ["captioner", "clip", "swin2sr"])
async def test_a_named_checker_scores_what_a_network_is_given(weights, family):
    spec = tiny_models.spec(family, weights(family), safety_checker=weights("safety"))
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 90).convert("RGB").save(buffer, "PNG")
    asked = {"id": "a", "owner": "b", "picture": buffer.getvalue()}
    job = UpscaleJob(**asked) if family == "swin2sr" else DescribeJob(**asked)
    end = (await events_of(spec, job))[-1]
    assert len(end.input_scores) == 1
    assert 0 <= end.input_scores[0] <= 1
    assert end.texts or end.pictures
    unchecked = tiny_models.spec(family, weights(family))
    assert (await events_of(unchecked, job))[-1].input_scores == ()


async def test_a_named_checker_scores_what_a_drawing_starts_from(weights, draw):
    spec = tiny_models.spec("sd", weights("sd"), safety_checker=weights("safety"))
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 90).convert("RGB").save(buffer, "PNG")
    given = InputPicture(data=buffer.getvalue())
    end = (await events_of(spec, draw(images=2, inputs=(given,))))[-1]
    assert len(end.input_scores) == 1
    assert 0 <= end.input_scores[0] <= 1
    assert (await events_of(spec, draw()))[-1].input_scores == ()


def test_above_half_is_where_diffusers_checker_blacks_a_picture_out(weights):
    check = load_safety(weights("safety"), torch.device("cpu"), torch.float32)
    theirs = StableDiffusionSafetyChecker.from_pretrained(weights("safety")).eval()
    chance = np.random.default_rng(0)
    pictures = [
        np.clip(chance.normal(chance.uniform(0, 255), 60, (40, 40, 3)), 0, 255).astype(np.uint8)
        for _ in range(24)
    ]
    given = torch.cat(
        [ClipPreprocessing().pixels(Image.fromarray(picture), 32) for picture in pictures]
    )
    with torch.no_grad():
        _, flagged = theirs(given, [np.ones((4, 4, 3)) for _ in pictures])
        scores = check.scores(pictures)
    assert any(flagged) and not all(flagged)
    assert [score > 0.5 for score in scores] == [bool(flag) for flag in flagged]


async def test_a_small_autoencoder_draws_the_previews_where_one_is_named(weights, draw):
    spec = tiny_models.spec("sd", weights("sd"), preview_vae=weights("taesd"))
    events = await events_of(spec, draw(steps=40), preview_interval_s=0.0)
    shown = [event for event in events if isinstance(event, Progress) and event.previews]
    assert shown


def nearer_to_the_end_than_black(frame, picture):
    """A rough frame, compared with what was drawn and with black, in its own size."""
    with Image.open(io.BytesIO(frame)) as opened:
        rough = np.asarray(opened.convert("RGB")).astype(float)
    with Image.open(io.BytesIO(picture.png)) as opened:
        end = np.asarray(opened.convert("RGB").resize(rough.shape[1::-1])).astype(float)
    assert rough.std() > 0
    return np.abs(rough - end).mean() < 0.75 * np.abs(end).mean()


async def test_the_first_job_after_a_load_shows_more_than_black(weights, draw):
    spec = tiny_models.spec("sd", weights("sd"))
    job = draw(steps=30, images=2, film_frames=4)
    events = await events_of(spec, job, preview_interval_s=0.0)
    end = events[-1]
    assert isinstance(end, Finished)
    shown = [event.previews for event in events if isinstance(event, Progress) and event.previews]
    assert shown
    for frames in (*shown, *zip(*end.films, strict=True)):
        for frame, picture in zip(frames, end.pictures, strict=True):
            assert nearer_to_the_end_than_black(frame, picture)


class Blank(FakeModel):
    """A model whose encoder is broken, or is never asked."""

    def encode_image(self, picture):
        raise RuntimeError(f"no encoder for {picture.size}")


def test_a_model_that_cannot_be_taught_draws_all_the_same(caplog):
    model = Blank()
    calibrate(model)
    assert "cannot learn" in caplog.text
    assert not model.preview.draw(torch.ones(1, 3, 2, 2))().any()


class Overflowing(FakeModel):
    """A model whose encoder makes no numbers of the chart."""

    def encode_image(self, picture):
        del picture
        return lambda _: torch.full((1, 3, 2, 2), float("nan"))


def test_no_numbers_are_no_lesson_and_spoil_none_to_come():
    model = Overflowing()
    calibrate(model)
    model.preview.learn(torch.rand(1, 3, 2, 2), np.full((8, 8, 3), 200, dtype=np.uint8))
    assert model.preview.draw(torch.rand(1, 3, 2, 2))().mean() > 100


def test_a_small_decoder_is_taught_nothing(caplog):
    model = Blank()
    model.preview = TinyDecoder(None)
    calibrate(model)
    assert not caplog.text


async def test_a_film_keeps_the_frames_that_were_asked_for(weights, draw):
    spec = tiny_models.spec("sd", weights("sd"))
    end = (await events_of(spec, draw(steps=10, images=2, film_frames=5)))[-1]
    assert isinstance(end, Finished)
    assert [len(film) for film in end.films] == [5, 5]
    with Image.open(io.BytesIO(end.films[1][4])) as frame:
        assert frame.format == "JPEG"


def weight_gb(*modules):
    each = [tensor for m in modules for tensor in (*m.parameters(), *m.buffers())]
    return sum(tensor.numel() * tensor.element_size() for tensor in each) / 1e9


def test_a_checker_and_a_small_decoder_are_weighed_with_their_model(weights):
    names = {"safety_checker": weights("safety"), "preview_vae": weights("taesd")}
    plain, full = (
        loading.load(tiny_models.spec("sd", weights("sd"), **extras), CPU, torch.float32)
        for extras in ({}, names)
    )
    extra_gb = weight_gb(full.safety.checker, full.preview.autoencoder)
    assert size_gb(full) - size_gb(plain) == pytest.approx(extra_gb) != 0


def test_an_upscaling_network_is_weighed(weights):
    solo = loading.load(tiny_models.spec("swin2sr", weights("swin2sr")), CPU, torch.float32)
    assert size_gb(solo) == pytest.approx(weight_gb(solo.weights)) != 0


def test_weights_that_are_streamed_take_no_part_of_the_card():
    """torch's meta device stands for the card here."""
    streamed, there = torch.nn.Linear(9, 9), torch.nn.Linear(3, 3, device="meta")
    model = SimpleNamespace(pipeline=SimpleNamespace(components={"unet": streamed, "vae": there}))
    assert size_gb(model) == weight_gb(there)


def test_room_is_made_for_what_a_load_will_put_on_the_card(weights):
    def estimated_gb(*, streams, **fields):
        spec = tiny_models.spec("sd", weights("sd"), **fields)
        cache = ModelCache(
            {"sd": spec}, load=None, memory_gb=1, loaded=None, clock=FakeClock(), streams=streams
        )
        return cache._estimate_gb("sd")

    whole_gb = estimated_gb(streams=True)
    file_gb = (weights("sd") / "unet" / "diffusion_pytorch_model.safetensors").stat().st_size / 1e9
    assert estimated_gb(streams=True, offload=True) == pytest.approx(whole_gb - file_gb)
    assert estimated_gb(streams=False, offload=True) == pytest.approx(whole_gb)
    with_checker_gb = estimated_gb(streams=True, safety_checker=weights("safety"))
    assert with_checker_gb > whole_gb


@pytest.mark.parametrize(
    ("device", "able", "fields", "expected"),
    [
        ("cuda", True, {}, HowCompiled()),
        ("cpu", True, {}, None),
        ("cuda", False, {}, None),
        ("cuda", True, {"offload": True}, None),
        ("cuda", True, {"quantise": "4bit"}, None),
        ("cuda", True, {"compiled": "off"}, None),
        ("cuda", False, {"compiled": "whole"}, HowCompiled(whole=True)),
        ("cuda", True, {"autotune": True}, HowCompiled(autotune=True)),
    ],
)
def test_a_card_with_a_c_compiler_compiles_without_being_told(
    monkeypatch, device, able, fields, expected
):
    monkeypatch.setattr(how, "can_build", lambda: able)
    spec = tiny_models.spec("sd", "/nowhere", **fields)
    assert how_compiled(spec, torch.device(device)) == expected


def test_what_runs_by_itself_is_never_compiled(monkeypatch):
    monkeypatch.setattr(how, "can_build", lambda: True)
    spec = tiny_models.spec("pipeline", "/nowhere", compiled="whole")
    assert how_compiled(spec, torch.device("cuda")) is None


@pytest.mark.parametrize("lacks", [None, "compiler", "triton", "header"])
def test_code_for_a_card_takes_a_compiler_triton_and_pythons_header(monkeypatch, tmp_path, lacks):
    if lacks != "header":
        (tmp_path / "Python.h").touch()
    monkeypatch.setattr("shutil.which", lambda name: None if lacks == "compiler" else name)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None if lacks == "triton" else 1)
    monkeypatch.setattr("sysconfig.get_path", lambda _: tmp_path)
    assert how.can_build() is (lacks is None)


@pytest.mark.parametrize(
    ("device", "fields", "last"),
    [
        ("cuda", {}, {"unet", "vae"}),
        ("cuda", {"compiled": "off"}, {"vae"}),
        ("cuda", {"memory_order": "plain"}, set()),
        ("cuda", {"compiled": "off", "memory_order": "channels_last"}, {"unet", "vae"}),
        ("cpu", {}, set()),
        ("cpu", {"memory_order": "channels_last"}, {"unet", "vae"}),
    ],
)
def test_what_is_compiled_for_a_card_has_its_channels_last(monkeypatch, device, fields, last):
    monkeypatch.setattr(how, "can_build", lambda: True)
    spec = tiny_models.spec("sd", "/nowhere", **fields)
    assert set(how.orders(spec, torch.device(device))) == last


async def drawn_by(spec, job):
    end = (await events_of(spec, job))[-1]
    assert isinstance(end, Finished), end
    return np.asarray(Image.open(io.BytesIO(end.pictures[0].png))).astype(int)


@pytest.mark.parametrize("family", ["sd", "sdxl"])
async def test_fused_products_draw_the_same_picture(weights, draw, family):
    plain = tiny_models.spec(family, weights(family))
    fused = dataclasses.replace(plain, fused_qkv=True)
    model = loading.load(fused, CPU, torch.float32)
    names = [name for name, _ in model.denoiser.named_modules()]
    assert any(name.endswith("to_qkv") for name in names)
    ours, theirs = [await drawn_by(spec, draw(family, seed=3)) for spec in (fused, plain)]
    assert np.abs(ours - theirs).max() <= 1


async def test_a_picture_is_the_same_in_either_memory_order(weights, draw):
    drawn = []
    for order in ("plain", "channels_last"):
        spec = tiny_models.spec("sd", weights("sd"), memory_order=order)
        convolution = loading.load(spec, CPU, torch.float32).denoiser.conv_in.weight
        is_last = convolution.is_contiguous(memory_format=torch.channels_last)
        assert is_last is (order == "channels_last")
        drawn.append(await drawn_by(spec, draw(seed=3)))
    assert np.abs(drawn[0] - drawn[1]).max() <= 1
