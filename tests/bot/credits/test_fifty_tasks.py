"""Fifty tasks on one database, in whatever order they come: credits are conserved."""

import asyncio
import random

import pytest
import sqlalchemy as sa
from ledger_support import add_job, sums_agree

from bot.credits import ledger, monthly
from bot.credits.accounts import Accounts
from bot.errors import NotAllowed, NotEnoughCredits
from bot.storage.audit import Audit
from bot.storage.tables import gift_codes as codes_table
from bot.storage.tables import guilds, holds, purses

TASKS, MEMBERS, STEPS = 50, 5, 8
TRIAL, ALLOTMENT, GUILD, ROLE = 300, 5_000, 1, 50
NOW_MS = 1_800_000_000_000
MONTH_MS = 31 * 24 * 60 * 60 * 1000


@pytest.fixture
def accounts(database):
    return Accounts(
        database=database,
        trial=TRIAL,
        allotment=ALLOTMENT,
        audit=Audit(lambda: NOW_MS),
        now_ms=lambda: NOW_MS,
    )


async def total(database):
    """What there is: with members, held, in codes, still to be granted."""
    async with database.read() as connection:
        assert await sums_agree(connection)
        sums = (
            sa.select(sa.func.coalesce(sa.func.sum(purses.c.available), 0)),
            sa.select(sa.func.coalesce(sa.func.sum(holds.c.amount), 0)).where(
                holds.c.state == "open"
            ),
            sa.select(
                sa.func.coalesce(sa.func.sum(codes_table.c.amount * codes_table.c.uses_left), 0)
            ),
            sa.select(sa.func.coalesce(sa.func.sum(guilds.c.allotment), 0)),
        )
        assert int(await connection.scalar(sa.select(sa.func.min(purses.c.available)))) >= 0
        return sum([int(await connection.scalar(each)) for each in sums])


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_any_interleaving_of_fifty_tasks_conserves_credits(  # noqa: C901 - one story
    database, accounts, seed
):
    for user_id in range(1, MEMBERS + 1):
        await accounts.balance(guild_id=GUILD, user_id=user_id)
    await accounts.allotment(guild_id=GUILD)
    code = await accounts.create_code(
        guild_id=GUILD, amount=50, uses=3, days=1, actor_id=9, by_owner=False
    )
    await accounts.grant_to_role(
        guild_id=GUILD, role_id=ROLE, amount=70, uses=4, days=1, actor_id=9, by_owner=False
    )
    begun = await total(database)
    assert begun == MEMBERS * TRIAL + ALLOTMENT
    spent = expired = 0

    async def draw(number, step, user_id, amount, dice):
        nonlocal spent
        job_id = f"j{number}-{step}"
        async with database.write() as connection:
            account_id = await accounts.opened(connection, GUILD, user_id)
            await asyncio.sleep(0)
            await add_job(connection, account_id, job_id)
            await ledger.hold(
                connection, account_id=account_id, job_id=job_id, amount=amount, now_ms=NOW_MS
            )
        await asyncio.sleep(0)
        settled = dice.choice([0, amount // 2, amount])
        async with database.write() as connection:
            if settled:
                await ledger.settle(connection, job_id=job_id, amount=settled, now_ms=NOW_MS)
            else:
                await ledger.release(connection, job_id=job_id, now_ms=NOW_MS)
        spent += settled

    async def refill(user_id, month):
        nonlocal expired
        async with database.write() as connection:
            account_id = await accounts.opened(connection, GUILD, user_id)
            before = await ledger.balance(connection, account_id)
            left = await ledger.allotment(connection, GUILD)
            await monthly.refill(
                connection,
                account_id,
                monthly=120,
                now_ms=NOW_MS + month * MONTH_MS,
                allotment_of=GUILD,
            )
            taken = left - await ledger.allotment(connection, GUILD)
            after = await ledger.balance(connection, account_id)
            expired += before.available + taken - after.available

    async def act(number):
        dice = random.Random(1000 * seed + number)
        for step in range(STEPS):
            user_id, other = dice.randint(1, MEMBERS), dice.randint(1, MEMBERS)
            amount = dice.randint(1, 120)
            managed = {
                "guild_id": GUILD,
                "user_id": user_id,
                "amount": amount,
                "actor_id": 9,
                "by_owner": False,
            }
            try:
                match dice.randrange(8):
                    case 0 | 1 | 2:
                        await draw(number, step, user_id, amount, dice)
                    case 3:
                        await accounts.grant(**managed)
                    case 4:
                        await accounts.give(
                            guild_id=GUILD, sender=user_id, receiver=other, amount=amount
                        )
                    case 5:
                        await refill(user_id, dice.randint(0, 3))
                    case 6:
                        await accounts.balance(guild_id=GUILD, user_id=user_id, role_ids=[ROLE])
                    case _:
                        await accounts.redeem(guild_id=GUILD, user_id=user_id, code=code)
            except (NotAllowed, NotEnoughCredits):
                pass

    async with asyncio.TaskGroup() as group:
        for number in range(TASKS):
            group.create_task(act(number))
    assert spent > 0
    assert await total(database) == begun - spent - expired


async def test_a_code_is_redeemed_as_often_as_it_may_be_by_fifty_at_once(database, accounts):
    await accounts.allotment(guild_id=GUILD)
    code = await accounts.create_code(
        guild_id=GUILD, amount=100, uses=7, days=1, actor_id=9, by_owner=False
    )

    async def redeem(user_id):
        try:
            await accounts.redeem(guild_id=GUILD, user_id=user_id, code=code)
        except NotAllowed:
            return 0
        return 1

    twice = [user_id for user_id in range(1, TASKS // 2 + 1) for _ in range(2)]
    assert sum(await asyncio.gather(*map(redeem, twice))) == 7
    async with database.read() as connection:
        [left] = (await connection.execute(sa.select(codes_table.c.uses_left))).scalars()
    assert left == 0


async def test_fifty_gifts_at_once_give_no_more_than_was_granted(database, accounts):
    await accounts.grant(guild_id=GUILD, user_id=1, amount=1_000, actor_id=9, by_owner=True)

    async def give(_number):
        try:
            await accounts.give(guild_id=GUILD, sender=1, receiver=2, amount=100)
        except NotEnoughCredits:
            return 0
        return 1

    assert sum(await asyncio.gather(*map(give, range(TASKS)))) == 10
    sender, receiver = [
        await accounts.balance(guild_id=GUILD, user_id=user_id) for user_id in (1, 2)
    ]
    assert (sender.available, receiver.available) == (TRIAL, TRIAL + 1_000)
    assert await total(database) >= sender.available + receiver.available


async def test_a_grant_to_a_role_is_taken_once_by_each_and_as_often_as_it_may_be(
    database, accounts
):
    await accounts.allotment(guild_id=GUILD)
    await accounts.grant_to_role(
        guild_id=GUILD, role_id=ROLE, amount=100, uses=3, days=1, actor_id=9, by_owner=False
    )
    users = [1 + number // 10 for number in range(TASKS)]  # five members, each ten times at once
    await asyncio.gather(
        *(accounts.balance(guild_id=GUILD, user_id=user_id, role_ids=[ROLE]) for user_id in users)
    )
    got = [
        (await accounts.balance(guild_id=GUILD, user_id=user_id)).available - TRIAL
        for user_id in sorted({*users})
    ]
    assert sorted(got) == [0, 0, 100, 100, 100]
    assert await total(database) == 5 * TRIAL + ALLOTMENT


async def test_fifty_tasks_cannot_spend_more_than_there_is(database, accounts):
    await accounts.balance(guild_id=GUILD, user_id=1)

    async def hold(number):
        try:
            async with database.write() as connection:
                account_id = await accounts.opened(connection, GUILD, 1)
                await add_job(connection, account_id, f"j{number}")
                await asyncio.sleep(0)
                await ledger.hold(
                    connection,
                    account_id=account_id,
                    job_id=f"j{number}",
                    amount=70,
                    now_ms=NOW_MS,
                )
        except NotEnoughCredits:
            return 0
        return 1

    assert sum(await asyncio.gather(*map(hold, range(TASKS)))) == TRIAL // 70
    balance = await accounts.balance(guild_id=GUILD, user_id=1)
    assert (balance.available, balance.held) == (TRIAL - 280, 280)
