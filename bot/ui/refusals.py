"""How a refusal looks, and the one place that answers whatever went wrong in an interaction."""

from __future__ import annotations

import logging

import discord
from discord import app_commands

from bot import locale
from bot.errors import Tone, UserError
from bot.ui.language import member_locale

log = logging.getLogger(__name__)

_COLOURS = {Tone.RED: discord.Colour.red(), Tone.YELLOW: discord.Colour.gold()}
_EMBED_CHARACTERS = 4096
_SENTENCE_CHARACTERS = 1500
"""Of the sentence, which may quote what a member typed; the rest is for their command."""


def embed(error: UserError, language: str) -> discord.Embed:
    """Title, sentence, and the member's text to paste again, in a language of `locale`."""
    text = locale.translated(error.sentence, language)[:_SENTENCE_CHARACTERS]
    if error.command:
        command = error.command.replace("```", "'''")
        room = _EMBED_CHARACTERS - len(text) - len("\n```\n\n```")
        if len(command) > room:
            command = command[: room - 1] + "…"
        text += f"\n```\n{command}\n```"
    title = locale.translated(error.title, language)
    return discord.Embed(title=title, description=text, colour=_COLOURS[error.tone])


async def answer(interaction: discord.Interaction, error: Exception) -> None:
    """Tell the member, ephemerally, what went wrong; log what is not theirs to mend."""
    if isinstance(error, app_commands.CommandInvokeError):
        error = error.original
    if isinstance(error, app_commands.TransformerError):
        error = UserError("Discord does not know this choice here any more; choose another.")
    if isinstance(error, app_commands.CheckFailure):
        error = UserError("You may not use this command here; ask who manages this server.")
    if not isinstance(error, UserError):
        log.error("interaction %s failed", interaction.id, exc_info=error)
        error = UserError(
            "Something broke inside Darkroom; nothing was charged. Try again; if it stays so, tell "
            "who runs this bot."
        )
    shown = embed(error, member_locale(interaction))
    try:
        if interaction.response.is_done():
            await interaction.followup.send(embed=shown, ephemeral=True)
        else:
            await interaction.response.send_message(embed=shown, ephemeral=True)
    except discord.HTTPException as lost:
        log.warning("interaction %s: the refusal could not be sent: %s", interaction.id, lost)
