"""The durable job table: what was accepted, how it ended, whether it was delivered."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.credits import ledger
from bot.storage.tables import images, inputs, jobs

MAX_ATTEMPTS = 3
"""Runs of a job that may die with the process before it counts as failed."""


class Outcome(enum.StrEnum):
    OPEN = "open"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Delivery(enum.StrEnum):
    NONE = "none"
    """The job has not ended."""
    PENDING = "pending"
    """The outbox still owes the member a message."""
    POSTED = "posted"
    KEPT = "kept"
    """It could not be posted anywhere; the pictures are kept."""


class Kind(enum.StrEnum):
    IMAGINE = "imagine"
    REROLL = "reroll"
    VARY = "vary"
    BLEND = "blend"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """One accepted job. Its fields are the columns of the table."""

    id: str
    account_id: int
    guild_id: int
    channel_id: int
    user_id: int
    kind: Kind
    title: str
    """How a derived job is named, such as "Variations (Strong)"; empty for /imagine."""
    prompt: str
    """The member's text as typed; what 🔄 and V parse again."""
    parent_id: str | None
    outcome: Outcome
    delivery: Delivery
    attempts: int
    stored_version: int
    stored: str
    """The engine job, as `stored.py` writes it."""
    notes: str
    """Sentences for the member, one a line."""
    reason: str
    """Why it failed, for the member."""
    progress_message_id: int | None
    result_message_id: int | None
    created_ms: int
    ended_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRow:
    """One stored picture of a finished job; `position` counts from 1."""

    job_id: str
    position: int
    sha256: str
    seed: int
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What `accept` writes."""

    id: str
    guild_id: int
    channel_id: int
    user_id: int
    kind: Kind
    title: str
    prompt: str
    parent_id: str | None
    stored_version: int
    stored: str
    notes: str
    input_hashes: tuple[str, ...]


async def accept(
    connection: AsyncConnection, job: NewJob, *, account_id: int, price: int, now_ms: int
) -> None:
    """Write the job and hold its price; NotEnoughCredits leaves nothing behind."""
    values = {name: getattr(job, name) for name in job.__slots__ if name != "input_hashes"}
    await connection.execute(
        insert(jobs).values(account_id=account_id, created_ms=now_ms, **values)
    )
    if job.input_hashes:
        await connection.execute(
            insert(inputs),
            [
                {"job_id": job.id, "position": position, "sha256": sha256}
                for position, sha256 in enumerate(job.input_hashes, 1)
            ],
        )
    await ledger.hold(connection, account_id=account_id, job_id=job.id, amount=price, now_ms=now_ms)


async def begin(connection: AsyncConnection, job_id: str) -> None:
    """Count one more attempt at the job."""
    await connection.execute(
        update(jobs).where(jobs.c.id == job_id).values(attempts=jobs.c.attempts + 1)
    )


async def interrupt(connection: AsyncConnection, job_id: str) -> None:
    """Take an attempt back that an orderly stop cut short: it was no fault of the job's."""
    await connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.outcome == Outcome.OPEN, jobs.c.attempts > 0)
        .values(attempts=jobs.c.attempts - 1)
    )


async def finish(
    connection: AsyncConnection,
    job_id: str,
    pictures: Sequence[ImageRow],
    *,
    notes: str,
    now_ms: int,
) -> bool:
    """Record the pictures, settle the hold and owe the delivery; False if it had ended already."""
    if not await _is_open(connection, job_id):
        return False
    amount = await ledger.held(connection, job_id)
    await ledger.settle(connection, job_id=job_id, amount=amount, now_ms=now_ms)
    if pictures:
        await connection.execute(
            insert(images),
            [{name: getattr(row, name) for name in row.__slots__} for row in pictures],
        )
    await _end(connection, job_id, Outcome.FINISHED, now_ms, notes=notes)
    return True


async def fail(
    connection: AsyncConnection, job_id: str, outcome: Outcome, reason: str, *, now_ms: int
) -> bool:
    """Record a failure or a cancellation and give the hold back; False if it had ended already."""
    if not await _is_open(connection, job_id):
        return False
    await ledger.release(connection, job_id=job_id, now_ms=now_ms)
    await _end(connection, job_id, outcome, now_ms, reason=reason)
    return True


