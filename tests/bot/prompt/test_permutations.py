"""`{a, b}`: one text for many prompts."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import PromptError
from bot.prompt.permutations import DEFAULT_LIMIT, MAX_DEPTH, expand, parse_all

WORD = st.sampled_from(["a", "b", "red", "猫", r"\,", r"\{", "::2", "--ar 3:2", ""])
TREE = st.recursive(
    WORD,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3),
        st.lists(inner, min_size=2, max_size=3).map(tuple),
    ),
    max_leaves=12,
)
"""A list stands for its members in a row, a tuple for braces with its members to choose from."""


def typed(tree):
    match tree:
        case tuple():
            return "{" + ",".join(map(typed, tree)) + "}"
        case list():
            return " ".join(map(typed, tree))
    return tree


def chosen(tree):
    """Every text that a tree stands for, worked out in the plainest way."""
    match tree:
        case tuple():
            return [text for option in tree for text in chosen(option)]
        case list():
            texts = [""]
            for member in tree:
                texts = [f"{before} {text}" for before in texts for text in chosen(member)]
            return texts
    return [tree]


def words(text):
    return text.replace(r"\,", ",").split()


@given(TREE)
def test_every_combination_comes_out_once_in_the_order_of_its_choices(tree):
    expected = chosen(tree)
    assert [words(text) for text in expand(typed(tree), len(expected))] == list(
        map(words, expected)
    )


@given(TREE)
def test_one_prompt_more_than_the_limit_is_refused_with_both_numbers(tree):
    count = len(chosen(tree))
    if count == 1:
        return
    with pytest.raises(PromptError) as caught:
        expand(typed(tree), count - 1)
    assert f"make {count} prompts; you may have {count - 1} at once" in caught.value.sentence


@given(st.text())
def test_any_text_is_expanded_or_refused_with_a_place_inside_it(text):
    try:
        texts = expand(text)
    except PromptError as error:
        assert error.command[error.start : error.end] == error.token != ""
    else:
        assert 1 <= len(texts) <= DEFAULT_LIMIT


@pytest.mark.parametrize("limit", [4, 10, 40])
def test_as_many_as_the_limit_are_made(limit):
    numbers = ",".join(map(str, range(limit)))
    assert expand(f"{{{numbers}}}", limit) == tuple(map(str, range(limit)))
    with pytest.raises(PromptError, match=f"make {limit + 1} prompts; you may have {limit} "):
        expand(f"{{{numbers},more}}", limit)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("{0,1,2,3,4,5,6,7,8,9}" * 6, "1000000"),
        ("{0,1,2,3,4,5,6,7,8,9}" * 150, "more than 1000000000000"),
    ],
)
def test_a_million_prompts_are_counted_without_being_made(text, count):
    tracemalloc.start()
    try:
        with pytest.raises(PromptError, match=f"make {count} prompts"):
            expand(text)
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most_bytes < 2_000_000


@pytest.mark.parametrize("depth", [1, MAX_DEPTH])
def test_braces_may_stand_as_deep_as_the_limit(depth):
    assert expand("{" * depth + "a" + "}" * depth) == ("a",)


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 50, 1000])
def test_braces_that_stand_deeper_are_one_sentence(depth):
    with pytest.raises(PromptError, match=r"10 deep in each other at the most") as caught:
        expand("{" * depth + "a" + "}" * depth)
    assert (caught.value.token, caught.value.start) == ("{", MAX_DEPTH)


def test_a_brace_without_its_partner_is_marked_at_its_place():
    for text, start in (("a {b, c", 2), ("a {b {c, d} e", 2), ("{a} b}", 5), (r"\{a}", 3)):
        with pytest.raises(PromptError) as caught:
            expand(text)
        assert (caught.value.start, caught.value.command) == (start, text)


def test_texts_stay_escaped_so_that_they_are_read_as_they_were_meant():
    assert expand(r"{\{a\}, b\, c} \} d\, e") == (r"\{a\} \} d\, e", r"b, c \} d\, e")


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("  cat {--raw, --s 2000}", "--s 2000"),
        ("{ , cat} --sed {1, 2}", "--sed"),
        ("cat {::, ::nan} dog --ar 3:2", "::nan"),
        ("cat --seed {7, 8 {9, 10}}", "9"),
        ("cat --ar {3:2, 0:{1, 2}} --raw", "--ar {3:2, 0:{1, 2}}"),
        ("cat::{1, 2}x dog", "::{1, 2}x"),
    ],
)
def test_a_refusal_of_one_prompt_marks_the_text_as_it_was_typed(text, token):
    with pytest.raises(PromptError) as caught:
        parse_all(text)
    error = caught.value
    source = text.strip()
    assert error.command == source
    assert source[error.start : error.end] == error.token
    assert error.token.strip() == token


def test_a_typed_text_has_the_limit_of_one_prompt():
    with pytest.raises(PromptError, match="Shorten it by 2000"):
        parse_all("{a, b}" + "x" * 5994)


def test_macros_and_suffix_act_in_every_prompt():
    prompts = parse_all(
        "{red, blue} cat --mine", macros={"mine": "--ar 3:2"}, suffix="--raw", limit=4
    )
    assert [(p.text, p.parameters.ar, p.parameters.raw) for p in prompts] == [
        ("red cat", (3, 2), True),
        ("blue cat", (3, 2), True),
    ]
