"""Migrations, locks, and the rules that the schema itself holds."""

import asyncio
import gc
import logging
import os
import re
import shutil
import sqlite3
import threading
from pathlib import Path
from unittest.mock import AsyncMock

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DatabaseError, DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

import migrations
from bot.credits import ledger
from bot.errors import DatabaseInUse, StartError
from bot.jobs import records
from bot.storage import facts
from bot.storage.database import Database, DatabaseBusy, migration_config
from bot.storage.tables import (
    accounts,
    entries,
    holds,
    jobs,
    metadata,
    picture_hashes,
    purses,
    rules,
)

JOB = {
    "guild_id": 1,
    "channel_id": 1,
    "user_id": 1,
    "kind": "imagine",
    "title": "",
    "prompt": "a cat",
    "stored_version": 1,
    "stored": "{}",
    "created_ms": 0,
}


REVISIONS = [
    script.revision for script in ScriptDirectory.from_config(migration_config()).walk_revisions()
][::-1]
KEY_OF_A_COLUMN = re.compile(r"(\w+) (\w+\(\d+\)) CONSTRAINT (\w+) REFERENCES")
"""A foreign key as SQLite takes it with a new column: the same as one of the table."""


def schema(path):
    with sqlite3.connect(path) as connection:
        rows = connection.execute(
            "SELECT type, name, sql FROM sqlite_master "
            "WHERE name NOT LIKE 'sqlite_%' AND name <> 'alembic_version'"
        ).fetchall()
    connection.close()
    return {
        (kind, name): KEY_OF_A_COLUMN.sub(
            r"\1 \2, CONSTRAINT \3 FOREIGN KEY(\1) REFERENCES",
            " ".join((sql or "").replace('"', "").replace("( ", "(").split()),
        )
        for kind, name, sql in rows
    }


def clauses(sql):
    """The parts of a CREATE statement in any order: batch operations may reorder them."""
    return sorted(part.strip(" ()") for part in sql.replace("(", ",").replace(")", ",").split(","))


@pytest.fixture
def sqlite_only(database):
    if database.dialect != "sqlite":
        pytest.skip("This is about SQLite's file.")


@pytest.mark.usefixtures("sqlite_only")
async def test_a_migrated_database_equals_a_freshly_created_one(database, tmp_path):
    fresh = tmp_path / "fresh.db"
    created = sa.create_engine(f"sqlite:///{fresh}")
    metadata.create_all(created)
    created.dispose()
    migrated_schema, fresh_schema = schema(database.path), schema(fresh)
    assert migrated_schema.keys() == fresh_schema.keys()
    for key, sql in fresh_schema.items():
        assert clauses(migrated_schema[key]) == clauses(sql), key


@pytest.fixture
async def before_messages(database):
    """A database of revision 0001 with three jobs: waiting, finished, failed."""
    async with database.write() as connection:
        await connection.run_sync(to_revision, "0001")
        account = await connection.scalar(
            sa.text(
                "INSERT INTO accounts (guild_id, user_id, created_ms) VALUES (1, 2, 0) RETURNING id"
            )
        )
        for job_id, outcome, progress, result in (
            ("waiting", "open", 10, None),
            ("drawn", "finished", 20, 21),
            ("failed", "failed", 30, 30),
        ):
            values = {**JOB, "id": job_id, "account_id": account, "outcome": outcome}
            values |= {"progress_message_id": progress, "result_message_id": result}
            values |= {} if outcome == "open" else {"delivery": "posted", "ended_ms": 1}
            names = ", ".join(values)
            places = ", ".join(f":{name}" for name in values)
            await connection.execute(
                sa.text(f"INSERT INTO jobs ({names}) VALUES ({places})"), values
            )
    return database


def to_revision(connection, revision):
    """Drop everything and build the schema of that revision."""
    first = (
        "plan_roles",
        "plans",
        "quotas",
        "favourites",
        "picture_hashes",
        "messages",
        "films",
        "texts",
        "preferences",
        "facts",
        "audit",
        "word_rules",
        "verdicts",
        "standings",
        "entries",
    )
    for table in (*first, "redemptions", "gift_codes", "holds"):
        connection.exec_driver_sql(
            f"DROP TABLE IF EXISTS {table} CASCADE".replace(
                " CASCADE", " CASCADE" if connection.dialect.name == "postgresql" else ""
            )
        )
    last = ("images", "inputs", "jobs", "batches", "purses", "accounts", "guilds")
    for table in (*last, "alembic_version"):
        connection.exec_driver_sql(
            f"DROP TABLE IF EXISTS {table} CASCADE".replace(
                " CASCADE", " CASCADE" if connection.dialect.name == "postgresql" else ""
            )
        )
    if connection.dialect.name == "postgresql":
        for rule in rules("postgresql"):
            if rule.startswith("CREATE FUNCTION"):
                connection.exec_driver_sql(f"DROP FUNCTION {rule.split()[2]}")
    config = migration_config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


