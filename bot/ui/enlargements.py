"""Upscales: of stored pictures, and of those that members send."""

from __future__ import annotations

import asyncio
import dataclasses

import discord

from bot.jobs.kinds import Request, Source, Upscale, Way, refuse_too_large
from bot.jobs.lookup import Lookup
from bot.jobs.provenance import Provenance
from bot.jobs.records import JobRow
from bot.pictures import uploads
from bot.pictures.fetch import Fetcher
from bot.prompt.characters import plain
from bot.ui.interactions import Fetch, Interactions
from bot.ui.questions import Questions
from bot.ui.replies import check_finished, check_permissions, may_show
from engine import Sentence


class Enlargements:
    """Orders them; where one costs more than a grid, its member is asked first."""

    def __init__(
        self,
        *,
        interactions: Interactions,
        questions: Questions,
        lookup: Lookup,
        fetcher: Fetcher,
        provenance: Provenance,
    ) -> None:
        self._interactions = interactions
        self._questions = questions
        self._lookup = lookup
        self._fetcher = fetcher
        self._provenance = provenance

    async def of_stored(
        self, interaction: discord.Interaction, row: JobRow, number: int, way: Way
    ) -> None:
        """Of stored picture `number` of a finished job."""
        check_finished(row)
        check_permissions(interaction)

        async def making() -> Request:
            return Upscale(source=await self._source(row, number), way=way)

        await self._questions.place(interaction, making)

    async def of_sent(
        self, interaction: discord.Interaction, read: Fetch, way: Way, words: str
    ) -> None:
        """Of a picture that a member sent.

        words: for the creative way; empty: those of the picture, where it was made here.
        """
        check_permissions(interaction)
        words = await self._interactions.written_out(interaction, plain(words)) if words else ""

        async def making() -> Request:
            source = await self._sent(interaction, await read())
            if words:
                source = dataclasses.replace(source, text=words, reworded=True)
            return Upscale(source=source, way=way)

        await self._questions.place(interaction, making, slow=True, words=words)

    async def _source(self, row: JobRow, number: int) -> Source:
        _, picture = await self._lookup.picture(row.id, number)
        return Source(
            parent=await self._lookup.restored(row, pictures=False),
            picture=picture,
            text=row.prompt,
            resolved=self._lookup.resolved(row),
        )

    async def _sent(self, interaction: discord.Interaction, data: bytes) -> Source:
        """A picture made here that the member may see goes on from its job, any other from none."""
        origin = await self._provenance.origin(data)
        if origin is not None and not may_show(interaction, origin.row):
            origin = None
        if origin is not None and origin.unchanged and origin.position is not None:
            return await self._source(origin.row, origin.position)
        cleaned = await self._fetcher.clean(data)
        refuse_too_large(await asyncio.to_thread(uploads.size_of, data))
        told: tuple[Sentence, ...] = ()
        if await asyncio.to_thread(uploads.is_animated, data):
            told = (Sentence("This picture is animated; its first frame was taken."),)
        origin_id = None if origin is None else origin.row.id
        return Source(picture=cleaned, text="", told=told, origin_id=origin_id)
