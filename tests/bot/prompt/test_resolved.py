"""The parameters that acted, as data."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
from bot.prompt import grammar
from bot.prompt.flags import FLAGS, Parameters
from bot.prompt.resolved import as_json, parameters_from_json
from bot.prompt.values import (
    MAX_REFERENCES,
    Aspect,
    Items,
    Loras,
    Number,
    NumberOf,
    References,
    Sampler,
    Whole,
    WordOf,
)

WORD = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)
SIDE = st.integers(100, 1400)
WEIGHT = st.floats(-4, 4).map(lambda weight: f"{weight:.3f}")


def typed_values(form):
    """Texts that a parameter of this form reads."""
    match form:
        case Whole(low, high):
            texts = st.integers(low, high).map(str)
        case Number(low, high):
            texts = st.floats(low, high).map(lambda number: f"{number:.4f}")
        case NumberOf(choices) | WordOf(choices):
            texts = st.sampled_from(choices).map(str)
        case Aspect():
            texts = st.tuples(SIDE, SIDE).map(lambda sides: f"{sides[0]}:{sides[1]}")
        case References(codes, most):
            links = st.tuples(WORD, st.integers(1, 9)).map(
                lambda link: f"https://a.example/{link[0]}.png::{link[1]}"
            )
            numbers = st.integers(0, 2**32 - 1).map(str)
            one = links | numbers | st.just("random") if codes else links
            texts = st.lists(one, min_size=1, max_size=min(most, MAX_REFERENCES)).map(" ".join)
        case Sampler():
            texts = st.sampled_from(engine.SCHEDULERS)
        case Loras():
            texts = st.dictionaries(WORD, WEIGHT, min_size=1, max_size=4).map(
                lambda loras: ", ".join(f"{name}:{weight}" for name, weight in loras.items())
            )
        case Items():
            texts = st.lists(WORD, min_size=1).map(", ".join)
        case _:
            texts = WORD
    return texts


@st.composite
def prompts(draw):
    chosen = draw(st.lists(st.sampled_from(FLAGS), unique_by=lambda flag: flag.name))
    texts = ["a cat"]
    for flag in chosen:
        texts.append(f"--{flag.name}")
        if flag.form is not None and not (flag.bare and draw(st.booleans())):
            texts.append(draw(typed_values(flag.form)))
    return grammar.parse(" ".join(texts))


@given(prompts())
def test_what_was_stored_is_read_again_as_it_was(prompt):
    stored = json.loads(json.dumps(as_json(prompt)))
    assert stored == as_json(prompt)
    assert parameters_from_json(stored) == prompt.parameters


def test_every_parameter_is_stored_by_its_long_name_with_the_value_that_acts():
    stored = as_json(grammar.parse("a cat --v 6 --aspect 6:4 --no red, blue --lora ink:.5"))
    assert sorted(stored) == sorted([*(flag.name for flag in FLAGS), "given"])
    assert stored["ar"] == [3, 2]
    assert stored["version"] == "6"
    assert stored["no"] == ["red", "blue"]
    assert stored["lora"] == [["ink", 0.5]]
    assert (stored["stylize"], stored["seed"], stored["tile"]) == (100, None, False)
    assert stored["given"] == ["version", "ar", "no", "lora"]


def test_what_a_newer_darkroom_stored_besides_is_passed_over():
    stored = as_json(grammar.parse("a cat --seed 7")) | {
        "glow": [1, 2],
        "given": ["seed", "glow"],
    }
    assert parameters_from_json(stored) == Parameters(seed=7, given=("seed",))


def test_what_an_older_darkroom_did_not_store_has_its_default():
    assert parameters_from_json({}) == Parameters()
    assert parameters_from_json({"seed": 7}) == Parameters(seed=7)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", -1),
        ("seed", "7"),
        ("chaos", None),
        ("ar", [0, 1]),
        ("tile", 1),
        ("no", "red"),
        ("lora", [["ink", "1"]]),
        ("sref", [{}]),
    ],
)
def test_a_stored_value_that_the_parameter_cannot_have_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"The stored --{name} "):
        parameters_from_json({name: value})


def test_defaults_that_are_stored_outlive_a_change_of_the_default():
    stored = as_json(grammar.parse("a cat")) | {"stylize": 250}
    assert dataclasses.replace(Parameters(), stylize=250) == parameters_from_json(stored)
