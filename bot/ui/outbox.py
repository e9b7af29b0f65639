"""The outbox: what the job table says is owed → Discord messages, a few at a time.

Only ids are kept in memory; a result's files are read while it is posted. The post carries a nonce,
so that a retry does not post twice; later tries look through the channel's history first. What
Discord refuses for good is not tried again: the pictures are kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import io
import json
import logging
import math
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass

import aiohttp
import discord
from sqlalchemy.ext.asyncio import AsyncConnection

import engine
from bot import locale
from bot.credits import ledger
from bot.jobs import batches, deletions, records, seen
from bot.jobs.kinds import KINDS, Said
from bot.jobs.provenance import Provenance, is_stealthy
from bot.jobs.records import Delivery, ImageRow, JobRow, MessageRow, Outcome, Role, TextRow
from bot.pictures import grid, metadata, uploads
from bot.pictures.store import PictureStore
from bot.storage.database import Database
from bot.ui import actions, earlier_posts, persistent_buttons
from bot.ui.batch_messages import BatchMessages
from bot.ui.channel_room import ChannelRoom
from bot.ui.message_text import (
    ALT_CHARACTERS,
    CONTENT_CHARACTERS,
    EDITABLE_S,
    age_s,
    has_seed,
    headline,
    outcome_of,
    speed_of,
    with_notes,
)
from bot.ui.parents import Parent, linked, parent_of
from bot.ui.progress import Progress
from engine import Sentence

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Deliveries under way at one time, never two in one channel."""
BREAKS_AT_MOST = 5
"""Tries at a delivery that may break off here, in Darkroom, before its result is only kept."""
_NAMED_CHARACTERS = 200
"""Of the prompt, in the first line of what a job said about it."""
_BLOCKED_ADDRESS = 40333
"""Discord's front refuses the address for a while."""
_SMALLEST_BYTES = 64 * 1024
_NOBODY = discord.AllowedMentions.none()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """One ended job with what it made, without the bytes."""

    row: JobRow
    images: tuple[ImageRow, ...] = ()
    texts: tuple[TextRow, ...] = ()
    film: str | None = None
    looked_at: str | None = None
    """The SHA-256 of the picture that is shown beside its texts."""
    parent: Parent | None = None
    """The picture that it was made from, for its own channel."""
    lost: bool = False
    """Whether it was drawn and paid, and is not on the disk any more."""

    @property
    def said(self) -> Said:
        return Said(texts=self.texts, resolved=json.loads(self.row.resolved))

    @property
    def alt_text(self) -> str:
        """For who does not see the picture: its prompt, how it was described, or its title."""
        described = KINDS[self.row.kind].suggest(self.said).texts
        return self.row.prompt or next(iter(described), self.row.title)

    @property
    def role(self) -> Role:
        """What the message that tells its end is."""
        if self.row.outcome is not Outcome.FINISHED:
            return Role.REFUSAL
        if self.film is not None:
            return Role.FILM
        if len(self.images) > 1:
            return Role.GRID
        return Role.SINGLE if self.images else Role.TEXT

    def view(self) -> discord.ui.View:
        """The buttons under it."""
        covered = bool(self.images) and all(each.blurred for each in self.images)
        if self.role is Role.REFUSAL or covered:  # there is nothing to go on from
            return actions.view(("reroll",), self.row)
        names = KINDS[self.row.kind].follow_ups.get(self.role, ())
        if self.role is Role.SINGLE:
            return actions.view(names, self.row, single=self.images[0])
        numbered = self.images or KINDS[self.row.kind].suggest(self.said).texts
        return actions.view(names, self.row, len(numbered))


Encode = Callable[[int], tuple[str, bytes]]
"""A limit in bytes → the file extension and the best encoding of a result that fits."""


@dataclass(slots=True)
class _Retry:
    """What failed and is tried again."""

    tries: int = 0
    due_s: float = math.inf
    """Event loop time of the next try; infinite: at the next start of the process."""


