"""A finished job's result once more: reposted by /show and U, or sent by direct message."""

from __future__ import annotations

import asyncio
import dataclasses
import io
from dataclasses import dataclass

import discord

from bot.errors import NotFound, UserError
from bot.jobs import seen
from bot.jobs.kinds import KINDS
from bot.jobs.lookup import Lookup
from bot.jobs.provenance import Provenance, is_stealthy
from bot.jobs.records import JobRow, MessageRow, Role
from bot.locale import translated
from bot.pictures import grid, metadata
from bot.preferences import Preferences
from bot.storage.database import DatabaseBusy
from bot.ui import actions, outbox
from bot.ui.message_text import ALT_CHARACTERS, CONTENT_CHARACTERS, has_seed, quoted
from bot.ui.outbox import Ended, Outbox
from bot.ui.replies import check_finished
from engine import Sentence

_TRIES = 4
"""At ever smaller files, where Discord takes fewer bytes than it says."""
_SMALLEST_BYTES = 64 * 1024
_NOBODY = discord.AllowedMentions.none()


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """What a message shows of a job."""

    row: JobRow
    role: Role
    position: int | None
    """Which picture, from 1, where it shows one of several."""
    content: str
    data: tuple[tuple[str, bytes], ...] = ()
    """Names and bytes of its files."""
    view: discord.ui.View
    alt_text: str = ""
    covered: bool = False
    """Whether its files are hidden until somebody clicks, even if the job's are not."""

    @property
    def files(self) -> list[discord.File]:
        """They can be sent once."""
        return [
            discord.File(
                io.BytesIO(data),
                name,
                description=self.alt_text or None,
                spoiler=self.covered or seen.is_spoiler(self.row),
            )
            for name, data in self.data
        ]

    def shown_by(self, message_id: int, channel_id: int) -> MessageRow:
        """What is to be remembered of a message with it."""
        return MessageRow(
            message_id=message_id,
            channel_id=channel_id,
            job_id=self.row.id,
            role=self.role,
            position=self.position,
        )


