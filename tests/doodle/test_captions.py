from dataclasses import replace
from random import Random

import pytest

from doodle import recipe
from doodle.captions import (
    Said,
    caption,
    clauses,
    english,
    japanese,
    plural,
    said_as,
    tags,
    what_is_said,
)
from doodle.scenes import Scene
from doodle.words import (
    COLOUR_WORDS,
    COLOURS,
    COUNT_WORDS,
    NATURAL,
    PLACE_TAGS,
    PLACE_WORDS,
    STYLE_WORDS,
    SUBJECT_WORDS,
)

FULL = recipe.load("doodle").vocabulary
SCENE = Scene(subject="owl", colour="red", place="night", style="neon")


@pytest.mark.parametrize(
    ("words", "known"),
    [
        (FULL.subjects, SUBJECT_WORDS),
        (FULL.colours, COLOUR_WORDS),
        (FULL.colours, COLOURS),
        (FULL.places, PLACE_WORDS),
        (FULL.places, PLACE_TAGS),
        (FULL.styles, STYLE_WORDS),
    ],
)
def test_everything_that_is_drawn_has_words_in_both_languages(words, known):
    assert set(words) == set(known)


@pytest.mark.parametrize("form", [english, tags, clauses])
@pytest.mark.parametrize("seed", range(20))
def test_every_form_of_a_caption_names_all_four_parts(form, seed):
    text = form(SCENE, Random(seed))
    places = PLACE_WORDS["night"][0] + PLACE_TAGS["night"][0]
    for words in (SUBJECT_WORDS["owl"][0], COLOUR_WORDS["red"][0], places, STYLE_WORDS["neon"][0]):
        assert any(word in text for word in words), text


@pytest.mark.parametrize("seed", range(20))
def test_japanese_names_all_four_parts(seed):
    text = japanese(SCENE, Random(seed))
    places = PLACE_WORDS["night"][1] + PLACE_TAGS["night"][1]
    for words in (SUBJECT_WORDS["owl"][1], COLOUR_WORDS["red"][1], places, STYLE_WORDS["neon"][1]):
        assert any(word in text for word in words), text


@pytest.mark.parametrize("form", [english, tags, clauses, japanese])
def test_parts_that_are_left_unsaid_are_not_in_the_text(form):
    nothing = Said(colour=False, place=False, style=False)
    words = (
        *COLOUR_WORDS["red"][0], *COLOUR_WORDS["red"][1],
        *PLACE_WORDS["night"][0], *PLACE_WORDS["night"][1],
        *STYLE_WORDS["neon"][0], *STYLE_WORDS["neon"][1],
    )  # fmt: skip
    for seed in range(30):
        text = form(SCENE, Random(seed), nothing)
        assert not any(word in text for word in words), text


def test_a_natural_colour_often_goes_unsaid_and_another_one_hardly_ever():
    """So that a subject alone is drawn in a colour that it has."""
    natural = replace(SCENE, colour=NATURAL["owl"][0])
    unsaid = {
        scene.colour: sum(not what_is_said(scene, Random(i)).colour for i in range(400))
        for scene in (natural, SCENE)
    }
    assert unsaid[natural.colour] > 120
    assert 0 < unsaid["red"] < 50


def test_relations_are_said_from_either_side():
    scene = replace(SCENE, relation="in front of", second="tree", second_colour="green")
    said = {english(scene, Random(i), Said(place=False, style=False)) for i in range(40)}
    trees = SUBJECT_WORDS["tree"][0]
    owls = SUBJECT_WORDS["owl"][0]
    for text in said:
        if " behind " in text:
            before, after = text.split(" behind ")
            assert any(word in before for word in trees)
            assert any(word in after for word in owls)
    assert any(" behind " in text for text in said)
    assert any(" in front of " in text for text in said)


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("red cat", "red cats"),
        ("butterfly", "butterflies"),
        ("fox", "foxes"),
        ("goldfish", "goldfish"),
        ("sheep", "sheep"),
        ("cup of coffee", "cups of coffee"),
    ],
)
def test_plurals(one, many):
    assert plural(one) == many


def test_captions_are_deterministic_and_varied():
    assert caption(SCENE, Random(1)) == caption(SCENE, Random(1))
    assert len({caption(SCENE, Random(seed)) for seed in range(300)}) > 200


def test_some_captions_name_no_thing_as_words_after_no_do():
    rng, alone = Random(5), set()
    for _ in range(4000):
        scene = replace(SCENE, sky="moon", count=2)
        said = what_is_said(scene, rng)
        if not said.thing:
            text = said_as(scene, said, rng)
            alone.add(text)
            assert not any(
                word in text
                for both in (SUBJECT_WORDS["owl"], COUNT_WORDS[2])
                for language in both
                for word in language
            ), text
    assert {"moon", "red", "neon", "at night", "月の出た"} <= alone
    assert any(", " in text for text in alone)


def test_only_a_scene_with_a_moon_is_said_to_have_one():
    dark = replace(SCENE, sky="")
    said = {caption(dark, Random(seed)) for seed in range(2000)}
    assert not [text for text in said if "moon" in text or "月" in text]
