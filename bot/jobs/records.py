"""The durable tables of jobs: what was accepted, how it ended, which messages show it."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.credits import ledger
from bot.storage.database import own_insert
from bot.storage.tables import films, images, inputs, jobs, messages, texts

FOUND = "found"
"""In a job's `resolved`: what was found for the pictures of a blend, where its words begin so."""
MAX_ATTEMPTS = 3
"""Runs of a job that may die with the process before it counts as failed."""

_KEPT_AT_MOST = 20
SEARCHED = 2000
"""Of a member's newest jobs, how many are looked through for words."""


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


class Role(enum.StrEnum):
    """What a message of ours is to its job."""

    PROGRESS = "progress"
    GRID = "grid"
    SINGLE = "single"
    """One picture: the whole result, or one that U posted."""
    FILM = "film"
    TEXT = "text"
    REFUSAL = "refusal"
    """Why the job failed, or that it was cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """One accepted job. Its fields are the columns of the table."""

    id: str
    account_id: int
    guild_id: int
    channel_id: int
    user_id: int
    kind: str
    """A name of `kinds.KINDS`."""
    title: str
    """How a derived job is named, such as "Variations (Strong)"; empty for /imagine."""
    prompt: str
    """The member's text as typed."""
    parent_id: str | None
    resolved: str
    """JSON: what the text meant when it was ordered, see `kinds.Written.resolved`."""
    locale: str
    """The language of the channel that the job is shown in."""
    outcome: Outcome
    delivery: Delivery
    attempts: int
    stored_version: int
    stored: str
    """The engine job, as `codec` writes it."""
    notes: str
    """Sentences for the member, one a line."""
    reason: str
    """Why it failed, for the member."""
    progress_message_id: int | None
    """The message that shows its progress, from `messages`."""
    created_ms: int
    ended_ms: int | None
    member_locale: str = "en"
    """The language of who ordered it, for what they alone are told."""
    batch_id: str | None = None
    """The batch it was ordered in, see `batches`."""
    gpu_ms: int | None = None
    """Milliseconds of the device that it took, its share of shared passes; None until it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRow:
    """One stored picture of a finished job; `position` counts from 1."""

    job_id: str
    position: int
    sha256: str
    seed: int
    width_px: int
    height_px: int
    blurred: bool = False
    """Only some colours of it were kept, as the safety check did not let it pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRow:
    """One text that a finished job said; `position` counts from 1."""

    job_id: str
    position: int
    text: str
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRow:
    """One message of ours."""

    message_id: int
    channel_id: int
    job_id: str
    role: Role
    position: int | None = None
    """Which picture, from 1, where the message shows one of several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What a member has made, in all servers."""

    finished: int
    """Jobs."""
    kept: tuple[str, ...]
    """Ids of the newest of them that no message shows: they could not be posted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a finished job made."""

    pictures: tuple[ImageRow, ...] = ()
    texts: tuple[TextRow, ...] = ()
    film: str | None = None
    """The SHA-256 of the animated WebP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What `accept` writes."""

    id: str
    guild_id: int
    channel_id: int
    user_id: int
    kind: str
    title: str
    prompt: str
    parent_id: str | None
    resolved: str
    locale: str
    member_locale: str
    stored_version: int
    stored: str
    notes: str
    input_hashes: tuple[str, ...]
    batch_id: str | None = None


async def accept(
    connection: AsyncConnection, job: NewJob, *, account_id: int, price: int, now_ms: int
) -> JobRow:
    """Write the job and hold its price; NotEnoughCredits leaves nothing behind."""
    values = {name: getattr(job, name) for name in job.__slots__ if name != "input_hashes"}
    row = JobRow(
        account_id=account_id,
        created_ms=now_ms,
        outcome=Outcome.OPEN,
        delivery=Delivery.NONE,
        attempts=0,
        reason="",
        progress_message_id=None,
        ended_ms=None,
        **values,
    )
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
    return row


async def begin(connection: AsyncConnection, job_id: str) -> None:
    """Count one more attempt at the job."""
    await connection.execute(
        update(jobs).where(jobs.c.id == job_id).values(attempts=jobs.c.attempts + 1)
    )


async def begun(connection: AsyncConnection, job_id: str, attempt: int) -> None:
    """The job was begun for the `attempt`th time before a death, whether or not it was counted."""
    await connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.outcome == Outcome.OPEN, jobs.c.attempts < attempt)
        .values(attempts=attempt)
    )


async def interrupt(connection: AsyncConnection, job_id: str) -> None:
    """Take an attempt back that an orderly stop cut short: it was no fault of the job's."""
    await connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.outcome == Outcome.OPEN, jobs.c.attempts > 0)
        .values(attempts=jobs.c.attempts - 1)
    )


async def resolve(connection: AsyncConnection, job_id: str, resolved: str) -> bool:
    """Replace what is known of the words of an open job; False if it has ended."""
    if not await _is_open(connection, job_id):
        return False
    await connection.execute(update(jobs).where(jobs.c.id == job_id).values(resolved=resolved))
    return True


