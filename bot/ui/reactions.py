"""Reactions: ✉️ ❌ ⭐, 1️⃣ to 4️⃣ and 🔄 on messages that show jobs.

Raw events, so that messages of before this process count too; no privileged intent is needed. A
reaction is no interaction: nothing can be answered in private in its channel, so that whoever may
not is ignored, and a refusal goes by direct message, now and then.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import aiohttp
import discord

from bot.errors import NotFound, UserError
from bot.jobs.favourites import Favourite
from bot.jobs.kinds import KINDS
from bot.jobs.orders import Accepted
from bot.jobs.provenance import is_stealthy
from bot.jobs.records import JobRow, MessageRow, Outcome, Role
from bot.jobs.seen import is_nsfw
from bot.locale import translated
from bot.preferences import BUTTONS, OWNERS
from bot.storage.database import DatabaseBusy
from bot.ui import memberships, refusals
from bot.ui.interactions import queued
from bot.ui.replies import attempt, is_age_restricted, lacking
from bot.ui.reposts import Repost, covered

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

log = logging.getLogger(__name__)

DELETE, FAVOURITE = "❌", "⭐"
_VARIANT = "\ufe0f"
"""Asks for the coloured form of a sign; some clients leave it out."""
_REMEMBERED = 10_000
_REFUSED_EVERY_MS = 5 * 60_000
"""Between two refusals that one member is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reacted:
    """Somebody reacts to a message that shows a job."""

    row: JobRow
    shown: MessageRow
    channel_id: int
    guild_id: int
    """0 in direct messages."""
    user_id: int
    number: int = 0
    """Which picture, from 1, where the reaction is a number."""
    member: discord.Member | None = None
    """Who reacts, in a server."""

    @property
    def theirs(self) -> bool:
        return self.user_id == self.row.user_id

    @property
    def language(self) -> str:
        """Of who reacts: nothing tells that of others than the job's member."""
        return self.row.member_locale if self.theirs else self.row.locale


