import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import psutil
import pytest

from doodle import recipe
from doodle import tokenizer as tokenizers
from doodle.drawing import draw_with_cover
from doodle.scenes import SQUARE, WIDE, is_held_out
from doodle.training import stock
from doodle.training.stock import GROUP, NAMES, TOKENS, UNSAID, Memory, Painter, Plan, Stock
from doodle.weights import WEIGHTS

PLAN = Plan(scenes=128, texts=32, chunk=8, text_chunk=16)


@pytest.fixture(scope="module")
def words(tiny):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenizers, "CORPUS_CAPTIONS", 500)
        return tokenizers.build(tiny).backend_tokenizer.to_str()


@pytest.fixture
def painter(tiny, words):
    return Painter(tiny.vocabulary, PLAN, words, Memory(PLAN, 2))


def job(kind):
    return next(i for i, each in enumerate(PLAN.jobs) if each[0] == kind)


def test_a_plan_has_texts_and_scenes_by_turns_and_all_shapes():
    jobs = PLAN.jobs
    kinds = [kind for kind, _, _ in jobs]
    assert kinds[:6] == ["text", "square", "text", "wide", "square", "siblings"]
    assert {size for kind, size, _ in jobs if kind == "wide"} == set(WIDE)
    scenes = [each for each in jobs if each[0] != "text"]
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


@pytest.mark.parametrize("kind", ["square", "text"])
def test_another_seed_makes_other_scenes_and_texts(kind, tiny, words):
    made = []
    for seed in (1, 2):
        plan = replace(PLAN, seed=seed)
        painter = Painter(tiny.vocabulary, plan, words, Memory(plan, 1))
        made.append(painter._memory.ids(painter.do(job(kind), 0)).copy())
    assert not np.array_equal(*made)


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
    nothing = labels[:, NAMES.index("subject")] == UNSAID  # a text without a thing
    assert nothing.sum() == 1
    for name in ("count", "relation", "second", "second_colour"):
        assert (labels[nothing, NAMES.index(name)] == UNSAID).all()
    assert (labels[~nothing, NAMES.index("count")] != UNSAID).all()


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
    plan = replace(PLAN, scenes=24, texts=16)
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


def test_processes_end_with_the_training_even_if_it_is_killed(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, signal, time\n"
        "from doodle import recipe\n"
        "from doodle.training.stock import Plan, Stock\n"
        "if __name__ == '__main__':\n"
        "    words = open(__file__.replace('parent.py', 'words.json')).read()\n"
        "    vocabulary = recipe.load('doodle').vocabulary\n"
        "    drawing = Stock(vocabulary, Plan(scenes=1024), words, workers=1)\n"
        "    drawing.ready.get()\n"
        "    print(drawing._processes[0].pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    whole = tokenizers.load(WEIGHTS / "tokenizer")
    (tmp_path / "words.json").write_text(whole.backend_tokenizer.to_str())
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    pid = int(done.stdout)
    for _ in range(300):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.1)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("the process went on without its parent")
