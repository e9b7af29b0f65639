"""Money is conserved, whatever is done in whatever order."""

import asyncio

import pytest
import sqlalchemy as sa
from ledger_support import add_job, open_account, sums_agree
from tests_support import plans

from bot.credits import ledger
from bot.errors import NotAllowed, NotEnoughCredits
from bot.storage.tables import purses


async def holds(connection, account):
    balance = await ledger.balance(connection, account)
    return balance.available, balance.held


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
        assert await holds(connection, account) == (180, 120)
        await ledger.settle(connection, job_id="a", amount=100, now_ms=1)
        assert await holds(connection, account) == (200, 0)
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
        assert await holds(connection, account) == (300, 0)


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
        assert await holds(connection, account) == (0, 1000)
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


async def test_what_is_revoked_comes_from_what_expires_last_and_goes_back_to_the_allotment(
    database,
):
    async with database.write() as connection:
        account = await open_account(connection)
        await ledger.open_allotment(connection, 1, 1000)
        await ledger.grant(
            connection, account_id=account, amount=100, actor_id=9, now_ms=0, allotment_of=1
        )
        await ledger.revoke(
            connection, account_id=account, amount=150, actor_id=9, now_ms=1, allotment_of=1
        )
        assert (await ledger.balance(connection, account)).purses == {"trial": 250, "granted": 0}
        assert await ledger.allotment(connection, 1) == 1000  # a trial is nobody's to grant again
        assert await sums_agree(connection)


async def granted_by_both(connection):
    """An account with 100 from the allotment, and 100 that the owner gave."""
    account = await open_account(connection, trial=0)
    await ledger.open_allotment(connection, 1, 100)
    for allotment_of in (1, None):
        await ledger.grant(
            connection,
            account_id=account,
            amount=100,
            actor_id=9,
            now_ms=0,
            allotment_of=allotment_of,
        )
    return account


async def revoked(connection, account, amount, allotment_of=1):
    """What the guild may grant again once so much is revoked."""
    await ledger.revoke(
        connection,
        account_id=account,
        amount=amount,
        actor_id=9,
        now_ms=1,
        allotment_of=allotment_of,
    )
    return await ledger.allotment(connection, 1)


async def test_what_was_spent_of_the_allotment_is_not_returned_to_it(database):
    async with database.write() as connection:
        account = await granted_by_both(connection)
        await add_job(connection, account, "a")
        await ledger.hold(connection, account_id=account, job_id="a", amount=100, now_ms=1)
        await ledger.settle(connection, job_id="a", amount=60, now_ms=2)
        assert await revoked(connection, account, 140) == 40


async def test_what_was_given_away_of_the_allotment_is_returned_to_it_once(database):
    async with database.write() as connection:
        sender = await granted_by_both(connection)
        receiver = await open_account(connection, user_id=2, trial=0)
        await ledger.give(connection, sender_id=sender, receiver_id=receiver, amount=100, now_ms=1)
        assert await revoked(connection, sender, 100) == 0
        assert await revoked(connection, receiver, 100) == 100


async def test_what_the_owner_revokes_of_the_allotment_is_not_returned_to_it_later(database):
    async with database.write() as connection:
        account = await granted_by_both(connection)
        assert await revoked(connection, account, 130, allotment_of=None) == 0
        await ledger.grant(connection, account_id=account, amount=100, actor_id=9, now_ms=1)
        assert await revoked(connection, account, 170) == 70


async def test_more_than_there_is_cannot_be_revoked(database):
    async with database.write() as connection:
        account = await open_account(connection)
        await add_job(connection, account, "a")
        await ledger.hold(connection, account_id=account, job_id="a", amount=100, now_ms=0)
    with pytest.raises(NotAllowed, match="They have 2 credits"):
        async with database.write() as connection:
            await ledger.revoke(connection, account_id=account, amount=201, actor_id=9, now_ms=0)
    async with database.read() as connection:
        assert await holds(connection, account) == (200, 100)


async def test_only_granted_credits_are_given_away(database):
    async with database.write() as connection:
        sender, receiver = await open_account(connection), await open_account(connection, user_id=2)
        await ledger.grant(connection, account_id=sender, amount=100, actor_id=9, now_ms=0)
        await ledger.give(connection, sender_id=sender, receiver_id=receiver, amount=40, now_ms=1)
        assert (await ledger.balance(connection, sender)).purses == {"trial": 300, "granted": 60}
        assert (await ledger.balance(connection, receiver)).purses == {"trial": 300, "granted": 40}
    with pytest.raises(NotEnoughCredits, match=r"at most 0\.6 credits"):
        async with database.write() as connection:
            await ledger.give(
                connection, sender_id=sender, receiver_id=receiver, amount=61, now_ms=1
            )


async def test_a_trial_waits_until_the_account_is_old_enough_and_comes_once(database):
    async def opened(now_ms):
        return await ledger.account(
            connection, guild_id=1, user_id=1, trial=300, now_ms=now_ms, trial_due_ms=100
        )

    async with database.write() as connection:
        account = await opened(99)
        assert await holds(connection, account) == (0, 0)
        for now_ms in (100, 101, 99):
            assert await opened(now_ms) == account
            assert await holds(connection, account) == (300, 0)


async def test_a_balance_is_found_without_all_holds_that_ever_were(database):
    if database.dialect != "sqlite":
        pytest.skip("how SQLite finds it")
    async with database.write() as connection:
        account = await open_account(connection)
        found = await plans(connection, ledger.balance(connection, account))
    assert found
    assert not any("SCAN holds" in plan for plan in found)
