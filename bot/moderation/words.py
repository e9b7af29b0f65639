"""The phrases of each server: the starter list's, by the categories it switched on, and its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import NotFound, UserError
from bot.moderation.phrases import Category, Level, Phrases, Rule, key_of
from bot.moderation.starter import starter_rules
from bot.preferences import WORD_CATEGORIES, Preferences
from bot.storage.audit import Action, Audit
from bot.storage.database import Database
from bot.storage.tables import word_rules
from engine import Sentence

MOST_RULES = 1000
"""Of one server's own."""
MOST_IMPORT_BYTES = 256 * 1024
OWN_LEVELS = (Level.BLOCK, Level.WARN, Level.SPOILER, Level.ALLOW)
SWITCHED = (Category.ADULT, Category.GORE, Category.PEOPLE, Category.ARTISTS)
"""What a server may switch."""
_ON_AT_FIRST = frozenset({Category.ADULT, Category.GORE})
_REMEMBERED = 500
NAMES: Mapping[Category, Sentence] = MappingProxyType(
    {
        Category.ADULT: Sentence("adult content"),
        Category.GORE: Sentence("gore"),
        Category.PEOPLE: Sentence("real people"),
        Category.ARTISTS: Sentence("living artists"),
        Category.MINORS: Sentence("sexualised minors"),
        Category.CUSTOM: Sentence("this server's own rules"),
    }
)


