"""The engine on a pretended card: everything that a member can ask for, on the lines for a card."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import threading
import time

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image

from engine import (
    DescribeJob,
    Engine,
    Finished,
    InitUse,
    InputPicture,
    Look,
    LoraSpec,
    StyleCode,
    UpscaleJob,
    WeightedText,
    WordWeightsJob,
    scheduler_table,
)
from engine.loop import sampler
from engine.loop.worker import Worker
from engine.models import compiled, how
from engine.models.compiled import Compiled
from engine.models.compiled_decoder import DecoderPass
from engine.models.how import HowCompiled
from engine.models.safety import SafetyCheck
from tests.engine import tiny_models
from tests.engine.card.pretend import DeviceMixUpError, HostWaitsError, NumberFormatError
from tests.engine.samples import photo, png, right_half


@pytest.fixture
def no_tick_waits(card, monkeypatch):
    """Where the host waits for the card in a tick, or when it begins to decode, is an error; that
    it waits for the tick before is none.
    """
    tick, decode = Worker._tick, sampler.decode

    def hurried(worker):
        with card.hurried():
            tick(worker)
        for row in worker._rows:
            assert row.latents.dtype == row.model.noise_dtype
            assert row.latents.device == row.model.device

    def begun(model, rows):
        with card.hurried():
            return decode(model, rows)

    monkeypatch.setattr(Worker, "_tick", hurried)
    monkeypatch.setattr(sampler, "decode", begun)
    yield card
    assert not card.mistakes


@pytest.fixture
async def drawn(no_tick_waits, weights):
    """A function: family, jobs and fields of its catalogue entry → pictures drawn on the card."""
    engines = []

    async def draw(family, *jobs, dtype="float32", place=None, **fields):
        fields = {"compiled": "off"} | fields
        spec = tiny_models.spec(family, place or weights(family), **fields)
        engine = Engine([spec], device="cuda", dtype=dtype, preview_interval_s=0.0)
        engines.append(engine)
        await engine.start()
        assert engine.status().device.startswith("cuda:0")
        streams = [engine.run(job) for job in jobs]
        ends = [[event async for event in stream][-1] for stream in streams]
        for end in ends:
            assert isinstance(end, Finished), end
        return ends

    yield draw
    for engine in engines:
        await engine.close()


def begun(operation):
    """What a job of an operation begins with."""
    fields = {}
    if operation != "text":
        fields |= {"inputs": (InputPicture(data=png(photo())),), "strength": 0.65}
    if operation == "mask":
        fields |= {"mask": png(right_half())}
    return fields


def pixels(end):
    return [np.asarray(Image.open(io.BytesIO(p.png))).astype(int) for p in end.pictures]


@pytest.mark.parametrize("family", tiny_models.SHARING)
@pytest.mark.parametrize("operation", ["text", "image", "mask"])
async def test_a_picture_of_the_card_is_that_of_the_host(drawn, draw, weights, family, operation):
    """Nothing in its ticks waits or mixes devices; only the order of channels rounds otherwise."""
    fields = {"seed": 3, "images": 2, **begun(operation)}
    (end,) = await drawn(family, draw(family, film_frames=2, **fields))
    assert [len(film) for film in end.films] == [2, 2]

    host = Engine([tiny_models.spec(family, weights(family))], device="cpu")
    await host.start()
    expected = [event async for event in host.run(draw(family, **fields))][-1]
    await host.close()
    for ours, theirs in zip(pixels(end), pixels(expected), strict=True):
        assert np.abs(ours - theirs).max() <= 1


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("family", tiny_models.SHARING)
async def test_every_family_draws_in_half_precision(drawn, draw, family, dtype):
    inputs = (InputPicture(data=png(photo())),)
    jobs = (draw(family), draw(family, inputs=inputs, mask=png(right_half()), owner="bob"))
    assert all(end.pictures for end in await drawn(family, *jobs, dtype=dtype))


NOISE, FLOW = (scheduler_table.names_for(flow=flow) for flow in (False, True))
BEGINNINGS = ("text", "image", "mask")
FEW = ("euler-a", "dpm++2m", "ddim")
SCHEDULED = [
    *((family, begins, NOISE) for family in ("sd", "sdxl") for begins in BEGINNINGS),
    *((family, begins, FLOW) for family in ("sd3", "flux", "z-image") for begins in BEGINNINGS),
    ("sd-velocity", "text", NOISE),
    ("flux-schnell", "text", FLOW),
    ("sdxl-single", "text", FEW),
    ("sd-inpaint", "mask", FEW),
    ("sdxl-inpaint", "mask", FEW),
]


def test_every_scheduler_is_tried():
    assert {*NOISE, *FLOW, "edm-euler"} == {*scheduler_table.SCHEDULERS}


@pytest.mark.parametrize(("family", "operation", "names"), SCHEDULED)
async def test_no_scheduler_lets_a_tick_wait(drawn, draw, family, operation, names):
    """All of a family's share passes, two drawings of each at different steps."""
    if operation != "text":
        names = [name for name in names if name != "ipndm"]  # it begins with noise alone
    jobs = [
        draw(family, scheduler=name, steps=steps, owner=f"{name} {steps}", **begun(operation))
        for name in names
        for steps in (6, 9)
    ]
    await drawn(family, *jobs)


