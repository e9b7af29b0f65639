"""Old pictures make room: which, when, and who is told before."""

import pytest
from sqlalchemy import insert, update

from bot.credits import ledger
from bot.jobs import retention as retention_
from bot.jobs.retention import DAY_MS, Retention
from bot.pictures.store import PictureStore
from bot.storage.tables import favourites, holds, images, inputs, jobs


class Gallery:
    def __init__(self, database, folder):
        self.database = database
        self.store = PictureStore(folder)
        self.now_ms = 1_000 * DAY_MS
        self.told = []

    async def add(self, job_id, *, age_days, size=1000, user_id=5, favourite=False, data=None):
        ended_ms = self.now_ms - round(age_days * DAY_MS)
        sha256 = self.store.store(data or job_id.encode().ljust(size, b"."))
        async with self.database.write() as connection:
            await self._order(connection, job_id, user_id, ended_ms)
            await self._end(connection, job_id, ended_ms)
            picture = {"position": 1, "seed": 1, "width_px": 1, "height_px": 1}
            await connection.execute(insert(images).values(job_id=job_id, sha256=sha256, **picture))
            if favourite:
                await connection.execute(
                    insert(favourites).values(
                        user_id=user_id, job_id=job_id, position=1, created_ms=1
                    )
                )
        return sha256

    async def open(self, job_id, *, starts_from):
        """A job that waits, with the picture of that hash to start from."""
        async with self.database.write() as connection:
            await self._order(connection, job_id, 5, self.now_ms)
            await connection.execute(
                insert(inputs).values(job_id=job_id, position=1, sha256=starts_from)
            )

    async def end(self, job_id):
        async with self.database.write() as connection:
            await self._end(connection, job_id, self.now_ms)

    async def _order(self, connection, job_id, user_id, created_ms):
        account = await ledger.account(connection, guild_id=1, user_id=user_id, trial=0, now_ms=1)
        row = {"id": job_id, "account_id": account, "guild_id": 1, "channel_id": 2}
        row |= {"user_id": user_id, "kind": "imagine", "title": "", "prompt": "a cat"}
        row |= {"stored_version": 1, "stored": "{}", "created_ms": created_ms}
        await connection.execute(insert(jobs).values(**row))
        await connection.execute(
            insert(holds).values(job_id=job_id, account_id=account, amount=0, state="settled")
        )

    async def _end(self, connection, job_id, ended_ms):
        await connection.execute(
            update(jobs)
            .where(jobs.c.id == job_id)
            .values(outcome="finished", delivery="posted", ended_ms=ended_ms)
        )

    async def tell(self, notice):
        self.told.append((notice.user_id, notice.jobs))

    def retention(self, **limits):
        return Retention(
            database=self.database, store=self.store, now_ms=lambda: self.now_ms, **limits
        )

    def left(self, *hashes):
        return [sha256 in self.store.sizes() for sha256 in hashes]


@pytest.fixture
def gallery(database, tmp_path):
    return Gallery(database, tmp_path / "pictures")


async def test_without_limits_everything_is_kept(gallery):
    old = await gallery.add("a", age_days=900)
    assert await gallery.retention().work(gallery.tell) == 0
    assert gallery.left(old) == [True]


async def test_old_pictures_go_three_days_after_their_member_was_told_once(gallery):
    old = await gallery.add("a", age_days=40)
    young = await gallery.add("b", age_days=10)
    retention = gallery.retention(days=30)
    assert await retention.work(gallery.tell) == 0
    assert gallery.told == [(5, 1)]
    gallery.now_ms += 2 * DAY_MS
    assert await retention.work(gallery.tell) == 0
    assert gallery.left(old, young) == [True, True]
    gallery.now_ms += 1 * DAY_MS
    assert await gallery.retention(days=30).work(gallery.tell) == 1  # after a restart, too
    assert gallery.told == [(5, 1)]
    assert gallery.left(old, young) == [False, True]


