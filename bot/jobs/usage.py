"""What a server has drawn: jobs, seconds of the device and credits, by day and by member.

Each question reads one server's jobs of at most `MOST_DAYS` days, by an index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.credits import ledger
from bot.jobs.records import Outcome
from bot.storage.tables import holds, jobs

DAY_MS = 24 * 60 * 60 * 1000
MOST_DAYS = 90
MEMBERS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What one day or one member used."""

    finished: int = 0
    """Jobs that were drawn."""
    ended_otherwise: int = 0
    """Jobs that failed or were cancelled."""
    gpu_ms: int = 0
    spent: int = 0
    """In 1/100 credit, without what was refunded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a server used."""

    days: tuple[tuple[int, Used], ...]
    """Each day, counted since 1970 in UTC, oldest first; days without jobs too."""
    members: tuple[tuple[int, Used], ...]
    """Ids of the members who spent most, and what they used."""

    @property
    def total(self) -> Used:
        """Of all days and members."""
        used = [each for _, each in self.days]
        return Used(
            finished=sum(each.finished for each in used),
            ended_otherwise=sum(each.ended_otherwise for each in used),
            gpu_ms=sum(each.gpu_ms for each in used),
            spent=sum(each.spent for each in used),
        )


async def of_guild(connection: AsyncConnection, guild_id: int, *, days: int, now_ms: int) -> Usage:
    """Of jobs that were ordered on the last `days` days in UTC, today among them."""
    today = now_ms // DAY_MS
    first = today - min(max(days, 1), MOST_DAYS) + 1
    theirs = and_(
        jobs.c.guild_id == guild_id,
        jobs.c.created_ms >= first * DAY_MS,
        jobs.c.created_ms < (today + 1) * DAY_MS,
    )
    day = (jobs.c.created_ms // DAY_MS).label("day")
    by_day = await connection.execute(_counted(day).where(theirs).group_by(day))
    found = {row[0]: _used(row) for row in by_day}
    counted = _counted(jobs.c.user_id).where(theirs).group_by(jobs.c.user_id)
    by_member = await connection.execute(
        counted.order_by(_spent().desc(), func.count().desc(), jobs.c.user_id).limit(MEMBERS)
    )
    return Usage(
        days=tuple((each, found.get(each, Used())) for each in range(first, today + 1)),
        members=tuple((row[0], _used(row)) for row in by_member),
    )


def _counted(key: ColumnElement[int]) -> Select[Any]:
    finished = jobs.c.outcome == Outcome.FINISHED
    otherwise = jobs.c.outcome.in_((Outcome.FAILED, Outcome.CANCELLED))
    return select(
        key,
        func.sum(case((finished, 1), else_=0)),
        func.sum(case((otherwise, 1), else_=0)),
        func.coalesce(func.sum(jobs.c.gpu_ms), 0),
        _spent(),
    ).select_from(jobs.join(holds, holds.c.job_id == jobs.c.id))


def _spent() -> ColumnElement[int]:
    return func.coalesce(func.sum(ledger.spent()), 0)


def _used(row: Sequence[Any]) -> Used:
    return Used(
        finished=int(row[1]),
        ended_otherwise=int(row[2]),
        gpu_ms=int(row[3]),
        spent=int(row[4]),
    )
