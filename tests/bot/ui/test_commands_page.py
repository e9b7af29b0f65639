"""Writes docs/commands.md: every command with its options, as Discord shows them."""

from pathlib import Path

import discord
from discord import app_commands

from bot.ui import commands

PAGE = Path(__file__).parents[3] / "docs" / "commands.md"
INTRODUCTION = """# Commands and their options

What Discord offers after `/`. An option in **bold** must be given, the others may be.
`tests/bot/ui/test_commands_page.py` writes this page from the commands as the bot registers them.
"""


def line(option):
    name = f"**`{option.name}`**" if option.required else f"`{option.name}`"
    said = option.description
    if option.choices:
        said += " One of: " + ", ".join(f"`{choice.name}`" for choice in option.choices) + "."
    least, most = option.min_value, option.max_value
    is_text = option.type is discord.AppCommandOptionType.string  # its limits are of its length
    if not is_text and least is not None and most is not None:
        said += f" ({least:,.9g}–{most:,.9g})"
    return f"| {name} | {said} |"


def part(command):
    lines = [f"### `/{command.qualified_name}`", "", command.description, ""]
    if command.parameters:
        lines += ["| option | what it is |", "|---|---|", *map(line, command.parameters), ""]
    return lines


def page():
    tree = app_commands.CommandTree(discord.Client(intents=discord.Intents.none()))
    commands.add_all(tree)
    members, managers = [], []
    for root in tree.get_commands(type=discord.AppCommandType.chat_input):
        each = list(root.walk_commands()) if isinstance(root, app_commands.Group) else [root]
        leaves = [one for one in each if not isinstance(one, app_commands.Group)]
        (members if root.default_permissions is None else managers).extend(leaves)
    lines = [INTRODUCTION, "## For members", ""]
    lines += [text for command in members for text in part(command)]
    lines += ["## For who manages the server", ""]
    lines += [text for command in managers for text in part(command)]
    return "\n".join(lines)


def test_the_page_has_the_commands_that_are_registered():
    written = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    PAGE.write_text(page(), encoding="utf-8")
    assert written == page(), f"{PAGE.name} was stale and has been written anew"
