"""The ledger's benchmark, on few pairs: what it does, not how quick it is."""

import json

import pytest

from bot.bench import ledger


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(ledger, "TASKS", 3)
    monkeypatch.setattr(ledger, "_ROUNDS", 2)


async def test_every_pair_is_done_on_both_sides(small, tmp_path):
    accounts = await ledger._prepare(tmp_path / "a.db")
    statements = []
    _, latencies_s = await ledger._ours(tmp_path / "a.db", accounts, 2, statements)
    assert len(latencies_s) == 6
    texts = [text for text, _ in statements]
    assert texts.count("BEGIN IMMEDIATE") == texts.count("COMMIT") == 12
    assert sum(text.startswith("INSERT INTO holds") for text in texts) == 6
    assert sum(text.startswith("UPDATE holds") for text in texts) == 6


@pytest.mark.parametrize(("least", "status"), [(0.0, 0), (1e9, 1)])
def test_the_last_line_is_json_and_the_exit_status_tells(small, capsys, monkeypatch, least, status):
    monkeypatch.setattr(ledger, "LEAST_RATIO", least)
    assert ledger.main(1) == status
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {"ratio", "pairs_per_s", "p99_ms"} <= figures.keys()
    assert all(figure > 0 for figure in figures.values())
