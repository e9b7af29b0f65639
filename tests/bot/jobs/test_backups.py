"""A copy of the database, with the list of its pictures, brings back all that it speaks of."""

import asyncio
import contextlib
import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from ledger_support import add_job, open_account, sums_agree

from bot.credits import ledger
from bot.errors import DatabaseInUse, StartError
from bot.jobs import backups, records
from bot.jobs.records import ImageRow, Result
from bot.pictures.store import PictureStore
from bot.storage.database import Database
from bot.storage.tables import images, jobs

WRITERS = 8
A = "a" * 64


@pytest.fixture
def database_url(request, tmp_path):
    if request.param != "sqlite":
        pytest.skip("PostgreSQL is copied by its own tools")
    return f"sqlite+aiosqlite:///{tmp_path / 'darkroom.db'}"


@pytest.fixture
def store(tmp_path):
    return PictureStore(tmp_path / "pictures")


@pytest.fixture
def copy(tmp_path):
    return tmp_path / "elsewhere" / "copy.db"


@pytest.fixture(autouse=True)
def _elsewhere(copy):
    copy.parent.mkdir()


async def draw(database, store, account_id, job_id):
    """A whole job: its picture on the disk, then one transaction, as the bot does it."""
    async with database.write() as connection:
        await add_job(connection, account_id, job_id)
        await ledger.hold(connection, account_id=account_id, job_id=job_id, amount=1, now_ms=0)
    sha256 = store.store(job_id.encode())
    picture = ImageRow(job_id=job_id, position=1, sha256=sha256, seed=1, width_px=64, height_px=64)
    async with database.write() as connection:
        await records.finish(
            connection, job_id, Result(pictures=(picture,)), share=1, notes="", now_ms=0
        )


async def account(database):
    async with database.write() as connection:
        return await open_account(connection, trial=1_000_000)


async def bring_back(url, copy, store, *, from_=None):
    return await backups.restore(Database(url), copy, store, from_=from_)


async def shown_in(url):
    """The SHA-256 of each picture of a database, once its sums were looked at."""
    database = Database(url)
    await database.start()
    try:
        async with database.read() as connection:
            assert await sums_agree(connection)
            open_ = sa.select(sa.func.count()).where(jobs.c.outcome == "open")
            assert await connection.scalar(open_) is not None
            return {*await connection.scalars(sa.select(images.c.sha256))}
    finally:
        await database.close()


async def test_a_copy_under_load_brings_back_whole_jobs_and_names_every_picture(
    database, database_url, store, copy
):
    account_id, done = await account(database), 0
    stop, more = asyncio.Event(), asyncio.Semaphore(0)

    async def write(number):
        nonlocal done
        while not stop.is_set():
            await draw(database, store, account_id, f"j{number}-{done}")
            done += 1
            more.release()

    writers = [asyncio.create_task(write(number)) for number in range(WRITERS)]
    counted = []
    for _ in range(3):
        for _ in range(2 * WRITERS):
            await more.acquire()
        counted.append(await asyncio.to_thread(backups.back_up, database.path, copy, store))
    stop.set()
    await asyncio.gather(*writers)
    await database.close()
    assert 0 < counted[0].there < counted[1].there < counted[2].there < done
    assert [each.missing for each in counted] == [0, 0, 0]

    said = await bring_back(database_url, copy, store)
    assert f"All {counted[-1].there} pictures are there." in said
    shown = await shown_in(database_url)
    assert len(shown) == counted[-1].there
    assert all(map(store.has, shown))
    assert {line.split()[0] for line in backups.list_of(copy).read_text().splitlines()} == shown


async def test_the_list_is_what_sha256sum_reads(database, store, copy):
    await draw(database, store, await account(database), "one")
    backups.back_up(database.path, copy, store)
    check = ["sha256sum", "--check", "--strict", backups.list_of(copy)]
    done = await asyncio.to_thread(subprocess.run, check, cwd=store.folder, check=False)
    assert done.returncode == 0


async def test_what_was_there_is_put_aside_and_a_damaged_database_too(
    database, database_url, store, copy
):
    account_id = await account(database)
    await draw(database, store, account_id, "one")
    backups.back_up(database.path, copy, store)
    await draw(database, store, account_id, "two")
    path = database.path
    await database.close()
    said = await bring_back(database_url, copy, store)
    assert f"What was there is {path}.before-restore-1 now." in said
    assert len(await shown_in(database_url)) == 1
    assert len(await shown_in(f"sqlite+aiosqlite:///{path}.before-restore-1")) == 2

    path.write_bytes(b"not a database any more")
    assert f"{path}.before-restore-2 now" in await bring_back(database_url, copy, store)
    assert len(await shown_in(database_url)) == 1


