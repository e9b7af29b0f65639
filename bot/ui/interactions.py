"""Takes orders from interactions: may the bot answer here, is the order taken, the first reply.

Between an interaction and its first reply there is pure code and one short transaction. Where
pictures must be fetched first, or the transaction waits, the reply is deferred.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

import aiohttp
import discord

from bot.errors import InvalidLink, MissingPermission, NotFound, UserError
from bot.jobs.records import JobRow, Kind, Outcome
from bot.jobs.runner import Accepted, Order, Studio
from bot.pictures.fetch import Fetcher
from bot.prompt import brief
from bot.prompt import grammar as prompt
from bot.ui.message_text import headline, status_of, with_notes

log = logging.getLogger(__name__)

DEFER_AFTER_S = 2.0
"""Discord gives up on a first reply after three."""
_NEEDED = ("view_channel", "send_messages", "attach_files", "embed_links", "read_message_history")

T = TypeVar("T")
Fetch = Callable[[], Awaitable[bytes]]
"""Fetches one clean picture."""


class Reception:
    """Every command and button that orders a picture goes through `take`."""

    def __init__(self, *, studio: Studio, fetcher: Fetcher) -> None:
        self._studio = studio
        self.fetcher = fetcher

    async def imagine(self, interaction: discord.Interaction, text: str) -> None:
        """A grid for a prompt as typed; its links are fetched first."""
        try:
            links = prompt.parse(text).images
            fetches = [partial(self.fetcher.link, link) for link in links]
            await self.take(interaction, _order(interaction, text), fetches)
        except UserError as refusal:
            refusal.command = f"/imagine prompt: {text}"
            raise

    async def again(self, interaction: discord.Interaction, row: JobRow) -> None:
        """The same prompt with a new seed, from the same pictures."""
        inputs = await self._studio.inputs(row.id)
        order = _order(
            interaction,
            row.prompt,
            kind=Kind.REROLL,
            title=row.title,
            parent_id=row.id,
            inputs=inputs.pictures,
            strength=inputs.strength,
            keep_seed=False,
        )
        await self.take(interaction, order)

    async def vary(
        self,
        interaction: discord.Interaction,
        row: JobRow,
        number: int,
        variation: brief.Variation,
        *,
        text: str | None = None,
    ) -> None:
        """Four variations of stored picture `number` of the job, for the job's prompt or `text`."""
        if row.outcome is not Outcome.FINISHED:
            raise NotFound("This job has no pictures to vary; press 🔄 to draw it again.")
        if text is not None and prompt.parse(text, beside=1).images:
            raise InvalidLink(
                "A variation starts from its own picture; leave the link out, or use /imagine.",
                command=text,
            )
        _, picture = await self._studio.picture(row.id, number)
        order = _order(
            interaction,
            row.prompt if text is None else text,
            kind=Kind.VARY,
            title=variation.title,
            parent_id=row.id,
            inputs=(picture,),
            strength=variation.strength,
        )
        await self.take(interaction, order)

    async def blend(
        self,
        interaction: discord.Interaction,
        attachments: Sequence[discord.Attachment],
        aspect: str,
    ) -> None:
        """Two to five pictures mixed, with no words."""
        order = _order(
            interaction,
            f"--ar {aspect}",
            kind=Kind.BLEND,
            title="Blend",
            strength=brief.BLEND_STRENGTH,
        )
        fetches = [partial(self.fetcher.attachment, item) for item in attachments]
        await self.take(interaction, order, fetches)

    async def take(
        self, interaction: discord.Interaction, order: Order, fetches: Sequence[Fetch] = ()
    ) -> None:
        """Accept the order, reply publicly and start it; a UserError is the caller's to answer."""
        self.check_permissions(interaction)
        accepting = asyncio.create_task(self._accept(order, fetches))
        done, _ = await asyncio.wait({accepting}, timeout=0 if fetches else DEFER_AFTER_S)
        if not done:
            await _try(interaction.response.defer(thinking=True), "the deferral")
        try:
            accepted = await accepting
        except Exception:
            if interaction.response.is_done():
                await _try(interaction.delete_original_response(), "taking the deferral back")
            raise
        message_id: int | None = None
        try:
            message_id = await _reply(interaction, accepted)
        finally:  # it is paid for: it is drawn whatever becomes of the reply
            self._studio.start(accepted, message_id=message_id)

    def check_permissions(self, interaction: discord.Interaction) -> None:
        """Name what the bot lacks here, before anything is drawn."""
        if interaction.guild_id is None:
            return
        needed = list(_NEEDED)
        if isinstance(interaction.channel, discord.Thread):
            needed[1] = "send_messages_in_threads"
        missing = [name for name in needed if not getattr(interaction.app_permissions, name)]
        if missing:
            names = ", ".join(name.replace("_", " ").title() for name in missing)
            raise MissingPermission(
                f"Darkroom lacks a permission in this channel: {names}. Ask who manages this "
                f"server to allow it, or use another channel. Nothing was drawn or charged."
            )

    async def _accept(self, order: Order, fetches: Sequence[Fetch]) -> Accepted:
        if not fetches:
            return await self._studio.accept(order)
        await self._studio.expect(order, len(fetches))
        pictures = tuple([await fetch() for fetch in fetches])
        return await self._studio.accept(order.with_inputs(pictures))


async def _reply(interaction: discord.Interaction, accepted: Accepted) -> int | None:
    """Reply publicly; the id of that message, or None where Discord did not take it."""
    row = accepted.row
    content = with_notes(headline(row, status_of(None)), row.notes)
    nobody = discord.AllowedMentions.none()
    if interaction.response.is_done():
        message = await _try(
            interaction.edit_original_response(content=content, allowed_mentions=nobody),
            f"the first reply of job {row.id}",
        )
        return message.id if message else None
    response = await _try(
        interaction.response.send_message(content, allowed_mentions=nobody),
        f"the first reply of job {row.id}",
    )
    return response.message_id if response else None


async def _try(call: Awaitable[T], what: str) -> T | None:
    """The call's result, or None where Discord did not take it: results go by the channel."""
    try:
        return await call
    except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
        log.warning("%s was lost: %s", what, error)
        return None


def _order(
    interaction: discord.Interaction,
    text: str,
    *,
    kind: Kind = Kind.IMAGINE,
    title: str = "",
    parent_id: str | None = None,
    inputs: tuple[bytes, ...] = (),
    strength: float | None = None,
    keep_seed: bool = True,
) -> Order:
    assert interaction.channel_id is not None  # every command and button is used in a channel
    return Order(
        guild_id=interaction.guild_id or 0,
        channel_id=interaction.channel_id,
        user_id=interaction.user.id,
        text=text,
        kind=kind,
        title=title,
        parent_id=parent_id,
        inputs=inputs,
        strength=strength,
        keep_seed=keep_seed,
    )
