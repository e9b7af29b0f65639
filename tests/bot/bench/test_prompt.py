"""`python -m bot.bench prompt`: what it times and what it makes of it."""

import json

import pytest

from bot.bench import prompt


@pytest.mark.parametrize("kind", prompt.KINDS)
def test_every_kind_of_text_has_the_length_asked_for_and_is_read(kind):
    for length in (100, 1000):
        text = prompt.text_of(kind, length)
        assert len(text) == length
        prompt.read(text)


def test_the_length_limit_is_lifted(monkeypatch):
    read = []
    monkeypatch.setattr(prompt, "canonical", read.append)
    prompt.read("a red cat " * 1000 + "--raw")
    assert [one.parameters.raw for one in read] == [True]


def test_growth_is_1_where_time_is_in_proportion_to_the_length():
    assert prompt.growth({1: 1, 2: 9, 4: 4, 8: 8}) == 1
    assert prompt.growth({1: 1, 2: 4, 4: 16, 8: 64}) == 2


@pytest.mark.parametrize(("power", "code"), [(1, 0), (2, 1)])
def test_the_exit_code_and_the_last_line_tell_whether_it_is_linear(
    power, code, monkeypatch, capsys
):
    monkeypatch.setattr(
        prompt, "quickest_s", lambda kind: {length: length**power for length in prompt.LENGTHS}
    )
    assert prompt.main() == code
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["ratio"] == 8 ** (power - 1)
