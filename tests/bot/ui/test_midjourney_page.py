"""Writes docs/midjourney.md: what members know from Midjourney, and what of it is here."""

from __future__ import annotations

import tomllib
from pathlib import Path

import discord
import pytest
from discord import app_commands

from bot.locale import extraction
from bot.ui import commands
from bot.ui.actions import ACTIONS
from bot.ui.reactions import SIGNS

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "midjourney.md"
ROWS = tomllib.loads(Path(__file__).with_name("midjourney.toml").read_text(encoding="utf-8"))
INTRODUCTION = """# What of Midjourney is here

What members know from Midjourney on Discord, whether it is here, and if not, why. ✓ means that the
bot registers it: it was looked up in the command tree, in the tables of buttons and reactions and
in the sentences that the bot can say. `tests/bot/ui/test_midjourney_page.py` writes this page; what
each parameter does stands in the README and in [flags.md](flags.md).
"""
TITLES = {
    "commands": "Commands",
    "buttons": "Buttons",
    "reactions": "Reactions",
    "menus": "Message menus (right click → Apps)",
    "messages": "Messages",
}


@pytest.fixture(scope="module")
def registered():
    """Everything that the bot registers, as `here` in the table names it."""
    tree = app_commands.CommandTree(discord.Client(intents=discord.Intents.none()))
    commands.add_all(tree)
    found = {
        command.qualified_name
        for command in tree.walk_commands()
        if not isinstance(command, app_commands.Group)
    }
    menus = tree.get_commands(type=discord.AppCommandType.message)
    found |= {f"menu:{menu.name}" for menu in menus}
    found |= {f"button:{name}" for name, action in ACTIONS.items() if action.code}
    found |= {f"says:{message.id}" for message in extraction.sentences() if message.id}
    return found | {f"reaction:{sign}" for sign in SIGNS}


def is_here(row, registered):
    return all(
        any(one.startswith(name) for one in registered)
        if name.startswith("says:")
        else name in registered
        for name in row["here"]
    )


def cell(row, registered):
    if not is_here(row, registered):
        return f"no: {row['lacks']}"
    return f"✓ {row['note']}" if "note" in row else "✓"


def beyond(registered, kind):
    """What the bot registers of a kind and no row of the table names."""
    named = {name for rows in ROWS.values() for row in rows for name in row["here"]}
    of_kind = {one for one in registered if one.partition(":")[0] == kind}
    return sorted(one.partition(":")[2] for one in of_kind - named)


def page(registered):
    lines = [INTRODUCTION]
    for key, title in TITLES.items():
        lines += [f"## {title}", "", "| in Midjourney | what it does | here |", "|---|---|---|"]
        lines += [f"| {r['name']} | {r['does']} | {cell(r, registered)} |" for r in ROWS[key]]
        lines.append("")
    own = sorted(one for one in registered if ":" not in one)
    named = {name for row in ROWS["commands"] for name in row["here"]}
    signs = [one.replace("\u20e3", "\ufe0f\u20e3") for one in beyond(registered, "reaction")]
    lines += [
        "## What Midjourney does not have",
        "",
        "- Commands: " + ", ".join(f"`/{name}`" for name in own if name not in named) + ".",
        "- Message menus: " + ", ".join(f"*{one}*" for one in beyond(registered, "menu")) + ".",
        "- Reactions: " + " ".join(signs) + ".",
        "",
    ]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "row", [row for rows in ROWS.values() for row in rows], ids=lambda r: r["name"]
)
def test_what_is_not_here_says_why_and_nothing_else_does(row, registered):
    assert ("lacks" in row) != is_here(row, registered)


def test_the_page_is_what_is_registered(registered):
    written = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    PAGE.write_text(page(registered), encoding="utf-8")
    assert written == page(registered), f"{PAGE.name} was stale and has been written anew"
