"""A copy of the database, with the list of its pictures, brings back all that it speaks of."""

import asyncio
import hashlib
import os
import sqlite3
import subprocess

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
