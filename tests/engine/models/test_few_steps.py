"""A LoRA for few steps that is merged into a model's weights."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from engine import Engine, Failed, Finished, LoraSpec
from engine.models import loading, schedulers
from tests.engine import tiny_models

CPU = torch.device("cpu")


@pytest.fixture
def lora(tmp_path):
    """A function: family → a random LoRA for it."""

    def file(family):
        path = tmp_path / f"{family}.safetensors"
        tiny_models.save_lora(path, tiny_models.BUILDERS[family]())
        return path

    return file


async def end_of(spec, job):
    engine = Engine([spec], device="cpu")
    await engine.start()
    try:
        return [event async for event in engine.run(job)][-1]
    finally:
        await engine.close()


async def drawn(spec, job):
    end = await end_of(spec, job)
    assert isinstance(end, Finished), end
    return np.asarray(Image.open(io.BytesIO(end.pictures[0].png))).astype(int)


@pytest.mark.parametrize("family", ["sd", "sdxl"])
async def test_a_merged_lora_draws_as_one_that_a_member_adds(weights, draw, lora, family):
    path = lora(family)
    merged = tiny_models.spec(family, weights(family), few_steps="lcm", few_steps_lora=path)
    named = tiny_models.spec(family, weights(family), loras=(LoraSpec(name="few", path=path),))
    fields = {"scheduler": "lcm", "seed": 3, "guidance": 1.0}
    ours = await drawn(merged, draw(family, **fields))
    theirs = await drawn(named, draw(family, loras=(("few", 1.0),), **fields))
    plain = await drawn(named, draw(family, **fields))
    assert np.abs(ours - theirs).max() <= 1
    assert np.abs(ours - plain).max() > 1


async def test_a_members_lora_comes_on_top_of_it(weights, draw, lora, tmp_path):
    path = tmp_path / "ink.safetensors"
    tiny_models.save_lora(path, tiny_models.stable_diffusion(), seed=9)
    both = tiny_models.spec(
        "sd",
        weights("sd"),
        few_steps="lcm",
        few_steps_lora=lora("sd"),
        loras=(LoraSpec(name="ink", path=path),),
    )
    inked = await drawn(both, draw(seed=3, loras=(("ink", 1.0),), guidance=1.0))
    assert np.abs(inked - await drawn(both, draw(seed=3, guidance=1.0))).max() > 1


@pytest.mark.parametrize(("kind", "first"), [("lcm", 751), ("lightning", 999), ("hyper", 999)])
def test_what_was_trained_to_begin_at_full_noise_does(weights, lora, kind, first):
    """Lightning and Hyper: their timesteps trail the ends of the intervals."""
    spec = tiny_models.spec("sd", weights("sd"), few_steps=kind, few_steps_lora=lora("sd"))
    model = loading.load(spec, CPU, torch.float32)
    for name in ("euler", "ddim", ""):
        scheduler = schedulers.build(name, model.scheduler)
        model.set_timesteps(scheduler, 4, (1, 4, 8, 8))
        assert int(scheduler.timesteps[0]) == first, name


async def test_a_lora_for_few_steps_that_is_not_there_is_one_sentence(weights, draw, tmp_path):
    spec = tiny_models.spec(
        "sd", weights("sd"), few_steps="lcm", few_steps_lora=tmp_path / "gone.safetensors"
    )
    end = await end_of(spec, draw())
    assert isinstance(end, Failed)
    assert end.reason.startswith("The LoRA gone is not there")
    assert str(tmp_path) not in end.reason
