"""Amounts that no command lets through: whatever is tried with them, nothing changes."""

import contextlib

import pytest
import sqlalchemy as sa

from bot.credits.accounts import Accounts
from bot.storage.audit import Audit
from bot.storage.tables import audit, entries, gift_codes, guilds, purses

HERE = {"guild_id": 1, "actor_id": 9, "by_owner": False}


@pytest.fixture
async def bank(database):
    bank = Accounts(
        database=database, audit=Audit(lambda: 0), trial=300, allotment=1000, now_ms=lambda: 0
    )
    await bank.grant(**HERE, user_id=1, amount=100)
    await bank.balance(guild_id=1, user_id=2)
    return bank


async def everything(database):
    async with database.read() as connection:
        return [
            (await connection.execute(sa.select(table))).all()
            for table in (audit, entries, gift_codes, guilds, purses)
        ]


@pytest.mark.parametrize("amount", [-100, 0, -(10**30), 10**30])
@pytest.mark.parametrize(
    "act",
    [
        lambda bank, amount: bank.grant(**HERE, user_id=1, amount=amount),
        lambda bank, amount: bank.grant(**HERE | {"by_owner": True}, user_id=1, amount=amount),
        lambda bank, amount: bank.revoke(**HERE, user_id=1, amount=amount),
        lambda bank, amount: bank.give(guild_id=1, sender=1, receiver=2, amount=amount),
        lambda bank, amount: bank.create_code(**HERE, uses=1, days=1, amount=amount),
        lambda bank, amount: bank.grant_to_role(**HERE, role_id=5, uses=1, days=1, amount=amount),
        lambda bank, amount: bank.grant_to_role(**HERE, role_id=5, uses=amount, days=1, amount=1),
    ],
)
async def test_nothing_is_made_of_them(bank, database, act, amount):
    before = await everything(database)
    with contextlib.suppress(Exception):  # which one does not matter here
        await act(bank, amount)
    after = await everything(database)
    assert after[-2:] == before[-2:]
    assert amount == 0 or after == before