@pytest.mark.parametrize("operation", BEGINNINGS)
async def test_no_checkpoint_of_edms_form_lets_a_tick_wait(drawn, draw, tmp_path, operation):
    """By its own scheduler, which is stepped by row, and by the one that members may name."""
    pipeline = tiny_models.stable_diffusion()
    pipeline.scheduler = diffusers.EDMDPMSolverMultistepScheduler()
    pipeline.save_pretrained(tmp_path)
    jobs = [draw(scheduler=name, steps=6, **begun(operation)) for name in ("", "edm-euler")]
    await drawn("sd", *jobs, place=tmp_path)


async def test_what_an_entry_adds_is_on_the_card_too(drawn, draw, weights, tmp_path):
    """A checker, a small decoder, an IP-Adapter, beside tiles, negative parts, an early stop."""
    adapter = tmp_path / "adapter.safetensors"
    tiny_models.save_ip_adapter(adapter, tiny_models.unet())
    inputs = (InputPicture(data=png(photo())),)
    prompted = draw(inputs=inputs, init_use=InitUse.PROMPT, owner="bob")
    mixed = draw(inputs=inputs * 2, init_use=InitUse.MIX, owner="cid")
    others = (draw(tile=True, owner="dan"), draw(stop=0.5, owner="eve"), draw(negative="red"))
    ends = await drawn(
        "sd",
        *(prompted, mixed, *others),
        safety_checker=weights("safety"),
        preview_vae=weights("taesd"),
        ip_adapter=adapter,
        image_encoder=weights("vision"),
    )
    assert all(0 <= picture.safety_score <= 1 for end in ends for picture in end.pictures)


@pytest.mark.parametrize("family", ["sd", "sdxl", "sd3", "flux", "z-image"])
async def test_loras_of_the_card_share_its_ticks(drawn, draw, tmp_path, family):
    names = ("ink", "neon")
    for seed, name in enumerate(names):
        path = tmp_path / f"{name}.safetensors"
        tiny_models.save_lora(path, tiny_models.BUILDERS[family](), seed=seed)
    loras = tuple(LoraSpec(name=n, path=tmp_path / f"{n}.safetensors") for n in names)
    chosen = [(), (("ink", 1.0),), (("ink", 0.5),), (("neon", 1.0), ("ink", 0.3))]
    jobs = [draw(family, loras=each, owner=f"m{n}", steps=8) for n, each in enumerate(chosen)]
    await drawn(family, *jobs, loras=loras)


