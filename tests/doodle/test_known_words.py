import json
import re
from dataclasses import replace
from random import Random

import pytest

from doodle import __main__ as command
from doodle import captions, recipe, weights
from doodle.captions import what_is_said
from doodle.known_words import DESCRIBE, SENTENCE, VOCABULARY, known_words, wording

FULL = recipe.load("doodle").vocabulary


@pytest.mark.parametrize("form", [captions.english, captions.tags, captions.clauses])
def test_every_word_of_every_caption_is_known(form):
    vocabulary = FULL
    knows = known_words(vocabulary)["knows"]
    words = {word for phrase in knows for word in re.findall(r"[\w'-]+", phrase)}
    rng = Random(3)
    for _ in range(2000):
        scene = vocabulary.sample(rng)
        said = form(scene, rng, what_is_said(scene, rng))
        assert set(re.findall(r"[\w'-]+", said)) - {"a", "an", "2", "3"} <= words, said


def test_it_names_what_is_drawn_in_both_languages_in_the_same_order():
    draws = known_words(FULL)["draws"]
    assert (draws["en"][0], draws["ja"][0]) == ("cat", "猫")
    assert (draws["en"][-1], draws["ja"][-1]) == ("cloud", "雲")


def test_what_a_recipe_leaves_out_is_not_known():
    fewer = replace(FULL, subjects=FULL.subjects[:9], colours=FULL.colours[:9])
    assert not {"pear", "turquoise"} & set(known_words(fewer)["knows"])
    assert {"pear", "turquoise"} <= set(known_words(FULL)["knows"])


def test_the_pair_describes_with_the_plainest_words():
    said = wording(FULL)
    assert said["subjects"][0] == "cat"
    assert (
        said["sentence"].format(
            a="a", colour="red", subject="cat", place=said["places"][0], style=said["styles"][1]
        )
        == "a red cat in a meadow, sketch"
    )


def test_the_shipped_words_are_those_of_the_recipe():
    for file, own in ((VOCABULARY, known_words(FULL)), (f"clip/{DESCRIBE}", wording(FULL))):
        shipped = json.loads((weights.WEIGHTS / file).read_text(encoding="utf-8"))
        assert shipped == own, "mend it with: python -m doodle words"


def test_the_command_writes_them_anew(tmp_path, tiny_file, monkeypatch):
    (tmp_path / "recipe.toml").write_text(tiny_file.read_text())
    monkeypatch.setattr("sys.argv", ["doodle", "words", "--weights", str(tmp_path)])
    assert command.main() == 0
    written = json.loads((tmp_path / "clip" / DESCRIBE).read_text(encoding="utf-8"))
    assert written["subjects"] == ["cat", "star", "boat"]
    assert written["sentence"] == SENTENCE
    written = json.loads((tmp_path / VOCABULARY).read_text(encoding="utf-8"))
    assert written["draws"]["en"] == ["cat", "star", "boat"]