async def test_missing_pictures_are_counted_and_brought_from_a_copy_that_is_right(
    database, database_url, store, copy, tmp_path
):
    account_id = await account(database)
    for job_id in ("one", "two", "three"):
        await draw(database, store, account_id, job_id)
    backups.back_up(database.path, copy, store)
    await database.close()
    other = PictureStore(tmp_path / "other")
    one, two, three = (
        hashlib.sha256(name.encode()).hexdigest() for name in ("one", "two", "three")
    )
    other.store(b"one")
    other.store(b"two")
    (other.folder / two[:2] / f"{two}.png").write_bytes(b"something else")
    for sha256 in (one, two, three):
        store.delete(sha256)
    assert "3 of 3 pictures are missing" in await bring_back(database_url, copy, store)
    said = await bring_back(database_url, copy, store, from_=other)
    assert "1 pictures were brought" in said and "2 of 3 pictures are missing" in said
    assert store.load(one) == b"one"
    assert not store.has(two)


async def test_nothing_is_restored_beside_a_running_bot(database, database_url, store, copy):
    backups.back_up(database.path, copy, store)
    before = database.path.stat()
    with pytest.raises(DatabaseInUse, match="already runs"):
        await bring_back(database_url, copy, store)
    assert database.path.stat().st_ino == before.st_ino


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "no copy at"), (b"hello", "is no copy of Darkroom's database"), (b"", "is no copy of")],
)
async def test_what_is_no_copy_changes_nothing(database, database_url, store, copy, content, why):
    await draw(database, store, await account(database), "one")
    await database.close()
    if content is not None:
        copy.write_bytes(content)
    with pytest.raises(StartError, match=why):
        await bring_back(database_url, copy, store)
    assert len(await shown_in(database_url)) == 1


async def test_a_copy_of_a_newer_darkroom_or_with_damage_is_refused(
    database, database_url, store, copy
):
    for number in range(40):
        await draw(database, store, await account(database), f"j{number}")
    backups.back_up(database.path, copy, store)
    await database.close()
    whole = copy.read_bytes()
    with sqlite3.connect(copy) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'later'")
    connection.close()
    with pytest.raises(StartError, match="newer one"):
        await bring_back(database_url, copy, store)
    middle = len(whole) // 2
    copy.write_bytes(whole[:middle] + b"\xff" * 8192 + whole[middle + 8192 :])
    with pytest.raises(StartError, match=r"damaged|no copy"):
        await bring_back(database_url, copy, store)


@pytest.mark.parametrize(
    "line",
    ["../../etc/passwd", f"{'a' * 64}  aa/../{'a' * 61}.png", f"{'a' * 64}  bb/{'a' * 64}.png"],
)
async def test_a_list_that_was_changed_names_nothing_outside(
    database, database_url, store, copy, line
):
    backups.back_up(database.path, copy, store)
    await database.close()
    backups.list_of(copy).write_text(f"{line}\n")
    with pytest.raises(StartError, match="line 1, names no picture"):
        await bring_back(database_url, copy, store)


async def test_a_copy_that_fails_leaves_the_one_before(database, store, copy, monkeypatch):
    await draw(database, store, await account(database), "one")
    backups.back_up(database.path, copy, store)
    before = copy.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(backups, "_list", full)
        with pytest.raises(OSError, match="No space left"):
            backups.back_up(database.path, copy, store)
    assert copy.read_bytes() == before
    assert sorted(file.name for file in copy.parent.iterdir()) == ["copy.db", "copy.db.pictures"]


async def test_a_copy_onto_the_database_itself_is_refused(database, store, tmp_path):
    other_name = tmp_path / "link.db"
    other_name.symlink_to(database.path)
    for target in (database.path, other_name):
        with pytest.raises(StartError, match="is the database itself; name another file"):
            backups.back_up(database.path, target, store)


def test_a_copy_of_nothing_is_one_sentence(tmp_path, store, copy):
    with pytest.raises(StartError, match="no database at"):
        backups.back_up(tmp_path / "none.db", copy, store)


async def test_copies_come_by_schedule_and_the_oldest_go(database, store, tmp_path):
    folder, now_s = tmp_path / "copies", 1_800_000_000.0

    def look(now_s):
        made = backups.back_up_by_schedule(
            database.path, folder, store, every_s=3600, kept=2, now_s=now_s
        )
        if made is not None:
            os.utime(made, (now_s, now_s))
        return made

    assert look(now_s).name == "darkroom-20270115T080000Z.db"
    assert look(now_s + 3599) is None
    assert look(now_s + 3600) is not None
    assert look(now_s + 7200) is not None
    names = sorted(file.name for file in folder.iterdir())
    assert len(names) == 4 and names[0] == "darkroom-20270115T090000Z.db", "two, with their lists"
    assert look(now_s - 86400) is not None, "a clock that was set back stops no copies"