@pytest.mark.parametrize("family", ["swin2sr", "spandrel"])
async def test_a_picture_is_enlarged_on_the_card(drawn, card, weights, family):
    if family == "spandrel":
        pytest.importorskip("spandrel")
    place = weights(family) / ("compact.safetensors" if family == "spandrel" else "")
    engine = Engine(
        [tiny_models.spec("sd", weights("sd")), tiny_models.spec(family, place)], device="cuda"
    )
    await engine.start()
    try:
        job = UpscaleJob(id="up", owner="ann", picture=png(photo()), factor=2)
        end = [event async for event in engine.run(job)][-1]
    finally:
        await engine.close()
    assert isinstance(end, Finished), end


@pytest.mark.parametrize("family", ["clip", "captioner"])
async def test_a_picture_is_described_on_the_card(card, weights, family):
    """In half precision, too; beside it on the host, the words are the same."""

    async def described(device, dtype):
        specs = [tiny_models.spec(name, weights(name)) for name in ("sd", family)]
        engine = Engine(specs, device=device, dtype=dtype)
        await engine.start()
        try:
            job = DescribeJob(id="d", owner="ann", picture=png(photo()))
            end = [event async for event in engine.run(job)][-1]
        finally:
            await engine.close()
        assert isinstance(end, Finished), end
        return end.texts

    assert await described("cuda", "float32") == await described("cpu", "float32")
    assert await described("cuda", "float16")


async def test_pictures_are_checked_beside_the_ticks(drawn, draw, weights, monkeypatch):
    """On a stream of its own, so that the check waits for no tick that was begun meanwhile."""
    streams, checked_on, scores = [], [], SafetyCheck.scores

    @contextlib.contextmanager
    def on(stream):
        streams.append(stream)
        yield
        streams.pop()

    def seen(check, pictures):
        checked_on.append(streams[-1] if streams else None)
        return scores(check, pictures)

    monkeypatch.setattr(torch.cuda, "stream", on)
    monkeypatch.setattr(SafetyCheck, "scores", seen)
    await drawn("sd", draw(), draw(owner="bob"), safety_checker=weights("safety"))
    assert checked_on and None not in checked_on
    assert len({id(stream) for stream in checked_on}) == 1


async def test_what_else_members_ask_for_is_drawn_on_the_card(drawn, draw):
    """Looks, style codes and pictures of a style, chaos, blends, variations, many crops."""
    inputs = (InputPicture(data=png(photo())),)
    look = Look(prompt=(WeightedText(text="ink"),), weight=0.5)
    jobs = (
        draw(looks=(look,), style_codes=(StyleCode(code=7, weight=1.0),), style_scale=0.5),
        draw(chaos=0.7, weird=0.5, experiment=0.5, images=4, owner="bob"),
        draw(inputs=inputs * 2, init_use=InitUse.MIX, owner="cid"),
        draw(inputs=inputs, enlarge=2, strength=0.4, owner="dan"),
        draw(prompt=(WeightedText(text="cat"), WeightedText(text="red", weight=-0.5)), owner="eve"),
        draw(inputs=inputs, strength=0.01, owner="fay"),
        draw(guidance=1.0, owner="gus"),
    )
    ends = await drawn("sd", *jobs)
    assert all(end.pictures for end in ends)


async def test_the_weight_of_words_is_found_on_the_card(drawn):
    (end,) = await drawn("sd", WordWeightsJob(id="w", owner="ann", model="sd", text="a red cat"))
    assert len(end.weights) == len(end.texts) == 3


async def test_a_pipeline_of_its_own_draws_on_the_card(card, weights, draw):
    engine = Engine([tiny_models.spec("pipeline", weights("sd"))], device="cuda", dtype="float32")
    await engine.start()
    try:
        end = [event async for event in engine.run(draw("pipeline"))][-1]
    finally:
        await engine.close()
    assert isinstance(end, Finished), end


