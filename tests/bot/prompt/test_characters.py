"""Which characters are read and shown, and as what."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.prompt.characters import escaped, folded, plain, unescaped

FAMILY = "👩\u200d👩\u200d👧"
ASTRONAUT = "👩🏽\u200d🚀"
HEART_ON_FIRE = "❤\ufe0f\u200d🔥"
WALES = "🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"
UNSEEN = st.sampled_from(
    "\u200b\u200c\u200d\u202e\u2066\ufe0f\ufeff\x00\x1b\xad\U000e0067\u180b\ud800"
)


@pytest.mark.parametrize(
    "text",
    [
        FAMILY,
        ASTRONAUT,
        HEART_ON_FIRE,
        WALES,
        "1\ufe0f\u20e3",
        "☕\ufe0e",
        "🏳\ufe0f\u200d🌈",
        "می\u200cخواهم",
        "क्\u200dष",
        "葛\U000e0100城",
        "line\nand\ttab",
        "e\u0301",
    ],
)
def test_what_spelling_and_emoji_need_stays(text):
    assert plain(text) == text
    assert plain(f"\u202ex{text}\u200b") == f"x{text}"


@pytest.mark.parametrize(
    "text",
    [
        "\u202ecat",
        "ca\u200dt",
        "ca\u200ct",
        "cat\u200b",
        "\ufeffcat",
        "c\x00at\x1b",
        "ca\xadt",
        "cat\ufe0f",
        "\u2066cat\u2069",
        "c\u061cat",
        "\ud800cat",
        "\u200dcat",
        "cat\ufe0f\u200d",
        "cat\U000e0067\U000e007f",
    ],
)
def test_what_cannot_be_seen_goes(text):
    assert plain(text) == "cat"


def test_a_joiner_that_joins_no_two_emoji_goes():
    assert plain("👩\u200d a\u200d👩 👩\u200d\u200d👩") == "👩 a👩 👩\u200d👩"


@pytest.mark.parametrize("end", ["\r\n", "\r", "\v", "\f", "\x85", "\u2028", "\u2029"])
def test_every_end_of_a_line_is_one_newline(end):
    assert plain(f"a{end}b") == "a\nb"


@given(st.text(st.one_of(UNSEEN, st.characters(), st.sampled_from("👩❤🏴1م猫᠀")), max_size=12))
def test_a_plain_text_is_plain_already_and_has_no_control(text):
    once = plain(text)
    assert plain(once) == once
    kinds = {unicodedata.category(character) for character in once if character not in "\n\t"}
    assert not kinds & {"Cc", "Cs", "Zl", "Zp"}
    assert not set(once) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    once.encode()


@given(st.text())
def test_a_folded_text_keeps_every_place(text):
    assert len(folded(text)) == len(text)


def test_signs_of_other_scripts_are_folded_and_words_are_not():
    assert folded("ａＺ０：－｛｝＼　٣९") == "aZ0:-{}\\ 39"
    assert folded("猫、犬，é²") == "猫、犬，é²"


@given(st.text(st.sampled_from("a ,，、\\＼{}｛｝")))
def test_an_escaped_text_is_the_text_again_and_has_no_bare_brace(text):
    assert unescaped(escaped(text)) == text
    assert "{" not in escaped(text).replace("\\{", "")
