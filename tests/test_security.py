"""SECURITY.md names tests that there are."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_each_promise_names_tests_that_exist():
    lines = (ROOT / "SECURITY.md").read_text(encoding="utf-8").splitlines()
    promises = [line for line in lines if line.startswith("| ") and "tests/" in line]
    assert len(promises) > 10
    for promise in promises:
        named = re.findall(r"`(tests/[\w/.]+)`", promise)
        assert named, promise
        assert [name for name in named if not (ROOT / name).is_file()] == []