async def test_what_a_waiting_job_starts_from_stays_until_it_has_ended(gallery):
    old = await gallery.add("a", age_days=40)
    retention = gallery.retention(days=30)
    await retention.work(gallery.tell)
    gallery.now_ms += 3 * DAY_MS
    await gallery.open("b", starts_from=old)
    assert await retention.work(gallery.tell) == 0
    await gallery.end("b")
    assert await retention.work(gallery.tell) == 1
    assert gallery.left(old) == [False]


async def test_favourites_outlast_the_days(gallery):
    old = await gallery.add("a", age_days=40, favourite=True)
    retention = gallery.retention(days=30)
    await retention.work(gallery.tell)
    gallery.now_ms += 4 * DAY_MS
    await retention.work(gallery.tell)
    assert gallery.left(old) == [True]
    assert gallery.told == []


async def test_a_crowded_gallery_loses_the_oldest_first_and_favourites_last(gallery):
    loved = await gallery.add("a", age_days=9, favourite=True)
    oldest = await gallery.add("b", age_days=8)
    older = await gallery.add("c", age_days=7, user_id=6)
    newest = await gallery.add("d", age_days=1)
    retention = gallery.retention(most_bytes=2500)
    await retention.work(gallery.tell)
    gallery.now_ms += 3 * DAY_MS
    await retention.work(gallery.tell)
    assert gallery.left(loved, oldest, older, newest) == [True, False, False, True]
    sent = gallery.store.store(b"x" * 1800)
    await gallery.open("e", starts_from=sent)
    await gallery.retention(most_bytes=2000).work(gallery.tell)
    gallery.now_ms += 3 * DAY_MS
    await gallery.retention(most_bytes=2000).work(gallery.tell)
    assert gallery.left(loved, newest) == [False, False]


async def test_files_that_are_not_on_record_push_no_picture_out(gallery):
    """After a restore those stay that were drawn after the copy was made."""
    for number in range(4):
        gallery.store.store(f"late {number}".encode().ljust(1000, b"."))
    own = [await gallery.add(f"job {number}", age_days=9) for number in range(4)]
    retention = gallery.retention(most_bytes=4000)
    await retention.work(gallery.tell)
    gallery.now_ms += 4 * DAY_MS
    assert await retention.work(gallery.tell) == 0
    assert gallery.left(*own) == [True] * 4
    assert gallery.told == []


async def test_a_file_that_a_younger_job_has_too_is_kept(gallery):
    one = await gallery.add("a", age_days=40, data=b"same")
    await gallery.add("b", age_days=1, data=b"same")
    retention = gallery.retention(days=30)
    await retention.work(gallery.tell)
    gallery.now_ms += 3 * DAY_MS
    await retention.work(gallery.tell)
    assert gallery.left(one) == [True]


async def test_jobs_whose_files_are_gone_are_not_read_again(gallery, monkeypatch):
    """After a year they are nearly all there are, and this is done every hour."""
    for number in range(5):
        gallery.store.delete(await gallery.add(f"gone {number}", age_days=300))
    there = await gallery.add("there", age_days=40)
    asked = []
    holding = retention_._holding

    async def noted(connection, sha256s):
        found = await holding(connection, sha256s)
        asked.append((list(sha256s), [each.job_id for each in found]))
        return found

    monkeypatch.setattr(retention_, "_holding", noted)
    await gallery.retention(days=30).work(gallery.tell)
    assert asked == [([there], ["there"])]
    assert gallery.told == [(5, 1)]


async def test_many_files_are_asked_for_some_at_a_time(gallery, monkeypatch):
    monkeypatch.setattr(retention_, "_FILES_AT_ONCE", 2)
    old = [await gallery.add(f"job {number}", age_days=40) for number in range(5)]
    retention = gallery.retention(days=30)
    await retention.work(gallery.tell)
    assert gallery.told == [(5, 5)]
    gallery.now_ms += 3 * DAY_MS
    assert await retention.work(gallery.tell) == 5
    assert gallery.left(*old) == [False] * 5
