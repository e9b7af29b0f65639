"""Money is conserved, whatever is done in whatever order."""

import asyncio

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.credits import ledger
from bot.errors import NotAllowed, NotEnoughCredits
from bot.storage.database import Database
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


async def test_a_new_account_gets_its_trial_once(database):
    async with database.write() as connection:
        first = await open_account(connection)
        assert await open_account(connection) == first
        assert (await ledger.balance(connection, first)).available == 300


async def test_direct_messages_get_no_trial(database):
    async with database.write() as connection:
        account = await open_account(connection, guild_id=ledger.DIRECT_MESSAGES)
        assert (await ledger.balance(connection, account)).available == 0


async def test_a_hold_is_taken_and_the_rest_of_a_settlement_returns(database):
    async with database.write() as connection:
        account = await open_account(connection)
        await add_job(connection, account, "a")
        await ledger.hold(connection, account_id=account, job_id="a", amount=120, now_ms=0)
        assert await ledger.balance(connection, account) == ledger.Balance(available=180, held=120)
        await ledger.settle(connection, job_id="a", amount=100, now_ms=1)
        assert await ledger.balance(connection, account) == ledger.Balance(available=200, held=0)
        assert await sums_agree(connection)


async def test_what_is_released_returns_to_the_purse_it_came_from(database):
    async with database.write() as connection:
        account = await open_account(connection)
        await ledger.grant(connection, account_id=account, amount=100, actor_id=9, now_ms=0)
        await add_job(connection, account, "a")
        await ledger.hold(connection, account_id=account, job_id="a", amount=350, now_ms=0)
        await ledger.release(connection, job_id="a", now_ms=1)
        rows = await connection.execute(sa.select(purses.c.kind, purses.c.available))
        assert dict(tuple(row) for row in rows) == {"trial": 300, "granted": 100}


async def test_a_partial_return_goes_to_the_purse_spent_last(database):
    async with database.write() as connection:
        account = await open_account(connection)
        await ledger.grant(connection, account_id=account, amount=100, actor_id=9, now_ms=0)
        await add_job(connection, account, "a")
        await ledger.hold(connection, account_id=account, job_id="a", amount=350, now_ms=0)
        await ledger.settle(connection, job_id="a", amount=280, now_ms=1)
        rows = await connection.execute(sa.select(purses.c.kind, purses.c.available))
        assert dict(tuple(row) for row in rows) == {"trial": 20, "granted": 100}


async def test_too_little_is_refused_with_both_amounts_and_nothing_is_taken(database):
    async with database.write() as connection:
        account = await open_account(connection)
    with pytest.raises(NotEnoughCredits, match="needs 4 credits; you have 3 credits"):
        async with database.write() as connection:
            await add_job(connection, account, "a")
            await ledger.hold(connection, account_id=account, job_id="a", amount=400, now_ms=0)
    async with database.read() as connection:
        assert await ledger.balance(connection, account) == ledger.Balance(available=300, held=0)


async def test_a_hundred_holds_at_once_never_overspend(database):
    async with database.write() as connection:
        account = await open_account(connection, trial=1000)

    async def spend(number):
        try:
            async with database.write() as connection:
                await add_job(connection, account, f"j{number}")
                await ledger.hold(
                    connection, account_id=account, job_id=f"j{number}", amount=100, now_ms=0
                )
        except NotEnoughCredits:
            return 0
        return 100

    taken = sum(await asyncio.gather(*(spend(number) for number in range(100))))
    assert taken == 1000
    async with database.read() as connection:
        assert await ledger.balance(connection, account) == ledger.Balance(available=0, held=1000)
        assert await sums_agree(connection)


@pytest.mark.parametrize("second", ["settle", "release"])
async def test_a_hold_closes_once(database, second):
    async with database.write() as connection:
        account = await open_account(connection)
        await add_job(connection, account, "a")
        await ledger.hold(connection, account_id=account, job_id="a", amount=100, now_ms=0)
        await ledger.release(connection, job_id="a", now_ms=1)
        with pytest.raises(RuntimeError, match="not open"):
            if second == "settle":
                await ledger.settle(connection, job_id="a", amount=1, now_ms=1)
            else:
                await ledger.release(connection, job_id="a", now_ms=1)
        assert (await ledger.balance(connection, account)).available == 300


async def test_a_server_grants_no_more_than_its_allotment(database):
    async with database.write() as connection:
        account = await open_account(connection, trial=0)
        await ledger.open_allotment(connection, 1, 100)
        await ledger.grant(
            connection, account_id=account, amount=80, actor_id=9, now_ms=0, allotment_of=1
        )
    with pytest.raises(NotAllowed, match=r"may still grant 0\.2 credits"):
        async with database.write() as connection:
            await ledger.grant(
                connection, account_id=account, amount=21, actor_id=9, now_ms=0, allotment_of=1
            )
    async with database.write() as connection:
        await ledger.open_allotment(connection, 1, 100)  # a second first time changes nothing
        assert await ledger.allotment(connection, 1) == 20
        assert (await ledger.balance(connection, account)).available == 80


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["grant", "hold", "settle", "release"]),
        st.integers(0, 5),
        st.integers(1, 400),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_any_history_conserves_money(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("ledger") / "darkroom.db"

    async def play():
        database = Database(f"sqlite+aiosqlite:///{path}")
        await database.start()
        async with database.write() as connection:
            account = await open_account(connection)
        granted, spent, open_holds, seen = 300, 0, {}, set()
        for kind, number, amount in steps:
            job_id = f"j{number}"
            try:
                async with database.write() as connection:
                    if kind == "grant":
                        await ledger.grant(
                            connection, account_id=account, amount=amount, actor_id=1, now_ms=0
                        )
                        granted += amount
                    elif kind == "hold" and job_id not in seen:
                        await add_job(connection, account, job_id)
                        await ledger.hold(
                            connection, account_id=account, job_id=job_id, amount=amount, now_ms=0
                        )
                        open_holds[job_id] = amount
                        seen.add(job_id)
                    elif kind == "settle":
                        await ledger.settle(connection, job_id=job_id, amount=amount, now_ms=0)
                        spent += amount
                        del open_holds[job_id]
                    elif kind == "release":
                        await ledger.release(connection, job_id=job_id, now_ms=0)
                        del open_holds[job_id]
            except (NotEnoughCredits, RuntimeError):
                pass  # refused, and rolled back
        async with database.read() as connection:
            held = sum(open_holds.values())
            assert await ledger.balance(connection, account) == ledger.Balance(
                available=granted - spent - held, held=held
            )
            assert await sums_agree(connection)
        await database.close()

    asyncio.run(play())
