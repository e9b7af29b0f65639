"""What members marked: one picture of a job, or all of it (position 0)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import Database, own_insert
from bot.storage.tables import favourites


@dataclass(frozen=True, slots=True, kw_only=True)
class Favourite:
    """One of a member's."""

    job_id: str
    position: int
    """Which picture, from 1; 0: the whole job."""


async def mark(
    connection: AsyncConnection, user_id: int, favourite: Favourite, *, now_ms: int
) -> bool:
    """Mark it; whether it was not marked already."""
    result = await connection.execute(
        own_insert(connection, favourites)
        .values(
            user_id=user_id,
            job_id=favourite.job_id,
            position=favourite.position,
            created_ms=now_ms,
        )
        .on_conflict_do_nothing()
    )
    return result.rowcount > 0


async def unmark(connection: AsyncConnection, user_id: int, favourite: Favourite) -> bool:
    """Take the mark back; whether there was one."""
    result = await connection.execute(
        delete(favourites).where(
            favourites.c.user_id == user_id,
            favourites.c.job_id == favourite.job_id,
            favourites.c.position == favourite.position,
        )
    )
    return result.rowcount > 0


async def count(connection: AsyncConnection, user_id: int) -> int:
    """How many the member has."""
    found = await connection.scalar(
        select(func.count()).select_from(favourites).where(favourites.c.user_id == user_id)
    )
    return int(found or 0)


async def at(connection: AsyncConnection, user_id: int, place: int) -> Favourite | None:
    """The member's favourite at a place from 0, the newest first."""
    row = (
        await connection.execute(
            select(favourites.c.job_id, favourites.c.position)
            .where(favourites.c.user_id == user_id)
            .order_by(favourites.c.created_ms.desc(), favourites.c.job_id, favourites.c.position)
            .offset(place)
            .limit(1)
        )
    ).one_or_none()
    return None if row is None else Favourite(job_id=row.job_id, position=row.position)


class Favourites:
    """Each change in a transaction of its own."""

    def __init__(self, *, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms

    async def put(self, user_id: int, favourite: Favourite, *, marked: bool) -> bool:
        """Mark it or take the mark back; whether that changed anything."""
        async with self._database.write() as connection:
            if marked:
                return await mark(connection, user_id, favourite, now_ms=self._now_ms())
            return await unmark(connection, user_id, favourite)

    async def at(self, user_id: int, place: int) -> tuple[Favourite | None, int]:
        """The member's favourite at a place from 0, the newest first, and how many there are."""
        async with self._database.read() as connection:
            return await at(connection, user_id, place), await count(connection, user_id)
