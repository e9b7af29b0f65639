from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from doodle import evaluation, recipe
from doodle.judge import Judge
from doodle.recipe import RecipeError
from doodle.scenes import Scene, is_held_out
from engine import load_catalogue
from engine.scheduler_table import SPECS


def test_pictures_are_drawn_as_the_catalogue_has_doodle_drawn():
    catalogue = load_catalogue(Path(__file__).parents[2] / "models.toml")
    (info,) = (spec.info for spec in catalogue if spec.info.name == "doodle")
    assert (info.steps, info.guidance) == (evaluation.STEPS, evaluation.GUIDANCE)
    assert SPECS[info.scheduler].class_name == evaluation.SAMPLER.__name__


def test_prompts_for_tuning_are_not_those_reported():
    vocabulary = recipe.load("doodle").vocabulary
    both = [
        {s.words() for s in evaluation.held_out_scenes(vocabulary, 400, tuning=t)}
        for t in (False, True)
    ]
    assert len(both[0]) == len(both[1]) == 400
    assert not both[0] & both[1]


def test_free_prompts_ask_for_what_there_is():
    vocabulary = recipe.load("doodle").vocabulary
    found = evaluation.free_prompts()
    assert len({each.prompt for each in found}) == len(found) == 200
    possible = Judge(vocabulary).questions
    for each in found:
        for name, value in each.asked.items():
            assert value in (*map(str, possible[name]), "many"), each


@pytest.mark.parametrize(
    ("asked", "right"),
    [
        ({"subject": "cat"}, True),
        ({"subject": "cat", "count": "many"}, True),
        ({"subject": "cat", "count": "3"}, False),
        ({"subject": "cat", "place": "sea"}, False),
    ],
)
def test_a_free_prompt_is_met_where_all_that_it_names_is_seen(asked, right):
    wanted = evaluation.Wanted(prompt="", asked=asked)
    assert wanted.met_by({"subject": "cat", "count": 2, "place": "night"}) == right


def test_diversity_is_one_for_fresh_scenes_and_nothing_for_copies():
    vocabulary = recipe.load("doodle").vocabulary
    scenes = evaluation.held_out_scenes(vocabulary, 3)
    fresh = evaluation.drawn([s for s in scenes for _ in range(4)], seed=5).pixels

    class Draws:
        def __init__(self, pictures):
            self.prompts = lambda _: pictures

    layout, pair = evaluation.diversity(Draws(fresh), scenes, None)
    assert 0.7 < layout < 1.4
    assert pair is None
    assert evaluation.diversity(Draws(fresh[[0] * 4 + [4] * 4 + [8] * 4]), scenes, None)[0] == 0


@pytest.mark.parametrize(
    ("relation", "seen", "right"),
    [
        ("beside", ("beside", "cat", "car"), True),
        ("beside", ("beside", "car", "cat"), True),
        ("beside", ("on", "cat", "car"), False),
        ("beside", ("beside", "cat", "cat"), False),
        ("beside", ("beside", "car", None), False),
        ("on", ("on", "cat", "car"), True),
        ("on", ("on", "car", "cat"), False),
    ],
)
def test_two_things_beside_each_other_are_right_in_either_order(relation, seen, right):
    scene = Scene(
        subject="cat",
        colour="red",
        place="sea",
        style="flat",
        relation=relation,
        second="car",
        second_colour="blue",
    )
    answer = dict(zip(("relation", "subject", "second"), seen, strict=True))
    assert evaluation.two_right(scene, answer) is right


@pytest.mark.parametrize(
    ("asked", "right"),
    [
        ({"subject": "cat", "relation": "beside", "second": "car"}, True),
        ({"subject": "car", "relation": "beside", "second": "cat"}, True),
        ({"subject": "car"}, True),
        ({"subject": "cat", "colour": "red"}, True),
        ({"subject": "car", "colour": "red"}, False),
        ({"subject": "dog", "relation": "beside", "second": "cat"}, False),
    ],
)
def test_a_free_prompt_may_name_things_beside_each_other_in_either_order(asked, right):
    wanted = evaluation.Wanted(prompt="", asked=asked)
    seen = {"subject": "cat", "colour": "red", "relation": "beside", "second": "car"}
    assert wanted.met_by(seen) is right


@pytest.mark.parametrize(
    ("relation", "subject", "second", "turned"),
    [
        ("beside", "car", "cat", True),
        ("beside", "cat", "car", False),
        ("beside", "cat", "cat", False),
        ("on", "car", "cat", False),
        (None, "car", None, False),
    ],
)
def test_of_things_beside_each_other_the_judge_is_asked_for_the_first_of_the_vocabulary(
    relation, subject, second, turned
):
    vocabulary = recipe.load("doodle").vocabulary
    assert vocabulary.subjects.index("cat") < vocabulary.subjects.index("car")
    scene = Scene(
        subject=subject,
        colour="red",
        place="sea",
        style="flat",
        relation=relation,
        second=second,
        second_colour="blue" if second else None,
    )
    taught = evaluation.as_taught(scene, vocabulary)
    asked = (taught.subject, taught.colour, taught.second, taught.second_colour)
    named = (scene.subject, scene.colour, scene.second, scene.second_colour)
    assert asked == ((second, "blue", subject, "red") if turned else named)


@pytest.mark.parametrize(
    ("count", "words"), [(2, ("two", "pair", "2")), (3, ("three", "trio", "3"))]
)
def test_who_is_asked_for_a_number_is_told_it(count, words):
    scene = Scene(subject="cat", colour="red", place="sea", style="flat", count=count)
    rng = Random(1)
    for _ in range(60):
        assert set(evaluation.numbered(scene, rng).replace(",", " ").split()) & set(words)


def test_a_recipe_without_held_out_combinations_cannot_be_evaluated():
    vocabulary = recipe.load("doodle").vocabulary
    scene = next(each for each in vocabulary.combinations() if not is_held_out(each))
    few = replace(
        vocabulary,
        subjects=(scene.subject,),
        colours=(scene.colour,),
        places=(scene.place,),
        styles=(scene.style,),
        relations=(),
    )
    with pytest.raises(RecipeError, match="no combination that is held out"):
        evaluation.evaluate(None, Judge(few), None, few, prompts=8)