class Words:
    """Reads and changes them."""

    def __init__(
        self,
        *,
        database: Database,
        preferences: Preferences,
        audit: Audit,
        now_ms: Callable[[], int],
    ) -> None:
        self._database = database
        self._preferences = preferences
        self._audit = audit
        self._now_ms = now_ms
        self._compiled: dict[int, tuple[frozenset[Category], Phrases]] = {}
        self._changes = 0

    async def categories(self, guild_id: int) -> frozenset[Category]:
        """Those of the starter list that hold in the server."""
        stored = (await self._preferences.of(guild_id)).get(WORD_CATEGORIES)
        switched: dict[str, bool] = json.loads(stored) if stored else {}
        chosen = {each for each in SWITCHED if switched.get(each, each in _ON_AT_FIRST)}
        return frozenset({*chosen, Category.MINORS, Category.CUSTOM})

    async def switch(self, category: Category, *, on: bool, action: Action) -> None:
        """Let a category hold in the action's server, or not."""
        now = await self.categories(action.guild_id)
        chosen = (now | {category}) if on else (now - {category})
        switched = {str(each): each in chosen for each in SWITCHED}
        await self._preferences.put_for_server({WORD_CATEGORIES: json.dumps(switched)}, action)

    async def phrases(self, guild_id: int) -> Phrases:
        """All that is looked for in the server, in all categories: who asks knows which hold."""
        held = self._compiled.get(guild_id)
        on = await self.categories(guild_id)
        if held is not None and held[0] == on:
            return held[1]
        changes = self._changes
        own = await self.own(guild_id)
        # Adult content is found even where it is allowed: with minors it never is.
        kept = [rule for rule in starter_rules() if rule.category in on or rule.category == "adult"]
        compiled = Phrases([*kept, *own])
        if len(self._compiled) >= _REMEMBERED:
            self._compiled.clear()
        if changes == self._changes:
            self._compiled[guild_id] = on, compiled
        return compiled

    async def own(self, guild_id: int) -> tuple[Rule, ...]:
        """What the server's managers added, in that order."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(word_rules.c.phrase, word_rules.c.level)
                .where(word_rules.c.guild_id == guild_id)
                .order_by(word_rules.c.id)
            )
            return tuple(Rule(phrase=row.phrase, level=Level(row.level)) for row in rows)

    async def add(self, rules: Sequence[Rule], action: Action) -> int:
        """Keep the rules, all or none; how many are new. What is known gets the new level."""
        by_key = {key_of(rule.phrase): rule for rule in rules}
        async with self._database.write() as connection:
            known = set(
                await connection.scalars(
                    select(word_rules.c.key).where(word_rules.c.guild_id == action.guild_id)
                )
            )
            if len(known | by_key.keys()) > MOST_RULES:
                raise UserError(
                    Sentence(
                        "A server has at most {most} phrases of its own; you have {count}.",
                        most=MOST_RULES,
                        count=len(known),
                    )
                )
            await _remove(connection, action.guild_id, by_key)
            await connection.execute(
                insert(word_rules),
                [
                    {
                        "guild_id": action.guild_id,
                        "key": key,
                        "phrase": rule.phrase.replace("\0", "").strip(),
                        "level": rule.level,
                        "created_ms": self._now_ms(),
                    }
                    for key, rule in by_key.items()
                ],
            )
            await self._audit.write(connection, action)
        self.forget(action.guild_id)
        return len(by_key.keys() - known)

    async def replace(
        self, connection: AsyncConnection, guild_id: int, rules: Sequence[Rule]
    ) -> None:
        """Let the server have these of its own alone, in the caller's transaction; then `forget`.

        At most `MOST_RULES`, of which no two find the same.
        """
        await connection.execute(delete(word_rules).where(word_rules.c.guild_id == guild_id))
        for rule in rules:
            await connection.execute(
                insert(word_rules).values(
                    guild_id=guild_id,
                    key=key_of(rule.phrase),
                    phrase=rule.phrase,
                    level=rule.level,
                    created_ms=self._now_ms(),
                )
            )

    async def remove(self, phrase: str, action: Action) -> None:
        """Forget a rule; NotFound where the server has none that finds the same."""
        async with self._database.write() as connection:
            if not await _remove(connection, action.guild_id, [key_of(phrase)]):
                raise NotFound(
                    "This server has no such phrase of its own. Phrases of the starter list are "
                    "switched by category; to let one pass, add it with the level allow."
                )
            await self._audit.write(connection, action)
        self.forget(action.guild_id)

    def forget(self, guild_id: int) -> None:
        """Its rules were changed."""
        self._changes += 1
        self._compiled.pop(guild_id, None)


def read_list(data: bytes) -> tuple[Rule, ...]:
    """The rules of a list that a manager sends: a phrase a line, or `level,phrase`.

    A UserError names the first line that is wrong; then none of it is taken.
    """
    if len(data) > MOST_IMPORT_BYTES:
        raise too_large(len(data))
    try:
        # Not every database keeps a zero byte, and no text has one: it is as wrong as 255.
        lines = data.replace(b"\0", b"\xff").decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UserError("This file is not text in UTF-8; save it as such.") from None
    rules = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        level, comma, phrase = line.partition(",")
        known = level.strip().casefold() in OWN_LEVELS
        rule = (
            Rule(phrase=phrase.strip(), level=Level(level.strip().casefold()))
            if comma and known
            else Rule(phrase=line.strip(), level=Level.BLOCK)
        )
        try:
            key_of(rule.phrase)
        except UserError as error:
            raise UserError(
                Sentence(
                    "Line {number} cannot be taken, so nothing was changed: {reason}",
                    number=number,
                    reason=error.sentence,
                )
            ) from None
        rules.append(rule)
    if not rules:
        raise UserError("There is no phrase in this file. Write one a line, or `level,phrase`.")
    return tuple(rules)


def too_large(size_bytes: int) -> UserError:
    return UserError(
        Sentence(
            "This file has {size} KiB; a list has at most {most} KiB. Nothing was changed.",
            size=size_bytes // 1024,
            most=MOST_IMPORT_BYTES // 1024,
        )
    )


def as_list(rules: Iterable[Rule]) -> str:
    """The rules as `read_list` reads them."""
    return "".join(f"{rule.level},{rule.phrase}\n" for rule in rules)


async def _remove(connection: AsyncConnection, guild_id: int, keys: Iterable[str]) -> bool:
    gone = False
    for key in keys:
        done = await connection.execute(
            delete(word_rules).where(word_rules.c.guild_id == guild_id, word_rules.c.key == key)
        )
        gone = gone or bool(done.rowcount)
    return gone
