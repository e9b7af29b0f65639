"""The buttons under a refusal; `appeals` and `rules` do what they say."""

from __future__ import annotations

import discord

from bot.locale import translated
from engine import Sentence

APPEAL, RULES = "apl", "rul"
"""How their custom_ids begin."""
ASK, APPROVE, DENY = "a", "y", "n"


def appealing(verdict_id: str, language: str) -> discord.ui.View:
    """The button that sends the verdict to the moderators."""
    return _view(
        f"{APPEAL}:{verdict_id}:{ASK}",
        translated(Sentence("Appeal"), language),
        discord.ButtonStyle.secondary,
    )


def accepting(rules_sha256: str, language: str) -> discord.ui.View:
    """The button that accepts the server's rules of that text."""
    return _view(
        f"{RULES}:{rules_sha256}",
        translated(Sentence("Accept the rules"), language),
        discord.ButtonStyle.success,
    )


def deciding(verdict_id: str, language: str) -> discord.ui.View:
    """What moderators press under an appeal."""
    shown = _view(
        f"{APPEAL}:{verdict_id}:{APPROVE}",
        translated(Sentence("Approve"), language),
        discord.ButtonStyle.success,
    )
    denying: discord.ui.Button[discord.ui.View] = discord.ui.Button(
        custom_id=f"{APPEAL}:{verdict_id}:{DENY}",
        label=translated(Sentence("Deny"), language),
        style=discord.ButtonStyle.danger,
    )
    return shown.add_item(denying)


def _view(custom_id: str, label: str, style: discord.ButtonStyle) -> discord.ui.View:
    shown = discord.ui.View(timeout=None)
    button: discord.ui.Button[discord.ui.View] = discord.ui.Button(
        custom_id=custom_id, label=label, style=style
    )
    shown.add_item(button)
    shown.stop()  # its presses come by custom_id, whatever process made it
    return shown