async def finish(
    connection: AsyncConnection,
    job_id: str,
    result: Result,
    *,
    share: float,
    notes: str,
    now_ms: int,
    stored: tuple[str, int] | None = None,
    gpu_ms: int = 0,
) -> bool:
    """Record the result, settle the hold and owe the delivery; False if it had ended already.

    share: of the price that is paid, 0 … 1; the rest goes back. stored: the engine job as it was
    done and the version of `codec`, where that is not how it was ordered.
    """
    if not await _is_open(connection, job_id):
        return False
    amount = math.floor(await ledger.held(connection, job_id) * share)
    await ledger.settle(connection, job_id=job_id, amount=amount, now_ms=now_ms)
    for table, rows in ((images, result.pictures), (texts, result.texts)):
        if rows:
            await connection.execute(insert(table), [dataclasses.asdict(row) for row in rows])
    if result.film is not None:
        await connection.execute(insert(films).values(job_id=job_id, sha256=result.film))
    values: dict[str, Any] = {"gpu_ms": gpu_ms, "notes": notes}
    if stored is not None:
        values["stored"], values["stored_version"] = stored
    await _end(connection, job_id, Outcome.FINISHED, now_ms, **values)
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
    connection: AsyncConnection, job_id: str, delivery: Delivery, message: MessageRow | None
) -> None:
    """Record that the end was told, and by which message."""
    await connection.execute(update(jobs).where(jobs.c.id == job_id).values(delivery=delivery))
    if message is not None:
        await show(connection, message)


async def show(connection: AsyncConnection, message: MessageRow) -> None:
    """Remember what a message of ours shows; what is known of it already is replaced."""
    values = dataclasses.asdict(message)
    await connection.execute(
        own_insert(connection, messages)
        .values(values)
        .on_conflict_do_update(
            index_elements=["message_id"],
            set_={name: value for name, value in values.items() if name != "message_id"},
        )
    )


async def get(connection: AsyncConnection, job_id: str) -> JobRow | None:
    row = (await connection.execute(_select().where(jobs.c.id == job_id))).one_or_none()
    return _job(row) if row is not None else None


async def message(connection: AsyncConnection, message_id: int) -> MessageRow | None:
    """What that message of ours shows; None if it is not known."""
    row = (
        await connection.execute(select(messages).where(messages.c.message_id == message_id))
    ).one_or_none()
    return None if row is None else _message(row)


async def forget_message(connection: AsyncConnection, message_id: int) -> None:
    """The message is deleted."""
    await connection.execute(delete(messages).where(messages.c.message_id == message_id))


async def forget_inputs(connection: AsyncConnection, job_id: str) -> list[str]:
    """The job started from no picture any more; the SHA-256 of those that it did start from."""
    gone = await connection.scalars(
        delete(inputs).where(inputs.c.job_id == job_id).returning(inputs.c.sha256)
    )
    return list(gone)


async def is_referenced(connection: AsyncConnection, sha256: str) -> bool:
    """Whether any job started from or made the file."""
    for table in (inputs, images, films):
        if await connection.scalar(select(table.c.job_id).where(table.c.sha256 == sha256).limit(1)):
            return True
    return False


async def unfinished(connection: AsyncConnection) -> list[JobRow]:
    """Open jobs, oldest first."""
    rows = await connection.execute(
        _select().where(jobs.c.outcome == Outcome.OPEN).order_by(jobs.c.created_ms, jobs.c.id)
    )
    return [_job(row) for row in rows]


async def owed(
    connection: AsyncConnection,
    limit: int,
    *,
    without_channels: Collection[int] = (),
    without_jobs: Collection[str] = (),
) -> list[tuple[str, int]]:
    """(job id, channel id) of ended jobs whose message is owed: the oldest of each channel."""
    place = func.row_number().over(
        partition_by=jobs.c.channel_id, order_by=(jobs.c.created_ms, jobs.c.id)
    )
    pending = (
        select(jobs.c.id, jobs.c.channel_id, jobs.c.created_ms, place.label("place"))
        .where(
            jobs.c.delivery == Delivery.PENDING,
            jobs.c.channel_id.not_in(without_channels),
            jobs.c.id.not_in(without_jobs),
        )
        .subquery()
    )
    rows = await connection.execute(
        select(pending.c.id, pending.c.channel_id)
        .where(pending.c.place == 1)
        .order_by(pending.c.created_ms, pending.c.id)
        .limit(limit)
    )
    return [(job_id, channel_id) for job_id, channel_id in rows]


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
        _select()
        .where(jobs.c.user_id == user_id, jobs.c.outcome == Outcome.OPEN)
        .order_by(jobs.c.created_ms)
    )
    return [_job(row) for row in rows]


async def open_in(connection: AsyncConnection, guild_id: int | None) -> list[JobRow]:
    """Open jobs of a server, or of all where it is None, oldest first."""
    # Of all servers few jobs are open; asked for one server, SQLite would read all it ever had.
    every = await unfinished(connection)
    return [row for row in every if guild_id is None or row.guild_id == guild_id]


