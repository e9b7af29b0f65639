"""docs/faults.md, which two files of tests write: of Discord's faults, and of all others."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

PAGE = Path(__file__).parents[1] / "docs" / "faults.md"
AROUND = "## What becomes of two orders when something else fails\n"
"""The heading of the second part."""
_LOCK = Path(tempfile.gettempdir()) / "darkroom-faults-page.lock"


def written(change: Callable[[str, str], tuple[str, str]]) -> bool:
    """Let `change` make new parts of the two that there are; whether the page had been as they."""
    with FileLock(_LOCK):
        before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
        first, heading, second = before.partition(AROUND)
        after = (AROUND if heading else "").join(change(first, second))
        if before != after:
            PAGE.write_text(after, encoding="utf-8")
    return before == after
