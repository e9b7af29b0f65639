"""`python -m bot.bench months`: how a year's jobs weigh on the database.

A year of 1,000 members and two million jobs is written as it would lie there, in a SQLite file of
its own: jobs, holds, entries, pictures, how these look, and messages. Then Darkroom's own code is
asked what members and managers ask, and what a start and the hourly look for old pictures do; each
statement is timed, and its plan looked at. The clock is the year's. The last line printed is one
JSON object; the exit status is 1 where a statement reads a whole table that grows.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import random
import re
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

import engine
from bot.credits import statement
from bot.credits.quotas import Quotas
from bot.jobs import batches, codec, favourites, records, usage
from bot.jobs.retention import DAY_MS, Notice, Retention
from bot.pictures.store import PictureStore
from bot.prompt import grammar
from bot.prompt.resolved import as_json
from bot.storage.audit import Audit
from bot.storage.database import Database

GUILD, CHANNELS = 1, 50
YEAR_DAYS = 365
BEGAN_MS = 1_767_225_600_000
"""The first of January 2026, UTC."""
PRICE, GRANTED = 100, 1_000_000
GRIDS_SHARE = 0.7
"""Of the jobs; the others are single pictures."""
PICTURE_BYTES = 90_000
"""What a picture of 512 by 512 pixels takes on the disk; nothing is written there."""
RETENTION_DAYS = 30
ASKED = 20
"""How often each question is asked, of different members."""
ROWS_AT_ONCE = 20_000
GROWING = ("jobs", "holds", "entries", "images", "picture_hashes", "messages")
_SCAN = re.compile(r"^SCAN (\w+)\b(?!.* (?:ix_jobs|ix_batches)_unsettled)")
_WORDS = ("red", "blue", "cat", "castle", "boat", "forest", "night", "storm", "by", "the", "sea")


@dataclass(slots=True)
class Timed:
    """The statements that were done, by what asked them."""

    asking: str = ""
    slowest_s: dict[str, float] = field(default_factory=dict)
    statements: dict[str, tuple[str, Any]] = field(default_factory=dict)
    """Each once, with one of its parameters."""
    _began_s: float = 0.0

    def watch(self, database: Database) -> None:
        for each in database._engines:  # noqa: SLF001 - measured from within
            event.listen(each.sync_engine, "before_cursor_execute", self._begin)
            event.listen(each.sync_engine, "after_cursor_execute", self._end)

    def _begin(self, *_: object) -> None:
        self._began_s = time.perf_counter()

    def _end(
        self,
        _connection: object,
        _cursor: object,
        text: str,
        parameters: Any,  # noqa: ANN401
        *_: object,
    ) -> None:
        took_s = time.perf_counter() - self._began_s
        self.slowest_s[self.asking] = max(took_s, self.slowest_s.get(self.asking, 0.0))
        self.statements.setdefault(text, (self.asking, parameters))


class RememberedStore(PictureStore):
    """What the disk would hold, without a disk: names alone."""

    def __init__(self) -> None:
        super().__init__(Path("nowhere"))
        self.held: dict[str, int] = {}

    def sizes(self) -> dict[str, int]:
        return dict(self.held)

    def delete(
        self,
        sha256: str,
        *,
        suffix: str = ".png",  # noqa: ARG002 - a store's
        unless_since_s: float | None = None,  # noqa: ARG002
    ) -> None:
        self.held.pop(sha256, None)


def main(jobs: int, members: int) -> int:
    """The exit status."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        figures = asyncio.run(measure(Path(folder) / "darkroom.db", jobs, members))
    for name, figure in figures.items():
        print(f"{name:28} {figure}")
    print(json.dumps(figures))
    return 1 if figures["whole_tables_read"] else 0


