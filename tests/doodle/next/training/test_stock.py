import json
from dataclasses import replace

import numpy as np
import pytest

from doodle import tokenizer as tokenizers
from doodle.next import recipe
from doodle.next.captions import caption
from doodle.next.pictures import SQUARE, WIDE
from doodle.next.scenes import draw_with_cover, is_held_out
from doodle.next.training import stock
from doodle.next.training.stock import GROUP, NAMES, TOKENS, UNSAID, Memory, Painter, Plan, Stock

PLAN = Plan(scenes=128, texts=32, tuning=16, chunk=8, text_chunk=16)


@pytest.fixture(scope="module")
def words(tiny):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenizers, "CORPUS_CAPTIONS", 500)
        return tokenizers.build(tiny, caption).backend_tokenizer.to_str()


@pytest.fixture
def painter(tiny, words):
    return Painter(tiny.vocabulary, PLAN, words, Memory(PLAN, 2))


def job(kind):
    return next(i for i, each in enumerate(PLAN.jobs) if each[0] == kind)


def test_a_plan_has_texts_and_scenes_by_turns_and_all_shapes():
    jobs = PLAN.jobs
    kinds = [kind for kind, _, _ in jobs]
    assert kinds[:8] == ["text", "square", "text", "wide", "tuning", "square", "tuning", "siblings"]
    assert {size for kind, size, _ in jobs if kind == "wide"} == set(WIDE)
    scenes = [each for each in jobs if each[0] not in {"text", "tuning"}]
    assert len(scenes) * PLAN.chunk == PLAN.scenes
    assert len({number for _, _, number in scenes}) == len(scenes)


def test_a_job_makes_the_same_each_time_and_leaves_other_slots_alone(painter):
    memory = painter._memory
    other = painter.do(job("text"), 0)
    kept = memory.ids(other).copy()
    ready = painter.do(job("wide"), 1)
    assert (ready.kind, ready.count, ready.error) == ("wide", 8, "")
    pixels = memory.pixels(ready)
    assert pixels.shape == (8, 3, ready.size[1], ready.size[0])
    assert pixels.std() > 10
    parts = memory.pixels, memory.ids, memory.labels, memory.cover
    first = [part(ready).copy() for part in parts]
    again = painter.do(job("wide"), 1)
    for before, part in zip(first, parts, strict=True):
        assert np.array_equal(before, part(again))
    assert np.array_equal(memory.ids(other), kept)


@pytest.mark.parametrize(("kind", "same"), [("square", False), ("text", False), ("tuning", True)])
def test_another_seed_makes_other_scenes_and_texts_but_is_measured_by_the_same(
    kind, same, tiny, words
):
    made = []
    for seed in (1, 2):
        plan = replace(PLAN, seed=seed)
        painter = Painter(tiny.vocabulary, plan, words, Memory(plan, 1))
        made.append(painter._memory.ids(painter.do(job(kind), 0)).copy())
    assert np.array_equal(*made) == same


def test_a_job_keeps_where_the_things_of_each_of_its_scenes_are(painter, monkeypatch):
    drawn = []

    def watched(scene, **more):
        drawn.append(draw_with_cover(scene, **more))
        return drawn[-1]

    monkeypatch.setattr(stock, "draw_with_cover", watched)
    memory = painter._memory
    ready = painter.do(job("wide"), 1)
    for i, (image, cover) in enumerate(drawn):
        assert np.array_equal(memory.pixels(ready)[i].transpose(1, 2, 0), np.asarray(image))
        assert np.array_equal(memory.cover(ready)[i], cover)
        assert cover.any()
    assert memory.labels(ready).max() < 100


def test_texts_are_labelled_with_what_they_say(painter, tiny, words):
    memory = painter._memory
    ready = painter.do(job("text"), 0)
    ids, labels = memory.ids(ready), memory.labels(ready)
    assert ids.shape == (16, TOKENS)
    assert ids.max() < len(json.loads(words)["model"]["vocab"])
    possible = stock.answers(tiny.vocabulary)
    for row in labels:
        for name, value in zip(NAMES, row, strict=True):
            assert value == UNSAID or 0 <= value < len(possible[name])
    assert (labels[:, NAMES.index("subject")] != UNSAID).all()


def test_siblings_differ_in_one_part_alone_and_none_is_held_out():
    vocabulary = recipe.load("doodle").vocabulary
    scenes = stock.siblings(vocabulary, 16 * GROUP, stock.Random("x"))
    assert not any(is_held_out(scene) for scene in scenes)
    one = 0
    for start in range(0, len(scenes), GROUP):
        group = scenes[start : start + GROUP]
        different = [
            name
            for name in ("subject", "colour", "place", "style")
            if len({getattr(scene, name) for scene in group}) > 1
        ]
        one += len(different) == 1
    assert one >= 8  # but where a part has fewer words than a group has scenes


def test_tuning_scenes_are_held_out_and_come_four_at_a_time(tiny, words):
    vocabulary = tiny.vocabulary
    painter = Painter(vocabulary, PLAN, words, Memory(PLAN, 1))
    ready = painter.do(job("tuning"), 0)
    assert ready.count == 8
    ids = painter._memory.ids(ready)
    assert (ids[:4] == ids[0, 0]).all()
    assert not (ids[4] == ids[0]).all()
    assert all(is_held_out(scene) for scene in stock.tuning_scenes(vocabulary, 2))


def test_a_scene_that_cannot_be_drawn_is_told_and_the_next_job_is_done(painter, monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("no path")

    with monkeypatch.context() as patch:
        patch.setattr(stock, "draw_with_cover", fails)
        ready = painter.do(job("square"), 0)
    assert ready.kind == "error"
    assert "square 0" in ready.error
    assert "no path" in ready.error
    assert painter.do(job("square"), 0).count == 8


def test_processes_do_every_job_once(tiny, words):
    plan = replace(PLAN, scenes=24, texts=16, tuning=0)
    drawing = Stock(tiny.vocabulary, plan, words, workers=2)
    try:
        found = []
        for _ in range(drawing.jobs):
            ready = drawing.ready.get()
            assert not ready.error
            if ready.kind != "text":
                assert drawing.memory.pixels(ready).std() > 10
            found.append((ready.kind, ready.size, ready.count))
            drawing.free.put(ready.slot)
    finally:
        drawing.stop()
    wanted = [(kind, size, 16 if kind == "text" else 8) for kind, size, _ in plan.jobs]
    assert sorted(found) == sorted(wanted)
    assert ("square", SQUARE, 8) in found
