"""The table of prompts in `prompts.toml`: each is read or refused as it says."""

import json
import tomllib
from pathlib import Path

import pytest

from bot.errors import PromptError
from bot.prompt.__main__ import as_json
from bot.prompt.characters import plain
from bot.prompt.permutations import parse_all

TABLE = tomllib.loads(Path(__file__).with_name("prompts.toml").read_text(encoding="utf-8"))


def rows(name, columns):
    return pytest.mark.parametrize(columns, TABLE[name], ids=[repr(row[0]) for row in TABLE[name]])


def test_the_table_has_200_prompts_and_none_twice():
    typed = [row[0] for rows_ in TABLE.values() for row in rows_]
    assert len(typed) >= 200
    assert len(set(typed)) == len(typed)


@rows("read", ("typed", "printed", "expected"))
def test_what_is_read(typed, printed, expected):
    [prompt] = parse_all(typed)
    rest = dict(expected)
    words = rest.pop("words", "")
    parts = rest.pop("parts", [[words, 1]] if words else [])
    assert json.loads(json.dumps(as_json(prompt))) == {
        "images": rest.pop("images", []),
        "parts": [{"text": text, "weight": weight} for text, weight in parts],
        "no": rest.pop("no", []),
        "parameters": rest,
        "canonical": printed,
    }


@rows("many", ("typed", "printed"))
def test_what_one_text_stands_for(typed, printed):
    assert [as_json(prompt)["canonical"] for prompt in parse_all(typed)] == printed


@rows("refused", ("typed", "token", "sentence"))
def test_what_is_refused(typed, token, sentence):
    with pytest.raises(PromptError) as caught:
        parse_all(typed)
    error = caught.value
    assert str(error.sentence).startswith(sentence)
    assert error.token == token
    assert error.command == plain(typed).strip()
    assert error.command[error.start : error.end] == token