async def measure(file: Path, jobs: int, members: int) -> dict[str, Any]:
    """The figures of the last line."""
    chance = random.Random(1)  # noqa: S311 - a year to measure with, no secret
    await _opened(file)
    began = time.perf_counter()
    _fill(file, jobs, members, chance)
    print(f"written in {time.perf_counter() - began:.0f} s", flush=True)
    began = time.perf_counter()
    await _opened(file)
    opened_s = time.perf_counter() - began
    timed, database = Timed(), Database(f"sqlite+aiosqlite:///{file}")
    await database.start()
    try:
        timed.watch(database)
        took_s = await _ask(database, timed, members, chance)
        timed.asking = ""
        pictures = await _rows(database, "SELECT count(*) FROM images")
        timed.asking = "retention"
        swept = await _retain(database, file)
    finally:
        await database.close()
    whole = sorted(
        f"{name}: {asking}"
        for text, (asking, parameters) in timed.statements.items()
        if asking
        for name in _scans(file, text, parameters)
    )
    size = await asyncio.to_thread(file.stat)
    slowest = max(timed.slowest_s, key=timed.slowest_s.__getitem__)
    return {
        "members": members,
        "jobs": jobs,
        "database_gb": round(size.st_size / 1e9, 2),
        "bytes_a_job": round(size.st_size / jobs),
        "open_s": round(opened_s, 2),
        "recover_s": round(took_s["a start looks what is open"], 3),
        "slowest_question": max(took_s, key=took_s.__getitem__),
        "slowest_question_ms": round(1000 * max(took_s.values()), 1),
        "slowest_statement_of": slowest,
        "slowest_statement_ms": round(1000 * timed.slowest_s[slowest], 1),
        "questions_ms": {name: round(1000 * each, 1) for name, each in took_s.items()},
        "whole_tables_read": whole,
        **swept,
        "pictures_gb_without": round(pictures[0][0] * PICTURE_BYTES / 1e9, 1),
        "load_average": round(os.getloadavg()[0], 1),
    }


async def _opened(file: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{file}")
    try:
        await database.start()
    finally:
        await database.close()


# A year, written.


def _fill(file: Path, jobs: int, members: int, chance: random.Random) -> None:
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA cache_size=-500000")
        # Made again afterwards, each in one pass.
        indexes = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        ).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        _write_accounts(connection, jobs, members)
        for numbers in _in_parts(range(jobs), ROWS_AT_ONCE):
            connection.execute("BEGIN")
            _write_jobs(connection, numbers, jobs, members, chance)
            connection.execute("COMMIT")
        for _, sql in indexes:
            connection.execute(sql)
        connection.execute("ANALYZE")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _write_accounts(connection: sqlite3.Connection, jobs: int, members: int) -> None:
    rows = range(1, members + 1)
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO accounts (id, guild_id, user_id, created_ms) VALUES (?, ?, ?, ?)",
        [(n, GUILD, n, BEGAN_MS) for n in rows],
    )
    granted = GRANTED + PRICE * jobs
    connection.executemany(
        "INSERT INTO entries (account_id, purse, amount, kind, actor_id, created_ms) "
        "VALUES (?, 'granted', ?, 'grant', 1, ?)",
        [(n, granted, BEGAN_MS) for n in rows],
    )
    connection.executemany(
        "INSERT INTO purses (account_id, kind, available) VALUES (?, 'granted', ?)",
        [(n, granted - PRICE * len(range(n - 1, jobs, members))) for n in rows],
    )
    connection.execute("COMMIT")


