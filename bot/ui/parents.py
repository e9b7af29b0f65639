"""Which picture a job was made from, as a link that all who read the job's channel can follow."""

from __future__ import annotations

from dataclasses import dataclass

import discord
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.jobs import records
from bot.jobs.provenance import is_stealthy
from bot.jobs.records import JobRow, MessageRow, Role
from engine import Sentence

_GENERATIONS = 5
"""How far back it is looked for: 🔄 of a variation goes on from the picture of that variation."""
_SHOWING = frozenset({Role.GRID, Role.SINGLE, Role.FILM})


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """One picture of an earlier job, where it is shown."""

    number: int
    """Which picture of its job, from 1."""
    shown: MessageRow
    """A message in the channel of the job that was made from it."""


async def parent_of(connection: AsyncConnection, row: JobRow) -> Parent | None:
    """The picture that a finished job started from; None where its channel does not show it."""
    if row.parent_id is None:
        return None
    started_from = set(await records.started_from(connection, row.id))
    earlier_id: str | None = row.parent_id
    for _ in range(_GENERATIONS if started_from else 0):
        earlier = None if earlier_id is None else await records.get(connection, earlier_id)
        if earlier is None:
            return None
        for picture in await records.pictures(connection, earlier.id):
            if picture.sha256 in started_from:
                shown = await records.shown_in(connection, earlier.id)
                here = [each for each in shown if each.channel_id == row.channel_id]
                message = _best(here, picture.position)
                if message is None:
                    return None
                return Parent(number=picture.position, shown=message)
        earlier_id = earlier.parent_id
    return None


def linked(client: discord.Client, row: JobRow, parent: Parent | None) -> Sentence | None:
    """Where it comes from, in Markdown; None: nowhere, or the address is not known for sure."""
    if parent is None:
        return None
    where = str(row.guild_id)
    guild = client.get_guild(row.guild_id)
    if is_stealthy(row) or not row.guild_id:
        where = "@me"
    elif guild is None or guild.get_channel_or_thread(row.channel_id) is None:
        return None  # an archived thread, or direct messages
    link = f"https://discord.com/channels/{where}/{row.channel_id}/{parent.shown.message_id}"
    return Sentence("From [image #{number}]({link})", number=parent.number, link=link)


def _best(shown: list[MessageRow], number: int) -> MessageRow | None:
    """The message with that picture alone before one with all of them, the oldest of each."""
    showing = [each for each in shown if each.role in _SHOWING]
    alone = (each for each in showing if each.position == number)
    together = (each for each in showing if each.position is None)
    return next(alone, None) or next(together, None)
