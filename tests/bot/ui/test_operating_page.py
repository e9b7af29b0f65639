"""Writes the tables of docs/operating.md: what is registered, and what models.toml says."""

from __future__ import annotations

import re
from pathlib import Path

import discord
import pytest
from discord import app_commands

from bot.ui import commands
from engine import load_catalogue

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "operating.md"
CARDS_GB = (8, 12, 16, 24)


def commands_table():
    tree = app_commands.CommandTree(discord.Client(intents=discord.Intents.none()))
    commands.add_all(tree)
    lines = ["| command | what it does |", "|---|---|"]
    for command in tree.walk_commands():
        if isinstance(command, app_commands.Group):
            continue
        root = command.root_parent or command
        for_managers = root.default_permissions is not None
        if not for_managers and not command.description.startswith("For managers"):
            continue
        options = " ".join(
            f"`{p.name}`" if p.required else f"[`{p.name}`]" for p in command.parameters
        )
        lines.append(
            f"| `/{command.qualified_name}`{' ' if options else ''}{options} | "
            f"{command.description} |"
        )
    return lines


def cards_table():
    """What fits while a tenth of the card is left to the driver and the desktop."""
    models = [spec.info for spec in load_catalogue(ROOT / "models.toml") if spec.draws]
    drawing = [m for m in models if "text" in m.operations and m.vram_gb]
    lines = [
        "| card | whole on it | streamed or in 4 bits | two of them together |",
        "|---|---|---|---|",
    ]
    for card_gb in CARDS_GB:
        room = card_gb * 0.9
        whole = [m for m in drawing if m.vram_gb <= room]
        turns = [m for m in drawing if room < m.vram_gb <= 2 * room]
        sizes = sorted(m.vram_gb for m in whole)
        two = len(sizes) > 1 and sizes[0] + sizes[1] <= room
        lines.append(
            f"| {card_gb} GB | {', '.join(m.title for m in whole) or '–'} | "
            f"{', '.join(m.title for m in turns) or '–'} | {'the smallest' if two else 'no'} |"
        )
    return lines


@pytest.mark.parametrize(("name", "table"), [("commands", commands_table), ("cards", cards_table)])
def test_the_tables_are_what_there_is(name, table):
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    page = PAGE.read_text(encoding="utf-8")
    between = re.compile(rf"(?<={begin}\n).*?(?={end})", re.DOTALL)
    whole = "\n" + "\n".join(table()) + "\n\n"
    written = between.sub(lambda _: whole, page)
    PAGE.write_text(written, encoding="utf-8")
    assert written == page, f"{PAGE.name} was stale and has been written anew"


def test_every_setting_that_the_page_names_exists():
    named = set(re.findall(r"`([A-Z]+_[A-Z_]+)(?:=[^`]*)?`", PAGE.read_text(encoding="utf-8")))
    known = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert {name for name in named if f"\n{name}=" not in known} == set()
