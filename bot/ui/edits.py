"""What goes on from one picture of a job: variations, zooms, pans."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import discord

from bot.errors import NotFound
from bot.jobs.kinds import Pan, Request, Source, Variation, Vary, Zoom
from bot.jobs.lookup import Lookup
from bot.jobs.records import JobRow, Outcome
from bot.pictures.framing import Direction
from bot.prompt.characters import shortened
from bot.ui.interactions import Interactions
from bot.ui.message_text import quoted
from bot.ui.replies import check_permissions
from engine import Sentence


class Edits:
    """Orders them, each from stored picture `number` of a finished job.

    text: new words for it; remix: the same, as edited in a form, and the reply calls a variation a
    remix then.
    """

    def __init__(self, *, interactions: Interactions, lookup: Lookup) -> None:
        self._interactions = interactions
        self._lookup = lookup

    async def vary(
        self,
        interaction: discord.Interaction,
        row: JobRow,
        number: int,
        variation: Variation,
        *,
        text: str | None = None,
        remix: str | None = None,
        tells: bool = False,
    ) -> None:
        """Four variations. tells: the reply says which picture it is."""
        told = (_told(row, number),) if tells else ()

        def making(source: Source) -> Request:
            source = dataclasses.replace(source, told=told)
            return Vary(source=source, variation=variation)

        await self._edit(interaction, row, number, making, text=text, remix=remix)

    async def zoom(
        self,
        interaction: discord.Interaction,
        row: JobRow,
        number: int,
        factor: float,
        *,
        remix: str | None = None,
    ) -> None:
        """Four pictures that show `factor` times as much."""

        def making(source: Source) -> Request:
            return Zoom(source=source, factor=factor)

        await self._edit(interaction, row, number, making, remix=remix)

    async def square(
        self,
        interaction: discord.Interaction,
        row: JobRow,
        number: int,
        *,
        remix: str | None = None,
    ) -> None:
        """Four square pictures around it."""

        def making(source: Source) -> Request:
            return Zoom(source=source, factor=1.0, squares=True)

        await self._edit(interaction, row, number, making, remix=remix)

    async def pan(
        self,
        interaction: discord.Interaction,
        row: JobRow,
        number: int,
        direction: Direction,
        *,
        remix: str | None = None,
    ) -> None:
        """Four pictures that go on from it."""

        def making(source: Source) -> Request:
            return Pan(source=source, direction=direction)

        await self._edit(interaction, row, number, making, remix=remix)

    async def _edit(
        self,
        interaction: discord.Interaction,
        row: JobRow,
        number: int,
        making: Callable[[Source], Request],
        *,
        text: str | None = None,
        remix: str | None = None,
    ) -> None:
        if row.outcome is not Outcome.FINISHED:
            raise NotFound("This job has no pictures to go on from; press 🔄 to draw it again.")
        check_permissions(interaction)
        words = remix if text is None else text
        if words is not None:
            words = await self._interactions.written_out(interaction, words)
        before = None if remix is None else row.prompt

        async def request() -> Request:
            return making(await self._source(row, number, words, before))

        await self._interactions.place(interaction, request())

    async def _source(
        self, row: JobRow, number: int, words: str | None, before: str | None
    ) -> Source:
        _, picture = await self._lookup.picture(row.id, number)
        return Source(
            parent=await self._lookup.restored(row, pictures=False),
            picture=picture,
            text=row.prompt if words is None else words,
            resolved=self._lookup.resolved(row),
            reworded=words is not None,
            remixed_from=before,
        )


def _told(row: JobRow, number: int) -> Sentence:
    """Which picture of the job it is."""
    words = quoted(dataclasses.replace(row, prompt=shortened(row.prompt))) or f"`{row.id}`"
    return Sentence("From picture {number} of {words}.", number=number, words=words)
