"""A member's own parameters and suffix."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import PromptError
from bot.prompt.grammar import parse
from bot.prompt.macros import MAX_MACROS
from engine import Sentence

MINE = {"mine": "--ar 3:2 --s 250"}


def same(one, other):
    return (one.images, one.parts, one.parameters) == (
        other.images,
        other.parts,
        other.parameters,
    )


@pytest.mark.parametrize(
    ("typed", "macros", "meant"),
    [
        ("cat --mine", MINE, "cat --ar 3:2 --s 250"),
        ("cat --MINE --seed 7", MINE, "cat --ar 3:2 --s 250 --seed 7"),
        ("cat —mine", MINE, "cat --ar 3:2 --s 250"),
        ("猫－－ｍｉｎｅ　--raw", MINE, "猫 --ar 3:2 --s 250 --raw"),
        ("cat --night", {"Night": "at night --raw"}, "cat at night --raw"),
        ("cat --fog --no rain", {"fog": "--no fog,"}, "cat --no fog --no rain"),
        ("cat --fog rain", {"fog": "--no fog,"}, "cat --no fog, rain"),
        ("cat --a-b --猫", {"a-b": "--raw", "猫": "--tile"}, "cat --raw --tile"),
        ("cat --ar 3:2", {"ar": "--raw"}, "cat --ar 3:2"),
        ("cat --none", {"none": ""}, "cat"),
        ("cat --mine", {"mine": "--raw\u202e"}, "cat --raw"),
        ("a well--mine cat", MINE, "a well--mine cat"),
    ],
)
def test_a_macro_stands_for_its_text(typed, macros, meant):
    assert same(parse(typed, macros=macros), parse(meant))


def test_parameters_of_a_macro_stand_where_it_was_typed():
    prompt = parse("cat --raw --mine --seed 7", macros=MINE)
    assert prompt.source == "cat --raw --mine --seed 7"
    assert [(one.name, one.text, one.start) for one in prompt.segments] == [
        ("raw", "--raw", 4),
        ("ar", "--mine", 10),
        ("stylize", "--mine", 10),
        ("seed", "--seed 7", 17),
    ]


@pytest.mark.parametrize(
    ("typed", "text", "token", "problem"),
    [
        ("cat --mine --raw", "--ar 0:1", "--mine", "--ar takes two whole numbers above 0"),
        ("cat --mine --raw", "--foo", "--mine", "There is no parameter --foo"),
        ("cat --seed 7 --mine", "words", "--mine", "“words” stands after a parameter"),
        ("cat --mine 5 --raw", "--seed", "--seed 5", ""),
        ("cat --seed 7 --mine", "--seed 8", "--mine", "--seed stands twice"),
        ("cat --mine x", "--seed 7", "x", "“x” stands after a parameter"),
    ],
)
def test_a_mistake_in_a_macro_is_told_with_its_text_and_marked_at_its_name(
    typed, text, token, problem
):
    if not problem:
        assert parse(typed, macros={"mine": text}).parameters.seed == 5
        return
    with pytest.raises(PromptError) as caught:
        parse(typed, macros={"mine": text})
    error = caught.value
    assert (error.token, error.command) == (token, typed)
    assert typed[error.start : error.end] == token
    assert isinstance(error.sentence, Sentence)
    assert problem in error.sentence
    assert (f"--mine stands for “{text}” here" in error.sentence) == (token == "--mine")


def test_a_macro_cannot_hold_a_macro():
    macros = {"mine": "--ar 3:2 --other", "other": "--raw"}
    with pytest.raises(PromptError, match="cannot hold each other: write out --other") as caught:
        parse("cat --mine", macros=macros)
    assert caught.value.token == "--mine"
    with pytest.raises(PromptError, match="write out --mine"):
        parse("cat --mine", macros={"mine": "--mine"})


def test_a_macro_cannot_hold_permutations():
    with pytest.raises(PromptError, match=r"“--ar \{1:1, 3:2\}”, but \{ \} cannot be part"):
        parse("cat --mine", macros={"mine": "--ar {1:1, 3:2}"})


def test_more_macros_than_a_member_may_have_are_refused():
    macros = {f"mine{number}": "--raw" for number in range(MAX_MACROS)}
    assert parse("cat --mine19", macros=macros).parameters.raw
    with pytest.raises(PromptError, match="You may have 20 parameters of your own; these are 21"):
        parse("cat", macros=macros | {"more": "--raw"})


def test_a_slip_in_a_macros_name_is_told():
    with pytest.raises(PromptError, match=r"Did you mean --sunset\?"):
        parse("cat --sunst", macros={"sunset": "--raw"})


def test_macros_cannot_make_a_prompt_longer_than_the_limit():
    with pytest.raises(PromptError, match="Shorten it by") as caught:
        parse("cat --mine --mine", macros={"mine": "--no " + "x" * 3000})
    assert caught.value.command == "cat --mine --mine"


@pytest.mark.parametrize(
    ("typed", "suffix", "meant"),
    [
        ("cat", "--raw", "cat --raw"),
        ("cat --seed 7", "--raw --ar 3:2", "cat --seed 7 --raw --ar 3:2"),
        ("cat --ar 1:2", "--ar 3:2 --raw", "cat --ar 1:2 --raw"),
        ("cat --no fog", "--no rain", "cat --no fog"),
        ("cat --v 6", "--niji 6", "cat --v 6"),
        ("cat --niji", "--v 6 --raw", "cat --niji --raw"),
        ("cat --relax", "--fast", "cat --relax"),
        ("cat", "—ar ３：２", "cat --ar 3:2"),
        ("cat", " \u200b ", "cat"),
    ],
)
def test_a_suffix_acts_where_the_prompt_says_nothing_else(typed, suffix, meant):
    assert same(parse(typed, suffix=suffix), parse(meant))


def test_a_suffix_yields_to_what_a_macro_says():
    prompt = parse("cat --mine", macros=MINE, suffix="--ar 1:1 --raw")
    assert prompt.parameters.given == ("ar", "stylize", "raw")
    assert prompt.parameters.ar == (3, 2)


def test_parameters_of_a_suffix_stand_nowhere_in_the_text():
    assert parse("cat", suffix="--raw").segments == ()


@pytest.mark.parametrize(
    ("suffix", "problem"),
    [
        ("--ar 0:1", "--ar takes two whole numbers above 0"),
        ("at night", "It can hold parameters only"),
        ("at night --raw", "It can hold parameters only"),
        ("--ar {1:1, 3:2}", "It cannot hold permutations"),
        ("--mine", "There is no parameter --mine"),
    ],
)
def test_a_bad_suffix_is_told_and_marks_nothing_in_the_text(suffix, problem):
    with pytest.raises(PromptError) as caught:
        parse("cat", macros=MINE, suffix=suffix)
    error = caught.value
    assert error.sentence.startswith(f"Your suffix “{suffix}” cannot be added. {problem}")
    assert (error.token, error.start, error.command) == ("", 0, "cat")


PIECE = st.sampled_from(
    ["cat ", "--mine ", "--words ", "--bad ", " --no x ", "::2 ", "猫", "--seed 7 ", "{", ", "]
)


@given(st.lists(PIECE, max_size=8).map("".join), st.sampled_from(["", "--raw", "--foo", "x"]))
def test_with_macros_a_text_is_read_or_refused_with_a_place_inside_it(text, suffix):
    macros = {"mine": "--no fog,", "words": "in the rain --raw", "bad": "--ar 0:1"}
    try:
        prompt = parse(text, macros=macros, suffix=suffix)
    except PromptError as error:
        assert error.command == text.strip()
        assert error.command[error.start : error.end] == error.token
    else:
        for one in prompt.segments:
            assert prompt.source.startswith(one.text, one.start)