@pytest.mark.parametrize("revision", REVISIONS)
async def test_an_upgrade_from_every_earlier_revision_keeps_what_was_paid(
    before_messages, revision
):
    def to(target):
        def work(connection):
            config = migration_config()
            config.attributes["connection"] = connection
            command.upgrade(config, target)

        return work

    paid = sa.text(
        "SELECT account_id, purse, amount, kind, job_id, created_ms FROM entries ORDER BY id"
    )
    async with before_messages.write() as connection:
        account = await connection.scalar(sa.text("SELECT id FROM accounts"))
        for statement in (
            "INSERT INTO purses (account_id, kind, available) VALUES (:account, 'trial', 9900)",
            (
                "INSERT INTO holds (job_id, account_id, amount, state, settled) "
                "VALUES ('drawn', :account, 200, 'settled', 100)"
            ),
            (
                "INSERT INTO entries (account_id, purse, amount, kind, created_ms) "
                "VALUES (:account, 'trial', 10000, 'trial', 1)"
            ),
            (
                "INSERT INTO entries (account_id, purse, amount, kind, job_id, created_ms) "
                "VALUES (:account, 'trial', -200, 'hold', 'drawn', 2)"
            ),
            (
                "INSERT INTO entries (account_id, purse, amount, kind, job_id, created_ms) "
                "VALUES (:account, 'trial', 100, 'return', 'drawn', 3)"
            ),
        ):
            await connection.execute(sa.text(statement), {"account": account})
        before = (await connection.execute(paid)).all()
        await connection.run_sync(to(revision))
    async with before_messages.write() as connection:  # as a later start on that database
        await connection.run_sync(to("head"))
    async with before_messages.write() as connection:
        assert (await connection.execute(paid)).all() == before
        assert (await records.get(connection, "drawn")).account_id == account
        assert await ledger.refund(connection, job_id="drawn", now_ms=4) == 100
        assert await ledger.refund(connection, job_id="drawn", now_ms=5) == 0
        assert (await ledger.balance(connection, account)).purses == {"trial": 10000}
    for statement in ("UPDATE entries SET amount = 1", "DELETE FROM entries"):
        with pytest.raises(DBAPIError, match="append-only"):
            async with before_messages.write() as connection:
                await connection.execute(sa.text(statement))


async def test_messages_of_before_the_messages_table_are_found_in_it(before_messages):
    async with before_messages.write() as connection:
        config = migration_config()
        config.attributes["connection"] = connection.sync_connection
        await connection.run_sync(lambda _: command.upgrade(config, "head"))
        shown = {id_: await records.message(connection, id_) for id_ in (10, 20, 21, 30)}
        row = await records.get(connection, "waiting")
    assert {id_: (message.job_id, message.role) for id_, message in shown.items()} == {
        10: ("waiting", "progress"),
        20: ("drawn", "progress"),
        21: ("drawn", "grid"),
        30: ("failed", "refusal"),
    }
    assert (row.progress_message_id, row.resolved, row.locale) == (10, "{}", "en")


async def test_pictures_of_before_the_hashes_are_known_by_their_bytes(before_messages):
    async with before_messages.write() as connection:
        config = migration_config()
        config.attributes["connection"] = connection.sync_connection
        await connection.run_sync(lambda _: command.upgrade(config, "0004"))
        for position, sha256 in ((1, "a" * 64), (2, "b" * 64), (3, "b" * 64)):
            await connection.execute(
                sa.text("INSERT INTO images VALUES ('drawn', :position, :sha256, 0, 8, 8)"),
                {"position": position, "sha256": sha256},
            )
        film = sa.text("INSERT INTO films VALUES ('drawn', :film)")
        await connection.execute(film, {"film": "c" * 64})
        await connection.run_sync(lambda _: command.upgrade(config, "head"))
        known = sa.select(picture_hashes.c.sha256, picture_hashes.c.position)
        rows = await connection.execute(known.order_by(picture_hashes.c.sha256))
    assert [tuple(row) for row in rows] == [("a" * 64, 1), ("b" * 64, 2), ("c" * 64, None)]