@pytest.fixture
def served(monkeypatch):
    """What code that counts as compiled has served; every pass waits until there is some.

    What is compiled here is the twin itself: the road to it counts.
    """
    found = set()
    serve = Compiled.serve

    def served_at_once(ours, *given):
        result = serve(ours, *given)
        while result is None and ours.waits():
            time.sleep(0.001)
            result = serve(ours, *given) if not ours.waits() else None
        return result

    def pretend(twin, how):
        decoder = isinstance(twin, DecoderPass)
        assert how == HowCompiled(whole=decoder)

        def forward(*arguments, **options):
            if threading.current_thread().name != "compile":
                found.add("decoder" if decoder else "denoiser")
            return twin(*arguments, **options)

        return forward

    monkeypatch.setattr(compiled, "compile_in_place", pretend)
    monkeypatch.setattr(compiled, "compile_ahead", lambda *_: None)
    monkeypatch.setattr(Compiled, "serve", served_at_once)
    monkeypatch.setattr(how, "can_build", lambda: True)
    return found


@pytest.mark.parametrize("family", tiny_models.SHARING)
async def test_passes_with_compiled_code_wait_for_nothing(drawn, draw, served, family):
    """As by default on a card."""
    jobs = [draw(family, steps=3, owner=owner) for owner in ("ann", "bob", "cid")]
    ends = await drawn(family, *jobs, compiled="")
    assert all(end.pictures for end in ends)
    assert served == {"decoder", "denoiser"}


@pytest.mark.parametrize(
    ("asked", "owners", "recorded"), [(True, 2, 1), (True, 4, 0), (False, 2, 0)]
)
async def test_passes_of_one_or_two_pictures_are_recorded_where_an_entry_asks_for_it(
    drawn, draw, served, monkeypatch, asked, owners, recorded
):
    seen = []

    def graphed(forward):
        seen.append(forward)
        return forward

    monkeypatch.setattr(compiled, "Graphed", graphed)
    jobs = [draw(steps=3, images=owners)]
    await drawn("sd", *jobs, compiled="", cuda_graphs=asked)
    assert served == {"decoder", "denoiser"}
    assert len(seen) == recorded


async def test_kept_features_let_no_tick_wait(drawn, draw):
    jobs = [draw(steps=steps, owner=f"member {steps}") for steps in (4, 7, 9)]
    assert all(end.pictures for end in await drawn("sd", *jobs, deep_every=2, fused_qkv=True))


async def test_models_that_a_card_compiles_are_known_to_be_fast_in_few_sizes(card, weights):
    specs = [
        dataclasses.replace(spec, info=dataclasses.replace(spec.info, name=how), compiled=how)
        for spec in [tiny_models.spec("sd", weights("sd"))]
        for how in ("blocks", "whole", "off")
    ]
    for device, few in (("cuda", {"blocks", "whole"}), ("cpu", set())):
        engine = Engine(specs, device=device, dtype="float32")
        await engine.start()
        assert {info.name for info in engine.models() if info.few_sizes} == few
        await engine.close()


def test_a_card_that_was_pretended_leaves_the_hosts_tensors_as_they_were(card, monkeypatch):
    torch.zeros(3, device="cuda")[0]
    monkeypatch.undo()
    assert torch.tensor([torch.tensor(601.0)]).tolist() == [601.0]


def test_a_wait_in_a_tick_would_be_an_error(card):
    with torch.inference_mode(), card.hurried():
        there = torch.zeros(3, device="cuda")
        with pytest.raises(HostWaitsError, match="reads numbers back"):
            there.sum().item()
        with pytest.raises(HostWaitsError, match="copy to the card"):
            torch.ones(3).to("cuda", non_blocking=True)
        torch.ones(3).pin_memory().to("cuda", non_blocking=True)
        with pytest.raises(HostWaitsError, match="a mask as an index"):
            there[there > 0]


def test_a_mix_up_of_devices_or_formats_would_be_an_error(card):
    with torch.inference_mode():
        there = torch.zeros(3, device="cuda")
        with pytest.raises(DeviceMixUpError):
            there + torch.ones(3)
        with pytest.raises(NumberFormatError, match="64 bits"):
            there.double()
        assert (there + torch.tensor(2.0)).tolist() == [2, 2, 2]
