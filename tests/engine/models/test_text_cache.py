from __future__ import annotations

from functools import lru_cache

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine import WeightedText
from engine.models.latent import COUNTED, LOOKED_AT
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
    for number, job in enumerate(jobs):
        model.condition(job, (), lambda number=number: jobs[number:])
    assert [len(texts) for texts in passes] == [16, 16, 8]


@pytest.mark.parametrize("family", ["sd", "sdxl"])
@torch.inference_mode()
def test_long_texts_of_others_that_wait_find_no_room_in_the_pass(reader, draw, family):
    model, passes = reader(family)
    own = draw(family, "a red cat", guidance=1.0)
    long = [draw(family, f"{n} " + " ".join([LONG] * 8), guidance=1.0) for n in range(3)]
    short = draw(family, "a boat", guidance=1.0)
    assert model.text_chunks(long[0].prompt[0].text) > model.chunks_together
    model.condition(own, (), lambda: [own, *long, short])
    assert passes == [["a red cat", "a boat"]]
    model.condition(long[0], (), lambda: [*long, draw(family, "a dog")])
    assert passes[1:] == [[long[0].prompt[0].text]], "and one's own texts are read, however long"


@torch.inference_mode()
def test_a_pass_that_fails_with_the_texts_of_others_is_done_without_them(reader, draw):
    model, passes = reader("sd")
    embed = model.embed

    def bears_one(texts):
        if len(texts) > 1:
            raise torch.OutOfMemoryError
        return embed(texts)

    model.embed = bears_one
    jobs = [draw(prompt="a red cat"), draw(prompt="a blue dog")]
    ours = model.condition(jobs[0], (), lambda: jobs).tensors
    assert passes == [["a red cat"], [""]]
    alone = reader("sd")[0].condition(jobs[0]).tensors
    assert all(torch.equal(alone[key], ours[key]) for key in alone)


@torch.inference_mode()
def test_of_a_long_waiting_list_a_few_jobs_are_looked_at_and_each_text_is_counted_once(
    reader, draw
):
    model, _ = reader("sd")
    counted, count = [], model.text_chunks

    def counts(text):
        counted.append(text)
        return count(text)

    model._chunks_of = lru_cache(maxsize=COUNTED)(counts)
    waiting = [draw(prompt="a boat", guidance=1.0) for _ in range(400)]
    waiting += [draw(prompt=f"cat {n}", guidance=1.0) for n in range(400)]
    seen = []

    def beside():
        for job in waiting:
            seen.append(job)
            yield job

    for prompt in ("a red cat", "a blue dog"):
        model.condition(draw(prompt=prompt, guidance=1.0), (), beside)
    assert len(seen) == 2 * LOOKED_AT
    assert counted == ["a red cat", "a boat", "a blue dog"]


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


@torch.inference_mode()
def test_a_very_long_text_is_read_in_passes_of_bounded_size(draw):
    model = FAMILIES["sdxl"]("sdxl", tiny_models.BUILDERS["sdxl"](), torch.device("cpu"))
    rows = []
    forward = model.pipeline.text_encoder_2.forward
    model.pipeline.text_encoder_2.forward = lambda ids, **o: (
        rows.append(len(ids)) or forward(ids, **o)
    )
    text = " ".join(["red"] * 2000)
    chunks = model.text_chunks(text)
    hidden = model.condition(draw("sdxl", text, guidance=1.0)).tensors["encoder_hidden_states"]
    assert hidden.shape[1] == 77 * chunks
    assert chunks > max(rows) == 16
