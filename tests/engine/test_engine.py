from __future__ import annotations

import asyncio
import dataclasses
import io
import logging
import struct
import threading
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from engine import (
    Cancelled,
    Engine,
    EngineClosed,
    EngineError,
    EngineLost,
    Failed,
    FailureKind,
    Finished,
    InputPicture,
    Look,
    Progress,
    Queued,
    Sentence,
    Started,
    WeightedText,
)
from engine import engine as engines
from engine.loop import sampler
from engine.models import loading
from engine.models.model_cache import ModelCache
from engine.policy.budgets import Profile
from engine.validation import MAX_PARTS, check
from tests.engine import tiny_models
from tests.engine.fakes import FakeClock, FakeModel, submit, work


async def end_of(stream):
    return [event async for event in stream][-1]


def png(width=64, height=64):
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(buffer, "PNG")
    return buffer.getvalue()


def bomb(width, height):
    """A PNG whose header promises a size that its few bytes do not hold."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data)


async def test_a_job_goes_from_queued_to_finished(engine_of, draw):
    engine = await engine_of("sd")
    job = draw(images=2, steps=6)
    events = [event async for event in engine.run(job)]
    assert isinstance(events[0], Queued | Started)
    assert isinstance(events[-1], Finished)
    assert sum(isinstance(e, Finished | Failed | Cancelled) for e in events) == 1
    assert [p.seed for p in events[-1].pictures] == [0, 1]
    assert events[-1].gpu_s > 0
    assert engine.status().resident_models == ("sd",)


async def test_only_the_job_for_which_a_model_is_loaded_is_told_its_title(engine_of, draw):
    engine = await engine_of("sd")
    for title in ("Tiny sd", ""):
        events = [event async for event in engine.run(draw())]
        assert [e.loading for e in events if isinstance(e, Started)] == [title]


async def test_jobs_that_wait_while_their_model_is_loaded_are_told_its_title(
    engine_of, draw, monkeypatch
):
    may_load, load = threading.Event(), loading.load

    def late(*arguments):
        assert may_load.wait(60)
        return load(*arguments)

    monkeypatch.setattr(loading, "load", late)
    engine = await engine_of("sd")
    _first, second = engine.run(draw()), engine.run(draw())
    told = []
    async for event in second:
        told.append(event)
        if getattr(event, "loading", ""):
            may_load.set()
    assert any(isinstance(e, Queued) and e.loading == "Tiny sd" for e in told)
    assert isinstance(told[-1], Finished)


async def test_cancel_ends_the_stream_and_knows_no_other_id(engine_of, draw):
    engine = await engine_of("sd")
    job = draw(steps=150)
    stream = engine.run(job)
    assert engine.cancel(job.id)
    assert await end_of(stream) == Cancelled(job_id=job.id)
    assert not engine.cancel(job.id)
    assert not engine.cancel("unheard of")


async def test_a_cancel_that_comes_last_still_ends_with_cancelled(engine_of, draw):
    engine = await engine_of("sd")
    job = draw(inputs=(InputPicture(data=png()),))
    stream = engine.run(job)
    async for event in stream:
        if isinstance(event, Started):
            assert engine.cancel(job.id)
    assert event == Cancelled(job_id=job.id)


async def test_an_id_that_was_cancelled_while_its_pictures_were_read_can_run_again(engine_of, draw):
    engine = await engine_of("sd")
    job = draw(inputs=(InputPicture(data=png(512, 512)),))
    for _ in range(5):
        first = engine.run(job)
        assert engine.cancel(job.id)
        second = engine.run(job) if job.id not in engine._streams else None
        assert await end_of(first) == Cancelled(job_id=job.id)
        if second is not None:
            assert isinstance(await end_of(second), Finished)
    assert engine.status().alive


async def test_detaching_does_not_cancel(engine_of, draw):
    engine = await engine_of("sd")
    job = draw(steps=5)
    await engine.run(job).aclose()
    with pytest.raises(ValueError, match="already running"):
        engine.run(job)
    await end_of(engine.run(draw()))
    for _ in range(1000):
        if job.id not in {*engine.status().running, *engine.status().queued}:
            break
        await end_of(engine.run(draw(steps=1)))
    assert isinstance(await end_of(engine.run(job)), Finished)


async def test_previews_arrive_while_a_long_job_is_drawn(engine_of, draw):
    engine = await engine_of("sd", preview_interval_s=0.0)
    events = [event async for event in engine.run(draw(steps=40, images=4))]
    shown = [e for e in events if isinstance(e, Progress) and e.previews]
    assert shown and len(shown[0].previews) == 4
    with Image.open(io.BytesIO(shown[0].previews[0])) as preview:
        assert preview.format == "JPEG"


async def test_closing_fails_open_streams_and_refuses_new_jobs(engine_of, draw):
    engine = await engine_of("sd")
    streams = [engine.run(draw(steps=150)) for _ in range(6)]
    await engine.close()
    for stream in streams:
        with pytest.raises(EngineClosed):
            await end_of(stream)
    with pytest.raises(EngineClosed):
        engine.run(draw())
    assert not engine.status().alive


async def test_draining_finishes_what_runs_and_leaves_what_waits(engine_of, draw):
    engine = await engine_of("sd", owner_cap=1)
    first, second = engine.run(draw(steps=20)), engine.run(draw(steps=20))
    async for event in first:
        if isinstance(event, Started):
            break
    closing = asyncio.create_task(engine.close(drain_s=60))
    assert isinstance(await end_of(first), Finished)
    with pytest.raises(EngineClosed):
        await end_of(second)
    await closing


async def test_a_stop_leaves_a_stuck_device_thread_behind(engine_of, draw, monkeypatch):
    monkeypatch.setattr(engines, "STOP_WITHIN_S", 0.1)
    engine = await engine_of("sd")
    let_go = threading.Event()
    monkeypatch.setattr("engine.loop.sampler.step", lambda *_: let_go.wait(timeout=60) and [])
    stream = engine.run(draw())
    while engine._worker.tick_began_s is None:  # noqa: ASYNC110 - another thread sets it
        await asyncio.sleep(0.01)
    try:
        async with asyncio.timeout(60):
            await engine.close()
        with pytest.raises(EngineLost, match="stuck"):
            await end_of(stream)
    finally:
        let_go.set()
        await asyncio.to_thread(engine._thread.join)


async def test_a_lost_device_raises_in_open_streams_and_the_engine_says_so(
    engine_of, draw, monkeypatch
):
    engine = await engine_of("sd")
    await end_of(engine.run(draw()))

    def poisoned(*_):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr("engine.loop.sampler.step", poisoned)
    with pytest.raises(EngineLost, match="illegal memory access"):
        await end_of(engine.run(draw()))
    assert not engine.status().alive
    assert "illegal" in engine.status().extras["reason"]
    with pytest.raises(EngineLost):
        engine.run(draw())


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"steps": 0}, "0 steps were asked for; 1 to 150"),
        ({"steps": 10_000}, "10000 steps"),
        ({"images": 0}, "0 pictures were asked for; 1 to 16"),
        ({"images": 100}, "100 pictures"),
        ({"width_px": 65}, "width 65 px does not suit Tiny sd: it takes multiples of 16"),
        ({"height_px": 512}, "height 512 px"),
        ({"seed": -1}, "seed -1 is outside 0 to 4294967295"),
        ({"seed": 2**32}, "seed 4294967296"),
        ({"strength": 1.5}, "strength 1.5 is outside 0 to 1"),
        ({"strength": float("nan")}, "strength nan"),
        ({"guidance": float("nan")}, "guidance nan"),
        ({"stop": 0.0}, "stop 0.0 is outside 0.1 to 1"),
        ({"scheduler": "magic"}, "no scheduler 'magic'; there are euler, euler-karras"),
        ({"scheduler": "flow-euler"}, "does not suit Tiny sd; euler"),
        ({"model": "dalle"}, "no model 'dalle'; there are sd"),
        ({"model": "swin2sr"}, "no model 'swin2sr'; there are sd"),
        ({"mask": b"x"}, "exactly one input picture; 0 were given"),
        ({"id": ""}, "needs an id"),
        ({"enlarge": 3}, "Enlarging by 3 is not offered; choose 2 or 4"),
        ({"enlarge": 2}, "Enlarging takes 1 input, 1 image and no mask. Inputs: 0; images: 1"),
        ({"prompt": "a" * 30_000}, "1 parts and 30,000 characters|2 parts and 30,000 characters"),
        ({"prompt": "half \ud83d"}, "half a character"),
        ({"loras": (("x", float("nan")),)}, "At most 4 LoRAs"),
        ({"film_frames": 99}, "99 frames were asked for; 0 to 60"),
    ],
)
def test_a_job_that_can_never_be_done_is_refused(draw, fields, sentence):
    specs = {name: tiny_models.spec(name, name) for name in ("sd", "swin2sr")}
    check(draw(), specs)
    with pytest.raises(ValueError, match=sentence) as raised:
        check(draw(**fields), specs)
    assert isinstance(raised.value.args[0], Sentence)


def test_each_of_a_jobs_looks_may_have_as_many_parts_as_its_prompt(draw):
    specs = {"sd": tiny_models.spec("sd", "sd")}
    many = tuple(WeightedText(text="cat", weight=1.0) for _ in range(MAX_PARTS - 1))
    looks = (Look(prompt=many, weight=1.0), Look(prompt=many, weight=0.5))
    check(draw(prompt=many, looks=looks), specs)
    looks = (Look(prompt=(*many, many[0]), weight=1.0),)
    with pytest.raises(ValueError, match="has 41 parts"):
        check(draw(prompt=many, looks=looks), specs)


async def test_a_refused_job_leaves_nothing_behind_in_the_engine(engine_of, draw):
    engine = await engine_of("sd", "swin2sr")
    job = draw()
    with pytest.raises(ValueError, match="no model 'dalle'"):
        engine.run(dataclasses.replace(job, model="dalle"))
    assert isinstance(await end_of(engine.run(job)), Finished)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (bomb(20_000, 20_000), "has 400 megapixels; at most 50"),
        (bomb(9_000, 9_000), "9000 × 9000 px, 81 megapixels"),
        (png()[:60], "60 bytes: it is damaged, cut short"),
        (bomb(64, 64), "cannot be read"),
        (b"hello, this is a text file", "cannot be read"),
        (b"", "cannot be read"),
        (b"GIF89a" + b"\0" * 20, "cannot be read"),
    ],
)
async def test_a_bad_picture_is_one_sentence_and_the_thread_lives_on(
    engine_of, draw, data, sentence
):
    engine = await engine_of("sd")
    end = await end_of(engine.run(draw(inputs=(InputPicture(data=data),))))
    assert isinstance(end, Failed) and end.kind is FailureKind.BAD_INPUT
    assert sentence in end.reason and "\n" not in end.reason
    assert isinstance(await end_of(engine.run(draw())), Finished)


async def test_a_mask_that_is_black_all_over_is_one_sentence(engine_of, draw):
    engine = await engine_of("sd")
    buffer = io.BytesIO()
    Image.new("L", (64, 64)).save(buffer, "PNG")
    job = draw(inputs=(InputPicture(data=png()),), mask=buffer.getvalue())
    assert "black all over" in (await end_of(engine.run(job))).reason


async def broken(tmp_path, weights, draw, spoil, **fields):
    """The end of a job on a spoiled copy of a checkpoint."""
    import shutil

    place = tmp_path / "copy"
    shutil.copytree(weights("sd"), place)
    spoil(place)
    engine = Engine([tiny_models.spec("sd", place, **fields)], device="cpu")
    await engine.start()
    try:
        return await end_of(engine.run(draw()))
    finally:
        await engine.close()


def cut(place):
    path = next(place.glob("unet/*.safetensors"))
    path.write_bytes(path.read_bytes()[:5000])


def pickled(place):
    for path in [*place.glob("*/*.safetensors")]:
        path.rename(path.with_suffix(".bin"))


def emptied(place):
    (place / "model_index.json").unlink()


def another_family(place):
    index = place / "model_index.json"
    index.write_text(index.read_text().replace("StableDiffusionPipeline", "FluxPipeline"))


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (cut, "cannot be loaded"),
        (pickled, "only pickles"),
        (emptied, "model_index.json"),
        (another_family, "holds a FluxPipeline, which is not of the family 'sd'"),
    ],
)
async def test_a_broken_checkpoint_is_one_sentence(tmp_path, weights, draw, spoil, sentence):
    end = await broken(tmp_path, weights, draw, spoil)
    assert end.kind is FailureKind.BROKEN_MODEL
    assert sentence in end.reason and "\n" not in end.reason


async def test_a_broken_checkpoint_is_one_line_in_the_log_and_its_cause_is_for_debugging(
    tmp_path, weights, draw, caplog
):
    with caplog.at_level(logging.DEBUG, logger="engine.loop.worker"):
        await broken(tmp_path, weights, draw, cut)
    [told] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert told.levelno == logging.ERROR and told.exc_info is None
    assert "cannot be loaded" in told.getMessage()
    assert str(tmp_path) in told.getMessage(), "the operator reads where it lies"
    [cause] = [record for record in caplog.records if record.exc_info]
    assert cause.levelno == logging.DEBUG


async def test_a_model_that_is_not_fetched_says_how_to_get_it(tmp_path, draw):
    spec = tiny_models.spec("sd", tmp_path / "none", hub_id="house/sd")
    engine = Engine([spec], device="cpu")
    await engine.start()
    end = await end_of(engine.run(draw()))
    await engine.close()
    assert end.kind is FailureKind.BROKEN_MODEL
    assert "engine fetch sd" in end.reason


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"device": "cuda"}, "DEVICE is 'cuda', but"),
        ({"device": "toaster"}, "DEVICE is 'toaster'; it can be auto"),
        ({"dtype": "int4"}, "DTYPE is 'int4'; it can be auto"),
    ],
)
async def test_a_device_that_is_missing_is_one_sentence_at_the_start(options, sentence):
    import torch

    if torch.cuda.is_available() and options.get("device") == "cuda":
        pytest.skip("this machine has a CUDA card")
    engine = Engine([], **options)
    with pytest.raises(EngineError, match=sentence):
        await engine.start()


def test_the_watchdog_reports_a_tick_over_a_minute_once(caplog):
    now = [0.0]
    engine = Engine([], clock=lambda: now[0])
    engine._worker = SimpleNamespace(tick_began_s=0.0)
    now[0] = 59.0
    reported = engine._report_stuck(None)
    assert not caplog.records
    for now[0] in (61.0, 71.0):
        reported = engine._report_stuck(reported)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    engine._worker.tick_began_s = 80.0
    now[0] = 150.0
    engine._report_stuck(reported)
    assert len(caplog.records) == 2


async def test_the_watchdog_watches_from_the_start_on(engine_of, draw, monkeypatch):
    spoke, let_go = asyncio.Event(), threading.Event()

    class Listener(logging.Handler):
        def emit(self, record):
            spoke.set()

    def stuck(*arguments):
        assert let_go.wait(timeout=300)
        return step(*arguments)

    listener, step = Listener(logging.ERROR), sampler.step
    monkeypatch.setattr("engine.engine.WATCHDOG_S", 0.06)  # 0 would leave the loop no rest
    monkeypatch.setattr(sampler, "step", stuck)
    logging.getLogger("engine.engine").addHandler(listener)
    try:
        stream = (await engine_of("sd")).run(draw())
        await asyncio.wait_for(spoke.wait(), timeout=300)
    finally:
        let_go.set()
        logging.getLogger("engine.engine").removeHandler(listener)
    assert isinstance(await end_of(stream), Finished)


class Sketchbook:
    """A preview that notes when it was drawn."""

    def __init__(self, clock):
        self._clock = clock
        self.drawn_s = []

    def learn(self, latents, pixels):
        pass

    def draw(self, latents):
        self.drawn_s.append(self._clock.now_s)
        return lambda: np.zeros((8, 8, 3), np.uint8)


def test_previews_come_once_an_interval_while_progress_comes_more_often(draw):
    clock = FakeClock()
    model = FakeModel(clock=clock, tick_s=0.5)
    model.preview = Sketchbook(clock)
    events, _ = work({0: submit(draw("m", steps=40))}, model, clock=clock, preview_interval_s=2.0)
    told = [event for event in events if isinstance(event, Progress)]
    shown = [event for event in told if event.previews]
    gaps = np.diff(model.preview.drawn_s)
    assert len(shown) == len(model.preview.drawn_s) >= 8
    assert min(gaps) >= 2.0 and max(gaps) < 2.0 + 2 * 0.5
    assert len(told) > 3 * len(shown)


def test_the_time_of_a_pass_is_shared_by_the_samples_that_each_job_brought(draw):
    clock = FakeClock()
    jobs = [
        draw("m", id="grid", owner="ann", images=3, steps=6),
        draw("m", id="single", owner="bob", images=1, steps=6),
        draw("m", id="unguided", owner="cho", images=1, guidance=1.0, steps=6),
    ]
    model = FakeModel(clock=clock, tick_s=9.0)
    events, _ = work({0: submit(*jobs)}, model, clock=clock, profile=lambda: Profile(floor=16))
    used_s = {event.job_id: event.gpu_s for event in events if isinstance(event, Finished)}
    assert model.passes == [9] * 6
    assert used_s == pytest.approx({"grid": 36.0, "single": 12.0, "unguided": 6.0}, rel=0.01)


async def test_two_models_load_and_draw_beside_each_other(engine_of, draw):
    engine = await engine_of("sd", "sdxl")
    streams = [engine.run(draw(model, owner=model)) for model in ("sd", "sdxl", "sd")]
    for stream in streams:
        assert isinstance(await end_of(stream), Finished)
    assert set(engine.status().resident_models) == {"sd", "sdxl"}


async def test_rows_of_a_resident_model_step_while_another_is_loading(engine_of, draw, monkeypatch):
    engine = await engine_of("sd", "sdxl")
    await end_of(engine.run(draw("sd")))
    let_go, load = threading.Event(), loading.load

    def slow(*arguments):
        let_go.wait(timeout=30)
        return load(*arguments)

    monkeypatch.setattr(loading, "load", slow)
    waiting = engine.run(draw("sdxl", owner="bob"))
    try:
        for _ in range(3):
            assert isinstance(await end_of(engine.run(draw("sd"))), Finished)
        assert engine.status().resident_models == ("sd",)
    finally:
        let_go.set()
    assert isinstance(await end_of(waiting), Finished)


async def test_while_a_closing_engine_waits_for_a_load_its_thread_sleeps(
    engine_of, draw, monkeypatch
):
    engine = await engine_of("sd")
    let_go, load, turns = threading.Event(), loading.load, []

    def slow(*arguments):
        let_go.wait(timeout=30)
        return load(*arguments)

    monkeypatch.setattr(loading, "load", slow)
    turn = engine._worker._turn
    monkeypatch.setattr(engine._worker, "_turn", lambda: (turns.append(1), turn()))
    stream = engine.run(draw("sd"))
    async for event in stream:
        if isinstance(event, Started):
            break
    closing = asyncio.create_task(engine.close(drain_s=30))
    while engine._worker._close_at_s is None:  # noqa: ASYNC110 - another thread sets it
        await asyncio.sleep(0.01)
    before = len(turns)
    await asyncio.sleep(0.3)
    spun = len(turns) - before
    let_go.set()
    assert isinstance(await end_of(stream), Finished)
    await closing
    assert spun <= 1


async def test_a_model_is_put_away_for_another_where_memory_holds_one(engine_of, draw):
    engine = await engine_of("sd", "sdxl", gpu_memory_gb=0.0008)
    for model in ("sd", "sdxl", "sd"):
        assert isinstance(await end_of(engine.run(draw(model))), Finished)
        assert engine.status().resident_models == (model,)


class FixedSizes:
    """A model cache whose models weigh what a test says, loaded on the spot."""

    def __init__(self, sizes_gb, memory_gb):
        self.clock = FakeClock()
        self.loaded = []
        specs = {name: tiny_models.spec("sd", "/nowhere", hub_id=name) for name in sizes_gb}
        self.models = ModelCache(
            specs,
            load=lambda spec: FakeModel(),
            memory_gb=memory_gb,
            loaded=lambda name, model: self.loaded.append(name),
            clock=self.clock,
            weigh=lambda model: sizes_gb[model.name],
        )
        self.models._size_gb.update(sizes_gb)

    def load(self, name, in_use=()):
        if not self.models.want(name, in_use):
            return False
        self.models.put(name, FakeModel(name))
        return True


def test_the_least_recently_used_model_is_put_away_first():
    fixed = FixedSizes({"a": 4.0, "b": 4.0, "c": 4.0}, memory_gb=9.0)
    assert fixed.load("a") and fixed.load("b")
    fixed.models.get("a")
    assert fixed.load("c")
    assert fixed.models.names() == ("a", "c")


def test_a_model_in_use_is_never_put_away():
    fixed = FixedSizes({"a": 4.0, "b": 6.0}, memory_gb=9.0)
    assert fixed.load("a")
    assert not fixed.load("b", in_use={"a"})
    assert fixed.models.names() == ("a",)
    assert fixed.load("b")
    assert fixed.models.names() == ("b",)


def test_an_idle_model_is_put_away_after_its_time():
    fixed = FixedSizes({"a": 4.0}, memory_gb=9.0)
    fixed.load("a")
    fixed.clock.now_s += 59
    fixed.models.unload_idle(60, in_use=())
    assert fixed.models.names() == ("a",)
    fixed.clock.now_s += 2
    fixed.models.unload_idle(60, in_use={"a"})
    assert fixed.models.names() == ("a",)
    fixed.models.unload_idle(60, in_use=())
    assert fixed.models.names() == ()


def test_previews_learn_the_colours_that_the_decoder_draws():
    import torch

    from engine.models.preview import LinearRgb

    preview = LinearRgb(4)
    latents = torch.randn(1, 4, 8, 8, generator=torch.manual_seed(1))
    truth = np.array([[40, 10, 0], [0, 30, 10], [5, 0, 50], [0, 9, 9]])
    small = np.clip(latents[0].permute(1, 2, 0).numpy() @ truth + 128, 0, 255)
    pixels = small.repeat(4, axis=0).repeat(4, axis=1).astype(np.uint8)
    preview.learn(latents, pixels)
    error = np.abs(preview.draw(latents)().astype(int) - small).mean()
    assert error < 4


async def test_no_more_than_two_given_pictures_are_unpacked_at_once(engine_of, draw, monkeypatch):
    """Each may take hundreds of megabytes, however many cores encode what was drawn."""
    monkeypatch.setattr("os.cpu_count", lambda: 16)
    at_once, most, lock = 0, 0, threading.Lock()
    prepare = engines.prepare

    def counted(job, **options):
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        threading.Event().wait(0.02)
        try:
            return prepare(job, **options)
        finally:
            with lock:
                at_once -= 1

    monkeypatch.setattr(engines, "prepare", counted)
    engine = await engine_of("sd")
    given = (InputPicture(data=png()),)
    jobs = [draw(owner=f"member {n}", inputs=given, steps=1) for n in range(6)]
    ends = await asyncio.gather(*(end_of(engine.run(job)) for job in jobs))
    assert all(isinstance(end, Finished) for end in ends)
    assert most <= 2
