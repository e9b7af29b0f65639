"""Many transactions in one commit of SQLite: each whole or nothing, each told after the commit."""

import asyncio
import gc
import sqlite3

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError

from bot.storage import facts, writer
from bot.storage.database import Database, DatabaseBusy


@pytest.fixture
async def database(tmp_path):
    opened = Database(f"sqlite+aiosqlite:///{tmp_path / 'darkroom.db'}")
    await opened.start()
    yield opened
    await opened.close()
    gc.collect()  # a connection that nobody closed says so here


@pytest.fixture
def said(database):
    """The statements of SQLite that begin and end transactions, as the writer gives them."""
    found = []

    @sa.event.listens_for(database._writer.sync_engine, "checkout")
    def on_checkout(connection, _record, _fairy):
        connection.set_trace_callback(
            lambda text: found.append(text) if text in ("BEGIN IMMEDIATE", "COMMIT") else None
        )

    return found


async def put(database, name, *, error=None, after=None):
    async with database.write() as connection:
        await facts.put(connection, name, "here")
        if after is not None:
            await after
        if error is not None:
            raise error


def on_disk(database):
    """What another process sees."""
    connection = sqlite3.connect(database.path)
    try:
        return {name for (name,) in connection.execute("SELECT name FROM facts")}
    finally:
        connection.close()


async def test_those_that_wait_are_committed_together(database, said):
    await asyncio.gather(*(put(database, f"{number}") for number in range(writer.TOGETHER)))
    assert said == ["BEGIN IMMEDIATE", "COMMIT"]
    assert on_disk(database) == {f"{number}" for number in range(writer.TOGETHER)}


async def test_more_than_may_be_together_need_a_second_commit(database, said):
    await asyncio.gather(*(put(database, f"{number}") for number in range(writer.TOGETHER + 1)))
    assert said == ["BEGIN IMMEDIATE", "COMMIT"] * 2


async def test_nobody_is_told_before_the_commit(database):
    go = asyncio.Event()
    first = asyncio.create_task(put(database, "first"))
    second = asyncio.create_task(put(database, "second", after=go.wait()))
    for _ in range(100):
        await asyncio.sleep(0.001)
    assert not first.done()
    assert on_disk(database) == set()
    go.set()
    await asyncio.gather(first, second)
    assert on_disk(database) == {"first", "second"}


@pytest.mark.parametrize("position", [0, 1, 2])
async def test_one_that_raises_undoes_itself_alone(database, said, position):
    errors = [KeyError("mine") if number == position else None for number in range(3)]
    results = await asyncio.gather(
        *(put(database, f"{number}", error=each) for number, each in enumerate(errors)),
        return_exceptions=True,
    )
    assert results == errors
    assert on_disk(database) == {"0", "1", "2"} - {f"{position}"}
    assert said == ["BEGIN IMMEDIATE", "COMMIT"]


async def test_a_statement_that_is_refused_undoes_its_transaction_alone(database):
    async def twice():
        async with database.write() as connection:
            await facts.put(connection, "mine", "here")
            for _ in range(2):
                await connection.execute(sa.text("INSERT INTO facts VALUES ('same', '')"))

    results = await asyncio.gather(
        put(database, "first"), twice(), put(database, "last"), return_exceptions=True
    )
    assert isinstance(results[1], IntegrityError)
    assert on_disk(database) == {"first", "last"}


async def test_a_commit_that_fails_fails_all_and_the_next_is_well(database):
    async with database.write() as connection:
        raw = (await connection.get_raw_connection()).driver_connection

    def refuse(_action, name, *_names):
        return sqlite3.SQLITE_DENY if name == "COMMIT" else sqlite3.SQLITE_OK

    async def denied():
        async with database.write() as connection:
            await facts.put(connection, "denied", "here")
            raw.set_authorizer(refuse)

    results = await asyncio.gather(put(database, "first"), denied(), return_exceptions=True)
    raw.set_authorizer(None)
    assert [type(each) for each in results] == [sa.exc.DatabaseError] * 2
    assert results[0] is not results[1]
    await put(database, "later")
    assert on_disk(database) == {"later"}


