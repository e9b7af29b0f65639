"""Finds jobs, their pictures and what messages show."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any

import engine
from bot.errors import NotFound
from bot.jobs import batches, codec, records
from bot.jobs.batches import BatchRow
from bot.jobs.codec import StoredJobError
from bot.jobs.kinds import KINDS, Said, Suggestions
from bot.jobs.records import ImageRow, JobRow, MessageRow, Tally
from bot.pictures.store import PictureStore
from bot.storage.database import Database
from engine import Sentence

STARTED_FROM = ("inputs", "mask")
"""What of a drawing has to do with the pictures it started from."""

_MESSAGE_LINK = re.compile(r"<?https?://[^/\s]+/channels/(?:@me|\d{1,20})/\d{1,20}/(\d{1,19})>?")
"""Of whatever Discord; its group is the message's id."""
_LAST_ID = 2**63 - 1


class Lookup:
    """Reads, and changes nothing but what messages show."""

    def __init__(self, *, database: Database, store: PictureStore) -> None:
        self._database = database
        self._store = store

    async def job(self, job_id: str) -> JobRow:
        async with self._database.read(short=True) as connection:
            row = await records.get(connection, job_id)
        if row is None:
            raise NotFound("This picture is not known here; it may be from another server's bot.")
        if not row.stored:
            raise NotFound("Its member erased this picture; nothing is left of it here.")
        return row

    async def last_job(self, *, user_id: int, channel_id: int) -> JobRow:
        """The member's newest finished job in the channel."""
        async with self._database.read() as connection:
            row = await records.last_finished(connection, user_id=user_id, channel_id=channel_id)
        if row is None:
            raise NotFound("You have no finished picture in this channel yet; try /imagine first.")
        return row

    async def newest_job(self, *, user_id: int, guild_id: int) -> JobRow:
        """The member's newest finished job in the server; guild 0: anywhere."""
        async with self._database.read() as connection:
            row = await records.newest_finished(connection, user_id=user_id, guild_id=guild_id)
        if row is None:
            raise NotFound("You have no finished picture here yet; try /imagine first.")
        return row

    async def own_job(self, user_id: int, reference: str) -> tuple[JobRow, int | None]:
        """The member's job of an id, or of a link to a message that shows it; and which picture.

        NotFound says the same whether there is no such job or it is another member's.
        """
        link = _MESSAGE_LINK.fullmatch(reference.strip())
        async with self._database.read() as connection:
            message_id = int(link[1]) if link else 0
            message = None
            if 0 < message_id <= _LAST_ID:
                message = await records.message(connection, message_id)
            job_id = message.job_id if message else reference.strip()
            row = await records.get(connection, job_id)
        if row is None or row.user_id != user_id:
            raise NotFound("You have no such job; the command suggests yours as you type.")
        return row, message.position if message else None

    async def own_jobs(self, user_id: int, text: str, limit: int) -> list[JobRow]:
        """The member's newest finished jobs with the text in their prompts."""
        async with self._database.read() as connection:
            return await records.search(connection, user_id=user_id, text=text, limit=limit)

    async def shown_in(self, job_id: str) -> tuple[MessageRow, ...]:
        """The messages that show the job, oldest first."""
        async with self._database.read() as connection:
            return tuple(await records.shown_in(connection, job_id))

    async def shown_by(self, message_id: int) -> tuple[JobRow, MessageRow]:
        """The job that a message of ours shows, and how."""
        async with self._database.read() as connection:
            message = await records.message(connection, message_id)
            row = await records.get(connection, message.job_id) if message else None
        if row is None or message is None:
            raise NotFound("This message shows no picture of Darkroom's; choose one that does.")
        return row, message

    async def batch(self, batch_id: str) -> BatchRow | None:
        """The batch of that id; None where none was ordered."""
        async with self._database.read() as connection:
            return await batches.get(connection, batch_id)

    async def batch_shown_by(self, message_id: int) -> BatchRow | None:
        """The batch that a message of ours shows; None where it shows none."""
        async with self._database.read() as connection:
            return await batches.shown_by(connection, message_id)

    async def open_of(self, user_id: int) -> tuple[JobRow, ...]:
        """The member's jobs that wait or run, oldest first."""
        async with self._database.read() as connection:
            return tuple(await records.open_of(connection, user_id))

    async def tally(self, user_id: int) -> Tally:
        """What the member has made."""
        async with self._database.read() as connection:
            return await records.tally(connection, user_id)

    async def picture(self, job_id: str, position: int) -> tuple[ImageRow, bytes]:
        """Picture `position` (from 1) of a finished job, as it is stored."""
        async with self._database.read() as connection:
            rows = await records.pictures(connection, job_id)
        found = next((image for image in rows if image.position == position), None)
        if found is None:
            raise NotFound(Sentence("This job has no picture {position}.", position=position))
        if found.blurred:
            raise NotFound(
                "The safety check blurred this picture, and nobody kept it: nothing can be made "
                "from it."
            )
        try:
            return found, await asyncio.to_thread(self._store.load, found.sha256)
        except FileNotFoundError:
            raise NotFound(
                "This picture was deleted from the disk; it has to be drawn again."
            ) from None

    async def pictures(self, job_id: str) -> tuple[ImageRow, ...]:
        """What the job drew."""
        async with self._database.read() as connection:
            return tuple(await records.pictures(connection, job_id))

    async def restored(self, row: JobRow, *, pictures: bool = True) -> engine.Job:
        """The engine job as it was ordered, with or without the pictures it started from.

        Those whose style it follows always come with it.
        """
        without = () if pictures else STARTED_FROM
        try:
            return await asyncio.to_thread(
                codec.load, row.stored, row.stored_version, self._store.load, without=without
            )
        except FileNotFoundError:
            raise NotFound("The picture this started from is gone; send it again.") from None
        except StoredJobError as error:
            raise NotFound(error.args[0]) from None

    async def texts(self, row: JobRow) -> tuple[str, ...]:
        """What the job said, as the engine wrote it."""
        async with self._database.read() as connection:
            return tuple(text.text for text in await records.said(connection, row.id))

    async def suggestions(self, row: JobRow) -> Suggestions:
        """The prompts that the job found."""
        async with self._database.read() as connection:
            texts = await records.said(connection, row.id)
        return KINDS[row.kind].suggest(Said(texts=texts, resolved=self.resolved(row)))

    def resolved(self, row: JobRow) -> Mapping[str, Any]:
        """What the job's text meant when it was ordered, see `kinds.Written`."""
        found: dict[str, Any] = json.loads(row.resolved)
        return found

    async def deleted(self, message_id: int) -> None:
        """A message of ours is gone."""
        async with self._database.write() as connection:
            await records.forget_message(connection, message_id)

    async def showing(self, message: MessageRow) -> None:
        """Remember what a new message of ours shows, as soon as the database takes it: the message
        is there, so that nobody may be told that nothing was done.
        """
        await self._database.written(
            lambda connection: records.show(connection, message),
            f"message {message.message_id} of job {message.job_id}",
        )
