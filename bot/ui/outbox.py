"""The outbox: one job's events → Discord messages.

Progress is coalesced: one task edits for the whole bot, the latest event of a job wins. The final
post carries a nonce, so that a retry does not post twice; after a restart the channel's history is
looked through first. What Discord refuses for good is not tried again: the pictures are kept.
"""

from __future__ import annotations

import asyncio
import dataclasses
import io
import itertools
import logging
from dataclasses import dataclass, field

import aiohttp
import discord
from discord.utils import snowflake_time, utcnow
from PIL import Image

import engine
from bot.jobs import records as jobs
from bot.jobs.records import Delivery, JobRow, Outcome
from bot.pictures import grid
from bot.pictures import store as gallery
from bot.storage.database import Database
from bot.ui.actions import PREFIX, grid_view, retry_view
from bot.ui.message_text import headline, status_of, with_notes

log = logging.getLogger(__name__)

_ALT_CHARACTERS = 1000
_EDITABLE_S = 55 * 60
"""Discord all but forbids editing messages older than an hour (30046)."""
_HISTORY_MESSAGES = 500
_QUEUE_INTERVAL_S = 10.0
"""Between two edits that only tell a new place in the queue."""
_BLOCKED_ADDRESS = 40333
"""Discord's front refuses the address for a while."""
_SPACING_S = 0.1
"""Between two edits of any messages: a fifth of Discord's 50 requests a second."""
_NOBODY = discord.AllowedMentions.none()