async def test_where_sqlite_undoes_all_by_itself_all_are_told(database):
    """As it does when the disk is full."""

    async def full():
        async with database.write() as connection:
            raw = (await connection.get_raw_connection()).driver_connection
            raw.execute("ROLLBACK")

    async def full_and_told():
        async with database.write() as connection:
            raw = (await connection.get_raw_connection()).driver_connection
            raw.execute("ROLLBACK")
            raise KeyError("mine")

    for end, told in ((full, OperationalError), (full_and_told, KeyError)):
        first, second, third = await asyncio.gather(
            put(database, "first"), end(), put(database, "third"), return_exceptions=True
        )
        assert isinstance(first, OperationalError)
        assert isinstance(second, told)
        assert third is None
        assert on_disk(database) == {"third"}


@pytest.mark.parametrize("steps", range(12))
async def test_who_is_cancelled_at_any_step_leaves_all_or_nothing(database, steps):
    async def two():
        async with database.write() as connection:
            await facts.put(connection, "one", "here")
            await asyncio.sleep(0)
            await facts.put(connection, "two", "here")

    before = asyncio.create_task(put(database, "before"))
    cancelled = asyncio.create_task(two())
    after = asyncio.create_task(put(database, "after"))
    for _ in range(steps):
        await asyncio.sleep(0.001 if steps % 2 else 0)
    cancelled.cancel()
    await asyncio.gather(before, cancelled, after, return_exceptions=True)
    await put(database, "later")
    assert on_disk(database) in (
        {"before", "after", "later"},
        {"before", "after", "later", "one", "two"},
    )


async def test_who_is_cancelled_within_a_statement_undoes_itself_alone(database, said):
    async def two():
        async with database.write() as connection:
            await facts.put(connection, "one", "here")
            connection.sync_connection.connection.driver_connection.inline_s = 1.0
            asyncio.current_task().cancel()  # the next statement makes way for others first
            await facts.put(connection, "two", "here")

    before, cancelled, after = await asyncio.gather(
        put(database, "before"), two(), put(database, "after"), return_exceptions=True
    )
    assert (before, after) == (None, None)
    assert isinstance(cancelled, asyncio.CancelledError)
    assert on_disk(database) == {"before", "after"}
    assert said == ["BEGIN IMMEDIATE", "COMMIT"]


async def test_who_is_cancelled_waiting_for_the_commit_goes_on_after_it(database):
    seen = None

    async def look():
        nonlocal seen
        try:
            await put(database, "mine")
        finally:
            async with database.read() as connection:
                seen = set(await connection.scalars(sa.text("SELECT name FROM facts")))

    go, holds = asyncio.Event(), asyncio.Event()

    async def hold():
        holds.set()
        await go.wait()

    cancelled = asyncio.create_task(look())
    holding = asyncio.create_task(put(database, "holding", after=hold()))
    await holds.wait()
    for _ in range(2):
        cancelled.cancel()
        await asyncio.sleep(0.001)
    assert seen is None
    go.set()
    await holding
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert seen == {"mine", "holding"}


async def test_the_first_of_a_commit_does_not_wait_for_all_that_are_refused(database, said):
    refused = (put(database, "no", error=KeyError("no")) for _ in range(writer.TOGETHER))
    await asyncio.gather(put(database, "first"), *refused, return_exceptions=True)
    await database._all_returned()  # nobody waits for a commit of nothing
    assert said == ["BEGIN IMMEDIATE", "COMMIT"] * 2
    assert on_disk(database) == {"first"}


async def test_where_the_disk_is_full_the_others_are_told_so(database):
    async def big():
        async with database.write() as connection:
            await facts.put(connection, "big", "." * 1_000_000)

    async with database.write() as connection:
        pages = await connection.scalar(sa.text("PRAGMA page_count"))
        await connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 9}")
    first, second, third = await asyncio.gather(
        put(database, "first"), big(), put(database, "third"), return_exceptions=True
    )
    for each in (first, second):
        assert isinstance(each, OperationalError)
        assert "disk is full" in str(each)
    assert third is None
    assert on_disk(database) == {"third"}


