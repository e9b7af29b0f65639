"""The seam between English sentences and the languages of members."""

import pytest

from bot import locale
from bot.errors import NotFound
from bot.locale import translation
from engine import Sentence


@pytest.fixture
def german(monkeypatch):
    words = {"This job has no picture {position}.": "Dieser Auftrag hat kein Bild {position}."}
    monkeypatch.setattr(translation, "CATALOGUES", {"de": words})


@pytest.mark.usefixtures("german")
def test_a_sentence_is_said_in_the_language_of_its_reader():
    refusal = NotFound(Sentence("This job has no picture {position}.", position=9))
    assert locale.translated(refusal.sentence, "de") == "Dieser Auftrag hat kein Bild 9."
    assert locale.translated(refusal.sentence, "en") == "This job has no picture 9."


@pytest.mark.usefixtures("german")
def test_what_has_no_translation_stays_english():
    assert locale.translated(Sentence("Cancelled."), "de") == "Cancelled."
    assert locale.translated("plain", "de") == "plain"


@pytest.mark.usefixtures("german")
@pytest.mark.parametrize(
    ("discords", "ours"), [("de", "de"), ("de-AT", "de"), ("en-GB", "en"), ("ja", "en")]
)
def test_discords_locales_lead_to_ours(discords, ours):
    assert locale.supported(discords) == ours
