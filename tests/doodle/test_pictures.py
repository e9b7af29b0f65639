import numpy as np

from doodle import recipe
from doodle.pictures import drawn

VOCABULARY = recipe.load("doodle").vocabulary


def test_each_scene_is_drawn_from_its_own_seed():
    one, two, again = (
        drawn([VOCABULARY.held_out()[0]] * 2, seed=seed, size=(64, 64)).pixels for seed in (1, 2, 1)
    )
    assert np.array_equal(one, again)
    assert np.array_equal(one[1], two[0])
    assert not np.array_equal(one[0], one[1])
