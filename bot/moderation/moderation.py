"""Whether a member may order here, and in these words: what the database and the rules say."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import Blocked, NotAllowed, NotFound, RulesNotAccepted
from bot.moderation import standings, verdicts
from bot.moderation.channels import Channels
from bot.moderation.phrases import Category, Hit, Level, Rule
from bot.moderation.standings import Standing
from bot.moderation.verdicts import Appeal, Found, Verdict
from bot.moderation.words import NAMES, Words
from bot.preferences import APPEAL_CHANNEL, RULES, Preferences
from bot.storage.audit import Action, Audit
from bot.storage.database import Database
from engine import Sentence

_ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_ID_CHARACTERS = 16
_SAFETY_CHECK = Rule(phrase="", level=Level.BLOCK, category=Category.ADULT)
"""What pictures that the engine's checker withholds break; it has no words."""
_LONG_CHARACTERS, _MANY_PHRASES = 500, 500
"""A longer text, or one that is compared with more, is read outside of the event loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Who orders, and where."""

    guild_id: int
    """0 in direct messages."""
    channel_id: int
    parent_channel_id: int = 0
    """The channel that a thread is in; 0: it is no thread."""
    age_restricted: bool = False
    """Whether Discord shows the channel to adults alone."""
    direct: bool = False
    """Whether it is ordered in direct messages, where a server's channels do not matter."""
    user_id: int
    locale: str
    own_words: bool = True
    """False: all the words are those of the picture that it goes on from, perhaps another
    member's."""
    words_of: int = 0
    """Whose words they are, where they are not of who asks: what was approved for that member
    passes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """An order as the log of verdicts names it."""

    guild_id: int
    channel_id: int
    user_id: int
    prompt: str
    job_id: str | None = None
    """None: the order was refused, so there is no job."""
    locale: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """What follows from the words of an order that is taken."""

    spoiler: bool = False
    """What it draws is hidden until somebody clicks."""
    nsfw: bool = False
    """It is ordered where adult content is allowed, and must not be shown elsewhere."""
    warnings: tuple[Sentence, ...] = ()
    """For the member alone."""


class Moderation:
    """Asked before every order; keeps verdicts, strikes and blocks."""

    def __init__(
        self,
        *,
        database: Database,
        preferences: Preferences,
        words: Words,
        audit: Audit,
        now_ms: Callable[[], int],
    ) -> None:
        self._database = database
        self._preferences = preferences
        self.words = words
        self._audit = audit
        self._now_ms = now_ms

    async def check(
        self, asking: Asking, texts: Sequence[Sequence[str]], *, ordered: bool = True
    ) -> tuple[Passed, ...]:
        """For each job, what follows from its texts; a UserError where the order is refused.

        texts: of each job all that it is made from, what the member typed first. ordered: whether
        this is the order itself, and not a question what it would cost.
        """
        set_ = await self._preferences.of(asking.guild_id)
        channels = Channels.of(set_)
        here = asking.channel_id, asking.parent_channel_id
        if asking.guild_id and not asking.direct and not channels.takes(*here):
            raise NotAllowed(
                "Who manages this server lets nobody order pictures in this channel; use another "
                "one."
            )
        async with self._database.read(short=True) as connection:
            standing = await standings.get(connection, asking.guild_id, asking.user_id)
        self._refuse_blocked(standing)
        _refuse_rules(set_.get(RULES, ""), standing)
        nsfw = _takes_adult(asking, channels)
        return tuple([await self._read(asking, each, nsfw=nsfw, ordered=ordered) for each in texts])

    async def allows_adult(self, asking: Asking) -> bool:
        """Whether adult content may be ordered where it is asked."""
        return _takes_adult(asking, Channels.of(await self._preferences.of(asking.guild_id)))

    async def found_in(self, guild_id: int, *texts: str) -> tuple[Hit, ...]:
        """What of the server's rules the texts meet, the strictest level first."""
        phrases = await self.words.phrases(guild_id)
        if sum(map(len, texts)) > _LONG_CHARACTERS or len(phrases) > _MANY_PHRASES:
            hits = await asyncio.to_thread(phrases.hits, *texts)
        else:
            hits = phrases.hits(*texts)
        on = await self.words.categories(guild_id)
        return _counting(hits, on)

    async def _read(
        self, asking: Asking, texts: Sequence[str], *, nsfw: bool, ordered: bool
    ) -> Passed:
        hits = await self.found_in(asking.guild_id, *texts)
        if nsfw:
            hits = tuple(hit for hit in hits if hit.rule.category is not Category.ADULT)
        if not hits:
            return Passed(nsfw=nsfw)
        blocking = next((hit for hit in hits if hit.rule.level is Level.BLOCK), None)
        if blocking is not None:
            never = blocking.rule.category is Category.MINORS
            if never or not await self._is_approved(asking, texts):
                await self._block(asking, texts, blocking)
        warned = [hit for hit in hits if hit.rule.level is Level.WARN]
        for hit in hits:
            if ordered and hit.rule.level in (Level.WARN, Level.SPOILER):
                await self._log(asking, texts, hit)
        return Passed(
            nsfw=nsfw,
            spoiler=any(hit.rule.level is Level.SPOILER for hit in hits),
            warnings=tuple(
                _warning(category)
                for category in dict.fromkeys(hit.rule.category for hit in warned)
            ),
        )

    async def _block(self, asking: Asking, texts: Sequence[str], hit: Hit) -> None:
        """Write the verdict down with its strike, and refuse; who typed nothing has no strike."""
        if not asking.own_words:
            raise Blocked(_refused(hit.rule.category, of_picture=True), command=texts[0])
        verdict = await self._log(asking, texts, hit)
        async with self._database.write() as connection:
            until_ms = await standings.time_out(
                connection, asking.guild_id, asking.user_id, now_ms=self._now_ms()
            )
        said = _refused(hit.rule.category)
        if until_ms:
            said = Sentence(
                "{said} As this was not the first time, you can order again {when}.",
                said=said,
                when=f"<t:{until_ms // 1000}:R>",
            )
        may_appeal = hit.rule.category is not Category.MINORS and bool(
            (await self._preferences.of(asking.guild_id)).get(APPEAL_CHANNEL)
        )
        raise Blocked(
            said, verdict_id=verdict.id if may_appeal and asking.guild_id else "", command=texts[0]
        )

    async def _log(self, asking: Asking, texts: Sequence[str], hit: Hit) -> Verdict:
        ordered = Ordered(
            guild_id=asking.guild_id,
            channel_id=asking.channel_id,
            user_id=asking.user_id,
            prompt="\n".join(filter(None, texts)).replace("\0", ""),
            locale=asking.locale,
        )
        verdict = self._verdict(ordered, Found.WORDS, hit.rule)
        async with self._database.write() as connection:
            await verdicts.add(connection, verdict)
        return verdict

    async def _is_approved(self, asking: Asking, texts: Sequence[str]) -> bool:
        async with self._database.read() as connection:
            return await verdicts.is_approved(
                connection,
                guild_id=asking.guild_id,
                user_id=asking.words_of or asking.user_id,
                prompt="\n".join(filter(None, texts)).replace("\0", ""),
            )

    def _refuse_blocked(self, standing: Standing) -> None:
        if standing.blocked_until_ms <= self._now_ms():
            return
        if standing.blocked_until_ms >= standings.FOR_EVER_MS:
            said = Sentence("Who manages this server lets you order no pictures here.")
        else:
            said = Sentence(
                "You can order pictures here again {when}.",
                when=f"<t:{standing.blocked_until_ms // 1000}:R>",
            )
        if standing.reason:
            said = Sentence("{said} They wrote: {reason}", said=said, reason=standing.reason)
        raise NotAllowed(said)

    async def is_refused(self, guild_id: int, text: str, *, adult: bool = False) -> bool:
        """Whether an order of these words would be refused.

        adult: whether it is where adult content is allowed.
        """
        hits = await self.met_by(guild_id, text, adult=adult)
        return any(hit.rule.level is Level.BLOCK for hit in hits)

    async def met_by(self, guild_id: int, text: str, *, adult: bool) -> tuple[Hit, ...]:
        """What of the server's rules these words meet that counts there.

        adult: whether it is where adult content is allowed.
        """
        hits = await self.found_in(guild_id, text)
        return tuple(hit for hit in hits if not (adult and hit.rule.category is Category.ADULT))

    async def log_met(
        self, connection: AsyncConnection, hits: Sequence[Hit], ordered: Ordered
    ) -> None:
        """Write down that words which a job found for its pictures meet rules; it is no strike."""
        for hit in hits:
            if hit.rule.level is not Level.ALLOW:
                await verdicts.add(connection, self._verdict(ordered, Found.RESULT, hit.rule))

    async def log_withheld(
        self, connection: AsyncConnection, ordered: Ordered, *, of_inputs: bool = False
    ) -> None:
        """Write down that the safety check withheld pictures of a job; it is no strike.

        of_inputs: whether it was what the job started from.
        """
        kind = Found.UPLOAD if of_inputs else Found.RESULT
        await verdicts.add(connection, self._verdict(ordered, kind, _SAFETY_CHECK))

    def _verdict(self, ordered: Ordered, kind: Found, rule: Rule) -> Verdict:
        return Verdict(
            id=_new_id(),
            guild_id=ordered.guild_id,
            channel_id=ordered.channel_id,
            user_id=ordered.user_id,
            kind=kind,
            level=rule.level,
            category=rule.category,
            phrase=rule.phrase,
            prompt=ordered.prompt,
            job_id=ordered.job_id,
            locale=ordered.locale,
            created_ms=self._now_ms(),
        )

    # What members and moderators do.

    async def accept_rules(self, guild_id: int, user_id: int, sha256: str) -> bool:
        """Whether the member has accepted the server's text of today by this."""
        text = (await self._preferences.of(guild_id)).get(RULES, "")
        if not text or hash_of_rules(text) != sha256:
            return False
        async with self._database.write() as connection:
            await standings.put(connection, guild_id, user_id, rules_sha256=sha256)
        return True

    async def verdict(self, verdict_id: str) -> Verdict:
        async with self._database.read() as connection:
            found = await verdicts.get(connection, verdict_id)
        if found is None:
            raise NotFound("This appeal is not known here; it may be from another server's bot.")
        return found

    async def pending(self, verdict: Verdict) -> int:
        """How many appeals of its member wait for an answer in its server."""
        async with self._database.read() as connection:
            return await verdicts.pending(
                connection, guild_id=verdict.guild_id, user_id=verdict.user_id
            )

    async def appeal(self, verdict: Verdict, before: Appeal, after: Appeal) -> bool:
        """Whether the appeal was as `before`, and is as `after` now."""
        async with self._database.write() as connection:
            return await verdicts.change_appeal(connection, verdict.id, before, after)

    async def appeal_posted(self, verdict: Verdict, channel_id: int, message_id: int) -> None:
        """Remember the message that shows the appeal."""
        await self._database.written(
            lambda connection: verdicts.remember_post(
                connection, verdict.id, channel_id, message_id
            ),
            f"appeal {verdict.id}",
        )

    async def decide(self, verdict: Verdict, *, approve: bool, action: Action) -> bool:
        """Decide a pending appeal, once; what is approved takes its strike back."""
        after = Appeal.APPROVED if approve else Appeal.DENIED
        async with self._database.write() as connection:
            changed = await verdicts.change_appeal(
                connection, verdict.id, Appeal.PENDING, after, decided_by=action.actor_id
            )
            if not changed:
                return False
            await self._audit.write(connection, action)
            standing = await standings.get(connection, verdict.guild_id, verdict.user_id)
            if approve and standing.blocked_by is None and standing.blocked_until_ms:
                await standings.put(
                    connection, verdict.guild_id, verdict.user_id, blocked_until_ms=0
                )
        return True

    async def block(
        self, guild_id: int, user_id: int, *, until_ms: int, reason: str, action: Action
    ) -> None:
        """Take no more orders of the member until then; 0: take them again."""
        async with self._database.write() as connection:
            await standings.put(
                connection,
                guild_id,
                user_id,
                blocked_until_ms=until_ms,
                blocked_by=action.actor_id if until_ms else None,
                reason=reason if until_ms else "",
            )
            await self._audit.write(connection, action)

    async def clear_strikes(self, guild_id: int, user_id: int, action: Action) -> None:
        """Let no strike of before count any more."""
        async with self._database.write() as connection:
            await standings.put(connection, guild_id, user_id, strikes_from_ms=self._now_ms())
            await self._audit.write(connection, action)

    async def standing(
        self, guild_id: int, user_id: int
    ) -> tuple[Standing, int, tuple[tuple[str, int], ...]]:
        """How the member stands, their strikes that count, and what was found, by category."""
        async with self._database.read() as connection:
            return (
                await standings.get(connection, guild_id, user_id),
                await standings.strikes(connection, guild_id, user_id, now_ms=self._now_ms()),
                await verdicts.counts(connection, guild_id=guild_id, user_id=user_id),
            )


