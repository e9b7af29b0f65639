from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine import WeightedText
from engine.models.sd3 import StableDiffusion3
from engine.models.sdxl import StableDiffusionXL
from engine.models.stable_diffusion import StableDiffusion
from engine.models.text_cache import TextCache
from tests.engine import tiny_models


def embedding(size):
    return {"hidden": torch.zeros(1, size, dtype=torch.uint8)}


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 60)), max_size=60))
def test_no_more_is_held_than_the_limit_except_for_one_alone(asked):
    texts = TextCache(limit=100)
    held = {}
    for key, size in asked:
        got = texts.get(key, lambda size=size: embedding(size))
        held.pop(key, None)
        held[key] = got
        while sum(e["hidden"].numel() for e in held.values()) > 100 and len(held) > 1:
            held.pop(next(iter(held)))
        assert len(texts) == len(held)


def test_the_same_text_is_encoded_once_while_it_is_remembered():
    texts, encoded = TextCache(limit=100), []

    def encode(name):
        encoded.append(name)
        return embedding(40)

    for name in "abaca":
        texts.get(name, lambda name=name: encode(name))
    texts.get("b", lambda: encode("b"))
    assert encoded == ["a", "b", "c", "b"]


def test_a_text_larger_than_the_limit_is_still_encoded():
    texts = TextCache(limit=10)
    assert texts.get("a", lambda: embedding(50))["hidden"].numel() == 50


def test_what_was_encoded_with_others_is_encoded_anew_for_a_job_alone():
    texts = TextCache(limit=100)
    texts.put("a", embedding(40), together=True)
    with_others = texts.get("a", lambda: pytest.fail("it is there"), alone=False)
    alone = texts.get("a", lambda: embedding(40))
    assert alone is not with_others
    assert texts.get("a", lambda: pytest.fail("it is there")) is alone
    assert texts.get("a", lambda: pytest.fail("it is there"), alone=False) is alone


LONG = " ".join(["a red cat at night"] * 30)
FAMILIES = {"sd": StableDiffusion, "sdxl": StableDiffusionXL, "sd3": StableDiffusion3}


@pytest.fixture
def reader():
    """A function: family → its tiny model, and the texts of each pass of its encoder."""

    def make(family):
        model = FAMILIES[family](family, tiny_models.BUILDERS[family](), torch.device("cpu"))
        passes, embed = [], model.embed

        def seen(texts):
            passes.append([text for text, _ in texts])
            return embed(texts)

        model.embed = seen
        return model, passes

    return make


@pytest.mark.parametrize("family", ["sd", "sdxl"])
@torch.inference_mode()
def test_jobs_that_wait_are_read_in_one_pass_and_as_if_each_were_read_alone(reader, draw, family):
    model, passes = reader(family)
    jobs = [
        draw(family, "a red cat"),
        draw(family, LONG, negative="a dog"),
        draw(family, (WeightedText(text="a cat", weight=2), WeightedText(text="fog", weight=-1))),
        draw(family, "a boat", guidance=1.0),
    ]
    together = [model.condition(job, (), lambda: jobs).tensors for job in jobs]
    assert passes == [["a red cat", "", LONG, "a dog", "a cat", "fog", "a boat"]]

    for job, ours in zip(jobs, together, strict=True):
        alone = reader(family)[0].condition(job).tensors
        assert alone.keys() == ours.keys()
        for key in alone:
            assert torch.allclose(alone[key], ours[key], atol=1e-5), (job.prompt, key)


@torch.inference_mode()
def test_a_job_alone_is_read_text_by_text_whatever_was_read_before(reader, draw):
    model, passes = reader("sd")
    jobs = [draw(prompt="a red cat"), draw(prompt="a blue dog")]
    model.condition(jobs[0], (), lambda: jobs)
    passes.clear()
    for _ in range(2):
        model.condition(jobs[1])
    assert passes == [["a blue dog"], [""]]
    model.condition(jobs[1], (), lambda: jobs)
    assert len(passes) == 2, "and that serves the others, too"


@torch.inference_mode()
def test_no_more_texts_share_a_pass_than_it_takes(reader, draw):
    model, passes = reader("sd")
    jobs = [draw(prompt=f"cat {number}", guidance=1.0) for number in range(40)]
    for job in jobs:
        model.condition(job, (), lambda: jobs)
    assert [len(texts) for texts in passes] == [16, 16, 8]


@torch.inference_mode()
def test_long_texts_are_read_one_by_one(reader, draw):
    model, passes = reader("sd3")
    jobs = [draw("sd3", "a red cat"), draw("sd3", "a blue dog")]
    model.condition(jobs[0], (), lambda: jobs)
    assert sorted(passes) == [[""], ["a red cat"]]


@torch.inference_mode()
def test_a_job_with_another_lora_is_not_read_with_it(reader, draw):
    model, passes = reader("sd")
    jobs = [draw(prompt="a red cat"), draw(prompt="a blue dog", loras=(("ink", 1.0),))]
    model.condition(jobs[0], (), lambda: jobs)
    assert passes == [["a red cat", ""]]


@torch.inference_mode()
def test_a_text_that_cannot_be_read_is_left_to_its_own_job(reader, draw):
    model, passes = reader("sd")
    jobs = [draw(prompt="a red cat"), draw(prompt="a \ud800 dog"), draw(prompt="a blue dog")]
    model.condition(jobs[0], (), lambda: jobs)
    assert passes == [["a red cat", "", "a blue dog"]]
    with pytest.raises((TypeError, UnicodeError)):
        model.condition(jobs[1], (), lambda: jobs)