async def tally(connection: AsyncConnection, user_id: int) -> Tally:
    theirs = (jobs.c.user_id == user_id, jobs.c.outcome == Outcome.FINISHED)
    finished = await connection.scalar(select(func.count()).select_from(jobs).where(*theirs))
    shown = select(messages.c.job_id).where(
        messages.c.job_id == jobs.c.id, messages.c.role != Role.PROGRESS
    )
    kept = await connection.scalars(
        select(jobs.c.id)
        .where(*theirs, jobs.c.delivery == Delivery.KEPT, ~shown.exists())
        .order_by(jobs.c.created_ms.desc())
        .limit(_KEPT_AT_MOST)
    )
    return Tally(finished=int(finished or 0), kept=tuple(kept))


async def of_batch(connection: AsyncConnection, batch_id: str) -> list[JobRow]:
    """The batch's jobs in their order."""
    rows = await connection.execute(
        _select().where(jobs.c.batch_id == batch_id).order_by(jobs.c.created_ms, jobs.c.id)
    )
    return [_job(row) for row in rows]


async def last_finished(
    connection: AsyncConnection, *, user_id: int, channel_id: int
) -> JobRow | None:
    """The member's newest finished job in the channel."""
    row = (
        await connection.execute(
            _select()
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


async def newest_finished(
    connection: AsyncConnection, *, user_id: int, guild_id: int
) -> JobRow | None:
    """The member's newest finished job in the server, in whatever channel; guild 0: anywhere."""
    chosen = _select().where(jobs.c.user_id == user_id, jobs.c.outcome == Outcome.FINISHED)
    if guild_id:
        chosen = chosen.where(jobs.c.guild_id == guild_id)
    newest = chosen.order_by(jobs.c.created_ms.desc()).limit(1)
    row = (await connection.execute(newest)).one_or_none()
    return _job(row) if row is not None else None


async def search(
    connection: AsyncConnection, *, user_id: int, text: str, limit: int
) -> list[JobRow]:
    """The member's newest finished jobs whose prompt has the text in it, or of that id.

    An empty text: all. Prompts are read of the newest SEARCHED jobs alone: it is asked at each key
    that a member presses.
    """
    theirs = (jobs.c.user_id == user_id, jobs.c.outcome == Outcome.FINISHED)
    newest = (
        select(jobs.c.id, jobs.c.prompt, jobs.c.created_ms)
        .where(*theirs)
        .order_by(jobs.c.created_ms.desc())
        .limit(SEARCHED)
        .subquery()
    )
    found = (
        select(newest.c.id)
        .where(newest.c.prompt.icontains(text, autoescape=True))
        .order_by(newest.c.created_ms.desc())
        .limit(limit)
    )
    ids = list(await connection.scalars(found))
    ids += await connection.scalars(select(jobs.c.id).where(*theirs, jobs.c.id == text))
    rows = await connection.execute(
        _select().where(jobs.c.id.in_(ids)).order_by(jobs.c.created_ms.desc()).limit(limit)
    )
    return [_job(row) for row in rows]


async def shown_in(connection: AsyncConnection, job_id: str) -> list[MessageRow]:
    """The messages that show the job, oldest first."""
    rows = await connection.execute(
        select(messages).where(messages.c.job_id == job_id).order_by(messages.c.message_id)
    )
    return [_message(row) for row in rows]


async def pictures(connection: AsyncConnection, job_id: str) -> list[ImageRow]:
    rows = await connection.execute(
        select(images).where(images.c.job_id == job_id).order_by(images.c.position)
    )
    return [ImageRow(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name


async def said(connection: AsyncConnection, job_id: str) -> list[TextRow]:
    """The texts of a finished job."""
    rows = await connection.execute(
        select(texts).where(texts.c.job_id == job_id).order_by(texts.c.position)
    )
    return [TextRow(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name


async def started_from(connection: AsyncConnection, job_id: str) -> list[str]:
    """The SHA-256 of the pictures that the job started from, in their order."""
    found = await connection.scalars(
        select(inputs.c.sha256).where(inputs.c.job_id == job_id).order_by(inputs.c.position)
    )
    return list(found)


async def film(connection: AsyncConnection, job_id: str) -> str | None:
    """The SHA-256 of a finished job's film."""
    return await connection.scalar(select(films.c.sha256).where(films.c.job_id == job_id))


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
    **values: Any,  # noqa: ANN401 - columns
) -> None:
    await connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id)
        .values(
            outcome=outcome, delivery=Delivery.PENDING, reason=reason, ended_ms=now_ms, **values
        )
    )


def _select() -> Select[Any]:
    progress = (
        select(func.max(messages.c.message_id))
        .where(messages.c.job_id == jobs.c.id, messages.c.role == Role.PROGRESS)
        .scalar_subquery()
    )
    return select(jobs, progress.label("progress_message_id"))


def _message(row: Row[Any]) -> MessageRow:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name
    return MessageRow(**{**values, "role": Role(values["role"])})


def _job(row: Row[Any]) -> JobRow:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name
    values["outcome"] = Outcome(values["outcome"])
    values["delivery"] = Delivery(values["delivery"])
    return JobRow(**values)
