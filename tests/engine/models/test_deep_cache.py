"""Deep features that are kept for some steps of a row."""

from __future__ import annotations

import functools
import io

import numpy as np
import pytest
import torch
from PIL import Image

from engine import Engine, Finished, InputPicture, LoraSpec
from engine.models import compiled as compiling
from engine.models.compiled import Compiled
from engine.models.deep_cache import DeepPass, ShallowPass
from engine.models.stable_diffusion import StableDiffusion
from tests.engine import tiny_models
from tests.engine.samples import photo, png, right_half

GIVEN = (torch.ones(2, 4, 8, 8), torch.tensor([3.0, 400.0]), torch.ones(2, 77, 32))


@pytest.fixture
async def caching(weights, request):
    """A function: a number of steps and fields of the entry → a started engine that caches."""
    engines = []

    async def start(deep_every, family="sd", **fields):
        spec = tiny_models.spec(family, weights(family), deep_every=deep_every, **fields)
        device = request.config.getoption("--device")
        engines.append(Engine([spec], device=device, dtype="float32"))
        await engines[-1].start()
        return engines[-1]

    yield start
    for engine in engines:
        await engine.close()


async def drawn(engine, *jobs):
    streams = [engine.run(job) for job in jobs]
    ends = [[event async for event in stream][-1] for stream in streams]
    for end in ends:
        assert isinstance(end, Finished), end
    return [np.asarray(Image.open(io.BytesIO(end.pictures[0].png))).astype(int) for end in ends]


@torch.inference_mode()
def test_a_shallow_pass_with_its_own_features_is_the_whole_pass_bit_for_bit():
    unet = tiny_models.unet()
    expected = unet(*GIVEN).sample
    prediction, features = DeepPass(unet)(*GIVEN, return_dict=False)
    assert torch.equal(prediction, expected)
    (shallow,) = ShallowPass(unet)(*GIVEN, return_dict=False, deep_features=features)
    assert torch.equal(shallow, expected)
    (other,) = ShallowPass(unet)(*GIVEN, return_dict=False, deep_features=features + 1)
    assert not torch.equal(other, expected)


def test_a_shallow_pass_has_the_weights_of_the_unet_and_fewer_blocks():
    unet = tiny_models.unet()
    shallow = ShallowPass(unet)
    assert set(shallow.parameters()) < set(unet.parameters())
    assert unet.mid_block is not None and len(unet.down_blocks) == 2


@torch.inference_mode()
def test_a_pass_that_failed_leaves_its_features_to_no_other():
    unet = tiny_models.unet()
    deep = DeepPass(unet)
    expected = unet(*GIVEN).sample
    full = unet.conv_out.register_forward_pre_hook(out_of_memory)
    with pytest.raises(torch.OutOfMemoryError):
        deep(GIVEN[0] + 1, *GIVEN[1:], return_dict=False)
    full.remove()
    prediction, _ = deep(*GIVEN, return_dict=False)
    assert torch.equal(prediction, expected)


def out_of_memory(*_):
    raise torch.OutOfMemoryError


async def test_one_in_so_many_steps_of_each_row_goes_deep(caching, draw, monkeypatch):
    passes = []
    predict = StableDiffusion.predict

    def seen(model, latents, timesteps, conditioning, adapters):
        passes.append((len(latents), "deep_features" in conditioning))
        return predict(model, latents, timesteps, conditioning, adapters)

    monkeypatch.setattr(StableDiffusion, "predict", seen)
    await drawn(await caching(3), draw(steps=7))
    assert passes == [(2, False), (2, True), (2, True)] * 2 + [(2, False)]


@pytest.mark.parametrize("family", ["sd", "sdxl"])
async def test_what_is_kept_is_each_rows_own(caching, draw, family):
    """Rows at different steps, with and without guidance, are drawn as if they were alone."""
    fields = {"inputs": (InputPicture(data=png(photo())),)}
    jobs = [
        draw(family, steps=9, seed=1, owner="ann"),
        draw(family, steps=6, seed=2, owner="bob", guidance=1.0),
        draw(family, steps=8, seed=3, owner="cid", negative="red", stop=0.6),
        draw(family, steps=9, seed=4, owner="dan", mask=png(right_half()), **fields),
        draw(family, steps=5, seed=5, owner="eve", scheduler="heun", tile=True),
    ]
    engine = await caching(2, family)
    together = await drawn(engine, *jobs)
    for job, beside in zip(jobs, together, strict=True):
        (alone,) = await drawn(engine, job)
        assert np.abs(alone - beside).max() <= 1
    whole = await caching(1, family)
    (exact,) = await drawn(whole, jobs[0])
    assert np.abs(exact - together[0]).max() > 1, "it keeps nothing"


async def test_a_lora_is_in_shallow_passes_too(caching, draw, tmp_path):
    path = tmp_path / "ink.safetensors"
    tiny_models.save_lora(path, tiny_models.stable_diffusion())
    engine = await caching(2, loras=(LoraSpec(name="ink", path=path),))
    fields = {"steps": 2, "seed": 3, "scheduler": "euler", "guidance": 30.0}
    (plain,) = await drawn(engine, draw(**fields))
    (inked,) = await drawn(engine, draw(loras=(("ink", 1.0),), **fields))
    assert np.abs(plain - inked).max() > 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_both_kinds_of_passes_are_compiled(caching, draw, monkeypatch):
    torch._dynamo.reset()
    in_place = functools.partial(compiling.compile_in_place, backend="eager")
    monkeypatch.setattr(compiling, "compile_in_place", in_place)
    monkeypatch.setattr(compiling, "compile_ahead", lambda *_: None)
    served = {True: 0, False: 0}
    serve = Compiled.serve

    def counted(ours, arguments, options, loras=None):
        result = serve(ours, arguments, options, loras)
        if options:  # the denoiser, not the decoder
            served["deep_features" in options] += result is not None
        return result

    monkeypatch.setattr(Compiled, "serve", counted)
    eager = await drawn(await caching(2, compiled="off"), draw(seed=3))
    engine = await caching(2, compiled="blocks")
    for _ in range(20):  # code that does not fit after all is made again
        before = dict(served)
        ours = await drawn(engine, draw(seed=3))
        if all(served[kind] - before[kind] == 2 for kind in served):
            break
        while engine.status().compiling:
            await drawn(engine, draw(seed=3))
    else:
        pytest.fail(f"Passes of one kind stayed eager: {served}")
    assert np.abs(ours[0] - eager[0]).max() <= 1
