"""What managers are asked before something is undone that cannot be brought back.

What is asked is remembered in this process alone, and for a short time. A custom_id is
`sure:<id>:<y or n>` and says nothing else. Every button is a `DynamicItem`: discord.py keeps
nothing of it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Self

import discord

from bot.errors import NotAllowed, NotConfirmed
from bot.locale import translated
from bot.storage.database import DatabaseBusy
from bot.ui.language import member_locale, to_member
from bot.ui.persistent_buttons import PersistentButton
from engine import Sentence

PREFIX = "sure"
CONFIRM_WITHIN_MIN = 15
_ASKED_AT_MOST = 200
_DESCRIPTION_CHARACTERS = 4000

Act = Callable[[discord.Interaction[Any]], Awaitable[Sentence]]
"""Does it, checking again who may; returns what was done. Called with the press of the button."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    act: Act
    user_id: int
    guild_id: int | None
    asked_ms: int


class Confirmations:
    """Asks, and does what is confirmed, once."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._asked: dict[str, _Asked] = {}
        """Oldest first."""

    async def ask(self, interaction: discord.Interaction, will: list[Sentence], act: Act) -> None:
        """Say in private what will happen, with buttons. will: a line each, translated here."""
        asked_id = secrets.token_hex(8)
        while len(self._asked) >= _ASKED_AT_MOST:
            del self._asked[next(iter(self._asked))]
        self._asked[asked_id] = _Asked(
            act=act,
            user_id=interaction.user.id,
            guild_id=interaction.guild_id,
            asked_ms=self._now_ms(),
        )
        language = member_locale(interaction)
        shown = discord.Embed(
            title=translated(Sentence("Action needed to continue"), language),
            description="\n".join(translated(line, language) for line in will)[
                :_DESCRIPTION_CHARACTERS
            ],
            colour=discord.Colour.gold(),
        )
        view = discord.ui.View(timeout=None)
        confirm, cancel = discord.ButtonStyle.danger, discord.ButtonStyle.secondary
        for code, label, style in (
            ("y", Sentence("Confirm"), confirm),
            ("n", Sentence("Cancel"), cancel),
        ):
            view.add_item(SureButton.of(asked_id, code, translated(label, language), style))
        send = (
            interaction.followup.send
            if interaction.response.is_done()
            else interaction.response.send_message
        )
        await send(embed=shown, view=view, ephemeral=True)

    async def answer(self, interaction: discord.Interaction[Any], asked_id: str, code: str) -> None:
        """Do it, or forget it."""
        asked = self._asked.get(asked_id)
        if asked is not None and asked.user_id != interaction.user.id:
            raise NotAllowed("Another member was asked this; only they can answer.")
        if (
            asked is None
            or asked.guild_id != interaction.guild_id
            or self._now_ms() - asked.asked_ms > CONFIRM_WITHIN_MIN * 60_000
        ):
            raise NotConfirmed(
                "This question is too old, was answered, or Darkroom was restarted since: send "
                "the command again. Nothing was changed."
            )
        del self._asked[asked_id]  # before anything is awaited: a second press finds nothing
        await interaction.response.defer()
        said = Sentence("Nothing was changed.")
        if code == "y":
            try:
                said = await asked.act(interaction)
            except DatabaseBusy:  # which asks to try again
                self._asked[asked_id] = asked
                raise
        await interaction.edit_original_response(
            content=to_member(interaction, said),
            embed=None,
            view=None,
            allowed_mentions=discord.AllowedMentions.none(),
        )


class SureButton(PersistentButton, template=rf"{PREFIX}:(?P<id>[0-9a-f]{{16}}):(?P<code>[yn])"):
    """Confirm or Cancel."""

    @classmethod
    def of(cls, asked_id: str, code: str, label: str, style: discord.ButtonStyle) -> Self:
        """code: y or n."""
        custom_id = f"{PREFIX}:{asked_id}:{code}"
        return cls(discord.ui.Button(style=style, custom_id=custom_id, label=label))

    async def pressed(self, interaction: discord.Interaction[Any], match: re.Match[str]) -> None:
        await interaction.client.confirmations.answer(interaction, match["id"], match["code"])
