import json
import re
from random import Random

import pytest

from doodle import __main__ as command
from doodle import captions, known_words, recipe, weights

SHIPPED = recipe.read(weights.WEIGHTS / "recipe.toml").vocabulary


def test_the_shipped_vocabulary_is_that_of_the_recipe():
    shipped = json.loads((weights.WEIGHTS / known_words.FILE).read_text(encoding="utf-8"))
    assert shipped == known_words.known_words(SHIPPED), "mend it with: python -m doodle words"


def test_it_names_what_is_drawn_in_both_languages_in_the_same_order():
    said = known_words.known_words(SHIPPED)
    assert said["draws"]["en"][:3] == ["cat", "fox", "rabbit"]
    assert said["draws"]["ja"][:3] == ["猫", "狐", "兎"]
    assert set(said["draws"]["en"] + said["draws"]["ja"]) <= set(said["knows"])


def test_words_of_scenes_that_the_recipe_leaves_out_are_not_known():
    said = set(known_words.known_words(SHIPPED)["knows"])
    assert not said & {"robot", "ロボット", "turquoise", "in the desert", "stained glass", "large"}


@pytest.mark.parametrize("name", ["cpu", "full"])
def test_every_word_of_every_caption_is_known(name):
    vocabulary = recipe.load(name).vocabulary
    knows = known_words.known_words(vocabulary)["knows"]
    words = {word for phrase in knows for word in re.findall(r"[\w'-]+", phrase)}
    rng = Random(3)
    for _ in range(2000):
        said = captions.english(vocabulary.sample(rng), rng)
        assert set(re.findall(r"[\w'-]+", said)) - {"a", "an"} <= words, said


def test_the_command_writes_it_anew(tmp_path, tiny_file, monkeypatch):
    (tmp_path / "clip").mkdir()
    (tmp_path / "recipe.toml").write_text(tiny_file.read_text())
    monkeypatch.setattr("sys.argv", ["doodle", "words", "--weights", str(tmp_path)])
    assert command.main() == 0
    written = json.loads((tmp_path / known_words.FILE).read_text(encoding="utf-8"))
    assert written["draws"]["en"] == ["cat", "star", "boat"]