class Copies:
    """Makes copies and sends them."""

    def __init__(
        self,
        *,
        client: discord.Client,
        outbox: Outbox,
        lookup: Lookup,
        provenance: Provenance,
        preferences: Preferences,
    ) -> None:
        self._client = client
        self._outbox = outbox
        self._lookup = lookup
        self._provenance = provenance
        self._preferences = preferences

    async def one(self, row: JobRow, number: int, limit_bytes: int, member: str) -> Copy:
        """One stored picture at full size. member: the mention of who asked for it."""
        picture, png = await self._lookup.picture(row.id, number)
        extension, data = await self._within(row, png, number, limit_bytes)
        image = Sentence(
            "Image #{number} {member}\n-# Job {job}", number=number, member=member, job=row.id
        )
        if has_seed(row):
            image = Sentence(
                "Image #{number} {member}\n-# Seed {seed} · Job {job}",
                number=number,
                member=member,
                seed=picture.seed,
                job=row.id,
            )
        words, said = quoted(row), translated(image, row.locale)
        return Copy(
            row=row,
            role=Role.SINGLE,
            position=number,
            content=f"{words} - {said}" if words else said,
            data=((f"{row.id}_{number}.{extension}", data),),
            view=actions.view(KINDS[row.kind].follow_ups.get(Role.SINGLE, ()), row, single=picture),
            alt_text=(row.prompt or row.title)[:ALT_CHARACTERS],
        )

    async def whole(
        self, row: JobRow, limit_bytes: int, *, language: str = "", apart: bool = False
    ) -> Copy:
        """The result as it was posted, with its seed and job id; NotFound where there is none.

        language: of `locale`; empty: the job's. apart: each picture is a file of its own.
        """
        check_finished(row)
        ended = await self._outbox.load(row.id)
        ended = dataclasses.replace(
            ended, row=dataclasses.replace(ended.row, locale=language or row.locale)
        )
        files = await asyncio.to_thread(self._outbox.read, ended)
        try:
            encode = await asyncio.to_thread(outbox.opened, ended, files)
        except (OSError, ValueError):
            raise NotFound(
                "This picture was deleted from the disk; it has to be drawn again."
            ) from None
        data: tuple[tuple[str, bytes], ...] = ()
        if apart and ended.role is Role.GRID:
            each_bytes = limit_bytes // len(files)
            encoded = [
                await self._within(row, png, number, each_bytes)
                for number, png in enumerate(files, 1)
            ]
            data = tuple(
                (f"{row.id}_{number}.{extension}", file)
                for number, (extension, file) in enumerate(encoded, 1)
            )
        elif encode is not None:
            extension, file = await asyncio.to_thread(encode, limit_bytes)
            if ended.role is not Role.TEXT:
                single = 1 if ended.role is Role.SINGLE else None
                await self._provenance.posted(row.id, file, position=single)
            data = ((f"{row.id}.{extension}", file),)
        return Copy(
            row=ended.row,
            role=ended.role,
            position=None,
            content=_with_seed(ended),
            data=data,
            view=ended.view(),
            alt_text=ended.alt_text[:ALT_CHARACTERS],
        )

    async def by_dm(
        self, row: JobRow, user: discord.User | discord.Member, *, number: int = 0, language: str
    ) -> discord.Message:
        """Send a finished job's pictures, its id and seed; UserError where the member takes none.

        number: only this picture, from 1; 0: all of them. Its buttons are for its owner alone.
        """
        limit_bytes = discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES
        for attempt in range(_TRIES):
            copy = (
                await self.one(row, number, limit_bytes, user.mention)
                if number
                else await self.whole(row, limit_bytes, language=language, apart=True)
            )
            theirs = user.id == row.user_id
            try:
                message = await user.send(
                    copy.content,
                    files=copy.files,
                    view=copy.view if theirs else discord.ui.View(),
                    allowed_mentions=_NOBODY,
                )
            except discord.Forbidden:
                raise UserError(
                    "I cannot send you a direct message; allow those of this server's members in "
                    "your privacy settings."
                ) from None
            except discord.HTTPException as error:
                if error.status != 413 or attempt == _TRIES - 1 or limit_bytes < _SMALLEST_BYTES:
                    raise
                limit_bytes //= 2
                continue
            await self._lookup.showing(copy.shown_by(message.id, message.channel.id))
            return message
        raise AssertionError("the last try returns or raises")

    async def send_also(self, ended: Ended, message: discord.Message) -> None:
        """What has just been posted goes to its member's direct messages too, if they want that."""
        row = ended.row
        wants = (await self._preferences.member(row.user_id)).auto_dm
        if not wants or is_stealthy(row) or not row.guild_id or self._is_direct(message):
            return
        user = self._client.get_user(row.user_id) or await self._client.fetch_user(row.user_id)
        try:
            await self.by_dm(row, user, language=row.member_locale)
        except DatabaseBusy:
            raise
        except UserError:
            return  # they closed their direct messages; the channel has it

    def _is_direct(self, message: discord.Message) -> bool:
        guild = message.guild
        return guild is None or guild.get_channel_or_thread(message.channel.id) is None

    async def _within(
        self, row: JobRow, png: bytes, number: int, limit_bytes: int
    ) -> tuple[str, bytes]:
        """A stored picture as it may be sent."""
        if len(png) <= limit_bytes:
            return "png", png
        extension, data = await asyncio.to_thread(
            lambda: grid.within(grid.grid([png]), limit_bytes, metadata.read(png))
        )
        await self._provenance.posted(row.id, data, position=number)
        return extension, data


def _with_seed(ended: Ended) -> str:
    """What the message of the end said, and below it seed and job id."""
    said = outbox.content_of(ended)
    if ended.role is Role.SINGLE:  # it says them anyway
        return said
    line = f"\n-# {translated(outbox.seed_of(ended), ended.row.locale)}"
    return said[: CONTENT_CHARACTERS - len(line)] + line