async def test_a_long_one_is_the_first_of_its_commit(database, said):
    async def look():
        async with database.write(long=True), database.read() as connection:
            return set(await connection.scalars(sa.text("SELECT name FROM facts")))

    *_, seen, _ = await asyncio.gather(
        put(database, "one"), put(database, "two"), look(), put(database, "three")
    )
    assert seen == {"one", "two"}
    assert said == ["BEGIN IMMEDIATE", "COMMIT"] * 2


@pytest.mark.parametrize("too_late", [False, True])
async def test_a_first_that_waits_no_more_when_it_could_begin_stops_nobody(database, too_late):
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    database._turns.wait_s = 0.05 if too_late else 30
    first = asyncio.create_task(put(database, "first"))
    await asyncio.sleep(0.02)  # it begins, in its thread
    database._turns.wait_s = 30
    next_ = asyncio.create_task(put(database, "next"))
    if not too_late:
        first.cancel()
    with pytest.raises(DatabaseBusy if too_late else asyncio.CancelledError):
        await first
    other.execute("COMMIT")
    other.close()
    await next_
    assert on_disk(database) == {"next"}


async def test_who_waits_too_long_is_told_and_the_others_go_on(database):
    go, holds = asyncio.Event(), asyncio.Event()

    async def hold():
        holds.set()
        await go.wait()

    holding = asyncio.create_task(put(database, "holding", after=hold()))
    await holds.wait()
    database._turns.wait_s = 0.01
    with pytest.raises(DatabaseBusy):
        await put(database, "waiting")
    go.set()
    await holding
    assert on_disk(database) == {"holding"}


async def test_another_process_that_holds_the_file_does_not_stop_the_event_loop(database):
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(put(database, "mine"))
    for _ in range(20):
        await asyncio.sleep(0.001)
    assert not waiting.done()
    other.execute("COMMIT")
    other.close()
    await waiting
    assert on_disk(database) == {"mine"}


async def test_a_file_that_stays_locked_fails_one_and_the_next_is_tried(database):
    async with database.write() as connection:
        await connection.exec_driver_sql("PRAGMA busy_timeout=1")
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseBusy, match="locked"):
        await put(database, "mine")
    other.execute("COMMIT")
    other.close()
    await put(database, "mine")


async def test_closing_undoes_what_hangs_and_tells_it(database, monkeypatch):
    monkeypatch.setattr("bot.storage.database.CLOSE_S", 0.01)
    go, holds = asyncio.Event(), asyncio.Event()

    async def hold():
        holds.set()
        await go.wait()

    done = asyncio.create_task(put(database, "done"))
    hangs = asyncio.create_task(put(database, "hangs", after=hold()))
    waits = asyncio.create_task(put(database, "waits"))
    await holds.wait()
    await database.close()
    go.set()
    results = await asyncio.gather(done, hangs, waits, return_exceptions=True)
    assert [type(each) for each in results] == [OperationalError, OperationalError, DatabaseBusy]
    assert on_disk(database) == set()


async def test_rows_are_those_of_the_moment_they_were_asked_for(database):
    async with database.write() as connection:
        for number in range(5):
            await facts.put(connection, f"{number}", "here")
        rows = await connection.execute(sa.text("SELECT name FROM facts ORDER BY name"))
        assert rows.fetchone() == ("0",)
        await connection.execute(sa.text("DELETE FROM facts"))
        assert rows.fetchmany(2) == [("1",), ("2",)]
        assert [tuple(row) for row in rows] == [("3",), ("4",)]


async def test_a_long_transaction_leaves_the_event_loop_to_others(database):
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    long = sa.text(
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 300000) "
        "SELECT count(*) FROM n"
    )
    ticking = asyncio.create_task(tick())
    async with database.write(long=True) as connection:
        before = ticks
        assert await connection.scalar(long) == 300_000
        assert ticks > before
        connection.sync_connection.connection.driver_connection.inline_s = 0.0
    async with database.write() as connection:  # the next is as quick as ever
        before = ticks
        assert await connection.scalar(long) == 300_000
        assert ticks == before
        await connection.scalar(long)  # many statements make way for others
        assert ticks > before
    ticking.cancel()
