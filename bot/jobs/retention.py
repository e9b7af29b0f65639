"""Old pictures make room: after so many days, or where the gallery grows too large.

The oldest go first and favourites last, and their members are told three days before. What was told
is a time, up to which jobs that ended are meant: kept as a fact, so that it outlasts a restart.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.jobs.leftovers import on_record
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
_FILES_AT_ONCE = 500
"""That one statement asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What a member is told."""

    user_id: int
    locale: str
    jobs: int
    """Of theirs that lose their pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """The files of one job that are on the disk."""

    job_id: str
    user_id: int
    locale: str
    """The member's."""
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
        sizes = await self._recorded(await asyncio.to_thread(self._store.sizes))
        held = await self._held(sizes)
        async with self._database.read() as connection:
            needed = await _needed(connection)
            told: list[list[int]] = json.loads(await facts.get(connection, _TOLD) or "[]")
        now_ms = self._now_ms()
        ripe_ms = max(
            (until for until, at in told if now_ms - at >= NOTICE_DAYS * DAY_MS), default=0
        )
        # In threads, as there may be hundreds of thousands of them.
        due = await asyncio.to_thread(self._due, held, sizes, now_ms)
        ripe = await asyncio.to_thread(lambda: [each for each in due if each.ended_ms <= ripe_ms])
        gone = await self._delete(ripe, held, sizes, needed)
        await self._tell(told, now_ms, held, sizes, tell)
        return gone

    async def _recorded(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """Without the files that no row names: no picture of a member's has to go for those."""
        recorded: dict[str, int] = {}
        names = list(sizes)
        for first in range(0, len(names), _FILES_AT_ONCE):
            async with self._database.read() as connection:
                found = await on_record(connection, names[first : first + _FILES_AT_ONCE])
            recorded |= {sha256: sizes[sha256] for sha256 in found}
        return recorded

    async def _held(self, sizes: Mapping[str, int]) -> list[_Held]:
        """The finished jobs that have files, the oldest first.

        What is on the disk is looked for, some files at a time: of all that was ever drawn that is
        little, and nothing else is kept waiting for long.
        """
        held: dict[str, _Held] = {}
        names = list(sizes)
        async with self._database.read() as connection:
            marked = set(await connection.scalars(select(favourites.c.job_id)))
        for first in range(0, len(names), _FILES_AT_ONCE):
            async with self._database.read() as connection:
                for each in await _holding(connection, names[first : first + _FILES_AT_ONCE]):
                    earlier = held.get(each.job_id)
                    held[each.job_id] = dataclasses.replace(
                        each,
                        files=(*earlier.files, *each.files) if earlier else each.files,
                        favourite=each.job_id in marked,
                    )
        return await asyncio.to_thread(sorted, held.values(), key=lambda each: each.ended_ms)

    def _due(self, held: Sequence[_Held], sizes: Mapping[str, int], now_ms: int) -> list[_Held]:
        """The jobs whose files are to go by that time, the first to go first."""
        order = sorted(held, key=lambda each: (each.favourite, each.ended_ms))
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
        if not due:
            return 0

        def unused() -> list[tuple[str, str]]:
            going = {id(each) for each in due}
            used = needed | {
                sha256 for each in held if id(each) not in going for sha256, _ in each.files
            }
            files = {file for each in due for file in each.files}
            return [file for file in files if file[0] in sizes and file[0] not in used]

        gone = 0
        for sha256, suffix in await asyncio.to_thread(unused):
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
        then_ms = now_ms + NOTICE_DAYS * DAY_MS
        coming = await asyncio.to_thread(self._due, held, sizes, then_ms)
        until_ms = await asyncio.to_thread(_newest_ms, coming)
        if until_ms <= before_ms:
            return

        def notices() -> list[Notice]:
            return _notices(
                each
                for each in held
                if before_ms < each.ended_ms <= until_ms
                and (self._most_bytes > 0 or not each.favourite)
            )

        async with self._database.write() as connection:
            # Old notices are for jobs that newer ones mean too.
            last = [each for each in told if now_ms - each[1] < 2 * NOTICE_DAYS * DAY_MS]
            ripe = [each for each in told if each not in last][-1:]
            await facts.put(connection, _TOLD, json.dumps([*ripe, *last, [until_ms, now_ms]]))
        for notice in await asyncio.to_thread(notices):
            await tell(notice)


async def _holding(connection: AsyncConnection, sha256s: Sequence[str]) -> list[_Held]:
    """The finished jobs that have any of these files, with those alone; favourites are unknown."""
    files: dict[str, list[tuple[str, str]]] = {}
    rows: dict[str, Any] = {}
    for table, suffix in ((images, ".png"), (films, ".webp")):
        found = await connection.execute(
            select(jobs.c.id, jobs.c.ended_ms, jobs.c.user_id, jobs.c.member_locale, table.c.sha256)
            .join(jobs, jobs.c.id == table.c.job_id)
            .where(
                table.c.sha256.in_(sha256s),
                jobs.c.outcome == Outcome.FINISHED,
                jobs.c.delivery != Delivery.PENDING,
            )
        )
        for row in found:
            files.setdefault(row.id, []).append((row.sha256, suffix))
            rows[row.id] = row
    return [
        _Held(
            job_id=job_id,
            user_id=rows[job_id].user_id,
            locale=rows[job_id].member_locale,
            ended_ms=rows[job_id].ended_ms,
            files=tuple(own),
            favourite=False,
        )
        for job_id, own in files.items()
    ]


def _newest_ms(coming: Sequence[_Held]) -> int:
    return max((each.ended_ms for each in coming), default=0)


async def _needed(connection: AsyncConnection) -> frozenset[str]:
    """The hashes of what open jobs start from: after a restart they are read from the disk."""
    found = await connection.scalars(
        select(inputs.c.sha256)
        .join(jobs, jobs.c.id == inputs.c.job_id)
        .where(jobs.c.outcome == Outcome.OPEN)
    )
    return frozenset(found)


def _notices(meant: Iterable[_Held]) -> list[Notice]:
    """One for each member; of members who were erased nobody is told."""
    counts: Counter[int] = Counter()
    locales: dict[int, str] = {}
    for each in meant:
        if each.user_id:
            counts[each.user_id] += 1
            locales[each.user_id] = each.locale
    return [
        Notice(user_id=user_id, locale=locales[user_id], jobs=count)
        for user_id, count in counts.items()
    ]
