"""What goes on from one picture of a job: variations, zooms, pans."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

import discord

from bot.errors import UserError
from bot.jobs.kinds import Pan, Region, Request, Source, Variation, Vary, Zoom
from bot.jobs.records import JobRow
from bot.pictures import uploads
from bot.pictures.fetch import Fetcher
from bot.pictures.framing import Direction
from bot.pictures.region import joined, mask_of, painted_mask
from bot.prompt.areas import boxes_of
from bot.prompt.characters import plain
from bot.ui.interactions import Fetch, Interactions, filed
from bot.ui.modals import File
from bot.ui.replies import check_finished, check_permissions
from bot.ui.sent_pictures import SentPictures, named
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom


class Edits:
    """Orders them, each from stored picture `number` of a finished job.

    text: new words for it; remix: the same, as edited in a form, and the reply calls a variation a
    remix then.
    """

    def __init__(
        self,
        *,
        interactions: Interactions,
        pictures: SentPictures,
        fetcher: Fetcher,
    ) -> None:
        self._interactions = interactions
        self._pictures = pictures
        self._fetcher = fetcher

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
        told = (named(row, number),) if tells else ()

        async def making(source: Source) -> Request:
            source = dataclasses.replace(source, told=told)
            return Vary(source=source, variation=variation)

        await self._edit(interaction, row, number, making, text=text, remix=remix)

    async def vary_sent(
        self,
        interaction: discord.Interaction,
        read: Fetch,
        variation: Variation,
        words: str | None,
    ) -> None:
        """Four variations of a picture that a member sent.

        words: what it shows; None: what it says itself, where it was made here or by a program that
        writes the prompt into its pictures.
        """
        check_permissions(interaction)
        if words is not None:
            words = await self._interactions.written_out(interaction, plain(words))

        async def request() -> Request:
            data, said = await read(), words
            source = await self._pictures.sent(interaction, data)
            if said is None and source.parent is None:
                said = await self._pictures.own_words(source, data)
            if said is not None:
                source = dataclasses.replace(source, text=said, reworded=True)
            return Vary(source=source, variation=variation)

        await self._interactions.place(interaction, request(), slow=True, words=words or "")

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

        async def making(source: Source) -> Request:
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

        async def making(source: Source) -> Request:
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

        async def making(source: Source) -> Request:
            return Pan(source=source, direction=direction)

        await self._edit(interaction, row, number, making, remix=remix)

    async def region(
        self,
        interaction: discord.Interaction[Darkroom],
        row: JobRow,
        number: int,
        *,
        painted: File | None,
        areas: str,
        remix: str | None = None,
    ) -> None:
        """Four pictures in which one part is drawn anew.

        painted: a copy of the picture with that part painted over; areas: or its name.
        """
        if painted is None and not areas:
            raise UserError(
                "Upload the picture with the part painted over that is to be drawn anew, or write "
                "where it is, such as: top left."
            )
        boxes = boxes_of(areas) if areas else ()
        read = None if painted is None else partial(filed, self._fetcher, interaction, painted)

        async def making(source: Source) -> Request:
            masks = []
            if read is not None:
                copy = await read()
                clean = await self._fetcher.of(interaction.user.id).clean(copy)
                masks.append(await asyncio.to_thread(painted_mask, source.picture, clean))
                if await asyncio.to_thread(uploads.is_animated, copy):
                    told = Sentence("What was uploaded is animated; its first frame was used.")
                    source = dataclasses.replace(source, told=(told,))
            if boxes:
                masks.append(await asyncio.to_thread(mask_of, boxes, source.size))
            return Region(source=source, mask=await asyncio.to_thread(joined, masks))

        await self._edit(interaction, row, number, making, remix=remix)

    async def _edit(
        self,
        interaction: discord.Interaction,
        row: JobRow,
        number: int,
        making: Callable[[Source], Awaitable[Request]],
        *,
        text: str | None = None,
        remix: str | None = None,
    ) -> None:
        check_finished(row)
        check_permissions(interaction)
        words = remix if text is None else text
        if words is not None:
            words = await self._interactions.written_out(interaction, words)
        before = None if remix is None else row.prompt

        async def request() -> Request:
            source = await self._pictures.stored(row, number)
            if words is not None:
                source = dataclasses.replace(source, text=words, reworded=True, remixed_from=before)
            return await making(source)

        await self._interactions.place(interaction, request(), words=words or "")
