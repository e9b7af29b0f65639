"""Accounts and jobs for tests of the ledger."""

import sqlalchemy as sa

from bot.credits import ledger
from bot.storage.tables import entries, jobs, purses


async def open_account(connection, user_id=1, trial=300, guild_id=1):
    return await ledger.account(
        connection, guild_id=guild_id, user_id=user_id, trial=trial, now_ms=0
    )


async def add_job(connection, account_id, job_id):
    await connection.execute(
        sa.insert(jobs).values(
            id=job_id,
            account_id=account_id,
            guild_id=1,
            channel_id=1,
            user_id=1,
            kind="imagine",
            title="",
            prompt="",
            stored_version=1,
            stored="{}",
            created_ms=0,
        )
    )


async def sums_agree(connection):
    rows = await connection.execute(
        sa.select(
            purses.c.available,
            sa.select(sa.func.coalesce(sa.func.sum(entries.c.amount), 0))
            .where(entries.c.account_id == purses.c.account_id, entries.c.purse == purses.c.kind)
            .scalar_subquery(),
        )
    )
    return all(available == total for available, total in rows)
