"""A member's text with what they set written out, so that it says all by itself."""

import pytest

from bot.errors import PromptError
from bot.prompt import repeats
from bot.prompt.grammar import parse
from bot.prompt.written_out import written_out

MACROS = {"wide": "--ar 3:2 --s 50", "mine": "in my style --raw"}


@pytest.mark.parametrize(
    ("text", "suffixes", "written"),
    [
        ("a cat", (), "a cat"),
        ("a cat --wide", (), "a cat --ar 3:2 --s 50"),
        ("a cat --MINE", (), "a cat in my style --raw"),
        ("a cat", ("--ar 2:3 --chaos 5",), "a cat --ar 2:3 --chaos 5"),
        ("a cat --ar 1:1", ("--ar 2:3 --chaos 5",), "a cat --ar 1:1 --chaos 5"),
        ("a cat --niji 6", ("--v best",), "a cat --niji 6"),
        ("a cat", ("--s 20", "--stylize 250"), "a cat --stylize 20"),
        ("a cat --wide", ("--raw", "--stylize 250"), "a cat --ar 3:2 --s 50 --raw"),
        ("a cat --no red", ("--no blue, green",), "a cat --no red"),
        ("a cat", ("--no blue, green",), "a cat --no blue, green"),
    ],
)
def test_what_the_text_says_goes_before_what_is_set(text, suffixes, written):
    assert written_out(text, macros=MACROS, suffixes=suffixes) == written
    whole = parse(text, macros=MACROS, suffix=" ".join(suffixes[:1])).parameters
    assert set(parse(written).parameters.given) >= set(whole.given)


def test_a_refusal_is_one_of_the_typed_text():
    with pytest.raises(PromptError) as refused:
        written_out("a cat --wide --ar 1:1", macros=MACROS)
    assert refused.value.command == "a cat --wide --ar 1:1"
    with pytest.raises(PromptError, match="Your suffix “--bogus”"):
        written_out("a cat", suffixes=("--bogus",))
    long = "x" * 3995
    with pytest.raises(PromptError, match="Shorten it by") as refused:
        written_out(long, suffixes=("--stylize 250",))
    assert refused.value.command == long


def test_each_grid_of_several_has_what_its_member_set():
    grids = repeats.read("{red, blue} cat --wide", 4, macros=MACROS, suffixes=("--chaos 5",))
    assert grids.prompts == (
        "red cat --ar 3:2 --s 50 --chaos 5",
        "blue cat --ar 3:2 --s 50 --chaos 5",
    )
    assert repeats.read("a cat --many", 4, macros={"many": "--r 2"}).prompts == ("a cat", "a cat")


def test_too_many_by_a_parameter_of_ones_own_is_refused_with_the_typed_text():
    with pytest.raises(PromptError, match="Lower --repeat") as refused:
        repeats.read("a cat --many", 4, macros={"many": "--r 20"})
    assert refused.value.command == "a cat --many"
