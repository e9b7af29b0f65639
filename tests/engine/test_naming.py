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
    Engine,
    Failed,
    FailureKind,
    Finished,
    InitUse,
    InputPicture,
    Look,
    Named,
    Progress,
    WeightedText,
    load_catalogue,
)
from engine.errors import JobError, Sentence
from engine.models import loading
from engine.models.clip_ranking import ClipRanking, Wording
from engine.naming import by_weight, drawn_words, led, question
from engine.policy.cost import DESCRIBER
from tests.engine import tiny_models
from tests.engine.samples import png
from tests.engine.tiny_translators import SENTENCES


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
    look = Look(prompt=(WeightedText(text="retro"),), weight=2.0)
    found = "a cat beside a dog"
    job = led(mix(draw, prompt=parts, negative="rain", looks=(look,)), found)
    assert [(part.text, part.weight) for part in job.prompt] == after
    behind = Look(prompt=(WeightedText(text="a cat beside a dog, retro"),), weight=2.0)
    assert job.looks == (behind,)
    assert not job.name_inputs
    assert drawn_words(job, found) == DrawnWords(
        prompt=job.prompt, negative="rain", looks=(behind,), found=found
    )


def test_the_picture_that_counts_most_is_asked_about_first(draw):
    inputs = pictures("red", "blue", "green", weights=[1, 3, 1])
    job = mix(draw, inputs=inputs, owner="eve", running_cap=2)
    assert by_weight(job) == [1, 0, 2]
    asked = question(job)
    assert asked.picture == inputs[1].data
    assert asked.together == (inputs[0].data, inputs[2].data)
    assert (asked.id, asked.owner, asked.running_cap) == (job.id, "eve", 2)


def test_it_costs_what_the_same_job_with_words_costs(draw):
    asked, typed = mix(draw), mix(draw, prompt=(WeightedText(text="a"),), name_inputs=False)
    assert asked.samples_a_row == typed.samples_a_row == 2


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
    end = events[-1]
    assert isinstance(end, Finished)
    (part,) = end.drawn.prompt
    assert " beside " in part.text
    # The words are told before anything is drawn with them.
    (named,) = [event for event in events if isinstance(event, Named)]
    assert named.drawn == end.drawn
    assert named.drawn.found == part.text
    kinds = [type(event) for event in events]
    assert kinds.index(Named) < kinds.index(Progress)
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


async def test_where_nothing_describes_pictures_it_is_refused(engine_of, draw):
    engine = await engine_of("sd")
    with pytest.raises(ValueError, match="no captioner and no CLIP pair"):
        engine.run(mix(draw))


async def test_a_description_that_fails_fails_the_job(engine_of, draw, monkeypatch):
    def broken(self, job, inputs, report):
        raise JobError(Sentence("No numbers."))

    monkeypatch.setattr(ClipRanking, "run", broken)
    engine = await engine_of("sd", "clip")
    end = (await events_of(engine.run(mix(draw))))[-1]
    assert isinstance(end, Failed)
    assert end.reason == "No numbers."


async def test_a_picture_that_is_none_fails_the_job(engine_of, draw):
    engine = await engine_of("sd", "clip")
    inputs = (*pictures("red"), InputPicture(data=b"no picture"))
    end = (await events_of(engine.run(mix(draw, inputs=inputs))))[-1]
    assert isinstance(end, Failed)
    assert end.kind is FailureKind.BAD_INPUT


class Asked:
    """The pair's question, which waits until it is told to go on."""

    def __init__(self, monkeypatch):
        self.looks, self.goes_on, self.stopped = (threading.Event() for _ in range(3))
        run = ClipRanking.run

        def waits(pair, job, inputs, report):
            self.looks.set()
            self.goes_on.wait(30)
            try:
                report(1, 2)
            except BaseException:
                self.stopped.set()
                raise
            return run(pair, job, inputs, report)

        monkeypatch.setattr(ClipRanking, "run", waits)


async def test_a_cancel_ends_the_question(engine_of, draw, monkeypatch):
    asked = Asked(monkeypatch)
    engine = await engine_of("sd", "clip")
    job = mix(draw)
    stream = engine.run(job)
    assert await asyncio.to_thread(asked.looks.wait, 30)
    assert engine.cancel(job.id)
    asked.goes_on.set()
    assert isinstance((await events_of(stream))[-1], Cancelled)
    assert await asyncio.to_thread(asked.stopped.wait, 30)
    again = engine.run(dataclasses.replace(draw(), id=job.id))
    assert isinstance((await events_of(again))[-1], Finished)


async def test_the_drawing_goes_before_what_its_owner_ordered_later(engine_of, draw, monkeypatch):
    asked = Asked(monkeypatch)
    engine = await engine_of("sd", "clip", owner_cap=1)
    job, later = mix(draw), [draw(), draw()]
    ended = []

    async def follow(stream, job_id):
        events = await events_of(stream)
        ended.append(job_id)
        return events

    first = asyncio.create_task(follow(engine.run(job), job.id))
    assert await asyncio.to_thread(asked.looks.wait, 30)
    assert job.id in engine.status().running
    others = [asyncio.create_task(follow(engine.run(each), each.id)) for each in later]
    await asyncio.sleep(0)
    asked.goes_on.set()
    events, *_ = await asyncio.gather(first, *others)
    assert ended == [job.id, *(each.id for each in later)]
    assert {event.total for event in events if isinstance(event, Progress)} == {3}
    assert events[-1].gpu_s > 0


async def test_a_waiting_blend_takes_room_as_its_drawing_will(engine_of, draw, monkeypatch):
    asked, rooms = Asked(monkeypatch), []
    engine = await engine_of("sd", "clip", pull=rooms.append)
    job = mix(draw, images=4)
    running = asyncio.create_task(events_of(engine.run(job)))
    assert await asyncio.to_thread(asked.looks.wait, 30)
    asked.goes_on.set()
    await running
    counted = [room for room in rooms if job.id in room.counted]
    assert counted
    assert all(room.free_samples <= 1 - 8 for room in counted[:1])


async def test_words_are_translated_and_found(draw, weights):
    specs = [
        tiny_models.spec("sd", weights("sd")),
        tiny_models.spec("clip", weights("clip")),
        tiny_models.spec("translator", weights("translator")),
    ]
    info = dataclasses.replace(specs[2].info, languages=("ja",))
    engine = Engine([*specs[:2], dataclasses.replace(specs[2], info=info)], device="cpu")
    await engine.start()
    try:
        job = mix(draw, negative=next(iter(SENTENCES)), translate="ja")
        end = (await events_of(engine.run(job)))[-1]
    finally:
        await engine.close()
    assert " beside " in end.drawn.prompt[0].text
    assert end.drawn.negative.isascii()
    assert end.drawn.negative


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
    with pytest.raises(ValueError, match="only for pictures that are mixed"):
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


def test_of_several_describers_the_first_that_is_installed_is_loaded(tmp_path):
    catalogue = tmp_path / "models.toml"
    catalogue.write_text(ENTRIES + '[later]\npath = "later"\nfamily = "clip"\n')

    def chosen():
        specs = {spec.info.name: spec for spec in load_catalogue(catalogue)}
        return loading.by_role(specs)[DESCRIBER].info.name

    assert chosen() == "pair"
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "config.json").write_text("{}")
    assert chosen() == "later"
    (tmp_path / "pair").mkdir()
    (tmp_path / "pair" / "config.json").write_text("{}")
    assert chosen() == "pair"