class Reactions:
    """Does what a reaction asks for, once."""

    def __init__(self, *, client: Darkroom, now_ms: Callable[[], int]) -> None:
        self._client = client
        self._now_ms = now_ms
        self._standing: OrderedDict[tuple[int, int, str], None] = OrderedDict()
        """(message, member, sign) of those seen and not taken back: the gateway may tell of one
        again when it resumes, and no member can react twice with the same sign."""
        self._sending: set[tuple[int, int]] = set()
        """(message, member) of pictures that are being sent."""
        self._refused_ms: OrderedDict[int, int] = OrderedDict()
        """When each member was last told of a refusal."""

    async def added(self, payload: discord.RawReactionActionEvent) -> None:
        """Nothing that goes wrong is raised."""
        sign = sign_of(payload.emoji)
        ours = self._client.user is not None and payload.user_id == self._client.user.id
        bot = payload.member is not None and payload.member.bot
        if sign not in _DOES or ours or bot:
            return
        key = (payload.message_id, payload.user_id, sign)
        if key in self._standing:
            return
        self._standing[key] = None
        if len(self._standing) > _REMEMBERED:
            self._standing.popitem(last=False)
        try:
            await self._do(payload, sign)
        except UserError as refusal:
            if isinstance(refusal, DatabaseBusy):
                log.warning("reaction to message %d: %s", payload.message_id, refusal)
            await self._refuse(payload, refusal)
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            log.warning("reaction to message %d: %s", payload.message_id, error)

    async def removed(self, payload: discord.RawReactionActionEvent) -> None:
        """A sign may be given anew; ⭐ taken back is no favourite any more."""
        sign = sign_of(payload.emoji)
        self._standing.pop((payload.message_id, payload.user_id, sign), None)
        if sign != FAVOURITE:
            return
        try:
            row, shown = await self._client.lookup.shown_by(payload.message_id)
        except NotFound:
            return
        favourite = Favourite(job_id=row.id, position=_position(shown))
        await self._client.favourites.put(payload.user_id, favourite, marked=False)

    def cleared(self, message_id: int, sign: str | None = None) -> None:
        """All reactions to a message were taken off, or all with one sign: they may come anew.

        Favourites stay: whoever cleared reactions is not the member whose favourites they are.
        """
        for key in [key for key in self._standing if key[0] == message_id]:
            if sign is None or key[2] == sign:
                del self._standing[key]

    async def _do(self, payload: discord.RawReactionActionEvent, sign: str) -> None:
        try:
            row, shown = await self._client.lookup.shown_by(payload.message_id)
        except NotFound:
            if sign == DELETE:
                await self._cancel_batch(payload)
            return
        reacted = _Reacted(
            row=row,
            shown=shown,
            channel_id=payload.channel_id,
            guild_id=payload.guild_id or 0,
            user_id=payload.user_id,
            number=_NUMBERS.get(sign, 0),
            member=payload.member,
        )
        if await self._may(reacted, sign):
            await _DOES[sign](self, reacted)

    async def _may(self, reacted: _Reacted, sign: str) -> bool:
        """As the buttons: everybody in the job's channel, or its member alone."""
        row = reacted.row
        if reacted.theirs:
            return True
        if is_stealthy(row) or reacted.channel_id != row.channel_id or sign == DELETE:
            return False
        if sign in _PRIVATE:
            return True
        set_ = await self._client.preferences.of(reacted.guild_id)
        return set_.get(BUTTONS) != OWNERS

    async def _send(self, reacted: _Reacted) -> None:
        """✉️: job id, seed and pictures by direct message."""
        key = (reacted.shown.message_id, reacted.user_id)
        if reacted.row.outcome is not Outcome.FINISHED or key in self._sending:
            return
        self._client.pace.take(reacted.user_id)
        self._sending.add(key)
        try:
            user = await self._user(reacted.user_id)
            await self._client.copies.by_dm(
                reacted.row, user, number=reacted.shown.position or 0, language=reacted.language
            )
        except UserError as error:  # by direct message it could not be told either
            log.info("job %s was not sent: %s", reacted.row.id, error)
        finally:
            self._sending.discard(key)

    async def _cancel_or_delete(self, reacted: _Reacted) -> None:
        """❌: end one's own job, or take its message away; the pictures stay for /show."""
        row = reacted.row
        if row.outcome is Outcome.OPEN:
            await self._client.runner.cancel(row)
            return
        place = self._client.get_partial_messageable(
            reacted.channel_id, guild_id=reacted.guild_id or None
        )
        await place.get_partial_message(reacted.shown.message_id).delete()
        await self._client.lookup.deleted(reacted.shown.message_id)

    async def _cancel_batch(self, payload: discord.RawReactionActionEvent) -> None:
        batch = await self._client.lookup.batch_shown_by(payload.message_id)
        if batch is not None and batch.user_id == payload.user_id:
            await self._client.runner.cancel_batch(batch)

    async def _mark(self, reacted: _Reacted) -> None:
        """⭐: a favourite."""
        if reacted.row.outcome is not Outcome.FINISHED:
            return
        favourite = Favourite(job_id=reacted.row.id, position=_position(reacted.shown))
        await self._client.favourites.put(reacted.user_id, favourite, marked=True)
        if (reacted.shown.message_id, reacted.user_id, FAVOURITE) not in self._standing:
            # It was taken back meanwhile, and that may have been written first.
            await self._client.favourites.put(reacted.user_id, favourite, marked=False)

    async def _post_one(self, reacted: _Reacted) -> None:
        """1️⃣–4️⃣: as U1–U4."""
        row = reacted.row
        if reacted.shown.role not in {Role.GRID, Role.FILM} or not self._may_post(reacted):
            return
        guild = self._client.get_guild(reacted.guild_id)
        asked = Repost(
            row=row,
            guild_id=reacted.guild_id,
            channel_id=reacted.channel_id,
            channel=guild.get_channel_or_thread(reacted.channel_id) if guild else None,
            user_id=reacted.user_id,
            locale=reacted.language,
        )
        cover = await asked.check(self._client)
        self._client.pace.take(reacted.user_id)
        limit_bytes = self._limit_bytes(reacted)
        copies = self._client.copies
        copy = covered(
            await copies.one(row, reacted.number, limit_bytes, f"<@{reacted.user_id}>"), also=cover
        )
        place = self._client.get_partial_messageable(
            reacted.channel_id, guild_id=reacted.guild_id or None
        )
        message = await place.send(
            copy.content,
            files=copy.files,
            view=copy.view,
            allowed_mentions=discord.AllowedMentions.none(),
        )
        await self._client.lookup.showing(copy.shown_by(message.id, message.channel.id))

    async def _reroll(self, reacted: _Reacted) -> None:
        """🔄: as the button, at the price of who reacts: another four, or other descriptions.

        What would come out the same, such as the weights of words, has no such button when done.
        """
        row = reacted.row
        if row.outcome is Outcome.OPEN or not self._may_post(reacted):
            return
        follow_ups = KINDS[row.kind].follow_ups.values()
        if row.outcome is Outcome.FINISHED and not any("reroll" in names for names in follow_ups):
            return
        user = await self._user(reacted.user_id)
        guild_id = reacted.guild_id
        if not guild_id and reacted.theirs:
            guild_id = await memberships.paying(self._client, row.guild_id, reacted.user_id)
        accepted = await self._client.interactions.reroll_unasked(
            reacted.row,
            user,
            guild_id=guild_id,
            channel_id=reacted.channel_id,
            language=reacted.language,
            direct=not reacted.guild_id,
            member=reacted.member,
        )
        await self._tell_of(accepted, user, reacted.language)

    async def _tell_of(self, accepted: Accepted, user: discord.User, language: str) -> None:
        """What a button's private replies say of an order that is taken: by direct message."""
        told = "\n".join(translated(each, language) for each in dict.fromkeys(accepted.warnings))
        embeds = [queued(accepted, language)] if accepted.waits_behind else []
        if told or embeds:
            await attempt(
                user.send(told or None, embeds=embeds), f"the words about job {accepted.row.id}"
            )

    def _may_post(self, reacted: _Reacted) -> bool:
        """Whether the bot can post there what is asked for, for all there to see."""
        guild = self._client.get_guild(reacted.guild_id)
        channel = guild.get_channel_or_thread(reacted.channel_id) if guild else None
        if guild is None or channel is None:
            return not reacted.guild_id
        if is_nsfw(reacted.row) and not is_age_restricted(channel):
            return False  # it was restricted when the picture was ordered
        return not lacking(channel.permissions_for(guild.me), channel)

    def _limit_bytes(self, reacted: _Reacted) -> int:
        guild = self._client.get_guild(reacted.guild_id)
        return guild.filesize_limit if guild else discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES

    async def _user(self, user_id: int) -> discord.User:
        return self._client.get_user(user_id) or await self._client.fetch_user(user_id)

    async def _refuse(self, payload: discord.RawReactionActionEvent, refusal: UserError) -> None:
        """By direct message, once in some minutes; where that fails, nowhere."""
        now_ms, user_id = self._now_ms(), payload.user_id
        if now_ms - self._refused_ms.get(user_id, -_REFUSED_EVERY_MS) < _REFUSED_EVERY_MS:
            return
        self._refused_ms[user_id] = now_ms
        if len(self._refused_ms) > _REMEMBERED:
            self._refused_ms.popitem(last=False)
        try:
            row, _ = await self._client.lookup.shown_by(payload.message_id)
            language = row.member_locale if row.user_id == user_id else row.locale
            embed, file = refusals.embed(refusal, language)
            user = await self._user(user_id)
            await user.send(embed=embed, files=[file] if file else [])
        except (discord.HTTPException, NotFound) as error:
            log.info("member %d was not told of a refusal: %s", user_id, error)


