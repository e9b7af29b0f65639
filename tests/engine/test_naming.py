"""Pictures that are mixed without words are drawn by words for what they show."""

from __future__ import annotations

import asyncio
import dataclasses
import threading

import pytest
from PIL import Image

from engine import (
    Cancelled,
    DescribeJob,
    DrawnWords,
    Failed,
    FailureKind,
    Finished,
    InitUse,
    InputPicture,
    Started,
    WeightedText,
    load_catalogue,
)
from engine.errors import JobError, Sentence
from engine.models.clip_ranking import ClipRanking, Wording
from engine.naming import UNNAMED_STRENGTH, named, question
from tests.engine.samples import png


def pictures(*colours, weights=None):
    weights = weights or [1.0] * len(colours)
    return tuple(
        InputPicture(data=png(Image.new("RGB", (64, 64), colour)), weight=weight)
        for colour, weight in zip(colours, weights, strict=True)
    )


def mix(draw, **fields):
    asked = {"prompt": (), "inputs": pictures("red", "blue"), "strength": 0.9}
    return draw(**(asked | {"init_use": InitUse.MIX, "name_inputs": True} | fields))


async def events_of(stream):
    return [event async for event in stream]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((), [("a cat beside a dog", 1.0)]),
        ((("neon", 1.0),), [("a cat beside a dog, neon", 1.0)]),
        ((("neon", 2.0), ("fog", -1.0)), [("a cat beside a dog, neon", 2.0), ("fog", -1.0)]),
    ],
)
def test_what_is_found_goes_before_the_words_of_a_style(draw, before, after):
    parts = tuple(WeightedText(text=text, weight=weight) for text, weight in before)
    job = mix(draw, prompt=parts, negative="rain")
    found = named(job, Finished(job_id="q", texts=("a cat beside a dog",), gpu_s=2.0))
    drawn = found.job(job)
    assert [(part.text, part.weight) for part in drawn.prompt] == after
    assert not drawn.name_inputs
    assert drawn.strength == job.strength
    end = found.added_to(Finished(job_id=job.id, gpu_s=1.0))
    assert end.drawn == DrawnWords(prompt=drawn.prompt, negative="rain")
    assert end.gpu_s == 3.0


def test_what_cannot_be_described_is_mixed_without_words_and_the_member_is_told(draw):
    job = mix(draw)
    found = named(job, Failed(job_id="q", reason=Sentence("It broke.")))
    drawn = found.job(job)
    assert (drawn.prompt, drawn.strength) == ((), UNNAMED_STRENGTH)
    end = found.added_to(Finished(job_id=job.id))
    assert end.drawn is None
    assert end.notes[-1].endswith("they were mixed without words. It broke.")


def test_the_weightiest_picture_says_where(draw):
    inputs = pictures("red", "blue", "green", weights=[1, 3, 1])
    asked = question(mix(draw, inputs=inputs, owner="eve", running_cap=2))
    assert asked.picture == inputs[1].data
    assert asked.together == (inputs[0].data, inputs[2].data)
    assert (asked.owner, asked.running_cap) == ("eve", 2)


def test_things_of_several_pictures_stand_beside_each_other():
    several = [
        ("cat", "orange", "on a meadow", "flat"),
        ("tree", "green", "at sunset", "neon"),
        ("owl", "orange", "at night", "neon"),
    ]
    wording = Wording(words={})
    two = "an orange cat beside a green tree on a meadow, flat"
    assert wording.together(several[:2]) == two
    three = "an orange cat beside a green tree and an orange owl on a meadow, flat"
    assert wording.together(several) == three


async def test_a_mix_is_drawn_by_the_words_that_a_pair_finds(engine_of, draw):
    engine = await engine_of("sd", "clip")
    job = mix(draw)
    events = await events_of(engine.run(job))
    assert {event.job_id for event in events} == {job.id}
    assert sum(isinstance(event, Started) for event in events) == 1
    end = events[-1]
    assert isinstance(end, Finished)
    (part,) = end.drawn.prompt
    assert " beside " in part.text
    asked = question(job)
    (text,) = (await events_of(engine.run(asked)))[-1].texts
    assert part.text == text
    same = mix(draw, prompt=(part,), name_inputs=False)
    assert (await events_of(engine.run(same)))[-1].pictures[0].png == end.pictures[0].png


