import copy
import pickle
from gettext import NullTranslations

import pytest

from engine import Sentence


class Words(NullTranslations):
    """A language with one plural form for all numbers."""

    def __init__(self, words):
        super().__init__()
        self.words = words

    def gettext(self, message):
        return self.words.get(message, message)

    def ngettext(self, msgid1, msgid2, n):
        return self.words[msgid1]


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
    said = again(
        Sentence("{who} wait.", who=Sentence.plural("{count} cat", "{count} cats", count=2))
    )
    assert said == "2 cats wait."
    assert said.values["who"].template == "{count} cat"
    assert said.values["who"].many == "{count} cats"


def test_sentence_is_said_in_another_language_with_all_it_holds():
    words = {"{why} Nothing was charged.": "{why} 課金されません。", "Cancelled.": "中止。"}
    said = Sentence("{why} Nothing was charged.", why=Sentence("Cancelled."))
    assert said.said(Words(words)) == "中止。 課金されません。"
    assert said.said(NullTranslations()) == said


@pytest.mark.parametrize(("count", "said"), [(0, "0 cats"), (1, "a cat"), (2, "2 cats")])
def test_a_plural_is_said_by_its_count(count, said):
    cats = Sentence.plural("a cat", "{count} cats", count=count)
    assert cats == cats.said(NullTranslations()) == said
    assert cats.said(Words({"a cat": "猫{count}匹"})) == f"猫{count}匹"


def test_sentences_are_listed_as_each_language_lists_them():
    listed = Sentence.listed(Sentence(animal) for animal in ("cat", "dog", "owl"))
    assert listed == "cat, dog, owl"
    words = Words({"{some}, {more}": "{some}、{more}", "cat": "猫", "dog": "犬", "owl": "梟"})
    assert listed.said(words) == "猫、犬、梟"
    assert Sentence.listed(["cat"]) == "cat"
    assert Sentence.listed(["cat", "dog"]).said(words) == "cat、dog"
