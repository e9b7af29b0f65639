"""What a server used, by day and member, within bounds."""

import pytest
import sqlalchemy as sa
from tests_support import plans

from bot.credits import ledger
from bot.jobs import usage
from bot.jobs.usage import DAY_MS, Used
from bot.storage.tables import holds, jobs

TODAY = 20_000
NOW_MS = TODAY * DAY_MS + 5


async def add(connection, job_id, *, user_id=1, guild_id=1, day=TODAY, outcome="finished", cost=0):
    account = await ledger.account(
        connection, guild_id=guild_id, user_id=user_id, trial=0, now_ms=0
    )
    await connection.execute(
        sa.insert(jobs).values(
            id=job_id,
            account_id=account,
            guild_id=guild_id,
            channel_id=1,
            user_id=user_id,
            kind="imagine",
            title="",
            prompt="a cat",
            stored_version=1,
            stored="{}",
            created_ms=day * DAY_MS,
            outcome=outcome,
            delivery="none" if outcome == "open" else "posted",
            ended_ms=None if outcome == "open" else 1,
            gpu_ms=1500 if outcome == "finished" else None,
        )
    )
    state = {"open": "open", "finished": "settled"}.get(outcome, "released")
    await connection.execute(
        sa.insert(holds).values(
            job_id=job_id, account_id=account, amount=cost, state=state, settled=cost
        )
    )


async def test_jobs_count_on_their_day_and_for_their_member(database):
    async with database.write() as connection:
        await add(connection, "a", cost=100)
        await add(connection, "b", user_id=2, cost=250)
        await add(connection, "c", user_id=2, outcome="failed")
        await add(connection, "d", day=TODAY - 1, outcome="cancelled")
        await add(connection, "e", day=TODAY - 3, cost=100)
        await add(connection, "f", outcome="open")
        await add(connection, "g", guild_id=2, cost=100)
        used = await usage.of_guild(connection, 1, days=3, now_ms=NOW_MS)
    assert used.days == (
        (TODAY - 2, Used()),
        (TODAY - 1, Used(ended_otherwise=1)),
        (TODAY, Used(finished=2, ended_otherwise=1, gpu_ms=3000, spent=350)),
    )
    assert used.members == (
        (2, Used(finished=1, ended_otherwise=1, gpu_ms=1500, spent=250)),
        (1, Used(finished=1, ended_otherwise=1, gpu_ms=1500, spent=100)),
    )
    assert used.total.spent == 350


async def test_what_was_refunded_is_not_spent(database):
    async with database.write() as connection:
        await add(connection, "a", cost=100)
        await add(connection, "b", user_id=2, cost=250)
        account = await connection.scalar(sa.select(holds.c.account_id).filter_by(job_id="b"))
        for purse, amount in (("trial", 50), ("granted", 200)):
            await ledger.enter(
                connection, account, purse, amount, kind="refund", now_ms=0, job_id="b"
            )
        used = await usage.of_guild(connection, 1, days=1, now_ms=NOW_MS)
    assert used.total.spent == 100
    assert [(user_id, each.spent) for user_id, each in used.members] == [(1, 100), (2, 0)]


async def test_days_and_members_are_bounded(database):
    async with database.write() as connection:
        for user_id in range(1, 15):
            await add(connection, f"j{user_id}", user_id=user_id, cost=user_id)
        used = await usage.of_guild(connection, 1, days=100_000, now_ms=NOW_MS)
    assert len(used.days) == usage.MOST_DAYS
    assert [user_id for user_id, _ in used.members] == list(range(14, 4, -1))


async def test_it_reads_an_index_alone_and_no_text_of_a_job(database):
    if database.dialect != "sqlite":
        pytest.skip("PostgreSQL's planner reads small tables whole.")
    async with database.read() as connection:
        [plan] = await plans(connection, usage.of_guild(connection, 1, days=30, now_ms=NOW_MS))
    lines = plan.splitlines()
    [of_jobs] = [line for line in lines if " jobs " in line]
    assert "USING COVERING INDEX ix_jobs_guild (guild_id=? AND created_ms>?" in of_jobs
    assert not any(line.startswith(("SCAN jobs", "SCAN holds", "SCAN entries")) for line in lines)
