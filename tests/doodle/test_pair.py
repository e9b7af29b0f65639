from random import Random

from doodle import pair, recipe

VOCABULARY = recipe.load("cpu").vocabulary


def test_every_other_batch_sets_subjects_against_each_other():
    """Runs of scenes that share colour, place and style; no scene twice, so no false rivals."""
    rng = Random(1)
    scenes = [VOCABULARY.sample(rng) for _ in range(6000)]
    batch = [scenes[number] for number in pair._siblings(pair._alike(scenes), 64, Random(2))]
    assert len(batch) == 64
    assert len({scene.words() for scene in batch}) == 64
    assert len({(scene.colour, scene.place, scene.style) for scene in batch}) <= 8
    assert len({scene.subject for scene in batch}) == len(VOCABULARY.subjects)


def test_a_batch_is_smaller_where_there_are_too_few_scenes():
    scenes = [VOCABULARY.sample(Random(1))] * 3
    assert len(pair._siblings(pair._alike(scenes), 64, Random(2))) == 1