@dataclass(slots=True)
class _Shown:
    """What the editing loop knows of one job's progress message."""

    row: JobRow
    event: engine.Event
    edited_s: float
    """Event loop time of the last edit."""
    dirty: bool
    """There is something to show that is not shown yet."""
    muted: bool = False
    """Discord refused an edit for good."""
    previews: tuple[bytes, ...] = ()
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class DiscordOutbox:
    """`studio.Outbox` on Discord."""

    def __init__(
        self,
        *,
        client: discord.Client,
        database: Database,
        pictures: gallery.Gallery,
        interval_s: float,
    ) -> None:
        self._client = client
        self._database = database
        self._pictures = pictures
        self._interval_s = interval_s
        self.retry_after_s: tuple[float, ...] = (2, 10, 60)
        """The first waits between tries at a delivery."""
        self.last_retry_s: float | None = 300
        """Every later one; None: it stays owed until the next start."""
        self._shown: dict[str, _Shown] = {}
        self._editing: asyncio.Task[None] | None = None
        self._asleep_until_s = 0.0
        """Event loop time to which the editing task sleeps; 0 while it is at work."""

    # Progress.

    def show(self, row: JobRow, event: engine.Event) -> None:
        """Remember the event; the job's message is edited when its turn comes."""
        if row.progress_message_id is None or _age_s(row.progress_message_id) > _EDITABLE_S:
            return
        shown = self._shown.get(row.id)
        if shown is None:
            news = status_of(event) != status_of(None)  # the first reply says the rest
            shown = _Shown(row, event, edited_s=-self._interval_s, dirty=news)
            self._shown[row.id] = shown
        elif status_of(event) != status_of(shown.event) or isinstance(event, engine.Progress):
            shown.event, shown.dirty = event, True
        if isinstance(event, engine.Progress) and event.previews:
            shown.previews = event.previews
        overslept = self._asleep_until_s > self._due_s(shown)
        if overslept and self._editing is not None:
            self._editing.cancel()
        if overslept or self._editing is None or self._editing.done():
            self._asleep_until_s = 0.0
            self._editing = asyncio.create_task(self._edit_all(), name="progress edits")

    async def close(self) -> None:
        """Stop editing; what is owed stays owed."""
        if self._editing is not None:
            self._editing.cancel()
            await asyncio.wait({self._editing})

    async def _edit_all(self) -> None:
        """Edit progress messages, the longest due first, while there is anything to show."""
        while (shown := self._next()) is not None:
            wait_s = self._due_s(shown) - asyncio.get_running_loop().time()
            if wait_s > 0:
                self._asleep_until_s = self._due_s(shown)
                await asyncio.sleep(wait_s)
                self._asleep_until_s = 0.0
            else:
                await self._edit(shown)
                await asyncio.sleep(_SPACING_S)

    def _next(self) -> _Shown | None:
        dirty = [shown for shown in self._shown.values() if shown.dirty and not shown.muted]
        return min(dirty, key=self._due_s, default=None)

    def _due_s(self, shown: _Shown) -> float:
        """Event loop time of the next edit; those who only wait leave the budget to the others."""
        waits = isinstance(shown.event, engine.Queued)
        return shown.edited_s + (_QUEUE_INTERVAL_S if waits else self._interval_s)

    async def _edit(self, shown: _Shown) -> None:
        async with shown.lock:
            if self._shown.get(shown.row.id) is not shown:
                return
            shown.dirty, previews, shown.previews = False, shown.previews, ()
            shown.edited_s = asyncio.get_running_loop().time()
            assert shown.row.progress_message_id is not None
            message = self._channel(shown.row).get_partial_message(shown.row.progress_message_id)
            speed = ("fast",) if isinstance(shown.event, engine.Progress) else ()
            content = headline(shown.row, status_of(shown.event), *speed)
            try:
                if previews:
                    jpeg = await asyncio.to_thread(grid.preview, previews)
                    file = discord.File(io.BytesIO(jpeg), f"{shown.row.id}.jpg")
                    await message.edit(
                        content=content, attachments=[file], allowed_mentions=_NOBODY
                    )
                else:
                    await message.edit(content=content, allowed_mentions=_NOBODY)
            except (discord.NotFound, discord.Forbidden) as refusal:
                log.info("job %s: progress is not shown any more: %s", shown.row.id, refusal)
                shown.muted = True
            except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
                log.info("job %s: one progress edit was lost: %s", shown.row.id, error)

    # The end.

    async def deliver(self, row: JobRow, *, again: bool) -> None:
        """Post how the job ended and record that; what cannot be posted for good is kept."""
        shown = self._shown.pop(row.id, None)
        if shown is not None:
            async with shown.lock:  # an edit under way ends first, and does not overwrite the end
                pass
        try:
            sheet, count = await self._sheet(row)
        except Exception:
            log.exception("job %s: its pictures cannot be read from the disk", row.id)
            row = dataclasses.replace(
                row,
                outcome=Outcome.FAILED,
                reason="The pictures were drawn but are lost on the disk; tell who runs this bot.",
            )
            sheet, count = None, 0
        for delay_s in itertools.chain(self.retry_after_s, itertools.repeat(self.last_retry_s)):
            try:
                message_id = await self._post(row, sheet, count, again=again)
            except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
                if isinstance(error, discord.HTTPException) and not _is_passing(error):
                    log.warning("job %s: Discord refused the delivery: %s", row.id, error)
                    await self._keep(row, count, error)
                    return
                log.warning("job %s: delivery failed, it stays owed: %s", row.id, error)
                if delay_s is None:
                    return
                await asyncio.sleep(delay_s)
                again = True
            else:
                await self._record(row, Delivery.POSTED, message_id)
                return

    async def _sheet(self, row: JobRow) -> tuple[Image.Image | None, int]:
        """The grid of a finished job and how many pictures stand in it."""
        if row.outcome is not Outcome.FINISHED:
            return None, 0
        async with self._database.read() as connection:
            images = await jobs.pictures(connection, row.id)
        sheet = await asyncio.to_thread(
            lambda: grid.grid([self._pictures.load(image.sha256) for image in images])
        )
        return sheet, len(images)

    async def _post(
        self, row: JobRow, sheet: Image.Image | None, count: int, *, again: bool
    ) -> int | None:
        if again and (found := await self._find(row)) is not None:
            message_id: int | None = found
        elif sheet is not None:
            message_id = await self._post_pictures(row, sheet, count, mention=not again)
        else:
            return await self._post_refusal(row)
        if row.progress_message_id is not None and row.progress_message_id != message_id:
            await self._delete(row, row.progress_message_id)
        return message_id

    async def _post_pictures(
        self, row: JobRow, sheet: Image.Image, count: int, *, mention: bool
    ) -> int:
        channel = self._channel(row)
        limit_bytes = self._limit_bytes(row)
        while True:
            extension, data = await asyncio.to_thread(grid.within, sheet, limit_bytes)
            file = discord.File(
                io.BytesIO(data),
                f"{row.id}.{extension}",
                description=row.prompt[:_ALT_CHARACTERS] or None,
            )
            try:
                message = await channel.send(
                    with_notes(headline(row, "fast"), row.notes),
                    file=file,
                    view=grid_view(row.id, count),
                    nonce=f"{row.id}:0",
                    allowed_mentions=discord.AllowedMentions(
                        users=[discord.Object(row.user_id)] if mention else False,
                        everyone=False,
                        roles=False,
                    ),
                )
            except discord.HTTPException as error:
                if error.status != 413 or limit_bytes < 64 * 1024:  # too large
                    raise
                limit_bytes = min(limit_bytes, len(data)) // 2
            else:
                return message.id

    async def _post_refusal(self, row: JobRow) -> int:
        content, view, channel = _refusal(row), retry_view(row.id), self._channel(row)
        if row.progress_message_id and _age_s(row.progress_message_id) < _EDITABLE_S:
            try:
                await channel.get_partial_message(row.progress_message_id).edit(
                    content=content, attachments=[], view=view, allowed_mentions=_NOBODY
                )
            except discord.NotFound:
                pass  # the member deleted it: say it anew
            else:
                return row.progress_message_id
        message = await channel.send(
            content, view=view, nonce=f"{row.id}:0", allowed_mentions=_NOBODY
        )
        return message.id

    async def _find(self, row: JobRow) -> int | None:
        """The message an earlier process posted for the job, by its buttons."""
        first = f"{PREFIX}:{row.id}:" + ("u:1" if row.outcome is Outcome.FINISHED else "r")
        after = discord.Object(row.progress_message_id) if row.progress_message_id else None
        try:
            async for message in self._channel(row).history(limit=_HISTORY_MESSAGES, after=after):
                for line in message.components:
                    if isinstance(line, discord.ActionRow) and any(
                        getattr(item, "custom_id", None) == first for item in line.children
                    ):
                        return message.id
        except discord.Forbidden:
            log.info("job %s: the channel's history may not be read", row.id)
        return None

    async def _keep(self, row: JobRow, count: int, refusal: discord.HTTPException) -> None:
        """Tell the member by direct message where the channel refuses; record that it is kept."""
        why = refusal.text or str(refusal.status)
        if count:
            content = with_notes(
                headline(row, row.outcome.value),
                f"I could not post this in <#{row.channel_id}> ({why}); the pictures are kept.",
            )
        else:
            content = _refusal(row)
        try:
            member = await self._client.fetch_user(row.user_id)
            await member.send(
                content,
                view=grid_view(row.id, count) if count else retry_view(row.id),
                allowed_mentions=_NOBODY,
            )
        except discord.HTTPException as error:
            log.warning("job %s: the member cannot be told either: %s", row.id, error)
        await self._record(row, Delivery.KEPT, None)

    async def _record(self, row: JobRow, delivery: Delivery, message_id: int | None) -> None:
        async with self._database.write() as connection:
            await jobs.delivered(connection, row.id, delivery, message_id=message_id)

    async def _delete(self, row: JobRow, message_id: int) -> None:
        try:
            await self._channel(row).get_partial_message(message_id).delete()
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            log.info("job %s: its progress message stays: %s", row.id, error)

    def _channel(self, row: JobRow) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(row.channel_id, guild_id=row.guild_id or None)

    def _limit_bytes(self, row: JobRow) -> int:
        guild = self._client.get_guild(row.guild_id)
        return guild.filesize_limit if guild else discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES


def _age_s(message_id: int) -> float:
    return (utcnow() - snowflake_time(message_id)).total_seconds()


def _refusal(row: JobRow) -> str:
    """How a job ended that shows no pictures."""
    if row.outcome is Outcome.CANCELLED:
        return with_notes(headline(row, "cancelled"), row.reason)
    return with_notes(headline(row, "failed"), row.reason)


def _is_passing(error: discord.HTTPException) -> bool:
    """Whether the same request may go through later, perhaps with another token or address."""
    return error.status >= 500 or error.status in (401, 408, 429) or error.code == _BLOCKED_ADDRESS
