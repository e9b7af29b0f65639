"""A restart loses nothing: the bot stops at any moment and goes on as if it had not."""

import pytest
from sqlalchemy import func, select, update
from tests_support import PatientEngine, custom_ids, grids, pings, refusal

from bot.credits import ledger, statement
from bot.storage.tables import entries, holds, jobs, messages

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


async def only_job(database):
    async with database.read() as connection:
        return (await connection.execute(select(jobs))).one()


async def spent(database):
    """What all jobs together cost, negative, in 1/100 credit."""
    async with database.read() as connection:
        return await connection.scalar(
            select(func.sum(entries.c.amount)).where(entries.c.job_id.is_not(None))
        )


async def restart(env, new_bot, fake_engine):
    """Kill the bot where it stands; start another on the same database."""
    fresh = PatientEngine()
    fresh.env = env
    bot = new_bot(fresh)
    await env.restart_bot(bot)
    await env.settle()
    return bot, fresh


async def test_a_job_killed_in_the_middle_is_drawn_once_charged_once_and_pings_once(
    simcord_env, channel, alice, fake_engine, database, new_bot
):
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="a red cat")
    fake_engine.step(5)
    await simcord_env.settle()
    before = fake_engine.jobs[0]
    _, fresh = await restart(simcord_env, new_bot, fake_engine)
    assert fresh.jobs == [before], "the same job: same id, same seed"
    [grid] = grids(channel)
    assert len(channel.history()) == 1, "the old progress message is gone"
    assert custom_ids(grid)[0].split(":")[1] == before.id
    job = await only_job(database)
    assert (job.outcome, job.delivery, job.attempts) == ("finished", "posted", 2)
    assert await spent(database) == -100
    assert pings(simcord_env) == [[alice.id]]


async def test_queued_jobs_run_again_in_order(simcord_env, channel, alice, fake_engine, new_bot):
    fake_engine.pause()
    for number in range(3):
        await alice.slash(channel, "imagine", prompt=f"cat {number}")
    _, fresh = await restart(simcord_env, new_bot, fake_engine)
    assert [job.id for job in fresh.jobs] == [job.id for job in fake_engine.jobs]
    assert len(grids(channel)) == 3


async def test_a_result_that_was_posted_but_not_recorded_is_not_posted_again(
    simcord_env, channel, alice, fake_engine, database, new_bot
):
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    async with database.write() as connection:  # as if the process died between post and record
        where = " ON jobs" if database.dialect == "postgresql" else ""
        await connection.exec_driver_sql(f"DROP TRIGGER deliveries_end_once{where}")
        await connection.execute(update(jobs).values(delivery="pending"))
    [posted] = grids(channel)
    await restart(simcord_env, new_bot, fake_engine)
    assert [message.id for message in grids(channel)] == [posted.id]
    job = await only_job(database)
    assert job.delivery == "posted"
    async with database.read() as connection:
        shown = (await connection.execute(select(messages))).all()
    assert [(row.message_id, row.role) for row in shown] == [(posted.id, "grid")]


async def test_a_result_that_was_not_posted_is_posted_without_a_ping(
    simcord_env, simcord_bot, channel, alice, fake_engine, database, new_bot
):
    simcord_env.inject_error("POST", "/channels/*/messages", status=500, times=None)
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="a red cat")
    fake_engine.resume()
    simcord_bot.outbox.retry_after_s, simcord_bot.outbox.last_retry_s = (), None
    await simcord_env.settle()
    assert (await only_job(database)).delivery == "pending"
    simcord_env.backend.faults.clear()
    already = pings(simcord_env)
    _, fresh = await restart(simcord_env, new_bot, fake_engine)
    assert fresh.jobs == [], "a finished job is never drawn again"
    assert len(grids(channel)) == 1
    assert pings(simcord_env) == already


