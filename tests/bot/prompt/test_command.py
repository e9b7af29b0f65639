"""`python -m bot.prompt "…"`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bot.errors import PromptError
from bot.prompt import __main__ as command
from bot.prompt.grammar import parse

ROOT = Path(__file__).parents[3]


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "bot.prompt", *arguments],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_it_prints_one_object_for_each_prompt():
    done = run("https://a.example/1.png {赤い, blue} cat::2 dog --no fog, rain --ar 6:4 --niji")
    assert (done.returncode, done.stderr) == (0, "")
    first, second = json.loads(done.stdout)
    assert first == {
        "images": ["https://a.example/1.png"],
        "parts": [{"text": "赤い cat", "weight": 2}, {"text": "dog", "weight": 1}],
        "no": ["fog", "rain"],
        "parameters": {"ar": [3, 2], "niji": True},
        "canonical": "https://a.example/1.png 赤い cat::2 dog --no fog, rain --ar 3:2 --niji",
    }
    assert second["parts"][0]["text"] == "blue cat"


@pytest.mark.parametrize("text", ["--", "--help", "cat --ar 0:1", "{a,b", ""])
def test_a_refusal_goes_to_standard_error_with_exit_code_2(text):
    done = run(text)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Invalid parameter\n")
    assert text in done.stderr


@pytest.mark.parametrize("arguments", [[], ["a", "b"]])
def test_without_one_text_it_says_how_it_is_used(arguments, capsys):
    assert command.main(arguments) == 2
    assert capsys.readouterr().err.startswith("usage: python -m bot.prompt")


def test_bytes_that_are_no_text_are_left_out(capsys):
    assert command.main(["cat \udcff --raw"]) == 0
    [read] = json.loads(capsys.readouterr().out)
    assert read["canonical"] == "cat --raw"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cat --ar 0:1 --raw", "cat --ar 0:1 --raw\n    ^^^^^^^^"),
        ("猫 --ar 0:1", "猫 --ar 0:1\n   ^^^^^^^^"),
        ("a cat\nat night\n--ar\n0:1", "a cat\nat night\n--ar\n^^^^\n0:1\n^^^"),
        ("", ""),
    ],
)
def test_the_bad_token_is_marked_below_the_whole_text(text, shown):
    with pytest.raises(PromptError) as caught:
        parse(text)
    told = command.refused(caught.value)
    assert told == f"Invalid parameter\n{caught.value.sentence}\n\n{shown}".rstrip()
