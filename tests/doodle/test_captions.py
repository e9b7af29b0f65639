from dataclasses import replace
from random import Random

import pytest

from doodle import recipe
from doodle.captions import caption, english, japanese, plural
from doodle.scenes import Scene
from doodle.words import COLOUR_WORDS, COLOURS, PLACE_WORDS, STYLE_WORDS, SUBJECT_WORDS

FULL = recipe.load("full").vocabulary
SCENE = Scene(subject="owl", colour="red", place="night", style="neon")


@pytest.mark.parametrize(
    ("words", "known"),
    [
        (FULL.subjects, SUBJECT_WORDS),
        (FULL.colours, COLOUR_WORDS),
        (FULL.colours, COLOURS),
        (FULL.places, PLACE_WORDS),
        (FULL.styles, STYLE_WORDS),
    ],
)
def test_everything_that_is_drawn_has_words_in_both_languages(words, known):
    assert set(words) == set(known)


def test_no_word_means_two_things():
    for language in (0, 1):
        for kind in (SUBJECT_WORDS, COLOUR_WORDS, PLACE_WORDS, STYLE_WORDS):
            said = [word for words in kind.values() for word in words[language]]
            assert len(said) == len(set(said))


@pytest.mark.parametrize("seed", range(20))
def test_a_caption_names_all_four_parts(seed):
    text = english(SCENE, Random(seed))
    for part, words in (
        ("owl", SUBJECT_WORDS),
        ("red", COLOUR_WORDS),
        ("night", PLACE_WORDS),
        ("neon", STYLE_WORDS),
    ):
        assert any(word in text for word in words[part][0]), text


def test_parts_that_are_left_unsaid_are_not_in_the_text():
    text = english(SCENE, Random(1), colour=False, place=False, style=False)
    assert not any(word in text for word in COLOUR_WORDS["red"][0] + PLACE_WORDS["night"][0])


def test_counts_and_relations_are_said():
    two = english(replace(SCENE, count=2), Random(4))
    assert "owls" in two or "owlets" in two
    above = replace(SCENE, relation="above", second="tree", second_colour="green")
    assert any(word in english(above, Random(4)) for word in ("above", "over", "on top of"))
    assert "の上の" in japanese(above, Random(4))


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("red cat", "red cats"),
        ("butterfly", "butterflies"),
        ("fox", "foxes"),
        ("goldfish", "goldfish"),
        ("cup of coffee", "cups of coffee"),
        ("palace", "palaces"),
        ("bunch", "bunches"),
    ],
)
def test_plurals(one, many):
    assert plural(one) == many


def test_captions_are_deterministic_and_varied():
    assert caption(SCENE, Random(1)) == caption(SCENE, Random(1))
    assert len({caption(SCENE, Random(seed)) for seed in range(200)}) > 60