async def test_a_migrated_database_keeps_its_rules(before_messages):
    async with before_messages.write() as connection:
        config = migration_config()
        config.attributes["connection"] = connection.sync_connection
        await connection.run_sync(lambda _: command.upgrade(config, "head"))
    with pytest.raises(DBAPIError, match="end together"):
        async with before_messages.write() as connection:
            await connection.execute(
                sa.update(jobs)
                .where(jobs.c.id == "waiting")
                .values(outcome="failed", delivery="pending", ended_ms=1)
            )


@pytest.mark.usefixtures("sqlite_only")
async def test_a_second_process_on_the_database_is_refused(database):
    second = Database(f"sqlite+aiosqlite:///{database.path}")
    with pytest.raises(StartError, match="Another Darkroom already runs"):
        await second.start()
    await second.close()


async def test_closing_waits_for_a_write_under_way(database_url):
    database, writing, go = Database(database_url), asyncio.Event(), asyncio.Event()
    await database.start()

    async def write():
        async with database.write() as connection:
            await ledger.account(connection, guild_id=1, user_id=2, trial=100, now_ms=0)
            writing.set()
            await go.wait()

    task = asyncio.create_task(write())
    await writing.wait()
    closing = asyncio.create_task(database.close())
    await asyncio.sleep(0)  # it has begun
    other = Database(database_url)
    with pytest.raises(DatabaseInUse):
        await other.start()
    go.set()
    await asyncio.gather(task, closing)
    await other.start()
    async with other.read() as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(accounts)) == 1
    await other.close()
    gc.collect()  # a connection that nobody closed says so here


@pytest.mark.usefixtures("postgresql")
async def test_a_look_at_the_lock_may_be_cancelled(postgresql):
    database = Database(postgresql)
    await database.start()
    look = asyncio.create_task(database.keeps_lock())
    await asyncio.sleep(0)
    look.cancel()
    with pytest.raises(asyncio.CancelledError):
        await look
    await database.close()
    gc.collect()


@pytest.mark.usefixtures("sqlite_only")
async def test_a_newer_database_is_refused(database):
    async with database.write() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    await database.close()
    again = Database(f"sqlite+aiosqlite:///{database.path}")
    with pytest.raises(StartError, match="revision 9999"):
        await again.start()
    await again.close()


@pytest.mark.usefixtures("sqlite_only")
async def test_starting_twice_in_turn_keeps_what_is_there(database):
    async with database.write() as connection:
        await ledger.account(connection, guild_id=1, user_id=2, trial=100, now_ms=0)
    await database.close()
    again = Database(f"sqlite+aiosqlite:///{database.path}")
    await again.start()
    async with again.read() as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(accounts)) == 1
    await again.close()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://x/y", "begins with mysql"),
        ("postgresql://x/y", r"and postgresql\+asyncpg"),
        ("sqlite:///x.db", r"sqlite\+aiosqlite"),
        ("nonsense", "not a database address"),
        ("postgresql+asyncpg://u:SECRET@h:port/n", "not a database address"),
        ("postgresql+asyncpg://u:SECRET@h:99999/n", "from 1 to 65535"),
    ],
)
def test_a_foreign_address_is_one_sentence_naming_the_variable(url, sentence):
    with pytest.raises(StartError, match=sentence) as caught:
        Database(url)
    assert "DATABASE_URL" in str(caught.value)
    assert "SECRET" not in str(caught.value)


async def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("")
    database = Database(f"sqlite+aiosqlite:///{blocker / 'darkroom.db'}")
    with pytest.raises(StartError, match="cannot be opened"):
        await database.start()
    await database.close()


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("postgresql+asyncpg://u:SECRET@127.0.0.1:1/n", "127.0.0.1"),
        ("postgresql+asyncpg://u:SECRET@127.0.0.1:1/n?sslmode=require", "sslmode"),
        ("postgresql+asyncpg://u:SECRET@/n?host=/nowhere", "No such file"),
    ],
)
async def test_a_server_that_cannot_be_used_is_one_sentence_that_names_the_setting(url, cause):
    for named in ("DATABASE_URL", "URL"):
        database = Database(url, named=named)
        for opened in (database.start(), database.look()):
            with pytest.raises(StartError, match=cause) as caught:
                await opened
            assert named in str(caught.value)
            assert "SECRET" not in str(caught.value)
        await database.close()