def _write_jobs(
    connection: sqlite3.Connection,
    numbers: Sequence[int],
    jobs: int,
    members: int,
    chance: random.Random,
) -> None:
    rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in GROWING}
    for number in numbers:
        at_ms = BEGAN_MS + number * YEAR_DAYS * DAY_MS // jobs
        member, job_id = number % members + 1, f"{number:016x}"
        words = " ".join(chance.choices(_WORDS, k=12))
        grid = chance.random() < GRIDS_SHARE
        stored, resolved = _texts(words, job_id)
        rows["jobs"].append(
            (
                *(job_id, member, GUILD, number % CHANNELS, member, "imagine", "", words),
                *("finished", "posted", codec.VERSION, stored, at_ms, at_ms + 20_000, resolved),
            )
        )
        rows["holds"].append((job_id, member, PRICE, "settled", PRICE))
        rows["entries"].append((member, "granted", -PRICE, "hold", job_id, at_ms))
        for position in range(1, 5 if grid else 2):
            sha256 = chance.randbytes(32).hex()
            rows["images"].append((job_id, position, sha256, number, 512, 512))
            rows["picture_hashes"].append(_looks(job_id, sha256, position, chance))
        rows["picture_hashes"].append(_looks(job_id, chance.randbytes(32).hex(), None, chance))
        role = "grid" if grid else "single"
        rows["messages"].append((number + 1, number % CHANNELS, job_id, role, None))
    for name, columns in _COLUMNS.items():
        marks = ", ".join("?" * (columns.count(",") + 1))
        insert = f"INSERT INTO {name} ({columns}) VALUES ({marks})"  # noqa: S608 - names of ours
        connection.executemany(insert, rows[name])


_COLUMNS = {
    "jobs": "id, account_id, guild_id, channel_id, user_id, kind, title, prompt, outcome, "
    "delivery, stored_version, stored, created_ms, ended_ms, resolved",
    "holds": "job_id, account_id, amount, state, settled",
    "entries": "account_id, purse, amount, kind, job_id, created_ms",
    "images": "job_id, position, sha256, seed, width_px, height_px",
    "picture_hashes": "job_id, sha256, position, band_1, band_2, band_3, band_4, colours",
    "messages": "message_id, channel_id, job_id, role, position",
}


def _looks(
    job_id: str, sha256: str, position: int | None, chance: random.Random
) -> tuple[Any, ...]:
    bands = (chance.getrandbits(16) for _ in range(4))
    return (job_id, sha256, position, *bands, chance.randbytes(192))


def _texts(words: str, job_id: str) -> tuple[str, str]:
    """A job as it is stored, and what its text meant."""
    stored, resolved = (form.replace("WORDS", words) for form in _forms())
    return stored.replace("JOB", job_id), resolved


@functools.cache
def _forms() -> tuple[str, str]:
    job = engine.DrawJob(
        id="JOB",
        owner="1",
        model="doodle",
        prompt=(engine.WeightedText(text="WORDS"),),
        width_px=512,
        height_px=512,
        steps=30,
        guidance=7.0,
        seed=1,
    )
    return codec.dump(job, lambda _: ""), json.dumps(as_json(grammar.parse("WORDS")))


def _in_parts(numbers: range, size: int) -> Iterator[range]:
    for first in range(0, len(numbers), size):
        yield numbers[first : first + size]


# What is asked.

Question = Callable[[AsyncConnection, int], Awaitable[object]]


async def _ask(
    database: Database, timed: Timed, members: int, chance: random.Random
) -> dict[str, float]:
    """The longest time of each question."""
    now_ms = BEGAN_MS + YEAR_DAYS * DAY_MS
    quotas = Quotas(database, Audit(lambda: now_ms), lambda: now_ms)
    [(first,)] = await _rows(database, "SELECT id FROM jobs LIMIT 1")
    [(sha256,)] = await _rows(database, "SELECT sha256 FROM images LIMIT 1")
    questions: dict[str, Question] = {
        "a start looks what is open": lambda c, _: records.unfinished(c),
        "the outbox looks what is owed": lambda c, _: records.owed(c, 4),
        "batches that are owed": lambda c, _: batches.owed(c, 4),
        "a member's open jobs": records.open_of,
        "the queue of a server": lambda c, _: records.open_in(c, GUILD),
        "/info": records.tally,
        "the newest here": lambda c, m: records.last_finished(
            c, user_id=m, channel_id=m % CHANNELS
        ),
        "the newest of a server": lambda c, m: records.newest_finished(
            c, user_id=m, guild_id=GUILD
        ),
        "/show, as a member types": lambda c, m: records.search(
            c, user_id=m, text="storm", limit=25
        ),
        "/show of words that are nowhere": lambda c, m: records.search(
            c, user_id=m, text="zebra", limit=25
        ),
        "a job": lambda c, _: records.get(c, first),
        "a press of a button": records.message,
        "messages of a job": lambda c, _: records.shown_in(c, first),
        "pictures of a job": lambda c, _: records.pictures(c, first),
        "whether a file is used": lambda c, _: records.is_referenced(c, sha256),
        "a statement's first page": lambda c, m: statement.page(c, m, before=None, count=10),
        "a member's statement as CSV": statement.as_csv,
        "spent this month, for a quota": lambda c, m: quotas.spent(c, GUILD, m, "month"),
        "favourites": lambda c, m: favourites.at(c, m, 0),
        "/stats of 30 days": lambda c, _: usage.of_guild(c, GUILD, days=30, now_ms=now_ms),
        "/stats of 90 days": lambda c, _: usage.of_guild(c, GUILD, days=90, now_ms=now_ms),
    }
    took_s = {}
    for name, question in questions.items():
        timed.asking = name
        longest = 0.0
        for _ in range(ASKED):
            began = time.perf_counter()
            async with database.read() as connection:
                await question(connection, chance.randint(1, members))
            longest = max(longest, time.perf_counter() - began)
        took_s[name] = longest
    return took_s