class Outbox:
    """`runner.Outbox` on Discord."""

    def __init__(
        self,
        *,
        client: discord.Client,
        database: Database,
        store: PictureStore,
        progress: Progress,
        batch_messages: BatchMessages,
        now_ms: Callable[[], int],
        ended: Callable[[Ended, discord.Message], Awaitable[None]] | None = None,
    ) -> None:
        """ended: told of each result that was posted, once; what it raises is only logged."""
        self._client = client
        self._database = database
        self._store = store
        self._progress = progress
        self._batches = batch_messages
        self._now_ms = now_ms
        self._ended = ended
        self._provenance = Provenance(database)
        self.retry_after_s: tuple[float, ...] = (2, 10, 60)
        """The first waits between tries at a delivery."""
        self.last_retry_s: float | None = 300
        """Every later one; None: it stays owed until the next start."""
        self._fresh: set[str] = set()
        """Jobs and batches that ended in this process and were not tried yet: nobody was told."""
        self._tried: set[str] = set()
        """Those among them that a try failed of: its answer may have been lost."""
        self._posting: dict[asyncio.Task[None], int] = {}
        """Deliveries under way, with their channels."""
        self._retries: dict[int | str, _Retry] = {}
        """Channels (by id) that Discord did not take a message for; jobs and batches that broke."""
        self._room = ChannelRoom()
        self._looking: asyncio.Task[None] | None = None
        self._look_again = False
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def show(self, row: JobRow, event: engine.Event, *, blurred: bool = False) -> None:
        """As `runner.Outbox.show`. A job of a batch is shown in the batch's message alone."""
        if row.batch_id is None:
            self._progress.show(row, event, blurred=blurred)
        else:
            self._batches.changed(row, event)

    def owe(self, job_id: str) -> None:
        """The job has just ended: post how."""
        self._fresh.add(job_id)
        self.resume()

    def resume(self) -> None:
        """Post what is owed, as far as there is room for it now."""
        if self._closed:
            return
        if self._looking is not None:
            self._look_again = True
            return
        self._looking = asyncio.create_task(self._look(), name="outbox")
        self._looking.add_done_callback(self._looked)

    async def flush(self, timeout_s: float) -> None:
        """Wait until nothing is being posted, for so long at the most."""
        deadline_s = asyncio.get_running_loop().time() + timeout_s
        while busy := {*self._posting, *([self._looking] if self._looking else [])}:
            left_s = deadline_s - asyncio.get_running_loop().time()
            if left_s <= 0:
                return
            await asyncio.wait(busy, timeout=left_s)
            await asyncio.sleep(0)  # their callbacks start what comes next

    async def close(self) -> None:
        """Post nothing more; what is owed stays owed."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._looking is not None:  # soon done, and a cancelled read would lose its connection
            await asyncio.wait({self._looking})
        for task in self._posting:
            task.cancel()
        if self._posting:
            await asyncio.wait(self._posting)

    # Which deliveries are under way.

    async def _look(self) -> None:
        """Begin as many owed deliveries as there is room for, oldest first."""
        room = AT_ONCE - len(self._posting)
        now_s = asyncio.get_running_loop().time()
        later = {key: retry.due_s for key, retry in self._retries.items() if retry.due_s > now_s}
        full = self._room.full(now_s)
        if room > 0:
            broken = [key for key in later if isinstance(key, str)]
            taken = [*self._posting.values(), *(key for key in later if isinstance(key, int))]
            taken += full
            async with self._database.read() as connection:
                # A batch is owed last of all of its jobs, so it goes before other jobs.
                over = await batches.owed(
                    connection, room, without_channels=taken, without_batches=broken
                )
                taken += [channel_id for _, channel_id in over]
                owed = await records.owed(
                    connection, room, without_channels=taken, without_jobs=broken
                )
            for batch_id, channel_id in over:
                self._begin(self._deliver_batch(batch_id), batch_id, channel_id)
            for job_id, channel_id in owed[: room - len(over)]:
                self._begin(self._deliver(job_id), job_id, channel_id)
        self._set_timer([*later.values(), *full.values()])

    def _begin(self, delivery: Coroutine[None, None, None], key: str, channel_id: int) -> None:
        task = asyncio.create_task(delivery, name=key)
        self._posting[task] = channel_id
        task.add_done_callback(self._posted)

    def _looked(self, task: asyncio.Task[None]) -> None:
        self._looking = None
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the outbox could not be read; it is tried again", exc_info=error)
            self._timer = asyncio.get_running_loop().call_later(
                self.retry_after_s[0] if self.retry_after_s else 1, self.resume
            )
        elif self._look_again:
            self._look_again = False
            self.resume()

    def _posted(self, task: asyncio.Task[None]) -> None:
        now_s = asyncio.get_running_loop().time()
        self._room.sent(self._posting.pop(task), now_s)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("job %s: its delivery broke off", task.get_name(), exc_info=error)
            self._put_off(task.get_name())
        elif not task.cancelled():
            self._retries.pop(task.get_name(), None)
        self.resume()

    def _put_off(self, key: int | str) -> None:
        """Try the channel, or the job, again later."""
        retry = self._retries.setdefault(key, _Retry())
        waits = (*self.retry_after_s, self.last_retry_s)
        wait_s = waits[min(retry.tries, len(waits) - 1)]
        retry.tries += 1
        now_s = asyncio.get_running_loop().time()
        retry.due_s = math.inf if wait_s is None else now_s + wait_s

    def _set_timer(self, due_s: Iterable[float]) -> None:
        """Look again at the first of these times, which may be over by now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        first_s = min(due_s, default=math.inf)
        if first_s < math.inf and not self._closed:
            self._timer = asyncio.get_running_loop().call_at(first_s, self.resume)

    # One delivery.

    async def _deliver(self, job_id: str) -> None:
        """Post how the job ended and record that; what cannot be posted for good is kept."""
        ended = await self.load(job_id)
        if ended.row.batch_id is not None and ended.role is Role.REFUSAL:
            await self._record(ended, Delivery.POSTED, None)  # its batch's list says it
            return
        await self._progress.end(ended.row)
        files = await asyncio.to_thread(self.read, ended)
        try:
            encode = await asyncio.to_thread(opened, ended, files)
        except Exception:
            log.exception("job %s: its pictures cannot be read from the disk", job_id)
            ended = Ended(
                row=dataclasses.replace(
                    ended.row,
                    outcome=Outcome.FAILED,
                    reason=locale.translated(
                        Sentence(
                            "The pictures were drawn but are lost on the disk. What they cost was "
                            "given back; tell who runs this bot."
                        ),
                        ended.row.locale,
                    ),
                ),
                lost=True,
            )
            encode = None
        broken = self._retries.get(job_id)
        if broken is not None and broken.tries >= BREAKS_AT_MOST:
            log.error("job %s: its delivery broke off %d times", job_id, broken.tries)
            unready = Sentence("it could not be made ready")
            await self._record(ended, Delivery.KEPT, await self._tell_kept(ended, unready))
            self._told(job_id)
            return
        fresh, tried = job_id in self._fresh, job_id in self._tried
        if fresh:
            self._tried.add(job_id)
        try:
            message = await self._post(ended, encode, fresh=fresh, tried=tried)
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            if isinstance(error, discord.HTTPException) and not _is_passing(error):
                log.warning("job %s: Discord refused the delivery: %s", job_id, error)
                why = error.text or str(error.status)
                mention = fresh and ended.row.batch_id is None
                delivery = Delivery.POSTED
                told = await self._post_beside_thread(ended, encode, mention=mention)
                if told is None:
                    delivery, told = Delivery.KEPT, await self._tell_kept(ended, why)
                self._told(job_id)
                await self._record(ended, delivery, told)
            else:
                log.warning("job %s: delivery failed, it stays owed: %s", job_id, error)
                self._put_off(ended.row.channel_id)
        else:
            self._retries.pop(ended.row.channel_id, None)
            self._told(job_id)
            await self._record(ended, Delivery.POSTED, message)
            await self._tell(ended, message)

    def _told(self, job_id: str) -> None:
        """The member knows of it."""
        self._fresh.discard(job_id)
        self._tried.discard(job_id)

    async def _tell(self, ended: Ended, message: discord.Message | discord.PartialMessage) -> None:
        if (
            self._ended is None
            or ended.row.outcome is not Outcome.FINISHED
            or not isinstance(message, discord.Message)
        ):
            return
        try:
            await self._ended(ended, message)
        except Exception:
            log.exception("job %s: what follows its delivery broke off", ended.row.id)

    async def _deliver_batch(self, batch_id: str) -> None:
        """Tell that all jobs of the batch are delivered, and record that."""
        delivery, message_id = Delivery.POSTED, None
        async with self._database.read() as connection:
            batch = await batches.get(connection, batch_id)
        assert batch is not None  # batches are never deleted
        broken = self._retries.get(batch_id)
        again = batch_id not in self._fresh
        self._fresh.discard(batch_id)
        try:
            if broken is not None and broken.tries >= BREAKS_AT_MOST:
                log.error("batch %s: its end broke off %d times", batch_id, broken.tries)
                delivery = Delivery.KEPT
            else:
                message_id = (await self._batches.post_end(batch_id, again=again)).id
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            if not isinstance(error, discord.HTTPException) or _is_passing(error):
                log.warning("batch %s: its end stays owed: %s", batch_id, error)
                self._put_off(batch.channel_id)
                return
            log.warning("batch %s: Discord refused its end: %s", batch_id, error)
            delivery = Delivery.KEPT
            await self._batches.tell_kept(batch_id)
        else:
            self._retries.pop(batch.channel_id, None)
        async with self._database.write() as connection:
            await batches.delivered(connection, batch_id, delivery, message_id)

    async def load(self, job_id: str) -> Ended:
        """A job with what it made."""
        async with self._database.read(short=True) as connection:
            row = await records.get(connection, job_id)
            assert row is not None  # jobs are never deleted
            if row.outcome is not Outcome.FINISHED:
                return Ended(row=row)
            return Ended(
                row=row,
                images=tuple(await records.pictures(connection, job_id)),
                texts=tuple(await records.said(connection, job_id)),
                film=await records.film(connection, job_id),
                looked_at=await _looked_at(connection, row),
                parent=await parent_of(connection, row),
            )

    def read(self, ended: Ended) -> list[bytes]:
        """The files of what is posted; fewer if some are gone. OSError: the disk is busy."""
        wanted = [(image.sha256, ".png") for image in ended.images]
        if ended.film is not None:
            wanted = [(ended.film, ".webp")]
        if ended.looked_at is not None:
            wanted = [(ended.looked_at, ".png")]
        files = []
        for sha256, suffix in wanted:
            with contextlib.suppress(FileNotFoundError):
                files.append(self._store.load(sha256, suffix=suffix))
        return files

    async def _post(
        self, ended: Ended, encode: Encode | None, *, fresh: bool, tried: bool
    ) -> discord.Message | discord.PartialMessage:
        """fresh: it ended in this process, so nobody was told before; tried: but in a try that
        failed here, whose answer may have been lost.

        The member is mentioned once: with the first message that is known to be the first.
        """
        row = ended.row
        message: discord.Message | discord.PartialMessage | None = None
        mention = fresh and row.batch_id is None
        if tried or not fresh:
            found = await self._find(ended)
            message, mention = found.message, mention and found.sure
        if message is None and ended.role is Role.REFUSAL:
            message = await self._post_refusal(ended)
        if message is None:
            message = await self._post_result(ended, encode, self._channel(row), mention=mention)
        if row.progress_message_id is not None and row.progress_message_id != message.id:
            await self._delete(row, row.progress_message_id)
        elif row.progress_message_id is None and row.batch_id is None and not is_stealthy(row):
            await self._delete_unrecorded(row)
        return message

    async def _post_beside_thread(
        self, ended: Ended, encode: Encode | None, *, mention: bool
    ) -> discord.Message | None:
        """Post it in the channel of a public thread that takes nothing; None: that cannot be."""
        thread = await self._place_of(ended.row)
        if not isinstance(thread, discord.Thread) or thread.is_private():
            return None
        if not isinstance(thread.parent, discord.TextChannel):
            return None
        place = self._client.get_partial_messageable(thread.parent.id, guild_id=ended.row.guild_id)
        try:
            message = await self._post_result(ended, encode, place, mention=mention)
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            log.info("job %s: nor beside its thread: %s", ended.row.id, error)
            return None
        if ended.row.progress_message_id is not None:
            await self._delete(ended.row, ended.row.progress_message_id)
        return message

    async def _place_of(self, row: JobRow) -> object:
        """The channel or thread of a job; None where it is gone, or not in a server."""
        guild = self._client.get_guild(row.guild_id)
        if guild is None:
            return None
        if known := guild.get_channel_or_thread(row.channel_id):
            return known
        try:  # the library forgets threads that are closed
            return await self._client.fetch_channel(row.channel_id)
        except (discord.DiscordException, aiohttp.ClientError, OSError):
            return None

    async def _post_result(
        self,
        ended: Ended,
        encode: Encode | None,
        place: discord.PartialMessageable,
        *,
        mention: bool,
    ) -> discord.Message:
        row, limit_bytes = ended.row, self._limit_bytes(ended.row)
        while True:
            files, size = [], 0
            if encode is not None:
                extension, data = await asyncio.to_thread(encode, limit_bytes)
                size = len(data)
                if ended.role is not Role.TEXT:  # beside words stands a picture of the member's
                    await self._provenance.posted(
                        row.id, data, position=1 if ended.role is Role.SINGLE else None
                    )
                files.append(
                    discord.File(
                        io.BytesIO(data),
                        f"{row.id}.{extension}",
                        description=ended.alt_text[:ALT_CHARACTERS] or None,
                        spoiler=seen.is_spoiler(row),
                    )
                )
            try:
                return await place.send(
                    content_of(ended, linked(self._client, row, ended.parent)),
                    files=files,
                    view=ended.view(),
                    nonce=f"{row.id}:0",
                    allowed_mentions=discord.AllowedMentions(
                        users=[discord.Object(row.user_id)] if mention else False,
                        everyone=False,
                        roles=False,
                    ),
                )
            except discord.HTTPException as error:
                if error.status != 413 or encode is None or limit_bytes < _SMALLEST_BYTES:
                    raise
                limit_bytes = min(limit_bytes, size) // 2

    async def _post_refusal(self, ended: Ended) -> discord.Message | discord.PartialMessage:
        row, channel = ended.row, self._channel(ended.row)
        if row.progress_message_id and age_s(row.progress_message_id) < EDITABLE_S:
            try:
                return await channel.get_partial_message(row.progress_message_id).edit(
                    content=content_of(ended),
                    attachments=[],
                    view=ended.view(),
                    allowed_mentions=_NOBODY,
                )
            except discord.NotFound:
                pass  # the member deleted it: say it anew
        return await channel.send(
            content_of(ended), view=ended.view(), nonce=f"{row.id}:0", allowed_mentions=_NOBODY
        )

    async def _find(self, ended: Ended) -> earlier_posts.Found:
        """The message that an earlier try posted for the job, by its buttons."""
        row = ended.row
        buttons = ended.view().children
        first = persistent_buttons.custom_id_of(buttons[0]) if buttons else None
        content = content_of(ended, linked(self._client, row, ended.parent))

        def is_it(message: discord.Message) -> bool:
            if first is None:
                return message.content == content and message.author == self._client.user
            return any(
                getattr(item, "custom_id", None) == first
                for line in message.components
                if isinstance(line, discord.ActionRow)
                for item in line.children
            )

        return await earlier_posts.find(self._channel(row), is_it, after_id=row.progress_message_id)

    async def _delete_unrecorded(self, row: JobRow) -> None:
        """Delete the first reply that a process posted which died before it could write down where.

        Else it would say "(Waiting to start)" for ever.
        """
        begins = f"{headline(row)} ("
        found: list[discord.Message] = []

        def is_it(message: discord.Message) -> bool:
            if (
                message.author == self._client.user
                and message.content.startswith(begins)
                and not message.components
            ):
                found.append(message)
            return False

        await earlier_posts.find(self._channel(row), is_it, after_id=None)
        for message in found:
            async with self._database.read() as connection:
                known = await records.message(connection, message.id)
            if known is None:
                await self._delete(row, message.id)

    async def _tell_kept(self, ended: Ended, why: str) -> discord.Message | None:
        """Tell the member by direct message where the channel refuses; None where that fails.

        What may pass, such as a lost connection, is raised.
        """
        channel_row = ended.row
        row = dataclasses.replace(channel_row, locale=channel_row.member_locale)
        ended = dataclasses.replace(ended, row=row)
        content = content_of(ended)
        if ended.role is not Role.REFUSAL:
            kept = Sentence(
                "I could not post this in <#{channel}> ({why}); the pictures are kept.",
                channel=row.channel_id,
                why=why,
            )
            content = with_notes(content, locale.translated(kept, row.locale))
        told: discord.Message | None = None
        try:
            member = await self._client.fetch_user(row.user_id)
            told = await member.send(content, view=ended.view(), allowed_mentions=_NOBODY)
        except discord.HTTPException as error:
            if _is_passing(error):  # it stays owed, and is tried again
                raise
            log.warning("job %s: the member cannot be told either: %s", row.id, error)
        if ended.role is not Role.REFUSAL:
            await self._say_kept(channel_row, why)
        return told

    async def _say_kept(self, row: JobRow, why: str) -> None:
        """Let the progress message say that the result is not here, where it can be edited."""
        if row.progress_message_id is None:
            return
        kept = Sentence(
            "This could not be posted here ({why}); `/show {job}` brings it.", why=why, job=row.id
        )
        content = with_notes(headline(row), locale.translated(kept, row.locale))
        try:
            await (
                self._channel(row)
                .get_partial_message(row.progress_message_id)
                .edit(content=content, attachments=[], allowed_mentions=_NOBODY)
            )
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            log.info("job %s: its progress message stays: %s", row.id, error)

    async def _record(
        self,
        ended: Ended,
        delivery: Delivery,
        message: discord.Message | discord.PartialMessage | None,
    ) -> None:
        shown = None
        if message is not None:
            shown = MessageRow(
                message_id=message.id,
                channel_id=message.channel.id,
                job_id=ended.row.id,
                role=ended.role,
            )
        batch_id = ended.row.batch_id
        async with self._database.write() as connection:
            await records.delivered(connection, ended.row.id, delivery, shown)
            if ended.lost:
                await ledger.refund(connection, job_id=ended.row.id, now_ms=self._now_ms())
            over = batch_id is not None and await batches.end_if_over(connection, batch_id)
        if batch_id is None:
            return
        self._batches.changed(ended.row, None)
        if over:
            self._fresh.add(batch_id)

    async def _delete(self, row: JobRow, message_id: int) -> None:
        """Delete a progress message; where Discord has a fault, it is owed, and done later."""
        owed = []
        try:
            await self._channel(row).get_partial_message(message_id).delete()
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            log.info("job %s: its progress message stays: %s", row.id, error)
            if not isinstance(error, discord.HTTPException) or _is_passing(error):
                owed.append((row.channel_id, message_id))
        async with self._database.write() as connection:
            await records.forget_message(connection, message_id)
            await deletions.owe(connection, files=(), messages=owed)

    def _channel(self, row: JobRow) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(row.channel_id, guild_id=row.guild_id or None)

    def _limit_bytes(self, row: JobRow) -> int:
        guild = self._client.get_guild(row.guild_id)
        return guild.filesize_limit if guild else discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES


async def _looked_at(connection: AsyncConnection, row: JobRow) -> str | None:
    """The picture to be shown beside the job's texts."""
    if not KINDS[row.kind].shows_input:
        return None
    return next(iter(await records.started_from(connection, row.id)), None)


def opened(ended: Ended, files: list[bytes]) -> Encode | None:
    """How the files are posted; None for what is only text. An error: they are gone or damaged."""
    if ended.film is not None:
        [webp] = files
        return lambda limit_bytes: ("webp", grid.film_within(webp, limit_bytes))
    if ended.looked_at is not None and files:  # a member's own picture: it is not signed as ours
        small = uploads.small(files[0])
        return lambda _limit_bytes: ("jpg", small)
    if not ended.images:
        return None
    if len(files) < len(ended.images):
        raise FileNotFoundError(f"{len(ended.images) - len(files)} pictures")
    sheet, making = grid.grid(files), metadata.of_several(files)
    return lambda limit_bytes: grid.within(sheet, limit_bytes, making)


def content_of(ended: Ended, origin: Sentence | None = None) -> str:
    """What the message that tells the end says. origin: as `parents.linked`."""
    row = ended.row
    if ended.role is Role.REFUSAL:
        return with_notes(headline(row, outcome_of(row)), row.reason)
    named = row
    if ended.role is Role.TEXT and len(row.prompt) > _NAMED_CHARACTERS:
        named = dataclasses.replace(row, prompt=row.prompt[: _NAMED_CHARACTERS - 1] + "…")
    content = headline(named, speed_of(row))
    if said := KINDS[row.kind].say(ended.said):
        content = f"{content}\n{said}"[:CONTENT_CHARACTERS]
    lines = [origin] if origin is not None else []
    if ended.role is Role.SINGLE:
        lines.append(seed_of(ended))
    small = "\n".join(locale.translated(line, row.locale) for line in lines)
    return with_notes(with_notes(content, small), row.notes)


def seed_of(ended: Ended) -> Sentence:
    """The seed of what was drawn, and the job's id."""
    job = f"`{ended.row.id}`"
    if ended.images and has_seed(ended.row):
        return Sentence("Seed {seed} · Job {job}", seed=ended.images[0].seed, job=job)
    return Sentence("Job {job}", job=job)


def _is_passing(error: discord.HTTPException) -> bool:
    """Whether the same request may go through later, perhaps with another token or address."""
    return error.status >= 500 or error.status in (401, 408, 429) or error.code == _BLOCKED_ADDRESS
