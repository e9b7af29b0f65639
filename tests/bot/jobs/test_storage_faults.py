"""A database or a disk that is busy for a while costs no member a job, a credit or a result."""

import errno
import json

import pytest
from sqlalchemy import select, update
from tests_support import PatientEngine, labels

from bot.jobs import records
from bot.pictures.store import PictureStore
from bot.storage.tables import holds, jobs

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


async def only(database, table):
    async with database.read() as connection:
        return (await connection.execute(select(table))).one()


@pytest.fixture
def busy(monkeypatch):
    """Makes a function of `records` fail as often as is said, as on a locked database."""

    def make(name, times=1):
        real, left = getattr(records, name), [times]

        async def fails(*arguments, **options):
            if left[0]:
                left[0] -= 1
                raise OSError("database is locked")
            return await real(*arguments, **options)

        monkeypatch.setattr(records, name, fails)
        return left

    return make


@pytest.mark.parametrize("step", ["show", "begin", "finish"])
async def test_what_cannot_be_written_is_tried_again_until_it_is(
    simcord_env, simcord_bot, channel, alice, fake_engine, database, busy, step
):
    database.write_again_after_s = (600, 600)
    left = busy(step, times=2)
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    assert (await only(database, jobs)).outcome == "open"
    for _ in range(2):
        await simcord_env.advance_time(601)
        await simcord_env.settle()
    assert left == [0]
    job = await only(database, jobs)
    assert (job.outcome, job.delivery) == ("finished", "posted")
    assert (await only(database, holds)).state == "settled"
    assert len(fake_engine.jobs) == 1, "it was drawn once"
    assert "U1" in labels(channel.last_message)


async def test_a_disk_that_is_busy_for_a_moment_loses_no_result(
    simcord_env, simcord_bot, channel, alice, database, monkeypatch
):
    simcord_bot.outbox.retry_after_s = (600,)
    real, broken = PictureStore.load, [True]

    def load(self, sha256, **options):
        if broken:
            broken.pop()
            raise OSError(errno.EMFILE, "Too many open files")
        return real(self, sha256, **options)

    monkeypatch.setattr(PictureStore, "load", load)
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    assert (await only(database, jobs)).delivery == "pending"
    await simcord_env.advance_time(601)
    await simcord_env.settle()
    assert "U1" in labels(channel.last_message)
    pings = [
        request.json["allowed_mentions"]["users"]
        for request in simcord_env.http_requests
        if isinstance(request.json, dict)
        and (request.json.get("allowed_mentions") or {}).get("users")
    ]
    assert pings == [[alice.id]], "nobody had been told before"


@pytest.fixture
def full(monkeypatch):
    """The disk takes no picture while there is something in this list."""
    real, broken = PictureStore.store, [True]

    def store(self, data, **options):
        if broken:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, data, **options)

    monkeypatch.setattr(PictureStore, "store", store)
    return broken


@pytest.mark.parametrize("command", ["a red cat", "a red cat --video"])
async def test_what_was_drawn_waits_for_a_disk_that_is_full(
    simcord_env, simcord_bot, channel, alice, fake_engine, database, full, caplog, command
):
    database.write_again_after_s = (600, 600)
    await alice.slash(channel, "imagine", prompt=command)
    await simcord_env.settle()
    assert (await only(database, jobs)).outcome == "open"
    assert "a file cannot be written, tried again: [Errno 28]" in caplog.text
    full.clear()
    await simcord_env.advance_time(601)
    await simcord_env.settle()
    job = await only(database, jobs)
    assert (job.outcome, job.delivery) == ("finished", "posted")
    assert (await only(database, holds)).state == "settled"
    assert len(fake_engine.jobs) == 1, "it was drawn once"


async def test_a_job_that_waits_for_a_full_disk_can_be_cancelled(
    simcord_env, simcord_bot, channel, alice, database, full, tmp_path
):
    database.write_again_after_s = (600, 600)
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    await alice.context_menu(channel, "Cancel Job", channel.last_message)
    await simcord_env.settle()
    full.clear()
    await simcord_env.advance_time(601)
    await simcord_env.settle()
    assert (await only(database, jobs)).outcome == "cancelled"
    assert (await only(database, holds)).state == "released"
    assert not [*(tmp_path / "pictures").glob("*/*")], "and no file is left of it"


async def test_a_result_that_can_never_be_made_ready_is_kept_and_told(
    simcord_env, simcord_bot, channel, alice, database, monkeypatch
):
    simcord_bot.outbox.retry_after_s = (600,)
    simcord_bot.outbox.last_retry_s = 600

    def within(*_):
        raise ValueError("no encoder")

    monkeypatch.setattr("bot.pictures.grid.within", within)
    await alice.slash(channel, "imagine", prompt="a red cat")
    for _ in range(6):
        await simcord_env.settle()
        await simcord_env.advance_time(601)
    assert (await only(database, jobs)).delivery == "kept"
    [told] = alice.user.dm_channel.history()
    assert "the pictures are kept" in told.content