async def test_a_server_that_never_answers_is_one_sentence_too(monkeypatch):
    database = Database("postgresql+asyncpg://u@h/n")
    monkeypatch.setattr(database, "_lock", AsyncMock(side_effect=TimeoutError()))
    with pytest.raises(StartError, match="DATABASE_URL cannot be opened: TimeoutError"):
        await database.start()
    await database.close()


async def test_writers_queue_instead_of_failing_as_locked(database):
    async def add(user_id):
        async with database.write() as connection:
            await ledger.account(connection, guild_id=1, user_id=user_id, trial=1, now_ms=0)

    await asyncio.gather(*(add(user_id) for user_id in range(100)))
    async with database.read() as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(accounts)) == 100


async def test_what_must_be_written_outlasts_a_writer_that_is_held_for_long(database, caplog):
    database.write_again_after_s = (0,)
    held = asyncio.Event()

    async def hold():
        async with database.write():
            held.set()
            while "tried again" not in caplog.text:  # noqa: ASYNC110 - the log sets no event
                await asyncio.sleep(0)

    async def work(connection):
        return await connection.scalar(sa.text("SELECT 7"))

    holding = asyncio.create_task(hold())
    await held.wait()
    database._writer.sync_engine.pool._timeout = 0.01  # half a minute in earnest
    if database._turns is not None:
        database._turns.wait_s = 0.01
    assert await database.written(work, "job 1") == 7
    await holding


@pytest.mark.usefixtures("sqlite_only")
async def test_a_short_read_does_not_leave_its_task(database):
    turns = []
    async with database.read(short=True) as connection:
        asyncio.get_running_loop().call_soon(turns.append, 1)
        assert await connection.scalar(sa.text("SELECT 7")) == 7
        assert turns == []


async def test_a_short_read_sees_what_is_committed_and_keeps_no_writer_waiting(database):
    async def count():
        async with database.read(short=True) as connection:
            return await connection.scalar(sa.select(sa.func.count()).select_from(accounts))

    async with database.write() as connection:
        await ledger.account(connection, guild_id=1, user_id=1, trial=1, now_ms=0)
        assert await count() == 0
    assert await asyncio.gather(*(count() for _ in range(20))) == [1] * 20
    with pytest.raises(SQLAlchemyError):
        async with database.read(short=True) as connection:
            await connection.execute(sa.text("SELECT nothing"))
    async with database.read(short=True), database.write() as connection:
        await ledger.account(connection, guild_id=1, user_id=2, trial=1, now_ms=0)
    assert await count() == 2


async def test_a_transaction_that_raises_leaves_nothing(database):
    with pytest.raises(RuntimeError):
        async with database.write() as connection:
            await ledger.account(connection, guild_id=1, user_id=1, trial=1, now_ms=0)
            raise RuntimeError
    async with database.read() as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(accounts)) == 0


@pytest.fixture
async def drop_connections(database):
    """Ends every connection to the database, as a server does that restarts."""
    if database.dialect != "postgresql":
        pytest.skip("This is about PostgreSQL's connections.")

    async def drop():
        server = create_async_engine(os.environ["POSTGRES_URL"], isolation_level="AUTOCOMMIT")
        async with server.connect() as connection:
            await connection.execute(
                sa.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
                ),
                {"name": database.name},
            )
        await server.dispose()

    return drop


async def test_the_first_write_after_a_lost_connection_is_not_lost(database, drop_connections):
    async with database.write() as connection:
        await connection.execute(sa.text("SELECT 1"))
    await drop_connections()
    async with database.write() as connection:
        await ledger.account(connection, guild_id=1, user_id=2, trial=100, now_ms=0)


async def test_a_lock_that_a_lost_connection_took_along_is_taken_again(database, drop_connections):
    assert await database.keeps_lock()
    await drop_connections()
    assert await database.keeps_lock()
    second = Database(database.url)
    with pytest.raises(StartError, match="Another Darkroom already runs"):
        await second.start()
    await second.close()


async def test_a_database_that_another_process_took_meanwhile_is_left_to_it(
    database, drop_connections
):
    await drop_connections()
    second = Database(database.url)
    await second.start()
    assert not await database.keeps_lock()
    assert await second.keeps_lock()
    await second.close()


