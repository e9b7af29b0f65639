"""A prompt prints to one text that says the same."""

import random

from hypothesis import given
from hypothesis import strategies as st

from bot.errors import PromptError
from bot.prompt.canonical import canonical
from bot.prompt.flags import FLAGS
from bot.prompt.grammar import MAX_PARTS, MAX_PROMPT_CHARACTERS, parse
from bot.prompt.permutations import expand, parse_all

TOKENS = (
    *("a", "red cat", "猫", "スー", "é", "²", "👩\u200d🚀", "\u202e", "\u200d", "\x00", "%", "'"),
    *("می", "٣", "\u200c", "1\ufe0f\u20e3", "\ufe0f", "🏴", "\U000e0067", "\U000e0100"),
    *(" ", "  ", "\n", "　", "\u2028", "\\", "＼", "“", '"', "<", ">", "-", "–", "――", "::--x"),
    *(
        ":",
        "::",
        "：：",
        "::2 ",
        "::-.5 ",
        "::nan",
        "::０．５",
        ",",
        "，",
        "、",
        "{",
        "}",
        "｛",
        "｝",
    ),
    *(r"\{", r"\}", r"\,", r"\、", "https://a.example/1.png ", "<https://a.example/{2}>"),
    *("--", "—", " –", "－－", " ーー", "ar 3:2", " --ar ３：２", " --seed 7", " --raw", " --v "),
    *(" --no ", " --no a, b\\ ,", " --lora ", "ink:.5", " --sref ", " --style ", "6.1", '"x"'),
)
TEXTS = st.lists(st.sampled_from(TOKENS), max_size=14).map("".join)


def same(one, other):
    return (one.images, one.parts, one.parameters) == (
        other.images,
        other.parts,
        other.parameters,
    )


def check(text):
    """Whether `text` is a prompt; its canonical text is held to what it promises."""
    try:
        prompts = parse_all(text)
    except PromptError as error:
        assert error.command[error.start : error.end] == error.token
        return False
    for prompt in prompts:
        printed = canonical(prompt)
        assert "\n" not in printed
        assert expand(printed) == (printed,)
        again = parse(printed)
        assert same(again, prompt)
        assert canonical(again) == printed
    return True


@given(TEXTS)
def test_a_canonical_text_reads_as_the_same_prompt_and_prints_to_itself(text):
    check(text)
    check(f"cat {text}")


@given(st.text(max_size=60))
def test_so_does_that_of_any_text(text):
    check(text)


@given(
    st.lists(st.sampled_from(FLAGS), unique_by=lambda flag: flag.name),
    st.lists(st.tuples(st.sampled_from(["cat", "猫 a:", r"\{x"]), st.floats(0.001, 9)), min_size=1),
)
def test_every_parameter_and_weight_is_printed(flags, weighted):
    words = " ".join(f"{text} ::{weight:.4f}" for text, weight in weighted)
    typed = " ".join(f"--{flag.name} {flag.example}" for flag in flags)
    assert check(f"{words} {typed}")


def test_10000_random_texts_raise_nothing_but_refusals():
    chance = random.Random(7)
    read = sum(
        check(
            "cat " * chance.randrange(2) + "".join(chance.choices(TOKENS, k=chance.randrange(12)))
        )
        for _ in range(10_000)
    )
    assert 1000 < read < 9000


def test_a_prompt_of_the_longest_kind_prints():
    text = f"{'cat ' * ((MAX_PROMPT_CHARACTERS - 7 * MAX_PARTS) // 4)}{'cat::2 ' * MAX_PARTS}"
    printed = canonical(parse(text))
    assert printed == text.strip()
