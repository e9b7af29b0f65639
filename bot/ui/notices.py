"""What members are told by direct message before their old pictures are deleted."""

from __future__ import annotations

import logging

import discord

from bot.jobs.retention import NOTICE_DAYS, Notice
from bot.locale import translated
from engine import Sentence

log = logging.getLogger(__name__)


async def tell(client: discord.Client, notice: Notice) -> None:
    """Tell one member; who takes no direct messages is not told."""
    said = Sentence.plural(
        "In {days} days the pictures of {count} old job of yours are deleted here, to make room; "
        "favourites (❤️) go last. `/privacy export` gives you everything before that.",
        "In {days} days the pictures of {count} old jobs of yours are deleted here, to make room; "
        "favourites (❤️) go last. `/privacy export` gives you everything before that.",
        count=notice.jobs,
        days=NOTICE_DAYS,
    )
    try:
        user = await client.fetch_user(notice.user_id)
        await user.send(translated(said, notice.locale))
    except discord.HTTPException as error:
        log.info("a member is not told that old pictures are deleted: %s", error)