def hash_of_rules(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def _refuse_rules(text: str, standing: Standing) -> None:
    if text and standing.rules_sha256 != hash_of_rules(text):
        said = Sentence(
            "Before your first order here, read and accept the rules:\n{rules}", rules=text
        )
        raise RulesNotAccepted(said, rules_sha256=hash_of_rules(text))


def _takes_adult(asking: Asking, channels: Channels) -> bool:
    """Whether Discord keeps the place for adults, and who manages the server allows it there."""
    here = {asking.channel_id, asking.parent_channel_id}
    return asking.age_restricted and bool(channels.nsfw & here)


def _counting(hits: Sequence[Hit], on: frozenset[Category]) -> tuple[Hit, ...]:
    """Those of categories that hold; what is beside adult content counts as blocked."""
    adult = any(hit.rule.category is Category.ADULT for hit in hits)
    blocked = [hit for hit in hits if hit.rule.level is Level.BESIDE and adult]
    others = [hit for hit in hits if hit.rule.level is not Level.BESIDE and hit.rule.category in on]
    # What nobody can approve comes first.
    others.sort(key=lambda hit: hit.rule.category is not Category.MINORS)
    return (*(_as_block(hit) for hit in blocked), *others)


def _as_block(hit: Hit) -> Hit:
    rule = dataclasses.replace(hit.rule, level=Level.BLOCK)
    return dataclasses.replace(hit, rule=rule)


def _new_id() -> str:
    return "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_CHARACTERS))


def _refused(category: Category, *, of_picture: bool = False) -> Sentence:
    """of_picture: the words are those of a picture that the member goes on from."""
    if category is Category.CUSTOM and of_picture:
        return Sentence(
            "The words of this picture have a phrase that this server does not allow. Nothing was "
            "drawn or charged."
        )
    if category is Category.CUSTOM:
        return Sentence(
            "Your text has a phrase that this server does not allow. Nothing was drawn or charged."
        )
    if of_picture:
        return Sentence(
            "The words of this picture break this server's rule about {category}. Nothing was "
            "drawn or charged.",
            category=NAMES[category],
        )
    return Sentence(
        "Your text breaks this server's rule about {category}. Nothing was drawn or charged.",
        category=NAMES[category],
    )


def _warning(category: Category) -> Sentence:
    if category is Category.CUSTOM:
        return Sentence(
            "Your text has a phrase with which this server asks you to be careful; your order was "
            "taken."
        )
    return Sentence(
        "This server asks you to go carefully about {category}; your order was taken.",
        category=NAMES[category],
    )
