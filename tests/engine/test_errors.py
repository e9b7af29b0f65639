import copy
import pickle

import pytest

from engine import Sentence


def test_sentence_is_its_text_and_remembers_template_and_values():
    said = Sentence("You have {count} jobs.", count=3)
    assert said == "You have 3 jobs."
    assert (said.template, said.values) == ("You have {count} jobs.", {"count": 3})


def test_sentence_without_values_keeps_its_braces():
    assert Sentence("Write \\{ for a brace.") == "Write \\{ for a brace."


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))]
)
def test_sentence_survives_copies_and_pipes(again):
    said = again(Sentence("{who} waits.", who=Sentence("member {n}", n=1)))
    assert said == "member 1 waits."
    assert said.values["who"].template == "member {n}"


def test_sentence_is_said_in_another_language_with_all_it_holds():
    words = {"{why} Nothing was charged.": "{why} 課金されません。", "Cancelled.": "中止。"}
    said = Sentence("{why} Nothing was charged.", why=Sentence("Cancelled."))
    assert said.said(lambda template: words.get(template, template)) == "中止。 課金されません。"
    assert said.said(str) == said
