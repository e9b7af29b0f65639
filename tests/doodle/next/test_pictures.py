import numpy as np

from doodle.next import recipe
from doodle.next.pictures import drawn, fresh

VOCABULARY = recipe.load("doodle").vocabulary


def test_the_same_seed_draws_the_same_scenes():
    one, again, other = (
        fresh(VOCABULARY, seed=seed, count=2, size=(64, 96)) for seed in ("a", "a", "b")
    )
    assert one.pixels.shape == (2, 3, 96, 64)
    assert one.scenes == again.scenes
    assert np.array_equal(one.pixels, again.pixels)
    assert one.scenes != other.scenes


def test_each_scene_is_drawn_from_its_own_seed():
    one, two, again = (
        drawn([VOCABULARY.held_out()[0]] * 2, seed=seed, size=(64, 64)).pixels for seed in (1, 2, 1)
    )
    assert np.array_equal(one, again)
    assert np.array_equal(one[1], two[0])
    assert not np.array_equal(one[0], one[1])