BESIDE = ("-wal", "-shm", "-journal")

_CHILD = """
import asyncio, os, signal, sys
from pathlib import Path
import sqlalchemy as sa
from bot.jobs import backups
from bot.pictures.store import PictureStore
from bot.storage import facts
from bot.storage.database import Database

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

async def write(database):
    await database.start()
    async with database.write() as connection:
        await facts.put(connection, "late", "x")
    die()

def after(work):
    def done(*given, **named):
        work(*given, **named)
        die()
    return done

path, copy, at = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
database = Database(f"sqlite+aiosqlite:///{path}")
if at == "write":
    asyncio.run(write(database))
if at == "copied":
    backups._list = die
    backups.back_up(path, copy, PictureStore(path.parent / "pictures"))
if at == "linked":
    Path.hardlink_to = after(Path.hardlink_to)
if at == "renamed":
    Path.rename = after(Path.rename)
if at == "aside":
    backups._put_aside = after(backups._put_aside)
if at == "replacing":
    Path.replace = die
asyncio.run(backups.restore(database, copy, PictureStore(path.parent / "pictures"), from_=None))
"""


async def killed(path, copy, at):
    """A process that is killed after it wrote, or at that step of a restore."""
    command = [sys.executable, "-c", _CHILD, path, copy, at]
    done = await asyncio.to_thread(subprocess.run, command, check=False)
    assert done.returncode == -signal.SIGKILL


async def facts_in(url):
    database = Database(url)
    await database.start()
    try:
        async with database.read() as connection:
            return {*await connection.scalars(sa.text("SELECT name FROM facts"))}
    finally:
        await database.close()


