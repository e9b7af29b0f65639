"""What costs more than a grid: asked for in private with its price, ordered once it is confirmed.

What is asked is remembered in this process alone, and for a short time: until its member confirms,
nothing of it exists. Pictures are not kept for it, but fetched again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import discord

from bot.credits.pricing import credits_text
from bot.errors import NotAllowed, NotConfirmed
from bot.jobs.kinds import Request
from bot.jobs.orders import Quote
from bot.locale import translated
from bot.ui import answer_buttons
from bot.ui.language import member_locale
from bot.ui.replies import check_permissions, replace_question
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.interactions import Interactions

CONFIRM_WITHIN_MIN = 15
_ASKED_AT_MOST = 3
"""Questions of one member that are remembered."""

Making = Callable[[], Awaitable[Request]]
"""Reads or fetches what a request needs, each time anew."""


@dataclass(slots=True, kw_only=True)
class _Asked:
    """An order that its member was asked to confirm."""

    making: Making
    price: int
    """In 1/100 credit, as the member was told."""
    user_id: int
    channel_id: int
    asked_ms: int
    ordering: bool = False
    """Its member has confirmed it just now."""


class Questions:
    """Asks for orders, and takes the answers."""

    def __init__(self, *, interactions: Interactions, now_ms: Callable[[], int]) -> None:
        self._interactions = interactions
        self._now_ms = now_ms
        self._asked: dict[str, _Asked] = {}
        """Oldest first."""

    async def place(
        self,
        interaction: discord.Interaction,
        making: Making,
        *,
        slow: bool = False,
        words: str = "",
    ) -> None:
        """Order it at once, or ask first where it costs more than a grid.

        slow: whether something must be fetched for it. words: its prompt, as far as it is known.
        """
        quote = await self._interactions.place_or_quote(interaction, making, slow=slow, words=words)
        if quote is None:
            return
        asked_id = self._remember(interaction, making, quote.price)
        language = member_locale(interaction)
        embed = _question(quote, language)
        view = answer_buttons.confirming(answer_buttons.QUESTION, asked_id, language)
        if not interaction.response.is_done():
            await interaction.response.send_message(embed=embed, view=view, ephemeral=True)
            return
        await interaction.delete_original_response()  # it may stand there for all to see
        await interaction.followup.send(embed=embed, view=view, ephemeral=True)

    async def confirm(self, interaction: discord.Interaction, asked_id: str) -> None:
        """Order what was asked, once, however often it is confirmed."""
        asked = self._of(interaction, asked_id)
        check_permissions(interaction)
        asked.ordering = True
        try:
            accepted = await self._interactions.accept_confirmed(
                interaction, asked.making, price=asked.price
            )
        except BaseException:  # it may be confirmed again: nothing was ordered
            asked.ordering = False
            raise
        del self._asked[asked_id]  # before anything else can fail
        await self._interactions.start_confirmed(interaction, accepted, price=asked.price)

    async def discard(self, interaction: discord.Interaction, asked_id: str) -> None:
        """Forget what was asked."""
        self._of(interaction, asked_id)
        del self._asked[asked_id]
        said = Sentence("Nothing was ordered or charged.")
        await replace_question(interaction, said)

    def _remember(self, interaction: discord.Interaction, making: Making, price: int) -> str:
        assert interaction.channel_id is not None  # every command and button is used in a channel
        now_ms, user_id = self._now_ms(), interaction.user.id
        self._asked = {
            asked_id: other
            for asked_id, other in self._asked.items()
            if now_ms - other.asked_ms < CONFIRM_WITHIN_MIN * 60_000 or other.ordering
        }
        theirs = [
            asked_id
            for asked_id, other in self._asked.items()
            if other.user_id == user_id and not other.ordering
        ]
        for asked_id in theirs[: len(theirs) + 1 - _ASKED_AT_MOST]:
            del self._asked[asked_id]
        asked_id = self._interactions.new_id()
        self._asked[asked_id] = _Asked(
            making=making,
            price=price,
            user_id=user_id,
            channel_id=interaction.channel_id,
            asked_ms=now_ms,
        )
        return asked_id

    def _of(self, interaction: discord.Interaction, asked_id: str) -> _Asked:
        """What was asked by this id, for its member to answer; nobody else has an answer to it."""
        asked = self._asked.get(asked_id)
        if asked is not None and asked.user_id != interaction.user.id:
            raise NotAllowed("This is another member's order; only they can answer.")
        if asked is not None and asked.ordering:
            raise NotConfirmed("This is being ordered already; it is drawn and charged once.")
        if (
            asked is None
            or asked.channel_id != interaction.channel_id
            or self._now_ms() - asked.asked_ms > CONFIRM_WITHIN_MIN * 60_000
        ):
            raise NotConfirmed(
                "This question is too old, was answered, or Darkroom was restarted since: press "
                "the button or send the command again. Nothing more was charged."
            )
        return asked


def _question(quote: Quote, language: str) -> discord.Embed:
    """What is asked, in a language of `locale`."""
    asked = Sentence(
        "This costs {price}; you have {available}. Press Confirm within {minutes} minutes to order "
        "it.",
        price=credits_text(quote.price),
        available=credits_text(quote.available),
        minutes=CONFIRM_WITHIN_MIN,
    )
    lines = [translated(asked, language)]
    lines += [f"-# {translated(note, language)}" for note in quote.notes]
    return discord.Embed(
        title=translated(Sentence("Action needed to continue"), language),
        description="\n".join(lines)[:4096],
        colour=discord.Colour.gold(),
    )
