"""Progress edits: the latest event of each job wins, and a slow channel delays no other.

A job has a message of its own, or the jobs of a batch have one together.

A hidden job's progress is shown by the private reply to its order, which is changed by another way
and for as long as Discord lets it be.

Each channel has at most one edit under way and at most one timer for its next; where there is
nothing to show there is neither. All channels together hold to one edit budget.
"""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import aiohttp
import discord

import engine
from bot.jobs.batches import BatchRow
from bot.jobs.records import JobRow
from bot.pictures import grid
from bot.ui.message_text import (
    ALT_CHARACTERS,
    EDITABLE_S,
    age_s,
    headline,
    speed_of,
    status_of,
    with_notes,
)

log = logging.getLogger(__name__)

_QUEUE_INTERVAL_S = 10.0
"""Between two edits that only tell a new place in the queue."""
_LAST_EDIT_S = 1.0
"""How long an edit may still take once the job has ended, before the end is told."""
_SPACING_S = 0.1
"""Between the starts of two edits of any messages: a fifth of Discord's 50 requests a second."""


_PRIVATE_S = 14 * 60.0
"""How long a private reply shows progress: Discord lets it be changed for 15 minutes."""

Events = Mapping[str, engine.Event]
"""The latest event of each open job, by job id."""
Fields = Mapping[str, Any]
"""What a message is edited to: arguments of discord.py's `edit`."""
Edit = Callable[..., Awaitable[object]]
"""Edits one message; its arguments are `Fields`."""


@dataclass(slots=True, kw_only=True)
class _Private:
    """The private reply to the order of a hidden job."""

    edit: Edit
    headline: str
    """What it says once nothing changes in it any more."""
    notes: str
    """Below it, all the time."""
    rest: asyncio.TimerHandle
    """After which it is not changed any more."""

    @property
    def still(self) -> Fields:
        return {"content": with_notes(self.headline, self.notes), "attachments": []}


@dataclass(slots=True, kw_only=True)
class _Shown:
    """One message that shows progress."""

    key: str
    """The id of its job or batch."""
    channel_id: int
    guild_id: int
    message_id: int
    edited_s: float
    """Event loop time of the last edit."""
    dirty: bool = False
    """There is something to show that is not shown yet."""
    muted: bool = False
    """Discord refused an edit for good."""
    private: _Private | None = None
    """What shows it instead of a message in its channel."""

    @property
    def waits(self) -> bool:
        """Whether nothing of it is drawn yet."""
        raise NotImplementedError

    async def fields(self) -> Fields:
        """What it is to show now; what it has shown then is not dirty any more."""
        raise NotImplementedError

    def edit_by(self, client: discord.Client) -> Edit:
        """What edits it."""
        if self.private is not None:
            return self.private.edit
        channel = client.get_partial_messageable(self.channel_id, guild_id=self.guild_id or None)
        return channel.get_partial_message(self.message_id).edit


@dataclass(slots=True, kw_only=True)
class _ShownJob(_Shown):
    row: JobRow
    event: engine.Event
    previews: tuple[bytes, ...] = ()
    blurred: bool = False
    rests: bool = False
    """Nothing more is shown of it by its private reply."""

    @property
    def waits(self) -> bool:
        return isinstance(self.event, engine.Queued)

    async def fields(self) -> Fields:
        if self.rests and self.private is not None:
            self.muted = True
            return self.private.still
        previews, self.previews = self.previews, ()
        speed = (speed_of(self.row),) if isinstance(self.event, engine.Progress) else ()
        content = headline(self.row, status_of(self.event), *speed)
        if self.private is not None:
            content = with_notes(content, self.private.notes)
        if not previews:
            return {"content": content}
        jpeg = await asyncio.to_thread(grid.preview, previews, blurred=self.blurred)
        alt_text = (self.row.prompt or self.row.title)[:ALT_CHARACTERS]
        file = discord.File(io.BytesIO(jpeg), f"{self.row.id}.jpg", description=alt_text)
        return {"content": content, "attachments": [file]}


@dataclass(slots=True, kw_only=True)
class _ShownBatch(_Shown):
    render: Callable[[Events], Awaitable[Fields]]
    events: dict[str, engine.Event] = field(default_factory=dict)

    @property
    def waits(self) -> bool:
        return all(isinstance(event, engine.Queued) for event in self.events.values())

    async def fields(self) -> Fields:
        return await self.render(dict(self.events))


