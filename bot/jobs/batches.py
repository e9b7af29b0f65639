"""Batches: jobs that were ordered together, with one message that shows them all.

Its jobs are jobs like any other: each has its own hold, end and delivery. A batch adds that they
are accepted together or not at all, that the member is told of them in one message, and is
mentioned once, when the last of them is delivered.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.jobs.records import Delivery, Outcome, Role
from bot.storage.tables import batches, jobs, messages


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRow:
    """One batch. Its fields are the columns of the table."""

    title: ClassVar[str] = ""
    """As of a job from /imagine: its prompt names it."""

    id: str
    guild_id: int
    channel_id: int
    user_id: int
    prompt: str
    """The member's text as typed, with its braces and --repeat."""
    locale: str
    """The language of the channel that the batch is shown in."""
    delivery: Delivery = Delivery.NONE
    """none: some of its jobs are open or not delivered; pending: its end is still to be told."""
    message_id: int | None = None
    """The message that shows it."""
    created_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One job of a batch, as its list shows it."""

    job_id: str
    prompt: str
    outcome: Outcome
    delivery: Delivery
    reason: str
    """Why it failed, for the member."""
    message_id: int | None
    """The message with what it made."""
    resolved: str = "{}"
    """As `JobRow.resolved`."""


async def accept(connection: AsyncConnection, batch: BatchRow) -> None:
    """Write the batch, before its jobs in the same transaction."""
    values = {name: getattr(batch, name) for name in batch.__slots__}
    await connection.execute(insert(batches).values(**values))


async def get(connection: AsyncConnection, batch_id: str) -> BatchRow | None:
    found = await connection.execute(select(batches).where(batches.c.id == batch_id))
    row = found.one_or_none()
    return _batch(row) if row is not None else None


async def shown_by(connection: AsyncConnection, message_id: int) -> BatchRow | None:
    """The batch that a message of ours shows."""
    found = await connection.execute(select(batches).where(batches.c.message_id == message_id))
    row = found.one_or_none()
    return _batch(row) if row is not None else None


async def member_locale(connection: AsyncConnection, batch_id: str) -> str:
    """The language of who ordered the batch, which each of its jobs remembers."""
    found = await connection.execute(
        select(jobs.c.member_locale).where(jobs.c.batch_id == batch_id).limit(1)
    )
    return str(found.scalar_one())


async def items(connection: AsyncConnection, batch_id: str) -> list[Item]:
    """What the batch's list shows, in its order."""
    made = (
        select(func.min(messages.c.message_id))
        .where(messages.c.job_id == jobs.c.id, messages.c.role != Role.PROGRESS)
        .scalar_subquery()
    )
    rows = await connection.execute(
        select(
            jobs.c.id.label("job_id"),
            jobs.c.prompt,
            jobs.c.outcome,
            jobs.c.delivery,
            jobs.c.reason,
            jobs.c.resolved,
            made.label("message_id"),
        )
        .where(jobs.c.batch_id == batch_id)
        .order_by(jobs.c.created_ms, jobs.c.id)
    )
    return [
        Item(
            **{
                **row._mapping,  # noqa: SLF001 - SQLAlchemy's public name
                "outcome": Outcome(row.outcome),
                "delivery": Delivery(row.delivery),
            }
        )
        for row in rows
    ]


async def show(connection: AsyncConnection, batch_id: str, message_id: int) -> None:
    """Remember the message that shows the batch."""
    await connection.execute(
        update(batches).where(batches.c.id == batch_id).values(message_id=message_id)
    )


async def end_if_over(connection: AsyncConnection, batch_id: str) -> bool:
    """Owe the batch's end once the last of its jobs is delivered; whether that is now."""
    under_way = select(jobs.c.id).where(
        jobs.c.batch_id == batch_id,
        jobs.c.delivery.in_((Delivery.NONE, Delivery.PENDING)),
    )
    ended = await connection.execute(
        update(batches)
        .where(batches.c.id == batch_id, batches.c.delivery == Delivery.NONE, ~under_way.exists())
        .values(delivery=Delivery.PENDING)
    )
    return bool(ended.rowcount)


async def owed(
    connection: AsyncConnection,
    limit: int,
    *,
    without_channels: Collection[int] = (),
    without_batches: Collection[str] = (),
) -> list[tuple[str, int]]:
    """(batch id, channel id) of batches whose end is to be told: the oldest of each channel."""
    rows = await connection.execute(
        select(batches.c.id, batches.c.channel_id)
        .where(
            batches.c.delivery == Delivery.PENDING,
            batches.c.channel_id.not_in(without_channels),
            batches.c.id.not_in(without_batches),
        )
        .order_by(batches.c.created_ms, batches.c.id)
    )
    oldest: dict[int, str] = {}
    for batch_id, channel_id in rows:
        oldest.setdefault(channel_id, batch_id)
    return [(batch_id, channel_id) for channel_id, batch_id in oldest.items()][:limit]


async def delivered(
    connection: AsyncConnection, batch_id: str, delivery: Delivery, message_id: int | None
) -> None:
    """Record that the end was told, and by which message."""
    await connection.execute(
        update(batches)
        .where(batches.c.id == batch_id)
        .values(delivery=delivery, message_id=message_id)
    )


def _batch(row: Row[Any]) -> BatchRow:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name
    return BatchRow(**{**values, "delivery": Delivery(values["delivery"])})
