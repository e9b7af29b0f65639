"""Midjourney's grammar, as members' hands know it."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import PromptError
from bot.prompt import grammar as prompt
from bot.prompt.characters import plain
from bot.prompt.flags import Parameters
from engine import Sentence

INK = (("ink wash", -0.5), ("b", 2.0), ("a:b", 4.0))


def test_plain_words_are_one_part_of_weight_one():
    read = prompt.parse("  a red cat at night ")
    assert read.text == "a red cat at night"
    assert [part.weight for part in read.parts] == [1.0]
    assert read.parameters == Parameters()


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("cat --ar 3:2", "ar", (3, 2)),
        ("cat --aspect 1920:1080", "ar", (16, 9)),
        ("cat —ar 2:3", "ar", (2, 3)),
        ("cat --seed 4294967295", "seed", 2**32 - 1),
        ("cat --v 6.1", "version", "6.1"),
        ("cat --niji", "niji", ""),
        ("cat --profile", "profile", ""),
        ("cat --niji 6", "niji", "6"),
        ("cat --q .25", "quality", 0.25),
        ("cat --s 250", "stylize", 250),
        ("cat --tile", "tile", True),
        ("cat --iw 1.5", "iw", 1.5),
        ("cat --SEED 7", "seed", 7),
        ("cat --motion LOW", "motion", "low"),
        (
            "cat --sref https://a.example/1.png random",
            "sref",
            ("https://a.example/1.png", "random"),
        ),
        ("cat --lora Ink", "lora", (("Ink", 1.0),)),
        ("cat --lora ink wash:-.5, b:2 --lora a:b:4", "lora", INK),
    ],
)
def test_parameters_are_read(text, name, value):
    read = prompt.parse(text).parameters
    assert read == dataclasses.replace(Parameters(), given=(name,), **{name: value})


def test_parameters_know_which_were_typed_and_where():
    read = prompt.parse("cat --seed 7 --no red  --ar 1:1 --no blue")
    assert read.parameters.given == ("seed", "no", "ar")
    assert [(part.name, part.text) for part in read.segments] == [
        ("seed", "--seed 7"),
        ("no", "--no red"),
        ("ar", "--ar 1:1"),
        ("no", "--no blue"),
    ]
    for part in read.segments:
        assert read.source.startswith(part.text, part.start)


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
        ("cat --seed 7  at  night", "at  night"),
        ("cat --seed 7 --v 1 7", "7"),
        ("cat --tile  big ", "big"),
        ("cat --no red --no", "--no"),
        ("cat --no ,", "--no ,"),
        ("cat --ar3:2", "--ar3:2"),
        ("cat --motion fast", "--motion fast"),
        ("cat --lora", "--lora"),
        ("cat --lora ink:heavy", "--lora ink:heavy"),
        ("cat --lora :2", "--lora :2"),
        ("cat --lora ink:4.1", "--lora ink:4.1"),
        ("cat --lora ink --lora INK:2", "--lora INK:2"),
        ("cat --lora a,b,c --lora d,e", "--lora d,e"),
        ("<https://a.example/1.png>", "https://a.example/1.png"),
        (r"a \{red\} cat::-1", r"a \{red\} cat::-1"),
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
    assert error.start == text.rindex(token)
    assert error.command == text.strip()
    assert isinstance(error.sentence, Sentence)


def test_a_link_that_comes_late_is_marked_where_it_stands_the_second_time():
    text = "https://a.example/1.png a cat https://a.example/1.png"
    with pytest.raises(PromptError, match="come first") as caught:
        prompt.parse(text)
    assert caught.value.start == text.rindex("https")


def test_the_sixth_link_is_marked_even_if_all_are_the_same():
    text = "https://a.example/1.png " * 6
    with pytest.raises(PromptError, match="5 pictures at most; this one has 6") as caught:
        prompt.parse(text + "cat")
    assert caught.value.start == text.rindex("https")


def test_a_refused_value_says_what_is_right_and_what_was_given():
    with pytest.raises(PromptError) as caught:
        prompt.parse("cat --chaos lots")
    sentence = caught.value.sentence
    assert sentence == "--chaos takes a whole number from 0 to 100, not “lots”."
    assert sentence.template == "--{name} {needs}, not “{value}”."
    with pytest.raises(PromptError, match=r"--chaos takes .* 100, and has none here"):
        prompt.parse("cat --chaos")


def test_a_long_value_is_quoted_in_part():
    with pytest.raises(PromptError) as caught:
        prompt.parse(f"cat --seed {'9' * 3000}")
    assert len(caught.value.sentence) < 200


def test_a_value_that_looks_like_a_template_is_only_quoted():
    with pytest.raises(PromptError, match=r"not “\{0\.__class__\}”"):
        prompt.parse(r"cat --seed \{0.__class__\}")


def test_an_unknown_parameter_suggests_the_nearest():
    with pytest.raises(PromptError, match=r"no parameter --aspct\. Did you mean --aspect\?"):
        prompt.parse("cat --aspct 3:2")


def test_no_takes_a_list_of_many_words_and_adds_up():
    read = prompt.parse("cat --no red cars, trees --no fog")
    assert read.parameters.no == ("red cars", "trees", "fog")


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
    words = "a well--worn e-mail – a-b–c—d - no– x-- spider-man–"
    assert prompt.parse(words).text == words


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("cat --", "--"),
        ("--", "--"),
        ("cat -- dog", "--"),
        ("cat --=", "--="),
        ("cat —", "—"),
        ("—", "—"),
        ("cat — ar 16:9", "—"),
        ("cat — s 250", "—"),
        ("– –", "– –"),
        ("cat –– dog", "––"),
        ("cat ---ar 3:2", "---ar"),
        ("cat --7", "--7"),
        ("cat --ar 3:2 --", "--"),
        ("cat --no red -- blue", "--"),
        ("https://a.example/1.png --", "--"),
    ],
)
def test_two_dashes_without_a_name_are_refused(text, token):
    with pytest.raises(PromptError, match="-- needs a parameter's name right after it") as caught:
        prompt.parse(text, beside=1)
    error = caught.value
    assert (error.token, error.command) == (token, text)
    assert text[error.start : error.end] == token


def test_a_name_in_another_script_is_an_unknown_parameter():
    with pytest.raises(PromptError, match="There is no parameter --größe"):
        prompt.parse("cat --größe 7")


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused_with_a_place_inside_it(text):
    try:
        read = prompt.parse(text)
    except PromptError as error:
        source = plain(text).strip()
        assert 0 <= error.start <= len(source)
        assert error.sentence.endswith((".", "?"))
        assert isinstance(error.sentence, Sentence)
        assert source[error.start : error.end] == error.token
        assert error.command == source
    else:
        assert read.source == plain(text).strip()
        if read.parts:
            assert sum(part.weight for part in read.parts) == pytest.approx(1)


@given(
    st.lists(
        st.sampled_from(
            [
                "a",
                "::2",
                "--",
                "--ar",
                "3:2",
                "--no",
                "—seed",
                "7",
                "{",
                "https://x.y/z",
                ",",
                "--lora",
            ]
        ),
        max_size=12,
    )
)
def test_any_order_of_the_grammars_tokens_is_read_or_refused(tokens):
    try:
        prompt.parse(" ".join(tokens))
    except PromptError as error:
        assert error.command == " ".join(tokens).strip()
