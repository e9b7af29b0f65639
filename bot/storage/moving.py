"""From SQLite to PostgreSQL: every row copied and compared, in one transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from sqlalchemy import (
    Column,
    Row,
    Select,
    String,
    Table,
    func,
    insert,
    literal_column,
    select,
    text,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import StartError
from bot.storage.database import Database
from bot.storage.tables import metadata

ROWS = 500
"""Of one INSERT."""


async def move(source: Database, target: Database) -> Mapping[str, int]:
    """The rows of each table, all of which are in `target` now; `source` is left as it is.

    Raises StartError with one sentence, and leaves nothing in `target`, where one is in use, is of
    another revision, where `target` holds anything, or where a row does not arrive as it was.
    """
    if source.dialect != "sqlite" or target.dialect != "postgresql":
        raise StartError(
            "Databases are moved from SQLite to PostgreSQL: DATABASE_URL names the first, or is "
            "empty, and the address on the command line, postgresql+asyncpg://USER@HOST/NAME, the "
            "second."
        )
    if source.path is None or not source.path.exists():
        raise StartError(f"There is no database at {source.path}; see DATA_DIR.")
    await source.start(migrate=False)
    await target.start(empty=True)
    counts = {}
    try:
        async with source.read() as old, target.write() as new:
            for table in metadata.sorted_tables:
                counts[table.name] = await _copy(table, old, new)
            for table in metadata.sorted_tables:
                await _compare(table, old, new)
                await _count_on(table, new)
    except (SQLAlchemyError, OSError, ValueError) as error:
        cause = str(error.__cause__ or error).splitlines()[0]
        raise StartError(f"Nothing was moved: {cause}.") from error
    return counts


async def _copy(table: Table, old: AsyncConnection, new: AsyncConnection) -> int:
    """In the order in which the rows were written, so that those they refer to come first."""
    count = 0
    rows = await old.stream(select(table).order_by(literal_column("rowid")))
    async for some in rows.mappings().partitions(ROWS):
        _refuse_nul(table, some)
        await new.execute(insert(table), [dict(row) for row in some])
        count += len(some)
    return count


def _refuse_nul(table: Table, rows: object) -> None:
    assert isinstance(rows, list | tuple)
    for row in rows:
        for name, value in row.items():
            if isinstance(value, str) and "\0" in value:
                key = ", ".join(str(row[column.name]) for column in table.primary_key)
                raise StartError(
                    f"PostgreSQL takes no NUL character, and {name} of {table.name} {key} has one; "
                    "take it out."
                )


async def _compare(table: Table, old: AsyncConnection, new: AsyncConnection) -> None:
    """Row by row, each value."""
    before, after = await _rows(table, old), await _rows(table, new)
    while True:
        one, other = await anext(before, None), await anext(after, None)
        if one is None and other is None:
            return
        if one is None or other is None or tuple(one) != tuple(other):
            key = ", ".join(
                str(getattr(one if one is not None else other, column.name))
                for column in table.primary_key
            )
            raise StartError(f"Nothing was moved: {table.name} {key} did not arrive as it was.")


async def _rows(
    table: Table, connection: AsyncConnection
) -> AsyncIterator[Row[tuple[object, ...]]]:
    rows = await connection.stream(_ordered(table, connection.dialect.name))
    return aiter(rows)


def _ordered(table: Table, dialect: str) -> Select[tuple[object, ...]]:
    """By the primary key, texts by their bytes as SQLite has them."""

    def key(column: Column[object]) -> object:
        by_bytes = dialect == "postgresql" and isinstance(column.type, String)
        return column.collate("C") if by_bytes else column

    return select(table).order_by(*(key(column) for column in table.primary_key))  # type: ignore[arg-type]


async def _count_on(table: Table, new: AsyncConnection) -> None:
    """Ids that the database gives out go on after those that are there."""
    for column in table.primary_key:
        if table.autoincrement_column is not column:
            continue
        sequence = text("SELECT pg_get_serial_sequence(:table, :column)")
        name = await new.scalar(sequence, {"table": table.name, "column": column.name})
        largest = await new.scalar(select(func.max(column)))
        if name is not None and largest is not None:
            await new.execute(
                text("SELECT setval(:name, :largest)"), {"name": name, "largest": largest}
            )
