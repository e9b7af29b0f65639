"""What one order draws: one prompt a grid."""

import pytest

from bot.errors import PromptError
from bot.prompt import repeats
from bot.prompt.grammar import parse


@pytest.mark.parametrize(
    ("text", "prompts"),
    [
        ("a cat", ("a cat",)),
        ("  a cat ", ("a cat",)),
        ("a {red, blue} cat", ("a red cat", "a blue cat")),
        ("a cat --repeat 3", ("a cat",) * 3),
        ("a cat --r 2 --ar 3:2", ("a cat --ar 3:2",) * 2),
        ("a cat --ar 3:2 —repeat 2", ("a cat --ar 3:2",) * 2),
        ("{red, blue} cat --repeat 2", ("red cat", "red cat", "blue cat", "blue cat")),
        ("cat --repeat {2, 3}", ("cat",) * 5),
        ("cat --seed 7 --repeat 3", ("cat --seed 7", "cat --seed 11", "cat --seed 15")),
        (
            "cat --r 2 --seed 4294967294 --raw",
            ("cat --seed 4294967294 --raw", "cat --seed 2 --raw"),
        ),
        ("{red, blue} cat --seed 7", ("red cat --seed 7", "blue cat --seed 7")),
        (r"a \{x\} cat", (r"a \{x\} cat",)),
        (
            "https://a.example/1.png {a, b} --r 2",
            ("https://a.example/1.png a",) * 2 + ("https://a.example/1.png b",) * 2,
        ),
    ],
)
def test_each_grid_has_its_prompt(text, prompts):
    assert repeats.read(text, 10).prompts == prompts
    for prompt in prompts:
        assert parse(prompt).parameters.repeat is None


@pytest.mark.parametrize(
    ("text", "limit", "sentence", "token"),
    [
        ("cat --repeat 11", 10, "This orders 11 grids; you may order 10 at once.", "--repeat 11"),
        ("{a, b, c} --r 4", 10, "This orders 12 grids", "--r 4"),
        ("cat {--r 2, --r 9}", 10, "This orders 11 grids", "--r 9"),
        ("{a, b}", 1, "make 2 prompts; you may have 1", "{a, b}"),
        ("{1,2}" * 30 + " --r 2", 10, "make 1073741824 prompts; you may have 10", "{1,2}" * 30),
        ("{a, b} cat --bogus", 10, "no parameter --bogus", "--bogus"),
        ("cat --repeat 1", 10, "from 2 to 40", "--repeat 1"),
        ("cat --repeat 41", 40, "from 2 to 40", "--repeat 41"),
    ],
)
def test_what_is_too_much_or_cannot_be_read_is_marked_in_the_whole_text(
    text, limit, sentence, token
):
    with pytest.raises(PromptError) as refused:
        repeats.read(text, limit)
    assert sentence in refused.value.sentence
    assert refused.value.token == token
    assert text[refused.value.start : refused.value.end] == token
    assert refused.value.command == text


@pytest.mark.parametrize(
    ("text", "apart"),
    [
        ("cat --seed 7 --r 2", True),
        ("cat {--seed 7, } —repeat 2", True),
        ("cat --seed {7, 11}", False),
        ("cat --r 2", False),
    ],
)
def test_it_is_known_whether_repetitions_have_seeds_apart(text, apart):
    assert repeats.read(text, 10).seeds_apart is apart
