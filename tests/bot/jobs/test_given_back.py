"""A machine of a cluster dies while it draws: the try counts, and the job is drawn by another."""

import pytest
from sqlalchemy import func, select, update

from bot.storage.tables import entries, jobs
from engine import GivenBack

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


def give_back(engine):
    """As a cluster's engine does whose workers die."""
    for run in engine._runs.values():
        if not run.waits:
            run.done = -1
            run.stream.put(GivenBack(job_id=run.job.id))
    engine._say_positions()


async def only_job(database):
    async with database.read() as connection:
        row = (await connection.execute(select(jobs))).one()
        spent = await connection.scalar(
            select(func.sum(entries.c.amount)).where(entries.c.job_id.is_not(None))
        )
    return row, spent


async def begin(simcord_env, channel, alice, fake_engine):
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="a red cat")
    fake_engine.step(3)
    await simcord_env.settle()


async def test_a_job_that_is_given_back_keeps_its_try_and_is_drawn_and_charged_once(
    simcord_env, channel, alice, fake_engine, database
):
    await begin(simcord_env, channel, alice, fake_engine)
    give_back(fake_engine)
    await simcord_env.settle()
    assert (await only_job(database))[0].attempts == 1
    fake_engine.resume()
    await simcord_env.settle()
    row, spent = await only_job(database)
    assert (row.outcome, row.delivery, row.attempts, spent) == ("finished", "posted", 2, -100)


async def test_tries_before_a_restart_count_too(simcord_env, channel, alice, fake_engine, database):
    await begin(simcord_env, channel, alice, fake_engine)
    async with database.write() as connection:  # as if two processes had died over it before
        await connection.execute(update(jobs).values(attempts=3))
    give_back(fake_engine)
    await simcord_env.settle()
    row, spent = await only_job(database)
    assert (row.outcome, spent) == ("failed", 0)
    assert "3 times" in row.reason
    assert not fake_engine._runs