async def test_a_job_that_killed_the_process_three_times_is_given_up_and_refunded(
    simcord_env, channel, alice, fake_engine, database, new_bot
):
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="poison")
    fake_engine.step(1)
    await simcord_env.settle()
    for _ in range(2):
        held = PatientEngine()
        held.env = simcord_env
        held.pause()
        await simcord_env.restart_bot(new_bot(held))
        await simcord_env.settle()
        held.step(1)
        await simcord_env.settle()
    assert (await only_job(database)).attempts == 3
    bot, fresh = await restart(simcord_env, new_bot, fake_engine)
    assert fresh.jobs == []
    job = await only_job(database)
    assert (job.outcome, job.delivery) == ("failed", "posted")
    assert "given up" in channel.last_message.content
    balance = await bot.accounts.balance(guild_id=job.guild_id, user_id=alice.id)
    assert (balance.available, balance.held) == (2500, 0)


async def test_buttons_of_before_the_restart_work(
    simcord_env, channel, alice, fake_engine, new_bot
):
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    old = channel.last_message
    await restart(simcord_env, new_bot, fake_engine)
    assert "Image #1" in (await alice.click(old, label="U1")).response.content
    await alice.click(old, label="V4")
    await simcord_env.settle()
    assert "Variations" in channel.last_message.content


async def test_a_variation_killed_in_the_middle_starts_again_from_its_picture(
    simcord_env, channel, alice, fake_engine, new_bot
):
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    fake_engine.pause()
    await alice.click(channel.last_message, label="V2")
    fake_engine.step(2)
    await simcord_env.settle()
    _, fresh = await restart(simcord_env, new_bot, fake_engine)
    assert fresh.jobs == [fake_engine.jobs[1]]
    assert fresh.jobs[0].inputs


async def test_an_orderly_stop_lets_running_jobs_finish_and_leaves_queued_ones(
    simcord_env, simcord_bot, channel, alice, fake_engine, database, new_bot
):
    fake_engine._capacity = 1
    fake_engine.pause()
    for number in range(2):
        await alice.slash(channel, "imagine", prompt=f"cat {number}")
    fake_engine.step(1)
    await simcord_env.settle()
    fake_engine._paused = False
    await simcord_bot.drain(5)
    assert len(grids(channel)) == 1
    async with database.read() as connection:
        found = (await connection.execute(select(jobs).order_by(jobs.c.prompt))).all()
    assert [(job.outcome, job.attempts) for job in found] == [("finished", 1), ("open", 0)]
    refused = await alice.slash(channel, "imagine", prompt="too late")
    assert refused.response.embeds[0].title == "Restarting"
    _, fresh = await restart(simcord_env, new_bot, fake_engine)
    assert [job.id for job in fresh.jobs] == [found[1].id]
    assert len(grids(channel)) == 2


async def test_a_lost_device_leaves_jobs_open_and_asks_for_a_new_process(
    simcord_env, simcord_bot, channel, alice, fake_engine, database
):
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="a red cat")
    fake_engine.lose()
    await simcord_env.settle()
    assert simcord_bot.runner.lost.is_set()
    assert (await only_job(database)).outcome == "open"


async def test_a_job_of_an_unknown_format_fails_with_a_sentence(
    simcord_env, channel, alice, fake_engine, database, new_bot
):
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="a red cat")
    async with database.write() as connection:
        await connection.execute(update(jobs).values(stored_version=99))
    await restart(simcord_env, new_bot, fake_engine)
    assert "another version of Darkroom" in channel.last_message.content
    async with database.read() as connection:
        assert await connection.scalar(select(holds.c.state)) == "released"


async def test_cancel_ends_the_job_and_gives_the_credits_back(
    simcord_env, channel, alice, bob, fake_engine, database
):
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="a red cat")
    job = await only_job(database)
    shown = channel.last_message
    refused = await bob.context_menu(channel, "Cancel Job", shown)
    assert "another member's" in refusal(refused).description
    assert (await only_job(database)).outcome == "open"
    await alice.context_menu(channel, "Cancel Job", shown)
    await simcord_env.settle()
    job = await only_job(database)
    assert (job.outcome, job.delivery) == ("cancelled", "posted")
    assert "(cancelled)" in channel.last_message.content
    late = await alice.context_menu(channel, "Cancel Job", channel.last_message)
    assert "not being drawn any more" in refusal(late).description
    async with database.read() as connection:
        assert await connection.scalar(select(holds.c.state)) == "released"


