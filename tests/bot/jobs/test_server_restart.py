"""PostgreSQL dies and comes back while a picture is drawn: nothing is lost, nothing is doubled."""

import sys

import pytest
from sqlalchemy import func, select
from tests_support import labels

from bot.storage.database import Database
from bot.storage.tables import entries, holds, jobs
from tests.chaos import postgres

pytestmark = [
    pytest.mark.simcord(shard_count=1, check_errors=False),
    pytest.mark.skipif(sys.platform == "win32", reason="a server on a socket in a folder"),
]


@pytest.fixture
def server():
    programs = postgres.programs()
    if programs is None:
        pytest.skip("There is no PostgreSQL here: no restart of it was tried.")
    with postgres.serving(programs) as made:
        yield made


@pytest.fixture
async def database(server):
    opened = Database(server.url)
    await opened.start()
    yield opened
    await opened.close()


async def only_job(database):
    async with database.read() as connection:
        row = (await connection.execute(select(jobs))).one()
        hold = (await connection.execute(select(holds))).one()
        spent = await connection.scalar(
            select(func.sum(entries.c.amount)).where(entries.c.job_id.is_not(None))
        )
    return row, hold, spent


async def test_a_job_goes_on_over_a_restart_of_the_server(
    simcord_env, simcord_bot, channel, alice, fake_engine, database, server
):
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="a red cat")
    fake_engine.step(3)
    await simcord_env.settle()
    server.stop()
    database.write_again_after_s = (600, 600)
    fake_engine.resume()
    await simcord_env.settle()  # drawn, and it cannot be written down
    server.start()
    await simcord_env.advance_time(601)
    await simcord_env.settle()
    row, hold, spent = await only_job(database)
    assert (row.outcome, row.delivery, hold.state, spent) == ("finished", "posted", "settled", -100)
    assert len(fake_engine.jobs) == 1
    assert sum("U1" in labels(message) for message in channel.history()) == 1
    assert await database.keeps_lock(), "and the lock that went with its connection is taken again"
    second = Database(server.url)
    with pytest.raises(Exception, match="Another Darkroom already runs"):
        await second.start()
    await second.close()


async def test_a_server_that_stays_away_is_told_of_and_nobody_takes_over(database, server, caplog):
    server.stop()
    assert await database.keeps_lock()
    assert "the database's lock could not be taken again yet" in caplog.text
    server.start()
    assert await database.keeps_lock()
