"""Grants to a role: each member once, never more than was set aside, nothing lost."""

import asyncio

import pytest
import sqlalchemy as sa

from bot.credits.accounts import DAY_MS, Accounts, created_ms
from bot.errors import NotAllowed, NotFound
from bot.jobs.privacy import Privacy
from bot.storage import audit
from bot.storage.audit import Audit
from bot.storage.tables import gift_codes

GUILD, ROLE, OTHER_ROLE = 1, 50, 51
OLD, YOUNG = 4 << 22, 1 << 52
"""User ids: they say when the accounts were made, the second one two days ago."""
NOW_MS = created_ms(YOUNG) + 2 * DAY_MS


class Clock:
    now_ms = NOW_MS

    def __call__(self):
        return self.now_ms


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def bank(database, clock):
    return Accounts(
        database=database,
        audit=Audit(clock),
        trial=0,
        allotment=1000,
        now_ms=clock,
        trial_after_days=7,
    )


async def grant(bank, **changed):
    wanted = {
        "guild_id": GUILD,
        "role_id": ROLE,
        "amount": 100,
        "uses": 3,
        "days": 7,
        "actor_id": 9,
        "by_owner": False,
    }
    await bank.grant_to_role(**wanted | changed)


async def has(bank, user_id, *role_ids, guild_id=GUILD):
    balance = await bank.balance(guild_id=guild_id, user_id=user_id, role_ids=role_ids)
    return balance.available


async def test_who_has_the_role_gets_it_once_also_who_gets_the_role_later(bank):
    await grant(bank)
    assert await bank.allotment(guild_id=GUILD) == 700
    assert await has(bank, 1) == 0
    assert await has(bank, 1, OTHER_ROLE) == 0
    assert await has(bank, 1, ROLE) == 100
    assert await has(bank, 1, ROLE, OTHER_ROLE) == 100
    assert await has(bank, 1) == 100, "who loses the role keeps what they got"
    assert await has(bank, 1, ROLE) == 100, "who gets the role again gets nothing again"
    [line] = await bank.statement(guild_id=GUILD, user_id=1, before=None, count=5)
    assert (line.kind, line.amount, line.other_id) == ("grant", 100, 9)


async def test_each_of_two_grants_is_got_once(bank):
    await grant(bank)
    await grant(bank, amount=50, role_id=OTHER_ROLE)
    await grant(bank, amount=7)
    assert await has(bank, 1, ROLE, OTHER_ROLE) == 157
    assert await has(bank, 1, ROLE, OTHER_ROLE) == 157


async def test_fifty_at_once_get_no_more_than_was_set_aside(bank, database):
    await grant(bank, uses=7)
    users = [*range(1, 26), *range(1, 26)]
    await asyncio.gather(*(has(bank, user_id, ROLE) for user_id in users))
    found = [await has(bank, user_id, ROLE) for user_id in range(1, 26)]
    assert sorted(found) == [0] * 18 + [100] * 7
    async with database.read() as connection:
        assert await connection.scalar(sa.select(gift_codes.c.uses_left)) == 0
    assert await bank.allotment(guild_id=GUILD) == 300


async def test_more_than_the_allotment_is_refused_and_nothing_changes(bank, database):
    with pytest.raises(NotAllowed, match="may still grant 10 credits"):
        await grant(bank, uses=11)
    assert await has(bank, 1, ROLE) == 0
    assert await bank.allotment(guild_id=GUILD) == 1000
    async with database.read() as connection:
        assert await audit.after(connection, 0, 10) == ()
    await grant(bank, uses=100_000, amount=100_000_000, by_owner=True)
    assert await bank.allotment(guild_id=GUILD) == 1000


async def test_what_is_left_returns_when_it_ends_or_expires(bank, clock):
    await grant(bank)
    await has(bank, 1, ROLE)
    [only] = await bank.codes(guild_id=GUILD)
    assert (only.role_id, only.uses_left) == (ROLE, 2)
    await bank.delete_code(guild_id=GUILD, code_id=only.id, actor_id=9)
    assert await bank.allotment(guild_id=GUILD) == 900
    assert await has(bank, 2, ROLE) == 0
    await grant(bank)
    clock.now_ms += 7 * DAY_MS
    assert await has(bank, 2, ROLE) == 0
    assert await bank.allotment(guild_id=GUILD) == 900


async def test_a_manager_takes_what_was_got_back_into_the_allotment(bank):
    await grant(bank, uses=1)
    await has(bank, 1, ROLE)
    await bank.revoke(guild_id=GUILD, user_id=1, amount=100, actor_id=9, by_owner=False)
    assert await bank.allotment(guild_id=GUILD) == 1000


async def test_it_counts_in_its_server_alone_and_no_text_redeems_it(bank, database):
    await grant(bank)
    assert await has(bank, 1, ROLE, guild_id=2) == 0
    assert await has(bank, 1, ROLE, guild_id=0) == 0
    with pytest.raises(NotFound):
        await bank.delete_code(guild_id=2, code_id=1, actor_id=9)
    text = await bank.create_code(
        guild_id=GUILD, amount=1, uses=1, days=1, actor_id=9, by_owner=False
    )
    async with database.write() as connection:
        await connection.execute(sa.update(gift_codes).values(role_id=ROLE))
    with pytest.raises(NotFound):
        await bank.redeem(guild_id=GUILD, user_id=1, code=text)


async def test_a_grant_to_everybody_is_not_for_accounts_made_for_it(bank, clock):
    await grant(bank, role_id=GUILD)
    assert await has(bank, OLD, GUILD) == 100
    assert await has(bank, YOUNG, GUILD) == 0
    await grant(bank)
    assert await has(bank, YOUNG, GUILD, ROLE) == 100, "somebody gave them that role"
    clock.now_ms += 5 * DAY_MS
    assert await has(bank, YOUNG, GUILD) == 200


async def test_who_was_erased_gets_it_no_second_time(bank, database, clock):
    await grant(bank)
    await has(bank, 1, ROLE)
    await Privacy(database=database, store=None, now_ms=clock).erase(1)
    assert await has(bank, 1, ROLE) == 0


async def test_the_audit_tells_of_it(bank, database):
    await grant(bank)
    await grant(bank, role_id=GUILD)
    async with database.read() as connection:
        first, second = await audit.after(connection, 0, 10)
    assert first.action == audit.Action(
        guild_id=GUILD,
        actor_id=9,
        name="credits grant",
        subject="<@&50>",
        detail="amount: 1 members: 3 days: 7",
    )
    assert second.action.subject == "@everyone"
