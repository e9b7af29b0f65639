"""Files that no job knows of: which are deleted, and which stay."""

import os

import pytest
from sqlalchemy import insert

from bot.jobs import leftovers
from bot.jobs.leftovers import OLD_S, Leftovers
from bot.pictures.store import PictureStore
from bot.storage.database import Database
from bot.storage.tables import accounts, films, images, inputs, jobs

HOUR_S = 3600
FIRST_LOOK_S = 1_000_000_000


class Disk:
    def __init__(self, database, folder):
        self.store = PictureStore(folder)
        self.now_s = FIRST_LOOK_S
        self.leftovers = Leftovers(database=database, store=self.store, now_s=lambda: self.now_s)

    def keep(self, data, *, age_s=2 * OLD_S, suffix=".png"):
        sha256 = self.store.store(data, suffix=suffix)
        self.age(sha256, age_s, suffix)
        return sha256

    def age(self, sha256, age_s, suffix=".png"):
        at_s = self.now_s - age_s
        os.utime(self.store.folder / sha256[:2] / f"{sha256}{suffix}", (at_s, at_s))

    def has(self, *hashes):
        return [sha256 in self.store.sizes() for sha256 in hashes]


@pytest.fixture
async def disk(database, tmp_path):
    disk = Disk(database, tmp_path / "pictures")
    assert await disk.leftovers.sweep() == 0
    disk.now_s += 10 * OLD_S
    return disk


async def known(database, **tables):
    """One job, with these files."""
    async with database.write() as connection:
        values = {"guild_id": 1, "user_id": 1, "created_ms": 0}
        account_id = await connection.scalar(
            insert(accounts).values(values).returning(accounts.c.id)
        )
        job = {"id": "a", "account_id": account_id, "channel_id": 1, "kind": "imagine"}
        texts = {"title": "", "prompt": "", "stored_version": 1, "stored": "{}"}
        await connection.execute(insert(jobs).values(**job, **texts, **values))
        size = {"seed": 1, "width_px": 1, "height_px": 1}
        place = {"job_id": "a", "position": 1}
        rows = ((images, place | size), (inputs, place), (films, {"job_id": "a"}))
        for table, row in rows:
            await connection.execute(insert(table).values(sha256=tables[table.name], **row))


async def test_what_a_crash_left_behind_is_deleted_and_what_jobs_know_stays(disk, database):
    kept = {
        "images": disk.keep(b"made"),
        "inputs": disk.keep(b"sent"),
        "films": disk.keep(b"film", suffix=".webp"),
    }
    await known(database, **kept)
    left = [disk.keep(b"left"), disk.keep(b"left film", suffix=".webp")]
    assert await disk.leftovers.sweep() == 2
    assert disk.has(*left) == [False, False]
    assert disk.has(*kept.values()) == [True, True, True]


async def test_what_is_being_written_down_stays_until_it_is_old(disk):
    young = disk.keep(b"young", age_s=OLD_S - HOUR_S)
    again = disk.keep(b"again")
    disk.store.store(b"again")  # an order begins with what a crash had left
    assert await disk.leftovers.sweep() == 0
    assert disk.has(young, again) == [True, True]
    disk.now_s += 2 * HOUR_S
    assert await disk.leftovers.sweep() == 1
    assert disk.has(young) == [False]


async def test_what_is_kept_again_while_the_sweep_looks_stays(disk, monkeypatch):
    again = disk.keep(b"again")
    look = leftovers.on_record

    async def kept_meanwhile(*arguments):
        disk.age(again, 0)
        return await look(*arguments)

    monkeypatch.setattr(leftovers, "on_record", kept_meanwhile)
    await disk.leftovers.sweep()
    assert disk.has(again) == [True]


async def test_files_from_before_the_database_stay(disk):
    before = disk.keep(b"of an earlier database", age_s=disk.now_s - FIRST_LOOK_S + 1)
    assert await disk.leftovers.sweep() == 0
    assert disk.has(before) == [True]


async def test_where_most_files_are_unknown_nothing_is_deleted_and_the_log_says_so(disk, caplog):
    files = [disk.keep(b"%d" % number) for number in range(101)]
    assert await disk.leftovers.sweep() == 0
    assert all(disk.has(*files))
    assert "101 of 101 files" in caplog.text
    assert "right database?" in caplog.text


async def test_a_restart_keeps_the_time_of_the_first_look(disk, database, database_url):
    left = disk.keep(b"left")
    other = Database(database_url)
    again = Leftovers(database=other, store=disk.store, now_s=lambda: disk.now_s)
    try:
        assert await again.sweep() == 1
    finally:
        await other.close()
    assert disk.has(left) == [False]