# A cancel that was promised.


async def test_a_cancel_holds_even_if_the_process_dies_at_once(
    simcord_env, simcord_bot, channel, alice, fake_engine, database, new_bot, monkeypatch
):
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="a red cat")
    monkeypatch.setattr(fake_engine, "cancel", lambda _: True)  # killed before its next tick
    said = await alice.context_menu(channel, "Cancel Job", channel.last_message)
    assert "nothing is charged" in said.response.content
    fresh = PatientEngine()
    fresh.env = simcord_env
    await simcord_env.restart_bot(new_bot(fresh))
    await simcord_env.settle()
    assert fresh.jobs == []
    assert (await only(database, jobs)).outcome == "cancelled"
    assert (await only(database, holds)).state == "released"


async def test_a_job_that_is_still_being_recovered_can_be_cancelled(
    simcord_env, channel, alice, fake_engine, database, new_bot, monkeypatch
):
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="a red cat")
    fresh = PatientEngine()
    fresh.env = simcord_env
    bot = new_bot(fresh)
    waiting = []

    async def resume(self, rows):
        waiting.extend(rows)

    resumes = type(bot.runner)._resume
    monkeypatch.setattr(type(bot.runner), "_resume", resume)
    await simcord_env.restart_bot(bot)
    await simcord_env.settle()
    await bot.runner.cancel(waiting[0])
    await resumes(bot.runner, waiting)
    await simcord_env.settle()
    assert fresh.jobs == []
    assert (await only(database, jobs)).outcome == "cancelled"
    assert bot.runner._cancelled == set()


async def test_a_finish_that_comes_after_the_cancel_changes_nothing(
    simcord_env, simcord_bot, guild, channel, alice, fake_engine, database, monkeypatch
):
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="a red cat")
    monkeypatch.setattr(fake_engine, "cancel", lambda _: True)  # too late: it is drawn already
    await alice.context_menu(channel, "Cancel Job", channel.last_message)
    fake_engine.resume()
    await simcord_env.settle()
    assert (await only(database, jobs)).outcome == "cancelled"
    balance = await simcord_bot.accounts.balance(guild_id=guild.id, user_id=alice.id)
    assert (balance.available, balance.held) == (2500, 0)
    assert "(cancelled)" in channel.last_message.content


# What is damaged fails alone, with a sentence.


@pytest.mark.parametrize(
    ("stored", "sentence"),
    [("{half", "is damaged"), ("[]", "Something broke inside Darkroom")],
)
async def test_a_damaged_row_shows_no_error_of_python(
    simcord_env, channel, alice, fake_engine, database, new_bot, stored, sentence
):
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="a red cat")
    async with database.write() as connection:
        await connection.execute(update(jobs).values(stored=stored))
    fresh = PatientEngine()
    fresh.env = simcord_env
    await simcord_env.restart_bot(new_bot(fresh))
    await simcord_env.settle()
    assert sentence in channel.last_message.content
    assert "Nothing was charged." in channel.last_message.content


async def test_an_error_of_the_engine_that_is_no_sentence_is_not_shown(
    simcord_env, channel, alice, fake_engine, monkeypatch, caplog
):
    def run(*_):
        raise ValueError("buffer is not large enough: 0x7f33 in /srv/models")

    monkeypatch.setattr(fake_engine, "run", run)
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    assert "/srv" not in channel.last_message.content
    assert "Something broke inside Darkroom" in channel.last_message.content
    assert "0x7f33" in caplog.text


async def test_a_variation_needs_no_picture_that_its_parent_started_from(
    simcord_env, channel, alice, fake_engine, tmp_path, database
):
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    await alice.click(channel.last_message, label="V1")
    await simcord_env.settle()
    varied = channel.last_message
    async with database.read() as connection:
        stored = (
            await connection.execute(select(jobs.c.stored).where(jobs.c.kind == "vary"))
        ).scalar_one()
    sha256 = json.loads(stored)["inputs"][0]["data"]["sha256"]
    for file in (tmp_path / "pictures").rglob(f"{sha256}.png"):
        file.unlink()
    result = await alice.click(varied, label="V2")
    await simcord_env.settle()
    assert not result.ephemeral
    assert len(fake_engine.jobs) == 3


async def test_a_picture_that_cannot_be_uploaded_leaves_nothing_in_the_channel(
    simcord_env, channel, alice
):
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    before = len(channel.history())
    simcord_env.inject_error("PATCH", "/webhooks/*", status=413, code=40005, times=1)
    await alice.click(channel.last_message, label="U1")
    await simcord_env.settle()
    assert len(channel.history()) == before
    told = [str(request.json) for request in simcord_env.http_requests]
    assert any("Something broke" in each for each in told), "the member is told"
