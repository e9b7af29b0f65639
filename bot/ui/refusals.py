"""How a refusal looks, and the one place that answers whatever went wrong in an interaction."""

from __future__ import annotations

import io
import logging
import re

import aiohttp
import discord
from discord import app_commands

from bot import locale
from bot.errors import Blocked, PromptError, RulesNotAccepted, Tone, UserError
from bot.prompt.characters import shortened
from bot.prompt.markdown import harmless, harmless_line
from bot.storage.database import DatabaseBusy
from bot.ui import refusal_buttons
from bot.ui.deferrals import gave_an_answer, lost_an_answer
from bot.ui.language import member_locale
from engine import Sentence

log = logging.getLogger(__name__)

_COLOURS = {Tone.RED: discord.Colour.red(), Tone.YELLOW: discord.Colour.gold()}
_EMBED_CHARACTERS = 4096
_SENTENCE_CHARACTERS = 1500
"""Of the sentence, which may quote what a member typed; the rest is for their command."""
_FILE = "prompt.txt"
_BESIDE_CHARACTERS = 40
"""Shown before and after a bad token."""
_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"
"""Around a text whose direction, left or right, is its own (Unicode's FSI and PDI)."""


def embed(error: UserError, language: str) -> tuple[discord.Embed, discord.File | None]:
    """Title, sentence, and the member's text to paste again, in a language of `locale`.

    The text is in a file where an embed has no room for it, or where a code block would end in it.
    """
    text = locale.translated(error.sentence, language)[:_SENTENCE_CHARACTERS]
    if isinstance(error, PromptError) and (place := _marked(error)):
        text += f"\n{place}"
    file = None
    if error.command:
        block = f"\n```\n{error.command}\n```"
        if "`" * 3 not in error.command and len(text) + len(block) <= _EMBED_CHARACTERS:
            text += block
        else:
            whole = Sentence("Your text is in the file {file}.", file=_FILE)
            text += f"\n{locale.translated(whole, language)}"
            file = discord.File(io.BytesIO(error.command.encode(errors="replace")), _FILE)
    title = locale.translated(error.title, language)
    return discord.Embed(title=title, description=text, colour=_COLOURS[error.tone]), file


def _marked(error: PromptError) -> str:
    """The bad token in bold and underlined, between what stands beside it; empty if it is all.

    Signs on a line below would stand elsewhere on narrow screens, and below wide characters.
    """
    end = error.start + len(error.token)
    before, after = error.source[: error.start], error.source[end:]
    if not error.token.strip() or not (before or after):
        return ""
    if len(before) > _BESIDE_CHARACTERS:
        before = "…" + before[-_BESIDE_CHARACTERS:]
    if len(after) > _BESIDE_CHARACTERS:
        after = after[:_BESIDE_CHARACTERS] + "…"
    token = harmless(shortened(" ".join(error.token.split())))
    room = 4 * _BESIDE_CHARACTERS  # also for backslashes
    pieces = (harmless_line(re.sub(r"\s+", " ", each), room) for each in (before, after))
    return f"__**{_ISOLATE}{token}{_END_ISOLATE}**__".join(pieces)


def _goes_on(error: UserError, language: str) -> discord.ui.View:
    """What the member can do about it by a button."""
    match error:
        case Blocked(verdict_id=str(verdict_id)) if verdict_id:
            return refusal_buttons.appealing(verdict_id, language)
        case RulesNotAccepted():
            return refusal_buttons.accepting(error.rules_sha256, language)
        case _:
            return discord.utils.MISSING  # type: ignore[no-any-return]


async def answer(interaction: discord.Interaction, error: Exception) -> None:
    """Tell the member, ephemerally, what went wrong; log what is not theirs to mend."""
    if isinstance(error, app_commands.CommandInvokeError):
        error = error.original
    if isinstance(error, app_commands.TransformerError):
        error = UserError("Discord does not know this choice here any more; choose another.")
    if isinstance(error, app_commands.CheckFailure):
        error = UserError("You may not use this command here; ask who manages this server.")
    if isinstance(error, DatabaseBusy):
        log.warning("interaction %s: the database is busy: %s", interaction.id, error)
    if not isinstance(error, UserError):
        log.error("interaction %s failed", interaction.id, exc_info=error)
        error = UserError(
            "Something broke inside Darkroom; you pay only for what appears. Try again; if it "
            "stays so, tell who runs this bot."
        )
    shown, file = embed(error, member_locale(interaction))
    files = [file] if file else []
    view = _goes_on(error, member_locale(interaction))
    try:
        if interaction.response.is_done():
            await interaction.followup.send(embed=shown, files=files, view=view, ephemeral=True)
        else:
            await interaction.response.send_message(
                embed=shown, files=files, view=view, ephemeral=True
            )
    except (discord.DiscordException, aiohttp.ClientError, OSError) as lost:
        log.warning("interaction %s: the refusal could not be sent: %s", interaction.id, lost)
        lost_an_answer()
    else:
        gave_an_answer()
