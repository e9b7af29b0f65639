"""Posts what who manages a server did in the channel that they chose for it.

What is posted is in the audit already: a post that fails is logged, and changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import aiohttp
import discord
from sqlalchemy.exc import SQLAlchemyError

from bot.preferences import AUDIT_CHANNEL, Preferences
from bot.prompt.markdown import harmless_line
from bot.storage import audit
from bot.storage.audit import Action, Audit, Line
from bot.storage.database import Database

log = logging.getLogger(__name__)

_LINES = 50
"""Read at a time."""
_LINE_CHARACTERS = 500
_MESSAGE_CHARACTERS = 2000
_MENTION = ("<@", "<#", "<t:")


class AuditPosts:
    """Posts new lines of the audit, as long as the bot runs."""

    def __init__(
        self,
        *,
        client: discord.Client,
        database: Database,
        audit: Audit,
        preferences: Preferences,
    ) -> None:
        self._client = client
        self._database = database
        self._audit = audit
        self._preferences = preferences
        self._seen = 0
        """The id of the newest line that was looked at."""
        self._task: asyncio.Task[None] | None = None
        self._written = False
        """Whether a line was written since the task last looked."""

    async def start(self) -> None:
        """Post what is written from now on."""
        async with self._database.read() as connection:
            self._seen = await audit.newest(connection)
        self._audit.listener = self._wake

    async def close(self) -> None:
        """Post nothing any more."""
        self._audit.listener = None
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def _wake(self) -> None:
        self._written = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="audit posts")

    async def _run(self) -> None:
        while self._written:
            self._written = False
            try:
                while lines := await self._new():
                    await self._post(lines)
            except (SQLAlchemyError, OSError):
                log.exception("the audit could not be read; it is posted with the next line")

    async def _new(self) -> tuple[Line, ...]:
        """Lines that were not looked at yet."""
        # There is one connection that writes, so that a line is there, or will never be.
        async with self._database.write() as connection:
            lines = await audit.after(connection, self._seen, _LINES)
        if lines:
            self._seen = lines[-1].id
        return lines

    async def _post(self, lines: Sequence[Line]) -> None:
        for guild_id in dict.fromkeys(line.action.guild_id for line in lines):
            channel = await self._channel(guild_id)
            if channel is None:
                continue
            texts = [said(line.action) for line in lines if line.action.guild_id == guild_id]
            for content in _packed(texts):
                try:
                    await channel.send(
                        content,
                        allowed_mentions=discord.AllowedMentions.none(),
                        suppress_embeds=True,
                    )
                except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
                    log.warning("guild %d: its audit was not posted: %s", guild_id, error)

    async def _channel(self, guild_id: int) -> discord.TextChannel | discord.Thread | None:
        """Where the server's audit is posted; None where nowhere."""
        chosen = (await self._preferences.of(guild_id)).get(AUDIT_CHANNEL, "")
        guild = self._client.get_guild(guild_id)
        if guild is None or not chosen.isdecimal():
            return None
        channel = guild.get_channel_or_thread(int(chosen))
        return channel if isinstance(channel, discord.TextChannel | discord.Thread) else None


def said(action: Action) -> str:
    """The same in every language: a mention, the command, and its options by their names."""
    subject, detail = (_shown(part) for part in (action.subject, action.detail))
    words = (f"<@{action.actor_id}>", f"`/{action.name}`", subject, detail)
    return " ".join(filter(None, words))[:_LINE_CHARACTERS]


def _shown(text: str) -> str:
    if text.startswith(_MENTION) and text.endswith(">") and " " not in text:
        return text
    return harmless_line(" ".join(text.split()), _LINE_CHARACTERS)


def _packed(lines: Sequence[str]) -> list[str]:
    """As few messages as hold them."""
    messages = [""]
    for line in lines:
        if messages[-1] and len(messages[-1]) + 1 + len(line) > _MESSAGE_CHARACTERS:
            messages.append("")
        messages[-1] += ("\n" if messages[-1] else "") + line
    return messages
