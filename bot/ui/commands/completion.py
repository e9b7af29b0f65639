"""What options suggest as one types."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

from bot.jobs.records import JobRow
from bot.prompt.characters import plain

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

CHOICES = 25
"""As many as Discord shows."""
CHOICE_CHARACTERS = 100
"""Of its name and of its value."""


async def own_jobs(
    interaction: discord.Interaction[Darkroom], typed: str
) -> list[app_commands.Choice[str]]:
    """The member's newest jobs with these words in their prompts; nobody else's."""
    found = await interaction.client.lookup.own_jobs(
        interaction.user.id, plain(typed).strip(), CHOICES
    )
    return [app_commands.Choice(name=_name(row), value=row.id) for row in found]


def _name(row: JobRow) -> str:
    """Its prompt, or what it is; then its day, as the ids of several may have the same words."""
    words = " ".join(row.prompt.split())
    said = " – ".join(filter(None, (words, row.title))) or row.id
    end = f" · {row.id[:4]}"
    room = CHOICE_CHARACTERS - len(end)
    return (said if len(said) <= room else said[: room - 1] + "…") + end
