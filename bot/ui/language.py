"""Which language a text is said in, and the commands in every language.

What one member sees is said in their language, what stands in a channel in its server's. The names
of commands and of their options stay English: prompts are pasted with them.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, cast

import discord
from discord import app_commands
from discord.app_commands import TranslationContextLocation as Location
from discord.app_commands import TranslationContextTypes, locale_str

from bot import locale
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

_SAME_EVERYWHERE = (
    Location.command_name,
    Location.group_name,
    Location.parameter_name,
)


def member_locale(interaction: discord.Interaction) -> str:
    """The locale of who used the command or button."""
    return locale.supported(interaction.locale.value)


def channel_locale(interaction: discord.Interaction) -> str:
    """The server's locale, its managers' choice first; in direct messages the member's."""
    chosen = _chosen(interaction)
    if chosen:
        return chosen
    server = interaction.guild_locale
    return locale.supported(server.value) if server else member_locale(interaction)


def _chosen(interaction: discord.Interaction) -> str | None:
    """What the server's managers chose, where Discord lets them choose nothing."""
    client = cast("Darkroom", interaction.client)
    return client.preferences.language(interaction.guild_id)


def to_member(interaction: discord.Interaction, text: str) -> str:
    """The text for the eyes of who used the command or button."""
    return locale.translated(text, member_locale(interaction))


class Translator(app_commands.Translator):
    """What Discord shows of commands: descriptions, choices, and the names of message menus.

    It keeps what it said: a start asks for every text in each of Discord's 32 locales, twice.
    """

    def __init__(self) -> None:
        self.said = functools.cache(_said)

    async def translate(
        self,
        string: locale_str,
        locale: discord.Locale,
        context: TranslationContextTypes,
    ) -> str | None:
        """The text in Discord's locale; None: as it is in the code."""
        menu = isinstance(context.data, app_commands.ContextMenu)
        if context.location in _SAME_EVERYWHERE and not menu:
            return None
        said = self.said(string.message, locale.value)
        return None if said == string.message else said


def _said(text: str, discord_locale: str) -> str:
    """discord.py has kept only the text of a description, which is its template too."""
    return locale.translated(Sentence(text), locale.supported(discord_locale))
