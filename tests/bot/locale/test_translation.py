"""English sentences are said in the language of their reader."""

import io

import pytest
from babel.messages.pofile import PoFileError, read_po

from bot import locale
from bot.errors import NotFound
from bot.locale import catalogue, translation
from engine import Sentence

POLISH = """
msgid ""
msgstr ""
"Language: pl\\n"
"Plural-Forms: nplurals=3; plural=(n==1 ? 0 : n>1 && n<5 ? 1 : 2);\\n"

msgid "This job has no picture {position}."
msgstr "To zadanie nie ma obrazu {position}."

msgid "{count} picture"
msgid_plural "{count} pictures"
msgstr[0] "{count} obraz"
msgstr[1] "{count} obrazy"
msgstr[2] "{count} obrazów"

msgid "Cancelled"
msgstr ""
"""


@pytest.fixture(autouse=True)
def polish(monkeypatch):
    """A language with more plural forms than English."""
    compiled = catalogue.compiled(read_po(io.BytesIO(POLISH.encode()), locale="pl"))
    monkeypatch.setattr(translation, "LANGUAGES", translation.LANGUAGES | {"pl": compiled})


def test_a_sentence_is_said_in_the_language_of_its_reader():
    refusal = NotFound(Sentence("This job has no picture {position}.", position=9))
    assert locale.translated(refusal.sentence, "pl") == "To zadanie nie ma obrazu 9."
    assert locale.translated(refusal.sentence, "ja") == "このジョブに画像9はありません。"
    assert locale.translated(refusal.sentence, "en") == "This job has no picture 9."


@pytest.mark.parametrize(
    ("count", "said"), [(1, "1 obraz"), (3, "3 obrazy"), (12, "12 obrazów"), (0, "0 obrazów")]
)
def test_a_language_has_its_own_plural_forms(count, said):
    pictures = Sentence.plural("{count} picture", "{count} pictures", count=count)
    assert locale.translated(pictures, "pl") == said
    assert locale.translated(pictures, "en") == (f"{count} picture" + "s" * (count != 1))


def test_values_that_are_sentences_are_said_in_the_same_language():
    inner = Sentence.plural("{count} picture", "{count} pictures", count=2)
    outer = Sentence("Only {what}!", what=inner)  # which has no translation of its own
    assert locale.translated(outer, "pl") == "Only 2 obrazy!"


@pytest.mark.parametrize(
    ("cents", "english", "japanese"),
    [
        (100, "1 credit", "1クレジット"),
        (50, "0.5 credits", "0.5クレジット"),
        (0, "0 credits", "0クレジット"),
        (1250, "12.5 credits", "12.5クレジット"),
    ],
)
def test_credits_have_the_right_plural_in_both_languages(cents, english, japanese):
    from bot.credits.pricing import credits_text

    said = credits_text(cents)
    assert said == locale.translated(said, "en") == english
    assert locale.translated(said, "ja") == japanese


@pytest.mark.parametrize("text", [Sentence("Cancelled"), Sentence("Nobody wrote this."), "plain"])
def test_what_has_no_translation_stays_english(text):
    assert locale.translated(text, "pl") == text


def test_an_empty_sentence_is_not_the_catalogues_own_description():
    assert locale.translated(Sentence(""), "ja") == ""


@pytest.mark.parametrize(
    ("discords", "ours"), [("ja", "ja"), ("pl", "pl"), ("en-GB", "en"), ("de", "en"), ("", "en")]
)
def test_discords_locales_lead_to_ours(discords, ours):
    assert locale.supported(discords) == ours


def test_a_catalogue_with_the_marks_of_a_bad_merge_is_refused(tmp_path):
    (tmp_path / "ja.po").write_text('<<<<<<< ours\nmsgid "a"\nmsgstr "b"\n', encoding="utf-8")
    with pytest.raises(PoFileError, match="Unknown or misformatted"):
        catalogue.read("ja", tmp_path)
