"""From SQLite to PostgreSQL: nothing is lost on the way, and what must hold holds there."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from bot import __main__ as program
from bot.credits import ledger
from bot.errors import StartError
from bot.settings import Settings
from bot.storage import facts, moving
from bot.storage.database import Database
from bot.storage.moving import move
from bot.storage.tables import accounts, entries, jobs, metadata, picture_hashes, texts

JOB = {
    "guild_id": 1,
    "channel_id": 1,
    "user_id": 2**62,
    "kind": "imagine",
    "title": "",
    "stored_version": 1,
    "stored": "{}",
    "created_ms": 0,
}


async def fill(database, *, members=3):
    async with database.write() as connection:
        await facts.put(connection, "Ünïcode 猫", "ß \\ ' % {}")
        for number in range(members):
            account = await ledger.account(
                connection, guild_id=1, user_id=2**62 + number, trial=300, now_ms=number
            )
            parent = None
            for letter in "zab":  # a parent's id may be larger than its child's
                id_ = f"{letter}{number}"
                values = {**JOB, "id": id_, "account_id": account, "prompt": f"a {letter}\n猫"}
                await connection.execute(sa.insert(jobs).values(parent_id=parent, **values))
                await ledger.hold(
                    connection, account_id=account, job_id=id_, amount=10, now_ms=number
                )
                parent = id_
            await ledger.settle(connection, job_id=f"a{number}", amount=7, now_ms=9)
            await connection.execute(
                sa.update(jobs)
                .where(jobs.c.id == f"a{number}")
                .values(outcome="finished", delivery="posted", ended_ms=9)
            )
            await connection.execute(
                sa.insert(texts).values(job_id=f"a{number}", position=1, text="", weight=1 / 3)
            )
            await connection.execute(
                sa.insert(picture_hashes).values(
                    job_id=f"a{number}", sha256="f" * 64, band_1=-5, colours=bytes(192)
                )
            )


async def rows_of(database):
    async with database.read() as connection:
        return {
            table.name: {tuple(row) for row in await connection.execute(sa.select(table))}
            for table in metadata.sorted_tables
        }


@pytest.fixture
async def source(tmp_path):
    """A closed SQLite database with members, jobs and their money."""
    opened = Database(f"sqlite+aiosqlite:///{tmp_path / 'old.db'}")
    await opened.start()
    await fill(opened)
    await opened.close()
    return opened.url


async def moved(source, target):
    databases = Database(source), Database(target)
    try:
        return await move(*databases)
    finally:
        for each in databases:
            await each.close()


@pytest.fixture
async def opened(postgresql):
    database = Database(postgresql)
    yield database
    await database.close()


async def test_every_row_is_there_and_the_source_is_as_it_was(
    source, postgresql, opened, monkeypatch
):
    monkeypatch.setattr(moving, "ROWS", 2)
    counts = await moved(source, postgresql)
    await opened.start()
    old = Database(source)
    await old.start()
    before, after = await rows_of(old), await rows_of(opened)
    await old.close()
    assert after == before
    assert counts == {name: len(rows) for name, rows in before.items()}
    assert counts["jobs"] == 9
    assert counts["entries"] > 9


async def test_ids_go_on_after_those_that_were_moved(source, postgresql, opened):
    await moved(source, postgresql)
    await opened.start()
    async with opened.write() as connection:
        await ledger.account(connection, guild_id=2, user_id=5, trial=100, now_ms=0)
        largest = await connection.scalar(sa.select(sa.func.max(accounts.c.id)))
    assert largest == 4


async def test_the_rules_hold_in_the_new_database(source, postgresql, opened):
    await moved(source, postgresql)
    await opened.start()
    for forbidden, why in (
        (sa.update(entries).values(amount=1), "append-only"),
        (sa.update(jobs).where(jobs.c.id == "a0").values(outcome="failed"), "ends once"),
    ):
        with pytest.raises(DBAPIError, match=why):
            async with opened.write() as connection:
                await connection.execute(forbidden)


async def test_a_database_that_holds_anything_is_refused(source, postgresql, opened):
    await opened.start()
    async with opened.write() as connection:
        await facts.put(connection, "a", "b")
    await opened.close()
    with pytest.raises(StartError, match=r"not empty \(its table facts\)"):
        await moved(source, postgresql)


async def test_a_database_of_something_else_is_refused(source, postgresql, opened):
    await opened.start()
    async with opened.write() as connection:
        await connection.exec_driver_sql("CREATE TABLE theirs (id INT)")
    await opened.close()
    with pytest.raises(StartError, match="theirs"):
        await moved(source, postgresql)


async def test_a_running_bot_is_refused_on_either_side(source, postgresql, opened):
    running = Database(source)
    await running.start()
    with pytest.raises(StartError, match="already runs"):
        await moved(source, postgresql)
    await running.close()
    await opened.start()
    with pytest.raises(StartError, match="already runs"):
        await moved(source, postgresql)


async def test_a_database_of_another_revision_is_refused(source, postgresql):
    old = Database(source)
    await old.start()
    async with old.write() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))
    await old.close()
    with pytest.raises(StartError, match="of revision 0001"):
        await moved(source, postgresql)


async def test_a_row_that_does_not_arrive_as_it_was_leaves_nothing(
    source, postgresql, opened, monkeypatch
):
    copy = moving._copy

    async def wrong(table, old, new):
        count = await copy(table, old, new)
        if table is jobs:
            await new.execute(sa.update(jobs).where(jobs.c.id == "b1").values(prompt="a dog"))
        return count

    monkeypatch.setattr(moving, "_copy", wrong)
    with pytest.raises(StartError, match="jobs b1 did not arrive"):
        await moved(source, postgresql)
    await opened.start()
    assert not any((await rows_of(opened)).values())


async def test_a_character_that_postgresql_does_not_take_is_named(source, postgresql):
    old = Database(source)
    await old.start()
    async with old.write() as connection:
        await connection.execute(sa.update(jobs).where(jobs.c.id == "b1").values(prompt="a\0b"))
    await old.close()
    with pytest.raises(StartError, match="prompt of jobs b1"):
        await moved(source, postgresql)


@pytest.mark.parametrize("swapped", [True, False])
async def test_only_from_sqlite_to_postgresql(source, tmp_path, swapped):
    pair = source, f"sqlite+aiosqlite:///{tmp_path / 'new.db'}"
    if swapped:
        pair = "postgresql+asyncpg://nobody@localhost/none", source
    with pytest.raises(StartError, match="from SQLite to PostgreSQL"):
        await moved(*pair)


def test_the_command_says_what_it_moved(source, postgresql, tmp_path, monkeypatch, capsys):
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("DATABASE_URL", source)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setattr(program, "_set_up_logging", lambda _: None)
    assert program.main(["move-database", postgresql]) == 0
    said = capsys.readouterr().out
    assert "jobs" in said
    assert "Set DATABASE_URL" in said
    assert program.main(["move-database", postgresql]) == 1
    assert "not empty" in capsys.readouterr().err
