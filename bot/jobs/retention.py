"""Old pictures make room: after so many days, or where the gallery grows too large.

The oldest go first and favourites last, and their members are told three days before. What was told
is a time, up to which jobs that ended are meant: kept as a fact, so that it outlasts a restart.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.jobs.records import Delivery, Outcome
from bot.pictures.store import PictureStore
from bot.storage import facts
from bot.storage.database import Database
from bot.storage.tables import favourites, films, images, inputs, jobs

log = logging.getLogger(__name__)

DAY_MS = 24 * 60 * 60 * 1000
NOTICE_DAYS = 3
"""From the notice to the deletion."""
_TOLD = "retention_told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What a member is told."""

    user_id: int
    locale: str
    jobs: int
    """Of theirs that lose their pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """The files of one job."""

    ended_ms: int
    files: tuple[tuple[str, str], ...]
    """Hashes and suffixes."""
    favourite: bool


class Retention:
    """Deletes files; jobs, prompts and the ledger stay."""

    def __init__(
        self,
        *,
        database: Database,
        store: PictureStore,
        now_ms: Callable[[], int],
        days: int = 0,
        most_bytes: int = 0,
    ) -> None:
        """days, most_bytes: 0 for no limit of that kind."""
        self._database = database
        self._store = store
        self._now_ms = now_ms
        self._days = days
        self._most_bytes = most_bytes

    async def work(self, tell: Callable[[Notice], Awaitable[None]]) -> int:
        """Delete what was told of long enough ago, tell of what comes next; how many files went."""
        if not (self._days or self._most_bytes):
            return 0
        async with self._database.read() as connection:
            held = await _held(connection)
            needed = await _needed(connection)
            told: list[list[int]] = json.loads(await facts.get(connection, _TOLD) or "[]")
        sizes = await asyncio.to_thread(self._store.sizes)
        now_ms = self._now_ms()
        due = self._due(held, sizes, now_ms)
        ripe_ms = max(
            (until for until, at in told if now_ms - at >= NOTICE_DAYS * DAY_MS), default=0
        )
        ripe = [each for each in due if each.ended_ms <= ripe_ms]
        gone = await self._delete(ripe, held, sizes, needed)
        await self._tell(told, now_ms, held, sizes, tell)
        return gone

    def _due(self, held: Sequence[_Held], sizes: Mapping[str, int], now_ms: int) -> list[_Held]:
        """The jobs whose files are to go by that time, the first to go first."""
        kept = [each for each in held if any(sha256 in sizes for sha256, _ in each.files)]
        order = sorted(kept, key=lambda each: (each.favourite, each.ended_ms))
        due = []
        total = sum(sizes.values())
        for each in order:
            old = (
                self._days and not each.favourite and each.ended_ms <= now_ms - self._days * DAY_MS
            )
            crowded = self._most_bytes and total > self._most_bytes
            if not (old or crowded):
                continue
            due.append(each)
            total -= sum(sizes.get(sha256, 0) for sha256, _ in each.files)
        return due

    async def _delete(
        self,
        due: Sequence[_Held],
        held: Sequence[_Held],
        sizes: Mapping[str, int],
        needed: frozenset[str],
    ) -> int:
        """Delete the files of these jobs that no other job keeps. needed: see `_needed`."""
        going = {id(each) for each in due}
        used = needed | {
            sha256 for each in held if id(each) not in going for sha256, _ in each.files
        }
        gone = 0
        for sha256, suffix in {file for each in due for file in each.files}:
            if sha256 in sizes and sha256 not in used:
                await asyncio.to_thread(self._store.delete, sha256, suffix=suffix)
                gone += 1
        if gone:
            log.info("%d files of old pictures were deleted", gone)
        return gone

    async def _tell(
        self,
        told: list[list[int]],
        now_ms: int,
        held: Sequence[_Held],
        sizes: Mapping[str, int],
        tell: Callable[[Notice], Awaitable[None]],
    ) -> None:
        """Tell of the jobs that are due once the notice is over, each once."""
        before_ms = max((until for until, _ in told), default=0)
        coming = self._due(held, sizes, now_ms + NOTICE_DAYS * DAY_MS)
        until_ms = max((each.ended_ms for each in coming), default=0)
        if until_ms <= before_ms:
            return
        async with self._database.write() as connection:
            notices = await _notices(
                connection, before_ms, until_ms, favourites_too=self._most_bytes > 0
            )
            # Old notices are for jobs that newer ones mean too.
            last = [each for each in told if now_ms - each[1] < 2 * NOTICE_DAYS * DAY_MS]
            ripe = [each for each in told if each not in last][-1:]
            await facts.put(connection, _TOLD, json.dumps([*ripe, *last, [until_ms, now_ms]]))
        for notice in notices:
            await tell(notice)


async def _held(connection: AsyncConnection) -> list[_Held]:
    """The finished jobs with files, the oldest first."""
    files: dict[str, list[tuple[str, str]]] = {}
    ended: dict[str, int] = {}
    for table, suffix in ((images, ".png"), (films, ".webp")):
        rows = await connection.execute(
            select(jobs.c.id, jobs.c.ended_ms, table.c.sha256)
            .join(jobs, jobs.c.id == table.c.job_id)
            .where(jobs.c.outcome == Outcome.FINISHED, jobs.c.delivery != Delivery.PENDING)
        )
        for row in rows:
            files.setdefault(row.id, []).append((row.sha256, suffix))
            ended[row.id] = row.ended_ms
    marked = set(await connection.scalars(select(favourites.c.job_id)))
    found = [
        _Held(ended_ms=ended[job_id], files=tuple(own), favourite=job_id in marked)
        for job_id, own in files.items()
    ]
    return sorted(found, key=lambda each: each.ended_ms)


async def _needed(connection: AsyncConnection) -> frozenset[str]:
    """The hashes of what open jobs start from: after a restart they are read from the disk."""
    found = await connection.scalars(
        select(inputs.c.sha256)
        .join(jobs, jobs.c.id == inputs.c.job_id)
        .where(jobs.c.outcome == Outcome.OPEN)
    )
    return frozenset(found)


async def _notices(
    connection: AsyncConnection, before_ms: int, until_ms: int, *, favourites_too: bool
) -> Iterable[Notice]:
    meant: list[Any] = [
        jobs.c.outcome == Outcome.FINISHED,
        jobs.c.user_id != 0,
        jobs.c.ended_ms > before_ms,
        jobs.c.ended_ms <= until_ms,
        select(images.c.job_id).where(images.c.job_id == jobs.c.id).exists(),
    ]
    if not favourites_too:
        meant.append(~select(favourites.c.job_id).where(favourites.c.job_id == jobs.c.id).exists())
    rows = await connection.execute(
        select(jobs.c.user_id, func.max(jobs.c.member_locale), func.count())
        .where(*meant)
        .group_by(jobs.c.user_id)
    )
    return [Notice(user_id=user_id, locale=locale, jobs=count) for user_id, locale, count in rows]
