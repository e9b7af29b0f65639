"""What varies a picture: nothing at 0, the same again for the same job, in any batch."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import math

import numpy as np
import pytest
import torch
from PIL import Image

from engine import DrawJob, Engine, Finished, InputPicture, Look, StyleCode, WeightedText
from engine.families import FAMILIES
from engine.models import noise, variation
from tests.engine import tiny_models

JOB = DrawJob(
    id="j", owner="ann", model="sd", prompt=(WeightedText(text="a red cat at night"),), seed=7
)
VARIED = {
    "chaos": 1.0,
    "looks": (Look(prompt=(WeightedText(text="a red cat at night, neon"),), weight=1.5),),
    "weird": 1.0,
    "experiment": 1.0,
    "style_codes": (StyleCode(code=12),),
}


def embedding():
    generator = torch.Generator().manual_seed(1)
    return {
        "encoder_hidden_states": torch.randn((2, 9, 16), generator=generator),
        "text_embeds": torch.randn((2, 16), generator=generator),
        "time_ids": torch.ones((2, 6)),
    }


def first_noise():
    return noise.draw((1, 4, 8, 8), noise.generator_for(7, 0), torch.device("cpu"), torch.float32)


def test_at_0_conditioning_and_noise_are_the_very_same():
    tensors, drawn = embedding(), first_noise()
    assert variation.conditioning(tensors, JOB, 0) is tensors
    assert variation.noise(drawn, JOB, 0) is drawn


def test_an_experiment_makes_the_first_noise_larger_and_leaves_the_text_alone():
    job, tensors, drawn = dataclasses.replace(JOB, experiment=0.5), embedding(), first_noise()
    assert variation.conditioning(tensors, job, 0) is tensors
    larger = 1 + 0.5 * variation.EXPERIMENT_NOISE
    assert torch.allclose(variation.noise(drawn, job, 0), larger * drawn)


@pytest.mark.parametrize("field", ["chaos", "weird"])
def test_only_what_the_text_means_is_varied_and_only_the_texts_own_sample(field):
    job, tensors = dataclasses.replace(JOB, **{field: 0.5}), embedding()
    before = {key: tensor.clone() for key, tensor in tensors.items()}
    varied = variation.conditioning(tensors, job, 0)
    assert torch.equal(varied["time_ids"], before["time_ids"])
    assert torch.equal(varied["encoder_hidden_states"][0], before["encoder_hidden_states"][0])
    assert not torch.equal(varied["encoder_hidden_states"][1], before["encoder_hidden_states"][1])
    assert all(torch.equal(tensors[key], before[key]) for key in before), "it is shared"


def test_chaos_leads_each_picture_elsewhere_and_weird_all_the_same_way():
    def states(index, **fields):
        job = dataclasses.replace(JOB, **fields)
        return variation.conditioning(embedding(), job, index)["encoder_hidden_states"]

    assert not torch.equal(states(0, chaos=0.5), states(1, chaos=0.5))
    assert torch.equal(states(0, weird=0.5), states(1, weird=0.5))
    assert torch.equal(states(2, chaos=0.5), states(0, chaos=0.5, seed=9)), "by its own seed"
    other = (WeightedText(text="a dog"),)
    assert not torch.equal(states(0, weird=0.5), states(0, weird=0.5, prompt=other))


def test_the_step_grows_in_proportion():
    def step(chaos):
        job, tensors = dataclasses.replace(JOB, chaos=chaos), embedding()
        varied = variation.conditioning(tensors, job, 0)["encoder_hidden_states"][1]
        return (varied - tensors["encoder_hidden_states"][1]).norm().item()

    assert step(1.0) == pytest.approx(2 * step(0.5), rel=1e-4)
    assert step(1.0) > 1


def test_a_code_gives_every_seed_the_same_cast_of_the_models_own_deviation():
    job = dataclasses.replace(JOB, style_codes=(StyleCode(code=3),))
    casts, total = [], math.sqrt(1 + variation.CODE_TINT**2)
    for seed in (1, 2):
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.randn((1, 4, 64, 64), generator=generator)
        varied = variation.noise(drawn, job, 0)
        assert varied.square().mean().sqrt().item() == pytest.approx(1, abs=0.35)
        casts.append(varied.mean(dim=(2, 3)) - drawn.mean(dim=(2, 3)) / total)
    assert torch.allclose(*casts, atol=0.05)
    assert casts[0].abs().max() > 0.1


def test_a_look_of_weight_1_is_its_own_words_and_others_lie_on_the_line():
    base, look = embedding(), {key: tensor + 1 for key, tensor in embedding().items()}
    for weight in (0.25, 1.0, 2.0):
        led = variation.led(base, [(look, weight)])
        for key, tensor in led.items():
            assert torch.allclose(tensor, base[key] + weight, atol=1e-5)


async def pictures(engine, job):
    end = [event async for event in engine.run(job)][-1]
    assert isinstance(end, Finished), end
    return [np.asarray(Image.open(io.BytesIO(p.png))).astype(int) for p in end.pictures]


@pytest.mark.parametrize(
    "family", [name for name, family in FAMILIES.items() if "vary" in family.operations]
)
async def test_every_family_that_says_so_draws_otherwise_and_the_same_again(weights, draw, family):
    engine = Engine([tiny_models.spec(family, weights(family))], device="cpu", owner_cap=20)
    await engine.start()
    try:
        guidance = 1.0 if family == "flux" else 5.0
        fields = {"seed": 3, "steps": 3, "guidance": guidance}
        (plain,) = await pictures(engine, draw(family, **fields))
        for name, value in VARIED.items():
            (one,) = await pictures(engine, draw(family, **{name: value}, **fields))
            (two,) = await pictures(engine, draw(family, **{name: value}, **fields))
            assert np.array_equal(one, two), name
            assert np.abs(one - plain).max() > 0, name
    finally:
        await engine.close()


async def test_varied_pictures_share_passes_with_strangers(weights, draw):
    engine = Engine([tiny_models.spec("sd", weights("sd"))], device="cpu", owner_cap=20)
    await engine.start()
    try:

        def jobs():
            return [
                draw(owner="ann", seed=3, images=2),
                *(
                    draw(owner=f"{name}", seed=3, images=2, **{name: value})
                    for name, value in VARIED.items()
                ),
            ]

        alone = [await pictures(engine, job) for job in jobs()]
        together = await asyncio.gather(*(pictures(engine, job) for job in jobs()))
        for one, many in zip(alone, together, strict=True):
            for lone, shared in zip(one, many, strict=True):
                assert np.abs(lone - shared).max() <= 1
    finally:
        await engine.close()


async def test_varied_rows_are_of_the_same_group_as_plain_ones(weights, draw, monkeypatch):
    from engine.loop import worker

    sizes = []
    kept = worker.sampler.step

    def step(model, rows):
        sizes.append(len(rows))
        return kept(model, rows)

    monkeypatch.setattr(worker.sampler, "step", step)
    engine = Engine([tiny_models.spec("sd", weights("sd"))], device="cpu", owner_cap=20)
    await engine.start()
    try:
        jobs = [
            draw(owner="ann"),
            draw(owner="bob", chaos=1.0, weird=1.0, style_codes=(StyleCode(code=12),)),
        ]
        await asyncio.gather(*(pictures(engine, job) for job in jobs))
    finally:
        await engine.close()
    assert 2 in sizes


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"chaos": 1.1}, "lie from 0 to 1"),
        ({"weird": float("nan")}, "lie from 0 to 1"),
        ({"experiment": -0.1}, "lie from 0 to 1"),
        ({"style_scale": 2.0}, "lie from 0 to 1"),
        ({"style_codes": (StyleCode(code=2**32),)}, "style code lies from 0"),
        ({"style_codes": (StyleCode(code=1),) * 17}, "17 styles"),
        ({"looks": (Look(prompt=JOB.prompt, weight=5.0),)}, "weight of a style"),
        ({"looks": (Look(prompt=JOB.prompt, weight=float("nan")),)}, "weight of a style"),
        ({"looks": (Look(prompt=(WeightedText(text="x" * 20_001),), weight=1.0),)}, "20,0"),
        ({"style_inputs": (InputPicture(data=b"x", weight=0.0),)}, "weight of a style"),
    ],
)
async def test_what_no_engine_could_vary_is_refused_in_a_sentence(weights, draw, fields, words):
    engine = Engine([tiny_models.spec("sd", weights("sd"))], device="cpu")
    await engine.start()
    try:
        with pytest.raises(ValueError, match=words):
            engine.run(draw(**fields))
    finally:
        await engine.close()
