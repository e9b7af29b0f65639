"""Small things the process remembers, by name."""

from __future__ import annotations

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.tables import facts


async def get(connection: AsyncConnection, name: str) -> str | None:
    return await connection.scalar(select(facts.c.value).where(facts.c.name == name))


async def beginning_with(connection: AsyncConnection, prefix: str) -> list[tuple[str, str]]:
    """(name, value) of those whose names begin so."""
    rows = await connection.execute(
        select(facts.c.name, facts.c.value).where(facts.c.name.startswith(prefix, autoescape=True))
    )
    return [(row.name, row.value) for row in rows]


async def forget(connection: AsyncConnection, name: str) -> None:
    await connection.execute(delete(facts).where(facts.c.name == name))


async def put(connection: AsyncConnection, name: str, value: str) -> None:
    await forget(connection, name)
    await connection.execute(insert(facts).values(name=name, value=value))
