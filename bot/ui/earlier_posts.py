"""What an earlier try left in a channel: looked for in its history before it is posted again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import discord

log = logging.getLogger(__name__)

MOST_AFTER = 5000
"""Messages that are looked through after a known one, oldest first."""
MOST_NEWEST = 500
"""Messages that are looked through where none is known, newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found."""

    message: discord.Message | None
    sure: bool
    """Whether there is no other: all that could be it was looked at."""


async def find(
    channel: discord.PartialMessageable,
    is_it: Callable[[discord.Message], bool],
    *,
    after_id: int | None,
) -> Found:
    """The first message that is it. after_id: a message that is surely older; None: none is known.

    From a known message on the history is read in the order in which it was written: what was
    posted is near its beginning, however much was written since.
    """
    most = MOST_NEWEST if after_id is None else MOST_AFTER
    after = None if after_id is None else discord.Object(after_id)
    seen = 0
    try:
        async for message in channel.history(
            limit=most, after=after, oldest_first=after_id is not None
        ):
            seen += 1
            if is_it(message):
                return Found(message=message, sure=True)
    except discord.Forbidden:
        log.info("the history of channel %d may not be read", channel.id)
        return Found(message=None, sure=False)
    return Found(message=None, sure=seen < most)