async def delivered(
    connection: AsyncConnection,
    job_id: str,
    delivery: Delivery,
    *,
    message_id: int | None = None,
) -> None:
    await connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id)
        .values(delivery=delivery, result_message_id=message_id)
    )


async def attach_message(connection: AsyncConnection, job_id: str, message_id: int) -> None:
    """Remember which message shows the job's progress."""
    await connection.execute(
        update(jobs).where(jobs.c.id == job_id).values(progress_message_id=message_id)
    )


async def get(connection: AsyncConnection, job_id: str) -> JobRow | None:
    row = (await connection.execute(select(jobs).where(jobs.c.id == job_id))).one_or_none()
    return _job(row) if row is not None else None


async def shown_by(connection: AsyncConnection, message_id: int) -> JobRow | None:
    """The job whose progress or result that message shows."""
    row = (
        await connection.execute(
            select(jobs).where(
                or_(
                    jobs.c.progress_message_id == message_id,
                    jobs.c.result_message_id == message_id,
                )
            )
        )
    ).one_or_none()
    return _job(row) if row is not None else None


async def is_referenced(connection: AsyncConnection, sha256: str) -> bool:
    """Whether any job started from or made the picture."""
    found = await connection.scalar(
        select(inputs.c.job_id).where(inputs.c.sha256 == sha256).limit(1)
    ) or await connection.scalar(select(images.c.job_id).where(images.c.sha256 == sha256).limit(1))
    return found is not None


async def unfinished(connection: AsyncConnection) -> list[JobRow]:
    """Open jobs, oldest first."""
    rows = await connection.execute(
        select(jobs).where(jobs.c.outcome == Outcome.OPEN).order_by(jobs.c.created_ms, jobs.c.id)
    )
    return [_job(row) for row in rows]


async def undelivered(connection: AsyncConnection) -> list[JobRow]:
    """Ended jobs whose message is still owed, oldest first."""
    rows = await connection.execute(
        select(jobs)
        .where(jobs.c.delivery == Delivery.PENDING)
        .order_by(jobs.c.created_ms, jobs.c.id)
    )
    return [_job(row) for row in rows]


async def open_count(connection: AsyncConnection, user_id: int) -> int:
    """How many jobs of the member wait or run, in all servers."""
    count = await connection.scalar(
        select(func.count())
        .select_from(jobs)
        .where(jobs.c.user_id == user_id, jobs.c.outcome == Outcome.OPEN)
    )
    return int(count or 0)


async def open_of(connection: AsyncConnection, user_id: int) -> list[JobRow]:
    rows = await connection.execute(
        select(jobs)
        .where(jobs.c.user_id == user_id, jobs.c.outcome == Outcome.OPEN)
        .order_by(jobs.c.created_ms)
    )
    return [_job(row) for row in rows]


async def last_finished(
    connection: AsyncConnection, *, user_id: int, channel_id: int
) -> JobRow | None:
    """The member's newest finished job in the channel."""
    row = (
        await connection.execute(
            select(jobs)
            .where(
                jobs.c.user_id == user_id,
                jobs.c.channel_id == channel_id,
                jobs.c.outcome == Outcome.FINISHED,
            )
            .order_by(jobs.c.created_ms.desc())
            .limit(1)
        )
    ).one_or_none()
    return _job(row) if row is not None else None


async def pictures(connection: AsyncConnection, job_id: str) -> list[ImageRow]:
    rows = await connection.execute(
        select(images).where(images.c.job_id == job_id).order_by(images.c.position)
    )
    return [ImageRow(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name


async def _is_open(connection: AsyncConnection, job_id: str) -> bool:
    outcome = await connection.scalar(
        select(jobs.c.outcome).where(jobs.c.id == job_id).with_for_update()
    )
    return bool(outcome == Outcome.OPEN)


async def _end(
    connection: AsyncConnection,
    job_id: str,
    outcome: Outcome,
    now_ms: int,
    *,
    reason: str = "",
    notes: str | None = None,
) -> None:
    values: dict[str, Any] = {} if notes is None else {"notes": notes}
    await connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id)
        .values(
            outcome=outcome, delivery=Delivery.PENDING, reason=reason, ended_ms=now_ms, **values
        )
    )


def _job(row: Row[Any]) -> JobRow:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name
    values["kind"] = Kind(values["kind"])
    values["outcome"] = Outcome(values["outcome"])
    values["delivery"] = Delivery(values["delivery"])
    return JobRow(**values)
