"""Interactions → orders: may the bot answer here, is the order taken, the first reply.

Between an interaction and its first reply there is pure code and one short transaction. Where
pictures must be fetched first, or the transaction waits, the reply is deferred.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TypeVar, cast

import aiohttp
import discord

from bot.errors import InvalidPicture, MissingPermission, NotFound, UserError
from bot.jobs.kinds import Blend, Imagine, PictureRequest, Request, Reroll, Variation, Vary
from bot.jobs.lookup import Lookup
from bot.jobs.orders import Accepted, Order, Orders
from bot.jobs.records import JobRow, Outcome
from bot.jobs.runner import Runner
from bot.pictures.fetch import Fetcher
from bot.prompt import grammar
from bot.prompt.characters import plain
from bot.ui.language import channel_locale, member_locale
from bot.ui.message_text import headline, status_of, with_notes
from engine import Sentence

log = logging.getLogger(__name__)

DEFER_AFTER_S = 2.0
"""Discord gives up on a first reply after three."""
NEEDED: Mapping[str, Sentence] = MappingProxyType(
    {
        "view_channel": Sentence("View Channels"),
        "send_messages": Sentence("Send Messages"),
        "send_messages_in_threads": Sentence("Send Messages in Threads"),
        "attach_files": Sentence("Attach Files"),
        "embed_links": Sentence("Embed Links"),
        "read_message_history": Sentence("Read Message History"),
    }
)
"""What the bot must be allowed in a channel, or in a thread of one, and how Discord calls it."""
PERMISSIONS = discord.Permissions(**dict.fromkeys(NEEDED, True))
"""What it asks for when it is invited."""

T = TypeVar("T")
Fetch = Callable[[], Awaitable[bytes]]
"""Fetches one clean picture."""


class Interactions:
    """Every command and button that orders a picture goes through `place`."""

    def __init__(self, *, orders: Orders, runner: Runner, lookup: Lookup, fetcher: Fetcher) -> None:
        self._orders = orders
        self._runner = runner
        self._lookup = lookup
        self._fetcher = fetcher

    async def imagine(self, interaction: discord.Interaction, text: str) -> None:
        """A grid for a prompt as typed; its links are fetched first."""
        text = plain(text)
        try:
            self.check_permissions(interaction)
            links = grammar.parse(text).images
            fetches = [partial(self._fetcher.link, link) for link in links]
            await self.place(interaction, Imagine(text=text), fetches)
        except UserError as refusal:
            refusal.command = f"/imagine prompt: {text}"
            raise

    async def reroll(self, interaction: discord.Interaction, row: JobRow) -> None:
        """The same job with a new seed, from the same pictures."""
        self.check_permissions(interaction)
        await self.place(interaction, self._rerolled(row))

    async def _rerolled(self, row: JobRow) -> Request:
        return Reroll(
            parent=await self._lookup.restored(row),
            kind=row.kind,
            text=row.prompt,
            title=row.title,
            resolved=self._lookup.resolved(row),
        )

    async def vary(
        self,
        interaction: discord.Interaction,
        row: JobRow,
        number: int,
        variation: Variation,
        *,
        text: str | None = None,
    ) -> None:
        """Four variations of stored picture `number` of the job, for the job's prompt or `text`."""
        text = None if text is None else plain(text)
        if row.outcome is not Outcome.FINISHED:
            raise NotFound("This job has no pictures to vary; press 🔄 to draw it again.")
        self.check_permissions(interaction)
        await self.place(interaction, self._varied(row, number, variation, text))

    async def _varied(
        self, row: JobRow, number: int, variation: Variation, text: str | None
    ) -> Request:
        _, picture = await self._lookup.picture(row.id, number)
        return Vary(
            parent=await self._lookup.restored(row, pictures=False),
            picture=picture,
            variation=variation,
            text=row.prompt if text is None else text,
            resolved=self._lookup.resolved(row),
            reworded=text is not None,
        )

    async def blend(
        self,
        interaction: discord.Interaction,
        attachments: Sequence[discord.Attachment],
        aspect: str,
    ) -> None:
        """Two to five pictures mixed, with no words."""
        self.check_permissions(interaction)
        fetches = [partial(self._attached, item) for item in attachments]
        await self.place(interaction, Blend(aspect=aspect), fetches)

    async def place(
        self,
        interaction: discord.Interaction,
        making: Request | Awaitable[Request],
        fetches: Sequence[Fetch] = (),
    ) -> None:
        """Accept the order, reply publicly and start it; a UserError is the caller's to answer.

        making: the request, or what reads it from the disk. fetches: for requests that start from
        pictures which are still to be fetched.
        """
        accepted = await self.before_reply(
            interaction, self._accept(interaction, making, fetches), slow=bool(fetches)
        )
        message_id: int | None = None
        try:
            message_id = await _reply(interaction, accepted)
        finally:  # it is paid for: it is drawn whatever becomes of the reply
            self._runner.start(accepted, message_id=message_id)

    async def before_reply(
        self,
        interaction: discord.Interaction,
        work: Coroutine[None, None, T],
        *,
        slow: bool = False,
    ) -> T:
        """What `work` returns, before the first public reply, which Discord awaits for 3 seconds.

        The reply is deferred where the work is slow, or turns out to be; if it then fails, the
        deferral is taken back, and the UserError is the caller's to answer.
        """
        working = asyncio.create_task(work)
        done, _ = await asyncio.wait({working}, timeout=0 if slow else DEFER_AFTER_S)
        if not done:
            await _try(interaction.response.defer(thinking=True), "the deferral")
        try:
            return await working
        except Exception:
            if interaction.response.is_done():
                await _try(interaction.delete_original_response(), "taking the deferral back")
            raise

    def check_permissions(self, interaction: discord.Interaction) -> None:
        """Name what the bot lacks here, before anything is drawn."""
        if interaction.guild_id is None:
            return
        thread = isinstance(interaction.channel, discord.Thread)
        lacking = [
            called
            for name, called in NEEDED.items()
            if name != ("send_messages" if thread else "send_messages_in_threads")
            and not getattr(interaction.app_permissions, name)
        ]
        if lacking:
            raise MissingPermission(
                Sentence(
                    "Darkroom lacks a permission in this channel: {names}. Ask who manages this "
                    "server to allow it, or use another channel. Nothing was drawn or charged.",
                    names=Sentence.listed(lacking),
                )
            )

    async def _attached(self, attachment: discord.Attachment) -> bytes:
        """A clean PNG of what a member attached; InvalidPicture otherwise."""
        try:
            return await self._fetcher.attachment(
                attachment.filename, attachment.size, attachment.read
            )
        except discord.HTTPException:
            raise InvalidPicture(
                Sentence(
                    "{file} could not be read from Discord; attach it again.",
                    file=attachment.filename,
                )
            ) from None

    async def _accept(
        self,
        interaction: discord.Interaction,
        making: Request | Awaitable[Request],
        fetches: Sequence[Fetch],
    ) -> Accepted:
        request = await making if isinstance(making, Awaitable) else making
        order = order_of(interaction, request)
        if not fetches:
            return await self._orders.accept(order)
        unfetched = cast("PictureRequest", request)
        await self._orders.expect(order, unfetched, len(fetches))
        pictures = tuple([await fetch() for fetch in fetches])
        whole = dataclasses.replace(order, request=unfetched.with_pictures(pictures))
        return await self._orders.accept(whole)


def order_of(interaction: discord.Interaction, request: Request) -> Order:
    """The request with who asks and where."""
    assert interaction.channel_id is not None  # every command and button is used in a channel
    return Order(
        guild_id=interaction.guild_id or 0,
        channel_id=interaction.channel_id,
        user_id=interaction.user.id,
        locale=member_locale(interaction),
        channel_locale=channel_locale(interaction),
        request=request,
    )


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
