"""What a server has drawn: jobs, seconds of the device and credits, by day and by member.

The question reads one server's jobs of at most `MOST_DAYS` days, once, from an index alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CTE, ColumnElement, Select, and_, case, func, literal, select, union_all
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
    used = _counted().where(theirs).group_by("day", jobs.c.user_id).cte("used")
    by_day = select(literal("day"), used.c.day, *_sums(used)).group_by(used.c.day)
    by_member = (
        select(literal("member"), used.c.user_id, *_sums(used))
        .group_by(used.c.user_id)
        .order_by(
            func.sum(used.c.spent).desc(), func.sum(used.c.ordered).desc(), used.c.user_id.asc()
        )
        .limit(MEMBERS)
        .subquery()
    )
    # Together, as to read that many jobs is what takes long.
    rows = (await connection.execute(union_all(by_day, select(by_member)))).all()
    found = {row[1]: _used(row[2:]) for row in rows if row[0] == "day"}
    members = [(row[1], _used(row[2:])) for row in rows if row[0] == "member"]
    return Usage(
        days=tuple((each, found.get(each, Used())) for each in range(first, today + 1)),
        members=tuple(members),
    )


def _counted() -> Select[Any]:
    """Of each day and member; what it reads of `jobs` stands in the index `ix_jobs_guild`."""
    finished = jobs.c.outcome == Outcome.FINISHED
    otherwise = jobs.c.outcome.in_((Outcome.FAILED, Outcome.CANCELLED))
    return select(
        (jobs.c.created_ms // DAY_MS).label("day"),
        jobs.c.user_id,
        func.sum(case((finished, 1), else_=0)).label("finished"),
        func.sum(case((otherwise, 1), else_=0)).label("otherwise"),
        func.coalesce(func.sum(jobs.c.gpu_ms), 0).label("gpu_ms"),
        func.coalesce(func.sum(ledger.spent()), 0).label("spent"),
        func.count().label("ordered"),
    ).select_from(jobs.join(holds, holds.c.job_id == jobs.c.id))


def _sums(used: CTE) -> list[ColumnElement[int]]:
    return [func.sum(used.c[name]) for name in ("finished", "otherwise", "gpu_ms", "spent")]


def _used(row: Sequence[Any]) -> Used:
    return Used(
        finished=int(row[0]),
        ended_otherwise=int(row[1]),
        gpu_ms=int(row[2]),
        spent=int(row[3]),
    )
