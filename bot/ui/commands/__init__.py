"""The slash commands, one file a group. Thin: read the options, ask the studio, reply."""

from __future__ import annotations

from discord import app_commands

from bot.ui.commands import blend, cancel, credits_, help_, imagine, info, vary

GROUPS = (imagine, vary, blend, info, cancel, credits_, help_)


def add_all(tree: app_commands.CommandTree) -> None:
    """Put every command on the tree."""
    for group in GROUPS:
        group.add(tree)
