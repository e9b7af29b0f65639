"""`python -m bot.bench ledger`: how many jobs a second the ledger can hold and settle credits for.

Fifty tasks each write a job, hold its price and settle it, each in transactions of its own, as the
bot does. Every statement is recorded and then done again by sqlite3 alone, on one connection, with
the same durability (`synchronous=FULL`) on a copy of the same file. There each transaction is
committed by itself; the bot commits those that wait together. The last line printed is one JSON
object; the exit status is 1 where the ledger is not half as quick as that.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from sqlalchemy import event, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.credits import ledger
from bot.storage.database import Database
from bot.storage.tables import jobs

TASKS = 50
LEAST_RATIO = 0.5
_PRICE, _GRANT = 100, 1_000_000_000
_ROUNDS = 9
"""Each side is timed so often, in turn; medians count, as other work disturbs either."""

_ADD_JOB = insert(jobs)

Statement = tuple[str, Any]


def main(pairs: int) -> int:
    """pairs: holds with their settlement of each task. The exit status."""
    figures = asyncio.run(measure(pairs))
    for name, figure in figures.items():
        print(f"{name:20} {figure}")
    print(json.dumps(figures))
    return 0 if figures["ratio"] >= LEAST_RATIO else 1


async def measure(pairs: int) -> dict[str, float]:
    """The figures of the last line."""
    ours_s, bare_s, latencies_s = [], [], []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        empty = Path(folder) / "empty.db"
        accounts = await _prepare(empty)
        for number in range(_ROUNDS):
            file = Path(folder) / f"ours-{number}.db"
            shutil.copyfile(empty, file)
            statements: list[Statement] = []
            elapsed_s, each_s = await _ours(file, accounts, pairs, statements)
            ours_s.append(elapsed_s)
            latencies_s += each_s
            copy = Path(folder) / f"bare-{number}.db"
            shutil.copyfile(empty, copy)
            bare_s.append(await asyncio.to_thread(_bare, copy, statements))
    count = TASKS * pairs
    ours, bare = count / statistics.median(ours_s), count / statistics.median(bare_s)
    return {
        "ratio": round(statistics.median(b / o for o, b in zip(ours_s, bare_s, strict=True)), 3),
        "pairs_per_s": round(ours, 1),
        "p99_ms": round(1000 * statistics.quantiles(latencies_s, n=100, method="inclusive")[98], 1),
        "bare_pairs_per_s": round(bare, 1),
        "tasks": TASKS,
        "pairs": count * _ROUNDS,
    }


async def _prepare(file: Path) -> list[int]:
    """A migrated database with an account for each task; their ids."""
    async with _open(file) as database, database.write() as connection:
        found = []
        for user_id in range(1, TASKS + 1):
            account_id = await ledger.account(
                connection, guild_id=1, user_id=user_id, trial=0, now_ms=0
            )
            await ledger.grant(
                connection, account_id=account_id, amount=_GRANT, actor_id=1, now_ms=0
            )
            found.append(account_id)
    # Everything into the one file that is copied.
    with contextlib.closing(sqlite3.connect(file)) as connection_:
        connection_.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return found


@contextlib.asynccontextmanager
async def _open(file: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{file}")
    try:
        await database.start()
        yield database
    finally:
        await database.close()


async def _ours(
    file: Path, accounts: list[int], pairs: int, statements: list[Statement]
) -> tuple[float, list[float]]:
    """Seconds in all and of each pair; what was done is added to `statements`."""
    latencies_s: list[float] = []

    async def work(database: Database, account_id: int) -> None:
        for number in range(pairs):
            began = time.perf_counter()
            job_id = f"j{account_id}-{number}"
            async with _recorded(database, statements) as connection:
                await connection.execute(
                    _ADD_JOB, {**_job(job_id, account_id), "created_ms": number}
                )
                await ledger.hold(
                    connection, account_id=account_id, job_id=job_id, amount=_PRICE, now_ms=number
                )
            async with _recorded(database, statements) as connection:
                await ledger.settle(connection, job_id=job_id, amount=_PRICE, now_ms=number)
            latencies_s.append(time.perf_counter() - began)

    async with _open(file) as database:
        _record(database, statements)
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for account_id in accounts:
                group.create_task(work(database, account_id))
        return time.perf_counter() - began, latencies_s


def _record(database: Database, statements: list[Statement]) -> None:
    engine = database._writer.sync_engine  # noqa: SLF001 - measured from within

    @event.listens_for(engine, "before_cursor_execute")
    def on_execute(
        _connection: Any,  # noqa: ANN401
        _cursor: Any,  # noqa: ANN401
        statement: str,
        parameters: Any,  # noqa: ANN401
        _context: Any,  # noqa: ANN401
        _many: bool,  # noqa: FBT001
    ) -> None:
        statements.append((statement, parameters))


@contextlib.asynccontextmanager
async def _recorded(
    database: Database, statements: list[Statement]
) -> AsyncIterator[AsyncConnection]:
    """A transaction, which bare SQLite is to commit by itself: the bot commits several at once."""
    async with database.write() as connection:
        statements.append(("BEGIN IMMEDIATE", ()))
        yield connection
        statements.append(("COMMIT", ()))


def _bare(file: Path, statements: list[Statement]) -> float:
    """Seconds for the statements on one connection of sqlite3."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        began = time.perf_counter()
        for statement, parameters in statements:
            connection.execute(statement, parameters).fetchall()
        return time.perf_counter() - began


def _job(job_id: str, account_id: int) -> dict[str, Any]:
    return {
        "id": job_id,
        "account_id": account_id,
        "guild_id": 1,
        "channel_id": 1,
        "user_id": account_id,
        "kind": "imagine",
        "title": "",
        "prompt": "a red cat",
        "stored_version": 1,
        "stored": "{}",
    }
