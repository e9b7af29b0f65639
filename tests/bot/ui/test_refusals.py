"""What a refusal gives back: the place of the fault, and the whole text as it was typed."""

import pytest

from bot.errors import PromptError, UserError
from bot.ui.refusals import embed

MARK = "__**\u2068{}\u2069**__"


def refused(source, token):
    error = PromptError("Bad.", token=token, start=source.index(token), command=source)
    error.command = f"/imagine prompt: {source}"
    return embed(error, "en")


@pytest.mark.parametrize(
    ("source", "token", "line"),
    [
        ("a } cat", "}", f"a {MARK.format('}')} cat"),
        ("cat --ar 0:1", "--ar 0:1", f"cat {MARK.format('--ar 0:1')}"),
        ("# **cat** --a_b\n*c*", "--a_b", r"\# \*\*cat\*\* " + MARK.format(r"--a\_b") + r" \*c\*"),
        ("猫" * 50 + " --x " + "ש" * 50, "--x", f"…{'猫' * 39} {MARK.format('--x')} {'ש' * 39}…"),
        ("cat --" + "a" * 100, "--" + "a" * 100, f"cat {MARK.format('--' + 'a' * 77 + '…')}"),
    ],
)
def test_the_bad_token_is_marked_between_what_stands_beside_it(source, token, line):
    shown, file = refused(source, token)
    assert shown.description == f"Bad.\n{line}\n```\n/imagine prompt: {source}\n```"
    assert file is None


def test_nothing_is_marked_where_all_of_it_is_bad_or_no_token_was_typed():
    for token in ("cat", ""):
        shown, _ = refused("cat", token)
        assert shown.description == "Bad.\n```\n/imagine prompt: cat\n```"


@pytest.mark.parametrize("command", ["a ``` cat", "word " * 1200 + "END", "\ud800 ```"])
def test_a_text_that_a_code_block_cannot_hold_is_a_file_as_it_was_typed(command):
    shown, file = embed(UserError("Bad.", command=command), "en")
    assert shown.description == "Bad.\nYour text is in the file prompt.txt."
    assert file.filename == "prompt.txt"
    assert file.fp.read().decode() == command.replace("\ud800", "?")


def test_the_longest_refusal_is_one_that_discord_takes():
    source = "*" * 1900 + "--bad" + "_" * 1900
    error = PromptError("x" * 5000, token="--bad", start=1900, command=source)
    for command in (source, source[:2300]):
        error.command = command
        assert len(embed(error, "ja")[0].description) <= 4096