async def test_a_captioners_sentences_are_joined(engine_of, draw):
    engine = await engine_of("sd", "captioner")
    job = mix(draw)
    found = []
    for each in job.inputs:
        alone = DescribeJob(id="d", owner="ann", picture=each.data, suggestions=1)
        found.append((await events_of(engine.run(alone)))[-1].texts[0])
    end = (await events_of(engine.run(job)))[-1]
    assert [part.text for part in end.drawn.prompt] == [" and ".join(found)]


async def test_where_nothing_describes_pictures_they_are_mixed_as_they_are(engine_of, draw):
    engine = await engine_of("sd")
    job = mix(draw)
    end = (await events_of(engine.run(job)))[-1]
    assert isinstance(end, Finished)
    assert end.drawn is None
    as_they_are = mix(draw, name_inputs=False, strength=UNNAMED_STRENGTH)
    plain = (await events_of(engine.run(as_they_are)))[-1]
    assert end.pictures[0].png == plain.pictures[0].png


async def test_a_pair_that_fails_costs_only_the_words(engine_of, draw, monkeypatch):
    def broken(self, job, inputs, report):
        raise JobError(Sentence("No numbers."))

    monkeypatch.setattr(ClipRanking, "run", broken)
    engine = await engine_of("sd", "clip")
    end = (await events_of(engine.run(mix(draw))))[-1]
    assert isinstance(end, Finished)
    assert end.drawn is None
    assert end.notes[-1].endswith("mixed without words. No numbers.")


async def test_a_picture_that_is_none_fails_the_job(engine_of, draw):
    engine = await engine_of("sd", "clip")
    inputs = (*pictures("red"), InputPicture(data=b"no picture"))
    end = (await events_of(engine.run(mix(draw, inputs=inputs))))[-1]
    assert isinstance(end, Failed)
    assert end.kind is FailureKind.BAD_INPUT


async def test_a_cancel_ends_the_question_too(engine_of, draw, monkeypatch):
    looks, go_on = threading.Event(), threading.Event()

    def waits(self, job, inputs, report):
        looks.set()
        go_on.wait(30)
        report(1, 2)
        raise AssertionError("it goes on after its job was cancelled")

    monkeypatch.setattr(ClipRanking, "run", waits)
    engine = await engine_of("sd", "clip")
    job = mix(draw)
    stream = engine.run(job)
    assert await asyncio.to_thread(looks.wait, 30)
    assert engine.cancel(job.id)
    go_on.set()
    assert isinstance((await events_of(stream))[-1], Cancelled)
    later = (await events_of(engine.run(draw())))[-1]
    assert isinstance(later, Finished)
    assert engine.status().queued == ()
    again = engine.run(dataclasses.replace(draw(), id=job.id))
    assert isinstance((await events_of(again))[-1], Finished)


@pytest.mark.parametrize(
    "fields",
    [
        {"init_use": InitUse.IMG2IMG},
        {"init_use": InitUse.PROMPT},
        {"shares": (0.0, 1.0), "images": 2},
        {"inputs": ()},
    ],
)
async def test_only_of_mixed_pictures_it_is_asked_what_they_show(engine_of, draw, fields):
    engine = await engine_of("sd", "clip")
    job = dataclasses.replace(mix(draw), **fields)
    with pytest.raises(ValueError, match="pictures that are mixed"):
        engine.check(job)


ENTRIES = """
[m]
path = "m"
family = "sd"
[chinese]
path = "chinese"
family = "sd"
languages = ["zh"]
[looks]
path = "looks"
family = "sd"
ip_adapter = "a.safetensors"
image_encoder = "encoder"
[pair]
path = "pair"
family = "clip"
"""


def test_a_pair_that_is_installed_names_pictures_for_models_that_cannot_look_at_them(tmp_path):
    catalogue = tmp_path / "models.toml"
    catalogue.write_text(ENTRIES)
    assert not any(spec.info.names_inputs for spec in load_catalogue(catalogue))
    (tmp_path / "pair").mkdir()
    (tmp_path / "pair" / "config.json").write_text("{}")
    found = {spec.info.name for spec in load_catalogue(catalogue) if spec.info.names_inputs}
    assert found == {"m"}