async def test_pictures_lost_before_the_delivery_are_said(
    simcord_env, simcord_bot, channel, alice, fake_engine, database, new_bot, tmp_path
):
    simcord_env.inject_error("POST", "/channels/*/messages", status=500, times=None)
    simcord_bot.outbox.retry_after_s, simcord_bot.outbox.last_retry_s = (), None
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    simcord_env.backend.faults.clear()
    for number, file in enumerate((tmp_path / "pictures").rglob("*.png")):
        file.write_bytes(b"damaged") if number else file.unlink()
    await restart(simcord_env, new_bot, fake_engine)
    assert "lost on the disk" in channel.last_message.content
    job = await only_job(database)
    assert job.delivery == "posted"
    assert await spent(database) == 0, "what it cost came back"
    async with database.read() as connection:
        (line, *_) = await statement.page(connection, job.account_id, before=None, count=9)
    assert (line.kind, line.amount, line.job_id) == ("refund", 100, job.id)
    async with database.write() as connection:
        assert await ledger.refund(connection, job_id=job.id, now_ms=0) == 0, "and only once"


@pytest.mark.parametrize(("status", "code"), [(401, 0), (403, 40333), (429, 0), (503, 0)])
async def test_a_passing_refusal_leaves_the_delivery_owed(
    simcord_env, simcord_bot, channel, alice, database, status, code
):
    simcord_env.inject_error("POST", "/channels/*/messages", status=status, code=code, times=None)
    simcord_bot.outbox.retry_after_s, simcord_bot.outbox.last_retry_s = (), None
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    assert (await only_job(database)).delivery == "pending"


async def test_a_refusal_that_was_said_is_not_said_again(
    simcord_env, channel, alice, fake_engine, database, new_bot
):
    fake_engine.fail_next("It broke.")
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="a red cat")
    await (
        simcord_env.bot.get_channel(channel.id)
        .get_partial_message(channel.last_message.id)
        .delete()
    )
    fake_engine.resume()
    await simcord_env.settle()
    [said] = channel.history()
    async with database.write() as connection:
        where = " ON jobs" if database.dialect == "postgresql" else ""
        await connection.exec_driver_sql(f"DROP TRIGGER deliveries_end_once{where}")
        await connection.execute(update(jobs).values(delivery="pending"))
    await restart(simcord_env, new_bot, fake_engine)
    assert [message.id for message in channel.history()] == [said.id]


async def test_the_final_post_carries_a_nonce_that_is_the_jobs(
    simcord_env, channel, alice, database
):
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    [post] = [
        request.json
        for request in simcord_env.http_requests
        if request.method == "POST" and request.path.endswith("/messages")
    ]
    assert post["nonce"] == f"{(await only_job(database)).id}:0"
    assert post["enforce_nonce"] is True
    assert len(post["nonce"]) <= 25


async def test_a_queued_job_keeps_its_attempts_when_the_bot_stops(
    simcord_env, simcord_bot, channel, alice, fake_engine, database
):
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="a red cat")
    async with database.write() as connection:
        await connection.execute(update(jobs).values(attempts=2))
    await simcord_bot.drain(0)
    assert (await only_job(database)).attempts == 2


async def test_syncing_commands_by_hand_leaves_jobs_alone(
    simcord_env, channel, alice, fake_engine, database, new_bot
):
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="a red cat")
    fresh = PatientEngine()
    await simcord_env.restart_bot(new_bot(fresh, serving=False))
    await simcord_env.settle()
    assert fresh.jobs == []
    assert (await only_job(database)).outcome == "open"
