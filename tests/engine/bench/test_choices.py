"""What choices gain and cost, on the toy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.bench import choices
from engine.bench.models import toy, toy_spec


@pytest.fixture
def spec(tmp_path, monkeypatch):
    toy().save_pretrained(tmp_path)
    monkeypatch.setattr(choices, "PROMPTS", choices.PROMPTS[:3])
    found = toy_spec(tmp_path)
    return replace(found, info=replace(found.info, steps=6))


def test_each_choice_is_measured_beside_the_full_model(spec, monkeypatch):
    fields = {"full": {}, "deep": {"deep_every": 3}, "missing": {"place": spec.place / "gone"}}
    monkeypatch.setattr(choices, "CHOICES", fields)
    found = {each.name: each for each in choices.measure(spec, "cpu", "auto")}
    assert list(found) == ["full", "deep", "3 steps", "2 steps", "another prompt's picture"]
    assert found["full"].levels == 0
    assert 0 < found["deep"].levels < found["another prompt's picture"].levels
    assert all(each.time > 0 for each in found.values())


def test_choices_are_lines_of_a_table():
    lines = list(choices.table(iter([choices.Choice(name="`a = 1`", time=0.5, levels=2.0)])))
    assert lines[-1] == "| `a = 1` | 0.50 | 2.00 |"
