"""A job that ends the process ends no stranger's: who was there at two deaths runs alone."""

import pytest
from sqlalchemy import select, update
from tests_support import PatientEngine

from bot.jobs import records
from bot.storage.tables import holds, jobs

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


async def rows(database):
    async with database.read() as connection:
        return (await connection.execute(select(jobs).order_by(jobs.c.prompt))).all()


async def die(env, new_bot):
    """As if the process had died; the next one, in which jobs are drawn step by step."""
    held = PatientEngine()
    held.env = env
    held.pause()
    bot = new_bot(held)
    await env.restart_bot(bot)
    await env.settle()
    return bot, held


def running(engine):
    return [run.job.prompt[0].text for run in engine._runs.values()]


async def two_deaths(env, new_bot, engine, channel, alice, bob):
    """Alice's poison and Bob's harmless job are drawn beside each other when the process dies."""
    engine.pause()
    await alice.slash(channel, "imagine", prompt="poison")
    await bob.slash(channel, "imagine", prompt="innocent")
    engine.step(1)
    await env.settle()
    _, held = await die(env, new_bot)
    assert running(held) == ["poison", "innocent"], "one death says nothing"
    held.step(1)
    await env.settle()
    return await die(env, new_bot)


async def test_only_the_culprit_is_given_up(
    simcord_env, simcord_bot, channel, alice, bob, fake_engine, database, new_bot
):
    _, held = await two_deaths(simcord_env, new_bot, fake_engine, channel, alice, bob)
    assert running(held) == ["poison"]
    held.step(1)
    await simcord_env.settle()
    assert [(row.prompt, row.attempts) for row in await rows(database)] == [
        ("innocent", 2),
        ("poison", 3),
    ]
    _, held = await die(simcord_env, new_bot)
    assert running(held) == ["innocent"]
    held.resume()
    await simcord_env.settle()
    innocent, poison = await rows(database)
    assert (innocent.outcome, innocent.delivery) == ("finished", "posted")
    assert (poison.outcome, poison.delivery) == ("failed", "posted")
    async with database.read() as connection:
        states = dict((await connection.execute(select(holds.c.job_id, holds.c.state))).all())
    assert states == {innocent.id: "settled", poison.id: "released"}


async def test_nobody_is_drawn_beside_a_suspect_and_all_are_drawn_after(
    simcord_env, channel, alice, bob, fake_engine, database, new_bot
):
    _, held = await two_deaths(simcord_env, new_bot, fake_engine, channel, alice, bob)
    await bob.slash(channel, "imagine", prompt="stranger")
    held.step(1)
    await simcord_env.settle()
    assert running(held) == ["poison"]
    assert held.cancel(held.jobs[0].id)  # it did no harm this time
    await simcord_env.settle()
    assert running(held) == ["innocent"]
    held.resume()
    await simcord_env.settle()
    outcomes = {row.prompt: row.outcome for row in await rows(database)}
    assert outcomes == {"poison": "cancelled", "innocent": "finished", "stranger": "finished"}


async def test_what_waits_behind_a_suspect_can_be_cancelled(
    simcord_env, channel, alice, bob, fake_engine, database, new_bot
):
    bot, held = await two_deaths(simcord_env, new_bot, fake_engine, channel, alice, bob)
    await bob.slash(channel, "imagine", prompt="stranger")
    async with database.read() as connection:
        waiting = [row for row in await rows(database) if row.prompt != "poison"]
        waiting = [await records.get(connection, row.id) for row in waiting]
    for row in waiting:
        await bot.runner.cancel(row)
    held.resume()
    await simcord_env.settle()
    assert [job.prompt[0].text for job in held.jobs] == ["poison"]
    assert bot.runner._cancelled == set()


async def test_a_stop_leaves_open_what_waits_behind_a_suspect(
    simcord_env, channel, alice, bob, fake_engine, database, new_bot
):
    bot, _ = await two_deaths(simcord_env, new_bot, fake_engine, channel, alice, bob)
    await bob.slash(channel, "imagine", prompt="stranger")
    await bot.drain(0)
    found = {row.prompt: (row.outcome, row.attempts) for row in await rows(database)}
    assert found == {"poison": ("open", 2), "innocent": ("open", 2), "stranger": ("open", 0)}
    assert not bot.runner._following


async def test_a_suspect_that_cannot_be_read_holds_nobody_up(
    simcord_env, channel, alice, bob, fake_engine, database, new_bot
):
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="poison")
    await bob.slash(channel, "imagine", prompt="stranger")
    async with database.write() as connection:
        await connection.execute(
            update(jobs).where(jobs.c.prompt == "poison").values(attempts=2, stored="{half")
        )
    _, held = await die(simcord_env, new_bot)
    assert running(held) == ["stranger"]
    outcomes = {row.prompt: row.outcome for row in await rows(database)}
    assert outcomes == {"poison": "failed", "stranger": "open"}
