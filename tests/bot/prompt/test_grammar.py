"""Midjourney's grammar, as members' hands know it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import PromptError
from bot.prompt import grammar as prompt


def test_plain_words_are_one_part_of_weight_one():
    read = prompt.parse("  a red cat at night ")
    assert read.text == "a red cat at night"
    assert [part.weight for part in read.parts] == [1.0]
    assert not read.flags


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("cat --ar 3:2", "ar", (3, 2)),
        ("cat --aspect 1920:1080", "ar", (16, 9)),
        ("cat —ar 2:3", "ar", (2, 3)),
        ("cat --seed 4294967295", "seed", 2**32 - 1),
        ("cat --v 6.1", "version", "6.1"),
        ("cat --niji", "niji", True),
        ("cat --niji 6", "niji", "6"),
        ("cat --q .25", "quality", 0.25),
        ("cat --s 250", "stylize", 250),
        ("cat --tile", "tile", True),
        ("cat --iw 1.5", "iw", 1.5),
        ("cat --SEED 7", "seed", 7),
    ],
)
def test_parameters_are_read(text, name, value):
    assert prompt.parse(text).flags == {name: value}


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("cat --ar 0:1", "--ar 0:1"),
        ("cat --ar 15:1", "--ar 15:1"),
        ("cat --ar wide", "--ar wide"),
        ("cat --seed -1", "--seed -1"),
        ("cat --seed 4294967296", "--seed 4294967296"),
        ("cat --seed", "--seed"),
        ("cat --sed 7", "--sed"),
        ("cat --chaos 101", "--chaos 101"),
        ("cat --q 3", "--q 3"),
        ("cat --no", "--no"),
        ("cat --tile big", "big"),
        ("cat --seed 7 at night", "at night"),
        ("cat --seed 7 --seed 8", "--seed 8"),
        ("a https://example.com/a.png", "https://example.com/a.png"),
        ("{a, b} cat", "{"),
    ],
)
def test_a_refusal_names_the_token_its_place_and_gives_the_text_back(text, token):
    with pytest.raises(PromptError) as caught:
        prompt.parse(text)
    error = caught.value
    assert error.token == token
    assert text[error.start : error.end] == token
    assert error.command == text


def test_an_unknown_parameter_suggests_the_nearest():
    with pytest.raises(PromptError, match=r"no parameter --aspct\. Did you mean --aspect\?"):
        prompt.parse("cat --aspct 3:2")


def test_no_takes_a_list_of_many_words_and_adds_up():
    read = prompt.parse("cat --no red cars, trees --no fog")
    assert read.avoid == ("red cars", "trees", "fog")


def test_weights_are_normalised_and_a_missing_one_is_one():
    read = prompt.parse("hot:: dog::2 cat::-.5 bird")
    assert [(part.text, part.weight) for part in read.parts] == [
        ("hot", 1 / 3.5),
        ("dog", 2 / 3.5),
        ("cat", -0.5 / 3.5),
        ("bird", 1 / 3.5),
    ]


@pytest.mark.parametrize("text", ["a::-1 b::1", "a::-2", "a::0"])
def test_weights_that_do_not_add_up_to_more_than_nothing_are_refused(text):
    with pytest.raises(PromptError, match="more than 0"):
        prompt.parse(text)


def test_links_come_first_and_are_taken_off_the_words():
    read = prompt.parse("https://a.example/1.png <https://a.example/2.png> a cat --iw 2")
    assert read.images == ("https://a.example/1.png", "https://a.example/2.png")
    assert read.text == "a cat"


def test_one_link_alone_needs_words():
    with pytest.raises(PromptError, match="needs some words"):
        prompt.parse("https://a.example/1.png")


@pytest.mark.parametrize("text", ["", "   ", "--ar 3:2"])
def test_no_words_are_refused_unless_a_picture_comes_beside_them(text):
    with pytest.raises(PromptError, match="no words"):
        prompt.parse(text)
    assert prompt.parse(text, beside=1).parts == ()


def test_a_prompt_of_5000_characters_is_refused_with_how_much_to_cut():
    with pytest.raises(PromptError, match="Shorten it by 1000"):
        prompt.parse("x" * 5000)


def test_escaped_braces_are_plain():
    assert prompt.parse(r"a \{curly\} cat").text == "a {curly} cat"


def test_dashes_inside_words_are_words():
    assert prompt.parse("a well--worn e-mail -- no").text == "a well--worn e-mail -- no"


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused_with_a_place_inside_it(text):
    try:
        read = prompt.parse(text)
    except PromptError as error:
        assert 0 <= error.start <= len(text.strip())
        assert error.sentence.endswith((".", "?"))
    else:
        assert read.source == text.strip()
        if read.parts:
            assert sum(part.weight for part in read.parts) == pytest.approx(1)


@given(
    st.lists(
        st.sampled_from(
            ["a", "::2", "::", "--ar", "3:2", "--no", "—seed", "7", "{", "https://x.y/z", ","]
        ),
        max_size=12,
    )
)
def test_any_order_of_the_grammars_tokens_is_read_or_refused(tokens):
    try:
        prompt.parse(" ".join(tokens))
    except PromptError as error:
        assert error.command == " ".join(tokens).strip()
