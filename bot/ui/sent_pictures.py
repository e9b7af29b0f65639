"""What a member sends or chooses to go on from → the picture with what is known of it."""

from __future__ import annotations

import asyncio
import dataclasses

import discord

from bot.errors import UserError
from bot.jobs import seen
from bot.jobs.kinds import Source
from bot.jobs.lookup import Lookup
from bot.jobs.provenance import Provenance
from bot.jobs.records import JobRow
from bot.pictures import metadata, uploads
from bot.pictures.fetch import Fetcher
from bot.prompt.characters import plain, shortened
from bot.ui.message_text import quoted
from bot.ui.replies import may_show
from engine import Sentence


class SentPictures:
    """Reads them."""

    def __init__(self, *, lookup: Lookup, fetcher: Fetcher, provenance: Provenance) -> None:
        self._lookup = lookup
        self._fetcher = fetcher
        self._provenance = provenance

    async def stored(self, row: JobRow, number: int) -> Source:
        """Picture `number` of a finished job."""
        _, picture = await self._lookup.picture(row.id, number)
        return Source(
            parent=await self._lookup.restored(row, pictures=False),
            picture=picture,
            text=row.prompt,
            resolved=self._lookup.resolved(row),
        )

    async def sent(self, interaction: discord.Interaction, data: bytes) -> Source:
        """A picture made here that the member may see goes on from its job, any other from none and
        has no words. data: as it was sent; InvalidPicture where it is none.
        """
        origin = await self._provenance.origin(data, interaction.user.id)
        if origin is not None and not may_show(interaction, origin.row):
            origin = None
        if origin is not None and origin.unchanged and origin.position is not None:
            source = await self.stored(origin.row, origin.position)
            return dataclasses.replace(source, told=(named(origin.row, origin.position),))
        picture = await self._fetcher.of(interaction.user.id).clean(data)
        told: tuple[Sentence, ...] = ()
        if await asyncio.to_thread(uploads.is_animated, data):
            told = (Sentence("This picture is animated; its first frame was taken."),)
        origin_id = None if origin is None else origin.row.id
        return Source(picture=picture, text="", told=told, origin_id=origin_id)

    async def own_words(self, source: Source, data: bytes) -> str:
        """What a picture that goes on from no job says it shows; UserError where it says nothing.

        data: as it was sent: programs write the prompt into their pictures.
        """
        if source.origin_id is not None:
            row = await self._lookup.job(source.origin_id)
            words = behind(seen.found(row), row.prompt)
        else:
            claims = await asyncio.to_thread(metadata.read, data)
            words = (claims.canonical or claims.prompt) if claims else ""
        words = plain(words).strip()
        if not words:
            raise UserError(
                "This picture does not say what it shows; send it again with that in `prompt`."
            )
        return words


def behind(found: str, words: str) -> str:
    """A prompt with words before it that were found for pictures; both may be empty."""
    between = " " if words.startswith("--") else ", "
    return between.join(filter(None, (found, words)))


def named(row: JobRow, number: int) -> Sentence:
    """Which picture of the job it is."""
    words = quoted(dataclasses.replace(row, prompt=shortened(row.prompt))) or f"`{row.id}`"
    return Sentence("From picture {number} of {words}.", number=number, words=words)
