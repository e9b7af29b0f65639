"""The one public message of a batch: posted, kept up to date, and posted anew at its end.

Its end is a new message for the reason that a grid is: an edit mentions nobody, and the list stands
below the grids that it tells of. The database says what became of the batch's jobs, so that an
edit after a restart shows what one before it would have.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable

import aiohttp
import discord
from sqlalchemy.exc import SQLAlchemyError

import engine
from bot.jobs import batches
from bot.jobs.batches import BatchRow, Item
from bot.jobs.records import Delivery, JobRow, Outcome
from bot.storage.database import Database
from bot.ui import answer_buttons, batch_text, persistent_buttons
from bot.ui.progress import Events, Fields, Progress

log = logging.getLogger(__name__)

_HISTORY_MESSAGES = 500
_OPENING_S = 10.0
"""How long the first message of a batch may still take once the batch is over."""
_NOBODY = discord.AllowedMentions.none()


class BatchMessages:
    """Shows batches in their channels."""

    def __init__(self, *, client: discord.Client, database: Database, progress: Progress) -> None:
        self._client = client
        self._database = database
        self._progress = progress
        self._open: dict[str, BatchRow] = {}
        """Batches whose message is known and that have not ended."""
        self._early: dict[str, dict[str, engine.Event | None]] = {}
        """By batch: what is told of its jobs before its message is known."""
        self._opening: dict[str, asyncio.Task[None]] = {}

    async def open(self, batch_id: str) -> None:
        """Post the message of a batch that was just accepted; a failure is logged, never raised."""
        await asyncio.wait({self._start(batch_id, search=False)}, timeout=_OPENING_S)

    def changed(self, row: JobRow, event: engine.Event | None) -> None:
        """Show how far a job of a batch is; None: it has ended. Returns at once."""
        assert row.batch_id is not None
        batch = self._open.get(row.batch_id)
        if batch is not None:
            self._progress.show_in_batch(batch, row.id, event, lambda e: self._fields(batch, e))
            return
        self._early.setdefault(row.batch_id, {})[row.id] = event
        if row.batch_id not in self._opening:  # an earlier process accepted it
            self._start(row.batch_id, search=True)

    async def post_end(self, batch_id: str, *, again: bool) -> discord.Message:
        """Post the list of a batch that is over, mentioning its member unless it is tried again."""
        shown = await self._forget(batch_id)
        batch, items = await self._load(batch_id)
        await self._progress.end(batch)
        message = await self._find_end(batch) if again else None
        if message is None:
            cancelled = any(item.outcome is Outcome.CANCELLED for item in items)
            silent = again or cancelled  # who cancels is looking at it
            message = await self._channel(batch).send(
                batch_text.content(batch, items, {}),
                embed=batch_text.listing(batch, items, {}),
                nonce=f"{batch.id}:0",
                allowed_mentions=discord.AllowedMentions(
                    users=False if silent else [discord.Object(batch.user_id)],
                    everyone=False,
                    roles=False,
                ),
            )
        shown = batch.message_id or shown  # the database may have been busy since
        if shown is not None and shown != message.id:
            await self._delete(batch, shown)
        return message

    async def tell_kept(self, batch_id: str) -> None:
        """Send the list to the member, in their language, where its channel refuses it."""
        await self._forget(batch_id)
        batch, items = await self._load(batch_id)
        await self._progress.end(batch)
        async with self._database.read() as connection:
            language = await batches.member_locale(connection, batch_id)
        batch = dataclasses.replace(batch, locale=language)
        try:
            member = await self._client.fetch_user(batch.user_id)
            await member.send(
                batch_text.content(batch, items, {}),
                embed=batch_text.listing(batch, items, {}),
                allowed_mentions=_NOBODY,
            )
        except discord.HTTPException as error:
            log.warning("batch %s: the member cannot be told either: %s", batch_id, error)

    async def close(self) -> None:
        """Post no first messages any more."""
        for task in self._opening.values():
            task.cancel()
        if self._opening:
            await asyncio.wait(self._opening.values())

    def _start(self, batch_id: str, *, search: bool) -> asyncio.Task[None]:
        task = asyncio.create_task(self._begin(batch_id, search=search), name=batch_id)
        self._opening[batch_id] = task
        task.add_done_callback(self._begun)
        return task

    async def _begin(self, batch_id: str, *, search: bool) -> None:
        """Find or post the message of the batch; its edits go there from now on.

        search: an earlier process may have posted it without writing down where.
        """
        batch, items = await self._load(batch_id)
        if batch.delivery is not Delivery.NONE:
            return
        posted: int | None = None
        if batch.message_id is None:
            try:
                message = await self._find_open(batch) if search else None
                if message is None:
                    message = await self._channel(batch).send(
                        batch_text.content(batch, items, {}),
                        embed=batch_text.listing(batch, items, {}),
                        view=answer_buttons.cancelling(batch.id, batch.locale),
                        nonce=f"{batch.id}:p",
                        allowed_mentions=_NOBODY,
                    )
            except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
                log.warning("batch %s: its progress is not shown: %s", batch_id, error)
                return
            posted = message.id
            batch = dataclasses.replace(batch, message_id=posted)
        self._open[batch_id] = batch
        for job_id, event in self._early.pop(batch_id, {}).items():
            self._progress.show_in_batch(batch, job_id, event, lambda e: self._fields(batch, e))
        if posted is not None:
            shown = posted
            await self._database.written(
                lambda connection: batches.show(connection, batch_id, shown), f"batch {batch_id}"
            )

    def _begun(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("batch %s: its progress is not shown", task.get_name(), exc_info=error)

    async def _forget(self, batch_id: str) -> int | None:
        """Show no more progress of it; the message that showed it, where that is known.

        A first message under way is posted before, or given up.
        """
        opening = self._opening.pop(batch_id, None)
        if opening is not None:
            await asyncio.wait({opening}, timeout=_OPENING_S)
            opening.cancel()
        batch = self._open.pop(batch_id, None)
        self._early.pop(batch_id, None)
        return batch.message_id if batch else None

    async def _load(self, batch_id: str) -> tuple[BatchRow, list[Item]]:
        async with self._database.read() as connection:
            batch = await batches.get(connection, batch_id)
            assert batch is not None  # batches are never deleted
            return batch, await batches.items(connection, batch_id)

    async def _fields(self, batch: BatchRow, events: Events) -> Fields:
        """What its message is edited to. OSError: the database is busy."""
        try:
            async with self._database.read() as connection:
                items = await batches.items(connection, batch.id)
        except SQLAlchemyError as error:
            raise OSError(str(error)) from error
        return {
            "content": batch_text.content(batch, items, events),
            "embed": batch_text.listing(batch, items, events),
        }

    async def _find_open(self, batch: BatchRow) -> discord.Message | None:
        [button] = answer_buttons.cancelling(batch.id, batch.locale).children
        custom_id = persistent_buttons.custom_id_of(button)

        def is_it(message: discord.Message) -> bool:
            return any(
                getattr(item, "custom_id", None) == custom_id
                for line in message.components
                if isinstance(line, discord.ActionRow)
                for item in line.children
            )

        return await self._find(batch, is_it)

    async def _find_end(self, batch: BatchRow) -> discord.Message | None:
        """What an earlier try posted at the end: it names the batch and has no button."""

        def is_it(message: discord.Message) -> bool:
            footers = [embed.footer.text or "" for embed in message.embeds]
            return not message.components and any(batch.id in text for text in footers)

        return await self._find(batch, is_it)

    async def _find(
        self, batch: BatchRow, is_it: Callable[[discord.Message], bool]
    ) -> discord.Message | None:
        """The newest message of ours in the batch's channel that is the one."""
        us = self._client.user
        try:
            async for message in self._channel(batch).history(limit=_HISTORY_MESSAGES):
                if us is not None and message.author.id == us.id and is_it(message):
                    return message
        except discord.Forbidden:
            log.info("batch %s: the channel's history may not be read", batch.id)
        return None

    async def _delete(self, batch: BatchRow, message_id: int) -> None:
        try:
            await self._channel(batch).get_partial_message(message_id).delete()
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            log.info("batch %s: its progress message stays: %s", batch.id, error)

    def _channel(self, batch: BatchRow) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(
            batch.channel_id, guild_id=batch.guild_id or None
        )
