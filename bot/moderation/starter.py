"""The phrases that every server begins with: `starter.txt`."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from bot.moderation.phrases import Category, Level, Rule

_FILE = Path(__file__).with_name("starter.txt")
_HEAD = re.compile(r"\[(\w+) (\w+)\]")


@cache
def starter_rules() -> tuple[Rule, ...]:
    """All of them, in the file's order."""
    rules = []
    category, level = Category.CUSTOM, Level.BLOCK
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if head := _HEAD.fullmatch(line.strip()):
            category, level = Category(head[1]), Level(head[2])
        elif line.strip() and not line.startswith("#"):
            rules.append(Rule(phrase=line.strip(), level=level, category=category))
    return tuple(rules)
