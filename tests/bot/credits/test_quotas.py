"""How much members may spend in a day or a month."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from ledger_support import add_job, open_account

from bot.credits import ledger
from bot.credits.periods import DAY, MONTH, began_ms, ends_s
from bot.credits.quotas import Quota, Quotas
from bot.errors import NotFound, QuotaReached
from bot.jobs.privacy import Privacy
from bot.pictures.store import PictureStore
from bot.storage.audit import Audit
from bot.storage.tables import jobs

GUILD, USER, ROLE, BETTER = 7, 1, 50, 51


def at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.fixture
def clock():
    return [at("2026-11-30T23:00:00")]


@pytest.fixture
async def quotas(database, clock):
    async with database.write() as connection:
        await open_account(connection, USER, trial=10_000, guild_id=GUILD)
    return Quotas(database, Audit(lambda: clock[0]), lambda: clock[0])


@pytest.fixture
def put(quotas):
    async def put(subject_id, period, amount):
        quota = Quota(
            subject_id=subject_id, is_role=subject_id != USER, period=period, amount=amount
        )
        await quotas.put(GUILD, quota, actor_id=9)

    return put


@pytest.fixture
def spend(database, clock):
    async def spend(job_id, amount, settled=None, release=False):
        async with database.write() as connection:
            account = await open_account(connection, USER, trial=10_000, guild_id=GUILD)
            await add_job(connection, account, job_id)
            await connection.execute(
                sa.update(jobs)
                .where(jobs.c.id == job_id)
                .values(created_ms=clock[0], guild_id=GUILD)
            )
            await ledger.hold(
                connection, account_id=account, job_id=job_id, amount=amount, now_ms=clock[0]
            )
            if settled is not None:
                await ledger.settle(connection, job_id=job_id, amount=settled, now_ms=clock[0])
            if release:
                await ledger.release(connection, job_id=job_id, now_ms=clock[0])

    return spend


@pytest.fixture
def may(quotas, database):
    async def may(price, roles=(), guild_id=GUILD):
        async with database.write() as connection:
            try:
                await quotas.check(
                    connection, guild_id=guild_id, user_id=USER, role_ids=roles, price=price
                )
            except QuotaReached as refused:
                return str(refused.sentence)
            return ""

    return may


async def test_what_was_spent_and_is_held_counts_and_what_came_back_does_not(put, spend, may):
    await put(GUILD, DAY, 1000)
    await spend("a", 300, settled=200)
    await spend("b", 400)
    await spend("c", 500, release=True)
    assert await may(400) == ""
    reset = at("2026-12-01") // 1000
    assert await may(401) == (
        "This needs 4.01 credits. You may spend 10 credits a day in this server, and have 4 "
        f"credits of them left. They return <t:{reset}:f> (<t:{reset}:R>)."
    )
    assert await may(10_000, guild_id=2) == "", "another server has quotas of its own"


async def test_what_was_refunded_is_not_spent_before_or_after_it_is_erased(
    put, spend, may, clock, database, tmp_path
):
    await put(GUILD, DAY, 500)
    for job_id, cost in (("a", 200), ("b", 300)):
        await spend(job_id, 400, settled=cost)
    async with database.write() as connection:
        assert await ledger.refund(connection, job_id="a", now_ms=clock[0]) == 200
    assert await may(200) == ""
    assert "have 2 credits of them left" in await may(201)
    async with database.write() as connection:
        await connection.execute(
            sa.update(jobs).values(outcome="finished", delivery="posted", ended_ms=clock[0])
        )
    store = PictureStore(tmp_path / "pictures")
    await Privacy(database=database, store=store, now_ms=lambda: clock[0]).erase(USER)
    assert await may(200) == ""
    assert await may(201)


async def test_who_erases_their_jobs_has_still_spent_what_these_cost(
    put, spend, may, clock, database, tmp_path
):
    privacy = Privacy(
        database=database, store=PictureStore(tmp_path / "pictures"), now_ms=lambda: clock[0]
    )
    await put(USER, DAY, 500)
    for job_id, cost in (("a", 200), ("b", 250)):
        async with database.write() as connection:
            account = await open_account(connection, USER, trial=0, guild_id=GUILD)
            await ledger.grant(connection, account_id=account, amount=500, actor_id=9, now_ms=0)
        await spend(job_id, 300, settled=cost)
        async with database.write() as connection:
            await connection.execute(
                sa.update(jobs)
                .where(jobs.c.id == job_id)
                .values(outcome="finished", delivery="posted", ended_ms=clock[0])
            )
        await privacy.erase(USER)
    assert await may(50) == ""
    assert "have 0.5 credits of them left" in await may(51)
    clock[0] = at("2026-12-01")
    assert await may(500) == ""


async def test_a_day_and_a_month_begin_anew_in_utc(put, spend, may, clock):
    await put(GUILD, DAY, 100)
    await put(GUILD, MONTH, 150)
    clock[0] = at("2026-11-29T23:59:59")
    await spend("a", 100)
    assert "a day" in await may(1)
    clock[0] = at("2026-11-30T00:00:00")
    assert await may(50) == ""
    assert "a month" in await may(51)
    await spend("b", 50)
    clock[0] = at("2026-11-30T23:59:59.999")
    assert "a month" in await may(1)
    clock[0] = at("2026-12-01T00:00:00")
    assert await may(100) == ""


async def test_the_largest_quota_of_the_roles_counts_and_a_members_own_before_them(put, may):
    await put(GUILD, DAY, 100)
    await put(ROLE, DAY, 300)
    await put(BETTER, DAY, 500)
    assert await may(101)
    assert await may(300, [ROLE]) == ""
    assert await may(500, [ROLE, BETTER]) == ""
    await put(USER, DAY, 50)
    assert await may(51, [ROLE, BETTER])
    await put(USER, DAY, 900)
    assert await may(900) == ""
    assert await may(901, [BETTER])


async def test_a_quota_of_nothing_lets_nothing_through_and_is_taken_back(quotas, put, may):
    await put(GUILD, DAY, 0)
    assert await may(1)
    await quotas.take_back(GUILD, GUILD, DAY, is_role=True, actor_id=9)
    assert await may(1) == ""
    with pytest.raises(NotFound, match="no such quota"):
        await quotas.take_back(GUILD, GUILD, DAY, is_role=True, actor_id=9)
    assert await quotas.all(GUILD) == ()


@pytest.mark.parametrize(
    ("period", "now", "began", "ends"),
    [
        (DAY, "2026-12-31T10:00:00", "2026-12-31", "2027-01-01"),
        (MONTH, "2026-12-31T10:00:00", "2026-12-01", "2027-01-01"),
        (DAY, "2028-02-28T10:00:00", "2028-02-28", "2028-02-29"),
    ],
)
def test_periods_end_where_the_next_begins(period, now, began, ends):
    assert began_ms(period, at(now)) == at(began)
    assert ends_s(period, at(now)) * 1000 == at(ends)