@dataclass(slots=True)
class _Channel:
    """The messages that show progress in one channel."""

    shown: dict[str, _Shown] = field(default_factory=dict)
    """By the id of their job or batch."""
    timer: asyncio.TimerHandle | None = None
    editing: asyncio.Task[None] | None = None


class Progress:
    """Shows events of jobs in their progress messages."""

    def __init__(self, *, client: discord.Client, interval_s: float) -> None:
        """interval_s: between two edits of one message."""
        self._client = client
        self._interval_s = interval_s
        self._channels: dict[int, _Channel] = {}
        self._free_s = 0.0
        """Event loop time from which the budget has room for the next edit."""
        self._line: dict[int, _Channel] = {}
        """Channels that wait for room in the budget, first come first."""
        self._room: asyncio.TimerHandle | None = None
        self._private: dict[str, _Private] = {}
        """By the id of their job."""
        self._last: set[asyncio.Task[object]] = set()
        """The last edits of private replies."""
        self._closed = False

    def show_privately(self, row: JobRow, edit: Edit, notes: str) -> None:
        """Show the job's events by the private reply to its order, as long as that can be edited.

        notes: what stands below its headline, a line each.
        """
        if self._closed:
            return
        rest = asyncio.get_running_loop().call_later(_PRIVATE_S, self._rest, row)
        self._private[row.id] = _Private(edit=edit, headline=headline(row), notes=notes, rest=rest)

    def _rest(self, row: JobRow) -> None:
        """A private reply can soon not be edited any more: let it say what stays true."""
        del self._private[row.id]
        channel = self._channels.get(row.channel_id)
        shown = channel.shown.get(row.id) if channel is not None else None
        if channel is not None and isinstance(shown, _ShownJob):
            shown.rests = shown.dirty = True
            self._schedule(channel)

    def show(self, row: JobRow, event: engine.Event, *, blurred: bool = False) -> None:
        """Remember the event; the job's message is edited when its turn comes.

        blurred: its previews are shown so that only their colours can be told.
        """
        if self._closed:
            return
        private = self._private.get(row.id)
        if private is None and not _is_editable(row.progress_message_id):
            return
        channel = self._channels.setdefault(row.channel_id, _Channel())
        shown = channel.shown.get(row.id)
        if shown is None:
            shown = channel.shown[row.id] = _ShownJob(
                key=row.id,
                channel_id=row.channel_id,
                guild_id=row.guild_id,
                message_id=row.progress_message_id or 0,
                edited_s=-self._interval_s,
                dirty=status_of(event) != status_of(None),  # the first reply says the rest
                row=row,
                event=event,
                private=private,
            )
        assert isinstance(shown, _ShownJob)
        if status_of(event) != status_of(shown.event) or isinstance(event, engine.Progress):
            shown.event, shown.dirty = event, True
        if isinstance(event, engine.Progress) and event.previews:
            shown.previews, shown.blurred = event.previews, blurred
        self._schedule(channel)

    def show_in_batch(
        self,
        batch: BatchRow,
        job_id: str,
        event: engine.Event | None,
        render: Callable[[Events], Awaitable[Fields]],
    ) -> None:
        """As `show`, for one job of a batch; None: it has ended.

        render: what the batch's message says, given the latest events of its open jobs.
        """
        if self._closed or batch.message_id is None or not _is_editable(batch.message_id):
            return
        channel = self._channels.setdefault(batch.channel_id, _Channel())
        shown = channel.shown.get(batch.id)
        if shown is None:
            shown = channel.shown[batch.id] = _ShownBatch(
                key=batch.id,
                channel_id=batch.channel_id,
                guild_id=batch.guild_id,
                message_id=batch.message_id,
                edited_s=-self._interval_s,
                render=render,
            )
        assert isinstance(shown, _ShownBatch)
        if event is None:
            shown.events.pop(job_id, None)
            shown.dirty = True
        else:
            before = shown.events.get(job_id)
            shown.events[job_id] = event
            if not isinstance(event, engine.Queued):  # its list tells no places in the queue
                shown.dirty = shown.dirty or status_of(event) != status_of(before)
        self._schedule(channel)

    async def end(self, row: JobRow | BatchRow) -> None:
        """Show nothing more of the job or batch; an edit under way ends first, or is given up."""
        await self._end(row)
        private = self._private.pop(row.id, None)
        if private is None:
            return
        private.rest.cancel()
        last = asyncio.create_task(_edit_last(private), name=row.id)  # nothing waits for it
        self._last.add(last)
        last.add_done_callback(self._last.discard)

    async def _end(self, row: JobRow | BatchRow) -> None:
        channel = self._channels.get(row.channel_id)
        if channel is None or channel.shown.pop(row.id, None) is None:
            return
        editing = channel.editing
        if editing is not None and editing.get_name() == row.id:
            await asyncio.wait({editing}, timeout=_LAST_EDIT_S)
            editing.cancel()
        if not channel.shown and self._channels.get(row.channel_id) is channel:
            if channel.timer is not None:
                channel.timer.cancel()
            del self._channels[row.channel_id]

    async def close(self) -> None:
        """Stop editing."""
        self._closed = True
        editing: set[asyncio.Task[Any]] = {*self._last}
        for private in self._private.values():
            private.rest.cancel()
        for last in self._last:
            last.cancel()
        if self._room is not None:
            self._room.cancel()
        self._line.clear()
        for channel in self._channels.values():
            if channel.timer is not None:
                channel.timer.cancel()
            if channel.editing is not None:
                channel.editing.cancel()
                editing.add(channel.editing)
        self._channels.clear()
        if editing:
            await asyncio.wait(editing)

    def _schedule(self, channel: _Channel) -> None:
        """Set the channel's timer to its next edit, if there is one and none is under way."""
        if channel.timer is not None:
            channel.timer.cancel()
            channel.timer = None
        due = self._next(channel)
        if due is None or self._closed or channel.editing is not None:
            return
        loop = asyncio.get_running_loop()
        channel.timer = loop.call_at(self._due_s(due), self._queue_up, due.channel_id)

    def _queue_up(self, channel_id: int) -> None:
        """Something is due in the channel: its turn comes when those before it had theirs."""
        self._channels[channel_id].timer = None
        self._line[channel_id] = self._channels[channel_id]
        self._serve()

    def _serve(self) -> None:
        """Begin the edit of the first channel in the line as soon as the budget has room."""
        loop = asyncio.get_running_loop()
        if self._room is not None or not self._line:
            return
        if loop.time() < self._free_s:
            self._room = loop.call_at(self._free_s, self._has_room)
            return
        channel_id = next(iter(self._line))
        channel = self._line.pop(channel_id)
        shown = self._next(channel)
        if shown is None or channel.editing is not None or self._due_s(shown) > loop.time():
            self._schedule(channel)
        else:
            self._free_s = loop.time() + _SPACING_S
            channel.editing = asyncio.create_task(self._edit(shown), name=shown.key)
            channel.editing.add_done_callback(partial(self._edited, channel))
        self._serve()

    def _has_room(self) -> None:
        self._room = None
        self._serve()

    def _edited(self, channel: _Channel, task: asyncio.Task[None]) -> None:
        channel.editing = None
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("job %s: a progress edit broke off", task.get_name(), exc_info=error)
        self._schedule(channel)

    def _next(self, channel: _Channel) -> _Shown | None:
        dirty = [shown for shown in channel.shown.values() if shown.dirty and not shown.muted]
        return min(dirty, key=self._due_s, default=None)

    def _due_s(self, shown: _Shown) -> float:
        """Event loop time of the next edit; those who only wait leave the budget to the others."""
        return shown.edited_s + (_QUEUE_INTERVAL_S if shown.waits else self._interval_s)

    async def _edit(self, shown: _Shown) -> None:
        shown.dirty = False
        shown.edited_s = asyncio.get_running_loop().time()
        try:
            fields = await shown.fields()
            edit = shown.edit_by(self._client)
            await edit(**fields, allowed_mentions=discord.AllowedMentions.none())
        except (discord.NotFound, discord.Forbidden) as refusal:
            log.info("job %s: progress is not shown any more: %s", shown.key, refusal)
            shown.muted = True
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            log.info("job %s: one progress edit was lost: %s", shown.key, error)


async def _edit_last(private: _Private) -> None:
    """Let a private reply say what stays true, without a button: its job has ended."""
    try:
        await private.edit(
            **private.still, view=None, allowed_mentions=discord.AllowedMentions.none()
        )
    except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
        log.info("the last edit of a private reply was lost: %s", error)


def _is_editable(message_id: int | None) -> bool:
    """Whether Discord lets the message be edited without more ado."""
    return message_id is not None and age_s(message_id) <= EDITABLE_S