async def _rows(database: Database, sql: str) -> Sequence[Any]:
    async with database.read() as connection:
        return (await connection.exec_driver_sql(sql)).all()


def _scans(file: Path, text: str, parameters: Any) -> list[str]:  # noqa: ANN401
    """The tables that grow and that the statement reads whole, without any index."""
    if not text.lstrip().startswith(("SELECT", "WITH")):
        return []
    with contextlib.closing(sqlite3.connect(file)) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {text}", parameters).fetchall()
    found = (_SCAN.match(line[-1]) for line in plan)
    return [each[1] for each in found if each is not None and each[1] in GROWING]


# The disk, day by day.


async def _retain(database: Database, file: Path) -> dict[str, Any]:
    """What the hourly look for old pictures takes and leaves, at the end of the year."""
    store, now_ms, told = RememberedStore(), 0, 0

    async def tell(_: Notice) -> None:
        nonlocal told
        told += 1

    retention = Retention(
        database=database, store=store, now_ms=lambda: now_ms, days=RETENTION_DAYS
    )
    longest_s = most_bytes = 0.0
    lags = [0.0]
    watching = asyncio.create_task(_watch_lag(lags))
    first = YEAR_DAYS - RETENTION_DAYS - 12
    for day in range(first, YEAR_DAYS + 1, 3):
        now_ms = BEGAN_MS + day * DAY_MS
        days = RETENTION_DAYS + 6 if day == first else 3
        await asyncio.to_thread(_draw, file, store, now_ms - days * DAY_MS, now_ms)
        began = time.perf_counter()
        await retention.work(tell)
        longest_s = max(longest_s, time.perf_counter() - began)
        most_bytes = max(most_bytes, sum(store.held.values()))
    watching.cancel()
    return {
        "retention_days": RETENTION_DAYS,
        "pictures_gb_at_most": round(most_bytes / 1e9, 1),
        "retention_s": round(longest_s, 2),
        "retention_lag_ms": round(1000 * max(lags), 1),
        "members_told": told,
    }


def _draw(file: Path, store: RememberedStore, after_ms: int, until_ms: int) -> None:
    """What was drawn in that time is on the disk."""
    drawn = (
        "SELECT sha256 FROM images JOIN jobs ON jobs.id = images.job_id "
        "WHERE guild_id = ? AND created_ms > ? AND created_ms <= ?"
    )
    with contextlib.closing(sqlite3.connect(file)) as connection:
        for (sha256,) in connection.execute(drawn, (GUILD, after_ms, until_ms)):
            store.held[sha256] = PICTURE_BYTES


async def _watch_lag(lags: list[float]) -> None:
    """How long the event loop is kept from everything else, again and again."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.01)
        lags.append(time.perf_counter() - began - 0.01)
