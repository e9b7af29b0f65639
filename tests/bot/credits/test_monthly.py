"""Monthly credits come with a calendar month in UTC and end with it."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from ledger_support import add_job

from bot.credits import ledger, monthly, periods
from bot.errors import NotEnoughCredits
from bot.storage.tables import entries


def at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.fixture
async def account(database):
    async with database.write() as connection:
        return await ledger.account(connection, guild_id=1, user_id=1, trial=0, now_ms=0)


@pytest.fixture
def refill(database, account):
    async def refill(amount, when):
        async with database.write() as connection:
            await monthly.refill(connection, account, monthly=amount, now_ms=at(when))
            return (await ledger.balance(connection, account)).purses.get("monthly", 0)

    return refill


async def kinds(database):
    async with database.read() as connection:
        rows = await connection.execute(
            sa.select(entries.c.kind, entries.c.amount).order_by(entries.c.id)
        )
        return [tuple(row) for row in rows]


async def test_a_month_is_refilled_once_and_what_was_left_expires(database, refill, account):
    assert await refill(500, "2026-01-31T23:59:59") == 500
    assert await refill(500, "2026-01-31T23:59:59.999") == 500
    assert await refill(500, "2026-02-01T00:00:00") == 500
    assert await kinds(database) == [("monthly", 500), ("expire", -500), ("monthly", 500)]


async def test_a_month_without_use_gives_nothing_later(refill, database):
    await refill(500, "2025-11-15")
    assert await refill(500, "2026-02-15") == 500
    assert [kind for kind, _ in await kinds(database)] == ["monthly", "expire", "monthly"]


async def test_a_better_plan_adds_its_difference_once_and_a_worse_one_waits(refill):
    assert await refill(500, "2026-03-01") == 500
    assert await refill(800, "2026-03-02") == 800
    assert await refill(500, "2026-03-03") == 800
    assert await refill(800, "2026-03-04") == 800  # changing to and fro mints nothing
    assert await refill(500, "2026-04-01") == 500


async def test_the_end_of_a_plan_ends_its_credits_with_the_month(refill):
    await refill(500, "2026-03-01")
    assert await refill(0, "2026-03-31") == 500
    assert await refill(0, "2026-04-01") == 0


async def test_a_hold_that_comes_back_after_the_turn_of_the_month_is_not_lost(
    database, refill, account
):
    await refill(500, "2026-03-31")
    async with database.write() as connection:
        for job_id, back in (("a", "2026-03-31T12:00:00"), ("b", "2026-04-01")):
            await add_job(connection, account, job_id)
            await ledger.hold(
                connection, account_id=account, job_id=job_id, amount=100, now_ms=at("2026-03-31")
            )
            await ledger.release(connection, job_id=job_id, now_ms=at(back))
    assert await refill(500, "2026-04-02") == 600


async def test_a_clock_that_is_set_back_changes_nothing(refill, database):
    await refill(500, "2026-04-01")
    before = await kinds(database)
    assert await refill(900, "2026-03-31") == 500
    assert await kinds(database) == before


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ("2026-01-31", "2026-02-01"),
        ("2026-12-31T23:59:59", "2027-01-01"),
        ("2028-02-29", "2028-03-01"),
    ],
)
def test_the_next_month_begins_on_its_first(now, then):
    ends = datetime.fromtimestamp(periods.ends_s(periods.MONTH, at(now)), UTC)
    assert ends.isoformat() == f"{then}T00:00:00+00:00"


async def test_what_a_plan_gives_comes_from_the_allotment_and_no_further(database, account):
    async def refill(when):
        async with database.write() as connection:
            await monthly.refill(connection, account, monthly=500, now_ms=at(when), allotment_of=1)
            purses = (await ledger.balance(connection, account)).purses
            return purses.get("monthly", 0), await ledger.allotment(connection, 1)

    async with database.write() as connection:
        await ledger.allot(connection, 1, 700)
    assert await refill("2026-03-01") == (500, 200)
    assert await refill("2026-04-01") == (200, 0)
    assert await refill("2026-04-02") == (200, 0)
    async with database.write() as connection:
        await ledger.allot(connection, 1, 1000)
    assert await refill("2026-04-03") == (500, 700), "the rest comes once there is more"
    assert await refill("2026-04-04") == (500, 700)


async def test_no_allotment_no_monthly_credits_and_what_was_left_still_expires(database, account):
    async with database.write() as connection:
        await monthly.refill(connection, account, monthly=500, now_ms=at("2026-03-01"))
        await monthly.refill(
            connection, account, monthly=500, now_ms=at("2026-04-01"), allotment_of=9
        )
    assert await kinds(database) == [("monthly", 500), ("expire", -500)]


async def test_who_has_monthly_credits_is_told_when_the_next_come(database, account):
    async def told(when):
        async with database.write() as connection:
            with pytest.raises(NotEnoughCredits) as refused:
                await ledger.require(connection, account, 1_000, now_ms=at(when))
        return str(refused.value)

    assert "Ask who manages this server" in await told("2026-03-05")
    async with database.write() as connection:
        await monthly.refill(connection, account, monthly=500, now_ms=at("2026-03-05"))
    comes_s = at("2026-04-01") // 1000
    assert f"The next monthly credits come <t:{comes_s}:f> (<t:{comes_s}:R>)" in await told(
        "2026-03-31T23:59:59"
    )
    assert "Ask who manages this server" in await told("2026-04-01"), "nothing came this month"