def rows(path):
    """What it holds, by a connection that finds nothing beside it; its state too."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT name FROM facts ORDER BY 1").fetchall()
        return names, connection.execute("PRAGMA integrity_check").fetchall()


async def test_what_a_lost_database_left_beside_it_is_not_mixed_into_the_copy(
    database, database_url, store, copy
):
    await draw(database, store, await account(database), "one")
    backups.back_up(database.path, copy, store)
    path = database.path
    await database.close()
    await killed(path, copy, "write")
    assert path.with_name("darkroom.db-wal").stat().st_size
    path.unlink()
    said = await bring_back(database_url, copy, store)
    assert f"What was there is {path}.before-restore-1-wal and" in said
    assert not any(path.with_name(f"{path.name}{end}").exists() for end in BESIDE)
    assert rows(path) == rows(copy)
    assert path.with_name(f"{path.name}.before-restore-1-wal").stat().st_size


async def test_a_copy_onto_an_older_one_takes_nothing_of_what_is_beside_that(database, store, copy):
    await draw(database, store, await account(database), "one")
    backups.back_up(database.path, copy, store)
    await killed(copy, copy, "write")
    assert copy.with_name("copy.db-wal").stat().st_size
    backups.back_up(database.path, copy, store)
    assert sorted(file.name for file in copy.parent.iterdir()) == [
        "copy.db",
        "copy.db.lock",
        "copy.db.pictures",
    ]
    assert ("late",) not in rows(copy)[0]


@pytest.mark.parametrize("at", ["linked", "aside", "replacing"])
async def test_a_restore_that_is_killed_leaves_all_that_was_committed(
    database, database_url, store, copy, at
):
    backups.back_up(database.path, copy, store)
    path = database.path
    await database.close()
    await killed(path, copy, "write")
    await killed(path, copy, at)
    assert "late" in await facts_in(database_url)
    assert "is what" in await bring_back(database_url, copy, store)
    assert "late" not in await facts_in(database_url)
    assert not path.with_name("darkroom.db.new").exists()


async def test_no_empty_database_takes_the_place_of_one_that_was_put_aside(
    database, database_url, store, copy
):
    backups.back_up(database.path, copy, store)
    path = database.path
    await database.close()
    path.write_bytes(b"not a database any more")
    path.with_name("darkroom.db-wal").write_bytes(b"of it")
    await killed(path, copy, "renamed")
    assert not path.exists()
    for begin in (Database.start, Database.look):
        with pytest.raises(StartError, match=r"before-restore-1 beside it: a restore was not fin"):
            await begin(refused := Database(database_url))
        await refused.close()
    assert not path.exists()
    await bring_back(database_url, copy, store)
    assert await facts_in(database_url) is not None


async def test_where_the_disk_knows_no_second_names_the_database_is_copied(
    database, database_url, store, copy, monkeypatch
):
    account_id = await account(database)
    backups.back_up(database.path, copy, store)
    await draw(database, store, account_id, "one")
    await database.close()

    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    await bring_back(database_url, copy, store)
    assert await shown_in(database_url) == set()
    assert len(await shown_in(f"{database_url}.before-restore-1")) == 1


async def test_a_database_that_another_program_reads_is_not_replaced(
    database, database_url, store, copy
):
    await draw(database, store, await account(database), "one")
    backups.back_up(database.path, copy, store)
    path = database.path
    await database.close()
    before = path.stat().st_ino
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM facts").fetchall()
        with pytest.raises(StartError, match="Another program has"):
            await bring_back(database_url, copy, store)
    assert path.stat().st_ino == before
    assert not list(path.parent.glob("*before-restore*"))


@pytest.mark.parametrize("more", ["", "\n\n", f"{A} *aa/{A}.png\n", f"{A}  aa/{A}.png\r\n"])
async def test_a_list_as_other_programs_write_it_is_read(database, database_url, store, copy, more):
    backups.back_up(database.path, copy, store)
    await database.close()
    backups.list_of(copy).write_text(more, newline="")
    said = await bring_back(database_url, copy, store)
    assert ("1 of 1 pictures are missing" if A in more else "All 0 pictures") in said


@pytest.mark.parametrize("fault", ["cut off", "a folder", "no pictures can be written"])
async def test_what_is_refused_leaves_the_database_as_it_was(
    database, database_url, store, copy, tmp_path, fault
):
    account_id = await account(database)
    await draw(database, store, account_id, "one")
    backups.back_up(database.path, copy, store)
    await draw(database, store, account_id, "two")
    path = database.path
    await database.close()
    before, listed, other = path.stat().st_ino, backups.list_of(copy), PictureStore(tmp_path / "o")
    other.store(b"one")
    if fault == "cut off":
        listed.write_text(f"{A}  aa/{A}.png\n{A[:40]}")
    elif fault == "a folder":
        listed.unlink()
        listed.mkdir()
    else:
        store.folder.rename(tmp_path / "full")
        store.folder.write_bytes(b"")
    with pytest.raises((StartError, OSError)):
        await bring_back(database_url, copy, store, from_=other)
    assert path.stat().st_ino == before
    assert len(await shown_in(database_url)) == 2
    assert not list(tmp_path.glob("*before-restore*"))


async def test_a_damaged_picture_is_brought_again_or_counted_as_missing(
    database, database_url, store, copy, tmp_path
):
    account_id = await account(database)
    for job_id in ("one", "two"):
        await draw(database, store, account_id, job_id)
    backups.back_up(database.path, copy, store)
    await database.close()
    one, two = (hashlib.sha256(name).hexdigest() for name in (b"one", b"two"))
    other = PictureStore(tmp_path / "other")
    other.store(b"one")
    for sha256, left in ((one, b""), (two, b"tw")):
        (store.folder / sha256[:2] / f"{sha256}.png").write_bytes(left)
    assert "2 of 2 pictures are missing or damaged" in await bring_back(database_url, copy, store)
    said = await bring_back(database_url, copy, store, from_=other)
    assert "1 pictures were brought" in said and "1 of 2 pictures are missing" in said
    assert store.load(one) == b"one"


async def test_copies_of_a_clock_that_ran_ahead_go_before_those_of_the_right_one(
    database, store, tmp_path
):
    folder, now_s, day_s = tmp_path / "copies", 1_800_000_000.0, 86_400

    def look(now_s):
        made = backups.back_up_by_schedule(
            database.path, folder, store, every_s=day_s, kept=3, now_s=now_s
        )
        os.utime(made, (now_s, now_s))
        return made

    for day in range(3):
        look(now_s + (365 + day) * day_s)
    right = [look(now_s + day * day_s) for day in range(4)]
    assert sorted(folder.glob("*.db")) == right[1:]


async def test_what_a_killed_copy_left_is_cleared_before_the_next(database, store, tmp_path):
    folder = tmp_path / "copies"
    folder.mkdir()
    await killed(database.path, folder / "darkroom-20260101T000000Z.db", "copied")
    assert (folder / "darkroom-20260101T000000Z.db.new").exists()
    made = backups.back_up_by_schedule(
        database.path, folder, store, every_s=1, kept=2, now_s=1_800_000_000.0
    )
    assert set(folder.iterdir()) == {made, backups.list_of(made)}
