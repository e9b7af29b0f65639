"""A job that ends the process in its very first pass is counted, though the engine never told."""

import pytest
from sqlalchemy import select
from tests_support import PatientEngine

from bot.jobs.begun import Begun
from bot.storage.tables import holds, jobs

simcord = pytest.mark.simcord(shard_count=1, check_errors=False)


async def restart(env, new_bot):
    """As if the process had died; the next one, in which nothing is drawn yet."""
    held = PatientEngine()
    held.env = env
    held.pause()
    await env.restart_bot(new_bot(held))
    await env.settle()
    return held


def begin(engine):
    """As far as a job comes whose first pass ends the process: no event is told."""
    for run in engine._runs.values():
        run.begins()


async def rows(database):
    async with database.read() as connection:
        return (await connection.execute(select(jobs).order_by(jobs.c.prompt))).all()


@simcord
async def test_a_job_that_ends_the_process_in_its_first_pass_is_given_up(
    simcord_env, channel, alice, fake_engine, database, new_bot
):
    held = fake_engine
    held.pause()
    await alice.slash(channel, "imagine", prompt="poison")
    for attempt in (1, 2, 3):
        begin(held)
        held = await restart(simcord_env, new_bot)
        [row] = await rows(database)
        assert row.attempts == attempt
    assert (row.outcome, row.delivery) == ("failed", "posted")
    async with database.read() as connection:
        assert await connection.scalar(select(holds.c.state)) == "released"


@simcord
async def test_what_only_waits_is_not_counted(
    simcord_env, channel, alice, fake_engine, database, new_bot
):
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="poison")
    await alice.slash(channel, "imagine", prompt="waits")
    fake_engine._runs[fake_engine.jobs[0].id].begins()
    held = await restart(simcord_env, new_bot)
    assert [row.attempts for row in await rows(database)] == [1, 0]
    held.resume()
    await simcord_env.settle()
    assert [row.outcome for row in await rows(database)] == ["finished", "finished"]


@simcord
async def test_an_attempt_that_was_told_too_is_counted_once(
    simcord_env, channel, alice, fake_engine, database, new_bot
):
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="poison")
    fake_engine.step(1)  # begun, told and written down
    await simcord_env.settle()
    begin(fake_engine)  # as if the process had died before its file was gone
    await restart(simcord_env, new_bot)
    assert [row.attempts for row in await rows(database)] == [1]


@simcord
async def test_a_job_that_loses_the_device_in_its_first_pass_is_counted(
    simcord_env, channel, alice, fake_engine, database, new_bot
):
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="poison")
    begin(fake_engine)
    fake_engine.lose()
    await simcord_env.settle()
    await restart(simcord_env, new_bot)
    assert [row.attempts for row in await rows(database)] == [1]


@simcord
async def test_an_orderly_stop_and_an_end_leave_nothing(
    simcord_env, channel, alice, fake_engine, simcord_bot, tmp_path, database
):
    await alice.slash(channel, "imagine", prompt="drawn")
    await simcord_env.settle()
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="stopped")
    begin(fake_engine)
    assert Begun(tmp_path / "begun").left() == {fake_engine.jobs[1].id: 1}
    await simcord_bot.drain(0)
    assert Begun(tmp_path / "begun").left() == {}
    assert [row.attempts for row in await rows(database)] == [1, 0]


def test_the_highest_attempt_holds_and_strange_files_are_left_alone(tmp_path):
    begun = Begun(tmp_path / "begun")
    assert begun.left() == {}
    begun.write("a", 1)
    begun.write("a", 2)
    (tmp_path / "begun" / "notes.txt").touch()
    assert begun.left() == {"a": 2}
    begun.forget("a", 2)
    begun.forget("a", 2)
    assert begun.left() == {"a": 1}


def test_a_disk_that_refuses_stops_no_job(tmp_path, caplog):
    (tmp_path / "begun").write_text("a file where the folder should be")
    begun = Begun(tmp_path / "begun")
    begun.write("a", 1)
    begun.forget("a", 1)
    assert "cannot be written down" in caplog.text
    assert begun.left() == {}
    assert "cannot be read" in caplog.text
