"""Films: how a picture came to be, and the way from one thing to another."""

from __future__ import annotations

from collections.abc import Sequence

import discord

from bot.errors import UserError
from bot.jobs.kinds import MakingOf, Morph, Request
from bot.jobs.lookup import Lookup
from bot.jobs.records import JobRow
from bot.pictures.fetch import Fetcher
from bot.prompt.characters import plain
from bot.ui.interactions import Interactions, attached
from bot.ui.questions import Questions
from bot.ui.replies import check_finished, check_permissions


class Films:
    """Orders them; where one costs more than a grid, its member is asked first."""

    def __init__(
        self,
        *,
        interactions: Interactions,
        questions: Questions,
        lookup: Lookup,
        fetcher: Fetcher,
    ) -> None:
        self._interactions = interactions
        self._questions = questions
        self._lookup = lookup
        self._fetcher = fetcher

    async def making_of(self, interaction: discord.Interaction, row: JobRow, number: int) -> None:
        """Of stored picture `number` of a finished job."""
        check_finished(row)
        check_permissions(interaction)

        async def making() -> Request:
            picture, _ = await self._lookup.picture(row.id, number)
            return MakingOf(
                parent=await self._lookup.restored(row),
                seed=picture.seed,
                text=row.prompt,
                resolved=self._lookup.resolved(row),
            )

        await self._questions.place(interaction, making)

    async def morph(
        self,
        interaction: discord.Interaction,
        *,
        words: Sequence[str],
        attachments: Sequence[discord.Attachment],
        frames: int,
        crosses: bool,
    ) -> None:
        """Between two texts or two pictures."""
        check_permissions(interaction)
        if (len(words), len(attachments)) not in {(2, 0), (0, 2)}:
            raise UserError(
                "A morph goes from one text to another, or from one picture to another."
            )
        texts = [await self._interactions.written_out(interaction, plain(text)) for text in words]

        async def making() -> Request:
            pictures = [
                await self._fetcher.of(interaction.user.id).clean(
                    await attached(self._fetcher.of(interaction.user.id), each)
                )
                for each in attachments
            ]
            return Morph(
                words=tuple(texts), pictures=tuple(pictures), frames=frames, crosses=crosses
            )

        await self._questions.place(
            interaction, making, slow=bool(attachments), words=next(iter(texts), "")
        )
