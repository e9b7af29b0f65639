"""/show favourites: one favourite a page, for its member's eyes alone.

A custom_id is `fav:<place>` and names no member: a page shows what belongs to who presses.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self

import discord

from bot.errors import NotFound
from bot.jobs.favourites import Favourite
from bot.ui.actions import ACTIONS, JobButton
from bot.ui.copies import Copy
from bot.ui.deferrals import think
from bot.ui.language import member_locale, to_member
from bot.ui.persistent_buttons import PersistentButton, custom_id_of
from bot.ui.replies import before_reply, before_update, may_see
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

PREFIX = "fav"
_MESSAGE_CHARACTERS = 2000
_LINE = 4
"""Below whatever buttons a picture has."""


async def show(interaction: discord.Interaction[Darkroom]) -> None:
    """The first page."""
    content, copy, shown = await before_reply(interaction, _page(interaction, 0), ephemeral=True)
    if not interaction.response.is_done():
        await think(interaction, ephemeral=True)
    await interaction.edit_original_response(
        content=content, attachments=copy.files if copy else [], view=shown
    )


async def _turn(interaction: discord.Interaction[Darkroom], place: int) -> None:
    content, copy, shown = await before_update(interaction, _page(interaction, place))
    if not interaction.response.is_done():  # the upload may take longer than a reply may
        await interaction.response.defer()
    await interaction.edit_original_response(
        content=content, attachments=copy.files if copy else [], view=shown
    )


async def _page(
    interaction: discord.Interaction[Darkroom], place: int
) -> tuple[str, Copy | None, discord.ui.View]:
    """What a page says, its picture, and its buttons."""
    client, language = interaction.client, member_locale(interaction)
    favourite, count = await client.favourites.at(interaction.user.id, place)
    if favourite is None and count:
        place = count - 1
        favourite, count = await client.favourites.at(interaction.user.id, place)
    if favourite is None:
        raise NotFound("You have no favourites yet; ❤️ under a picture, or ⭐ on it, marks one.")
    client.pace.take(interaction.user.id)
    row = await client.lookup.job(favourite.job_id)
    copy: Copy | None = None
    try:
        copy = await _copy(interaction, favourite)
        content = copy.content
    except NotFound as gone:
        content = to_member(interaction, gone.sentence)
    shown = discord.ui.View(timeout=None)
    usable = row.user_id == interaction.user.id or row.channel_id == interaction.channel_id
    if copy is not None and usable:
        shown = copy.view
    heart = JobButton.of(
        ACTIONS["favourite" if favourite.position else "favourite_all"],
        row.id,
        favourite.position,
        language,
    )
    if all(custom_id_of(each) != heart.custom_id for each in shown.children):
        shown.add_item(heart)
    for step, emoji in ((-1, "⬅️"), (1, "➡️")):
        shown.add_item(PageButton.of(place + step, count, emoji))
    number = Sentence("Favourite {number} of {count}", number=place + 1, count=count)
    tail = f"\n-# {to_member(interaction, number)}"
    room = _MESSAGE_CHARACTERS - len(tail)
    if len(content) > room:
        content = content[: room - 1] + "…"
    return content + tail, copy, shown


async def _copy(interaction: discord.Interaction[Darkroom], favourite: Favourite) -> Copy:
    client, limit_bytes = interaction.client, interaction.filesize_limit
    row = await client.lookup.job(favourite.job_id)
    if not may_see(interaction, row):
        raise NotFound("This picture cannot be seen from here.")
    if favourite.position:
        member = f"<@{row.user_id}>"
        return await client.copies.one(row, favourite.position, limit_bytes, member)
    return await client.copies.whole(row, limit_bytes, language=member_locale(interaction))


class PageButton(PersistentButton, template=rf"{PREFIX}:(?P<place>-?\d{{1,9}}):(?P<side>[lr])"):
    """Turns to a page."""

    @classmethod
    def of(cls, place: int, count: int, emoji: str) -> Self:
        """place: from 0; count: how many pages there are."""
        side = "l" if emoji == "⬅️" else "r"
        return cls(
            discord.ui.Button(
                custom_id=f"{PREFIX}:{place}:{side}",
                emoji=emoji,
                row=_LINE,
                disabled=not 0 <= place < count,
                style=discord.ButtonStyle.primary,
            )
        )

    async def pressed(self, interaction: discord.Interaction[Any], match: re.Match[str]) -> None:
        await _turn(interaction, max(int(match["place"]), 0))
