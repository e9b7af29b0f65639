from dataclasses import replace
from itertools import combinations
from random import Random

import numpy as np
import pytest

from doodle import recipe
from doodle.drawing import Pen
from doodle.scenes import RELATIONS, SIZES, Scene, Vocabulary, draw, is_held_out
from doodle.subjects import SUBJECTS

SCENE = Scene(subject="cat", colour="red", place="meadow", style="flat")
FULL = recipe.load("full").vocabulary


def pixels(scene, **options):
    return np.asarray(draw(scene, **{"seed": 1} | options), dtype=np.int16)


@pytest.mark.parametrize("style", FULL.styles)
def test_the_same_seed_draws_the_same_bytes(style):
    scene = replace(SCENE, style=style, place="snow")
    assert draw(scene, seed=7).tobytes() == draw(scene, seed=7).tobytes()
    assert draw(scene, seed=7).tobytes() != draw(scene, seed=8).tobytes()


@pytest.mark.parametrize("part", ["subject", "place", "style", "colour"])
def test_each_word_draws_something_of_its_own(part):
    drawn = {word: pixels(replace(SCENE, **{part: word})) for word in getattr(FULL, f"{part}s")}
    for one, another in combinations(drawn, 2):
        apart = np.abs(drawn[one] - drawn[another]).mean()
        assert apart > 2, f"{one} looks like {another}"


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_subject_fills_its_box_and_shows_the_colour_asked_for(subject):
    pen = Pen(body=(1, 2, 3))
    SUBJECTS[subject](pen)
    x, y = np.concatenate([np.array(shape.points) for shape in pen.shapes]).T
    assert max(-x.min(), x.max(), -y.min(), y.max()) < 1.2
    assert y.max() - y.min() > 0.9
    assert any(shape.rgb == (1, 2, 3) for shape in pen.shapes)


@pytest.mark.parametrize("size", [(192, 128), (128, 192), (224, 128)])
def test_wide_and_tall_pictures_show_the_whole_subject(size):
    with_cat, with_star = (pixels(replace(SCENE, subject=s), size=size) for s in ("cat", "star"))
    assert with_cat.shape == (size[1], size[0], 3)
    rows, columns = np.nonzero(np.abs(with_cat - with_star).sum(axis=2))
    assert 0 < rows.min() < rows.max() < size[1] - 1
    assert 0 < columns.min() < columns.max() < size[0] - 1


def test_counts_sizes_and_relations_change_the_picture():
    variants = [
        SCENE,
        *(replace(SCENE, size=size) for size in SIZES if size != SCENE.size),
        *(replace(SCENE, count=count) for count in (2, 3)),
        *(
            replace(SCENE, relation=relation, second="tree", second_colour="green")
            for relation in RELATIONS
        ),
    ]
    assert len({pixels(scene).tobytes() for scene in variants}) == len(variants)


def test_the_whole_list_is_as_long_as_promised():
    assert len(FULL.subjects) >= 40
    assert len(FULL.colours) >= 12
    assert len(FULL.places) >= 14
    assert len(FULL.styles) >= 6
    assert len(FULL.relations) == 3
    assert set(FULL.counts) == {1, 2, 3}


@pytest.mark.parametrize("name", ["cpu", "full"])
def test_at_least_ten_combinations_a_subject_are_held_out(name):
    vocabulary = recipe.load(name).vocabulary
    held_out = [scene.subject for scene in vocabulary.held_out()]
    assert min(held_out.count(subject) for subject in vocabulary.subjects) >= 10


def test_training_never_sees_a_held_out_combination_not_even_as_the_second_subject():
    small = Vocabulary(
        subjects=("cat", "star", "boat"),
        colours=("red", "blue", "green"),
        places=("night", "sea", "snow"),
        styles=("flat", "neon"),
        counts=(1, 2),
        relations=("above",),
    )
    assert small.held_out()
    rng = Random(3)
    for scene in (small.sample(rng) for _ in range(2000)):
        assert not is_held_out(scene)
        if scene.relation:
            second = replace(scene, subject=scene.second, colour=scene.second_colour)
            assert not is_held_out(second)


def test_the_split_is_the_same_for_ever():
    cats = replace(FULL, subjects=("cat",), styles=("flat",))
    assert [scene.words() for scene in cats.held_out()][:3] == [
        "cat red underwater flat",
        "cat orange rain flat",
        "cat orange underwater flat",
    ]