@pytest.fixture
async def held(database):
    """A job with an open hold of 100 from a trial of 300."""
    async with database.write() as connection:
        account = await ledger.account(connection, guild_id=1, user_id=1, trial=300, now_ms=0)
        await connection.execute(sa.insert(jobs).values(id="a" * 16, account_id=account, **JOB))
        await ledger.hold(connection, account_id=account, job_id="a" * 16, amount=100, now_ms=0)
    return database


FORBIDDEN = {
    "an entry changes": sa.update(entries).values(amount=1),
    "an entry goes": sa.delete(entries),
    "a hold goes": sa.delete(holds),
    "a hold's amount changes": sa.update(holds).values(amount=1),
    "a purse goes below nothing": sa.update(purses).values(available=-1),
    "a job ends with its hold open": sa.update(jobs).values(
        outcome="finished", delivery="pending", ended_ms=1
    ),
    "a job ends and nothing is owed": sa.update(jobs).values(outcome="failed", ended_ms=1),
    "more is settled than was held": sa.update(holds).values(state="settled", settled=101),
    "a released hold costs": sa.update(holds).values(state="released", settled=1),
    "a purse is of no known kind": sa.update(purses).values(kind="found"),
}


@pytest.mark.parametrize("statement", FORBIDDEN.values(), ids=FORBIDDEN.keys())
async def test_the_schema_refuses_it(held, statement):
    with pytest.raises(DBAPIError):
        async with held.write() as connection:
            await connection.execute(statement)


async def test_the_schema_refuses_a_second_end(held):
    async with held.write() as connection:
        await ledger.settle(connection, job_id="a" * 16, amount=100, now_ms=1)
        await connection.execute(
            sa.update(jobs).values(outcome="finished", delivery="pending", ended_ms=1)
        )
    with pytest.raises(DBAPIError, match="ends once"):
        async with held.write() as connection:
            await connection.execute(sa.update(jobs).values(outcome="failed"))
    with pytest.raises(DBAPIError, match="closes once"):
        async with held.write() as connection:
            await connection.execute(sa.update(holds).values(state="released", settled=0))


async def test_the_schema_refuses_a_finished_job_whose_hold_was_released(held):
    with pytest.raises(DBAPIError, match="together"):
        async with held.write() as connection:
            await ledger.release(connection, job_id="a" * 16, now_ms=1)
            await connection.execute(
                sa.update(jobs).values(outcome="finished", delivery="pending", ended_ms=1)
            )


@pytest.mark.usefixtures("sqlite_only")
async def test_a_database_is_copied_aside_before_it_is_migrated(database, tmp_path, monkeypatch):
    async with database.write() as connection:
        await ledger.account(connection, guild_id=1, user_id=2, trial=100, now_ms=0)
    await database.close()
    head = ScriptDirectory.from_config(migration_config()).get_current_head()
    shutil.copytree(Path(migrations.__file__).parent, tmp_path / "next")
    (tmp_path / "next" / "versions" / "9999_next.py").write_text(
        "from alembic import op\n"
        f"revision, down_revision = '9999', '{head}'\n"
        "def upgrade():\n"
        "    op.execute('DELETE FROM purses')\n"
    )

    def config():
        made = Config()
        made.set_main_option("script_location", str(tmp_path / "next"))
        return made

    monkeypatch.setattr("bot.storage.database.migration_config", config)
    again = Database(f"sqlite+aiosqlite:///{database.path}")
    await again.start()
    await again.close()
    with sqlite3.connect(database.path.with_name("darkroom.db.before-9999")) as copy:
        assert copy.execute("SELECT available FROM purses").fetchall() == [(100,)]
    copy.close()


async def test_a_closed_database_is_not_opened_again_by_a_late_write(database):
    await database.close()
    with pytest.raises(RuntimeError, match="closed"):
        async with database.write():
            pass


async def test_a_write_within_a_write_is_refused_at_once_and_the_outer_one_goes_on(database):
    async with database.write() as connection:
        await facts.put(connection, "outer", "here")
        with pytest.raises(RuntimeError, match="within"):
            async with database.write():
                pass
        with pytest.raises(RuntimeError, match="within"):
            await database.written(lambda inner: facts.get(inner, "outer"), "a fact")
    async with database.write() as connection:
        assert await facts.get(connection, "outer") == "here"


async def test_a_write_of_another_task_waits_for_the_first(database):
    async def put(name):
        async with database.write() as connection:
            await facts.put(connection, name, "here")

    async with database.write():
        other = asyncio.create_task(put("other"))
        await asyncio.sleep(0)
        assert not other.done()
    await other
    async with database.read() as connection:
        assert await facts.get(connection, "other") == "here"


