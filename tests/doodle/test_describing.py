import json
from random import Random

import pytest

from doodle import __main__ as command
from doodle import describing, recipe, weights
from doodle.captions import english
from doodle.scenes import Scene

SHIPPED = recipe.read(weights.WEIGHTS / "recipe.toml").vocabulary


def test_the_shipped_words_are_those_of_the_recipe():
    shipped = json.loads((weights.WEIGHTS / "clip" / describing.FILE).read_text(encoding="utf-8"))
    assert shipped == describing.wording(SHIPPED), "mend it with: python -m doodle words"


@pytest.mark.parametrize("name", ["cpu", "full"])
def test_every_word_is_one_and_the_only_of_its_scene(name):
    vocabulary = recipe.load(name).vocabulary
    wording = describing.wording(vocabulary)
    for kind in ("subjects", "colours", "places", "styles"):
        assert len(set(wording[kind])) == len(getattr(vocabulary, kind))


def test_the_sentence_is_a_caption_that_the_pair_was_trained_on():
    scene = Scene(subject="owl", colour="orange", place="night", style="neon")
    said = describing.SENTENCE.format(
        a="an", colour="orange", subject="owl", place="at night", style="neon"
    )
    assert said in {english(scene, Random(seed)) for seed in range(3000)}


def test_every_combination_has_a_sentence_of_its_own():
    said = describing.sentences(SHIPPED)
    assert said["owl", "orange", "night", "neon"] == "an orange owl at night, neon"
    assert len(set(said.values())) == 19 * 10 * 8 * 3


def test_the_command_writes_them_anew(tmp_path, tiny_file, monkeypatch):
    (tmp_path / "clip").mkdir()
    (tmp_path / "recipe.toml").write_text(tiny_file.read_text())
    monkeypatch.setattr("sys.argv", ["doodle", "words", "--weights", str(tmp_path)])
    assert command.main() == 0
    written = json.loads((tmp_path / "clip" / describing.FILE).read_text(encoding="utf-8"))
    assert written["subjects"] == ["cat", "star", "boat"]
    assert written["sentence"] == describing.SENTENCE
