"""The log of what the rules found, and the appeals against it."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.moderation.phrases import Category, Level
from bot.storage import facts
from bot.storage.tables import verdicts


class Found(enum.StrEnum):
    """What the verdict is about."""

    WORDS = "words"
    RESULT = "result"
    UPLOAD = "upload"


class Appeal(enum.StrEnum):
    NONE = "none"
    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One thing that was found. Its fields are columns of the table."""

    id: str
    guild_id: int
    channel_id: int
    user_id: int
    kind: Found
    level: Level
    category: Category
    phrase: str
    """Of the rule; empty where no words are meant."""
    prompt: str
    job_id: str | None = None
    locale: str = "en"
    """Of the member."""
    appeal: Appeal = Appeal.NONE
    decided_by: int | None = None
    created_ms: int


def hash_of(prompt: str) -> str:
    """The same for the same text, whatever spaces stand around it."""
    return hashlib.sha256(prompt.strip().encode(errors="replace")).hexdigest()


async def add(connection: AsyncConnection, verdict: Verdict) -> None:
    values = {name: getattr(verdict, name) for name in verdict.__slots__}
    await connection.execute(
        insert(verdicts).values(prompt_sha256=hash_of(verdict.prompt), **values)
    )


async def get(connection: AsyncConnection, verdict_id: str) -> Verdict | None:
    row = (
        await connection.execute(select(verdicts).where(verdicts.c.id == verdict_id))
    ).one_or_none()
    if row is None:
        return None
    values: dict[str, Any] = {name: getattr(row, name) for name in Verdict.__slots__}
    values["kind"], values["level"] = Found(row.kind), Level(row.level)
    values["category"], values["appeal"] = Category(row.category), Appeal(row.appeal)
    return Verdict(**values)


async def remember_post(
    connection: AsyncConnection, verdict_id: str, channel_id: int, message_id: int
) -> None:
    """Remember the message that shows the moderators the appeal."""
    await facts.put(connection, f"appeal:{verdict_id}", f"{channel_id} {message_id}")


async def forget_words(connection: AsyncConnection, user_id: int) -> list[tuple[int, int]]:
    """Forget the member's texts and deny the appeals that wait.

    Returns (channel id, message id) of the messages that still show them.
    """
    posts = []
    asked = await connection.scalars(
        select(verdicts.c.id).where(
            verdicts.c.user_id == user_id, verdicts.c.appeal != Appeal.NONE, verdicts.c.prompt != ""
        )
    )
    for verdict_id in asked.all():
        posted = await facts.get(connection, f"appeal:{verdict_id}")
        if posted is not None:
            channel_id, message_id = map(int, posted.split())
            posts.append((channel_id, message_id))
    await connection.execute(
        update(verdicts).where(verdicts.c.user_id == user_id).values(prompt="", prompt_sha256="")
    )
    await connection.execute(
        update(verdicts)
        .where(verdicts.c.user_id == user_id, verdicts.c.appeal == Appeal.PENDING)
        .values(appeal=Appeal.DENIED)
    )
    return posts


async def change_appeal(
    connection: AsyncConnection,
    verdict_id: str,
    before: Appeal,
    after: Appeal,
    *,
    decided_by: int | None = None,
) -> bool:
    """Whether the appeal was as `before` and is as `after` now: only one of two decides."""
    done = await connection.execute(
        update(verdicts)
        .where(verdicts.c.id == verdict_id, verdicts.c.appeal == before)
        .values(appeal=after, decided_by=decided_by)
    )
    return bool(done.rowcount)


async def is_approved(
    connection: AsyncConnection, *, guild_id: int, user_id: int, prompt: str
) -> bool:
    """Whether moderators of the server let this member have exactly this text."""
    found = await connection.scalar(
        select(verdicts.c.id)
        .where(
            verdicts.c.user_id == user_id,
            verdicts.c.guild_id == guild_id,
            verdicts.c.appeal == Appeal.APPROVED,
            verdicts.c.prompt_sha256 == hash_of(prompt),
        )
        .limit(1)
    )
    return found is not None


async def pending(connection: AsyncConnection, *, guild_id: int, user_id: int) -> int:
    """How many appeals of the member wait for an answer there."""
    count = await connection.scalar(
        select(func.count())
        .select_from(verdicts)
        .where(
            verdicts.c.user_id == user_id,
            verdicts.c.guild_id == guild_id,
            verdicts.c.appeal == Appeal.PENDING,
        )
    )
    return int(count or 0)


async def counts(
    connection: AsyncConnection, *, guild_id: int, user_id: int
) -> tuple[tuple[str, int], ...]:
    """How often each category was found in what the member ordered there."""
    rows = await connection.execute(
        select(verdicts.c.category, func.count())
        .where(verdicts.c.guild_id == guild_id, verdicts.c.user_id == user_id)
        .group_by(verdicts.c.category)
        .order_by(verdicts.c.category)
    )
    return tuple((str(category), int(count)) for category, count in rows)