_NUMBERS: Mapping[str, int] = MappingProxyType(
    {f"{number}\N{COMBINING ENCLOSING KEYCAP}": number for number in (1, 2, 3, 4)}
)
_DOES: Mapping[str, Callable[[Reactions, _Reacted], Awaitable[None]]] = MappingProxyType(
    {
        "✉": Reactions._send,  # noqa: SLF001 - of this file
        DELETE: Reactions._cancel_or_delete,  # noqa: SLF001 - of this file
        FAVOURITE: Reactions._mark,  # noqa: SLF001 - of this file
        "🔄": Reactions._reroll,  # noqa: SLF001 - of this file
        **dict.fromkeys(_NUMBERS, Reactions._post_one),  # noqa: SLF001 - of this file
    }
)
SIGNS = tuple(_DOES)
"""All that mean something, without the mark of their coloured form."""
_PRIVATE = frozenset({"✉", FAVOURITE})
"""Signs that show nothing to others and order nothing."""


def sign_of(emoji: discord.PartialEmoji) -> str:
    """The sign as it stands in `_DOES`; a server's own emoji is none."""
    return "" if emoji.id else emoji.name.replace(_VARIANT, "")


def _position(shown: MessageRow) -> int:
    """Of the favourite: a message of a job with one picture shows that one."""
    return shown.position or (1 if shown.role is Role.SINGLE else 0)