@pytest.mark.parametrize("way", ["read", "write"])
@pytest.mark.parametrize("url", ["postgresql+asyncpg://nobody@127.0.0.1:1/none", "sqlite"])
async def test_a_transaction_that_cannot_begin_says_so(tmp_path, url, way):
    """An order that meets this was not written, as is said to its member."""
    if url == "sqlite":
        url = f"sqlite+aiosqlite:///{tmp_path / 'no folder' / 'darkroom.db'}"
    away = Database(url)
    with pytest.raises(DatabaseBusy) as raised:
        async with getattr(away, way)():
            pass
    assert str(raised.value) == str(raised.value.__cause__).splitlines()[0]
    assert "nothing was charged" in raised.value.sentence
    await away.close()
    for thread in threading.enumerate():  # one that could not open tells the loop that it ends
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join, 60)


@pytest.mark.parametrize("way", ["read", "write"])
async def test_a_damaged_file_is_not_told_as_a_busy_database(tmp_path, way):
    file = tmp_path / "darkroom.db"
    file.write_bytes(b"not a database" * 100)
    damaged = Database(f"sqlite+aiosqlite:///{file}")
    with pytest.raises(DatabaseError, match="not a database"):
        async with getattr(damaged, way)() as connection:
            await connection.execute(sa.text("SELECT 1 FROM sqlite_master"))
    await damaged.close()


async def test_an_error_within_a_transaction_is_not_told_as_a_busy_database(database):
    with pytest.raises(DBAPIError):
        async with database.read() as connection:
            await connection.execute(sa.text("SELECT nothing"))


@pytest.mark.parametrize("way", ["read", "write"])
async def test_what_an_error_says_holds_nothing_of_what_members_wrote(database, way):
    """Errors are logged, and a log is read by others than the members."""
    with pytest.raises(DBAPIError) as raised:
        async with getattr(database, way)() as connection:
            await connection.execute(
                sa.text("INSERT INTO nowhere VALUES (:prompt)"), {"prompt": "a secret cat"}
            )
    assert "nowhere" in str(raised.value)
    assert "secret" not in str(raised.value)


SECRET = "a secret\ncat"  # a row's values may have lines of their own


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        # It breaks a rule, is too long, cannot be sent, is taken, or is of another type.
        ("INSERT INTO facts (name, value) VALUES (:secret, NULL)", {"secret": SECRET}),
        ("INSERT INTO facts (name, value) VALUES (:secret, :secret)", {"secret": SECRET * 9}),
        ("INSERT INTO facts (name, value) VALUES (:secret, '')", {"secret": f"{SECRET}\ud800"}),
        ("INSERT INTO facts (name, value) VALUES (:secret, '')", {"secret": f"{SECRET}\0"}),
        ("INSERT INTO facts (name, value) VALUES (:secret, '')", {"secret": SECRET}),
        ("INSERT INTO guilds (guild_id, allotment) VALUES (:secret, 1)", {"secret": SECRET}),
    ],
)
async def test_what_is_logged_of_an_error_holds_nothing_of_rows(
    database, caplog, statement, values
):
    async with database.write() as connection:
        await connection.execute(
            sa.text("INSERT INTO facts (name, value) VALUES (:name, '')"), {"name": SECRET}
        )
    try:
        async with database.write() as connection:
            await connection.execute(sa.text(statement), values)
    except (SQLAlchemyError, UnicodeError) as error:
        logging.getLogger("bot").exception("a job failed")
        assert "secret" not in str(error)
        said = type(error).__name__
    else:
        said = ""
    # SQLite has no lengths, and takes any character but halves of them.
    assert said or database.dialect == "sqlite"
    assert "secret" not in caplog.text
    assert "Error" in caplog.text or not said


@pytest.mark.usefixtures("sqlite_only")
async def test_a_write_that_is_tried_again_logs_nothing_of_what_members_wrote(database, caplog):
    database.write_again_after_s = (0,)
    failed = []

    async def work(connection):
        if not failed:
            failed.append(True)
            await connection.execute(
                sa.text("INSERT INTO nowhere VALUES (:prompt)"), {"prompt": "a secret cat"}
            )

    await database.written(work, "a job")
    assert "a job: the database is busy" in caplog.text
    assert "secret" not in caplog.text
