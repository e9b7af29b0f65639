from functools import partial

import numpy as np
import pytest

from doodle.next import recipe
from doodle.next.pictures import Ahead, drawn, fresh, workers

VOCABULARY = recipe.load("cpu").vocabulary


def job(step):
    return partial(fresh, VOCABULARY, seed=f"{step}", count=2, size=(64, 64))


@pytest.mark.parametrize("processes", [0, 2])
def test_pictures_drawn_ahead_are_those_of_their_step(processes):
    with Ahead(job, workers=processes) as ahead:
        for step in (5, 6, 9):
            wanted, found = job(step)(), ahead(step)
            assert found.scenes == wanted.scenes
            assert np.array_equal(found.pixels, wanted.pixels)


def test_a_card_has_its_pictures_drawn_by_others_and_a_cpu_draws_them_itself():
    assert workers("cpu") == 0
    assert workers("cuda") >= 1


def test_each_scene_is_drawn_from_its_own_seed():
    one, two, again = (
        drawn([VOCABULARY.held_out()[0]] * 2, seed=seed, size=(64, 64)).pixels for seed in (1, 2, 1)
    )
    assert np.array_equal(one, again)
    assert np.array_equal(one[1], two[0])
    assert not np.array_equal(one[0], one[1])
