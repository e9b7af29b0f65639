"""Upscales: of stored pictures, and of those that members send."""

from __future__ import annotations

import asyncio
import dataclasses

import discord

from bot.jobs.kinds import Request, Upscale, Way, refuse_too_large
from bot.jobs.records import JobRow
from bot.pictures import uploads
from bot.prompt.characters import plain
from bot.ui.interactions import Fetch, Interactions
from bot.ui.questions import Questions
from bot.ui.replies import check_finished, check_permissions
from bot.ui.sent_pictures import SentPictures


class Enlargements:
    """Orders them; where one costs more than a grid, its member is asked first."""

    def __init__(
        self,
        *,
        interactions: Interactions,
        questions: Questions,
        pictures: SentPictures,
    ) -> None:
        self._interactions = interactions
        self._questions = questions
        self._pictures = pictures

    async def of_stored(
        self, interaction: discord.Interaction, row: JobRow, number: int, way: Way
    ) -> None:
        """Of stored picture `number` of a finished job."""
        check_finished(row)
        check_permissions(interaction)

        async def making() -> Request:
            return Upscale(source=await self._pictures.stored(row, number), way=way)

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
            data = await read()
            source = await self._pictures.sent(interaction, data)
            if source.parent is None:  # a member's own may be larger than it is kept
                refuse_too_large(await asyncio.to_thread(uploads.size_of, data))
            if words:
                source = dataclasses.replace(source, text=words, reworded=True)
            return Upscale(source=source, way=way)

        await self._questions.place(interaction, making, slow=True, words=words)
