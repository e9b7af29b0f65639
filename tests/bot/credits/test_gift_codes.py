"""Gift codes: each member once, never more than they are worth, nothing of the allotment lost."""

import asyncio

import pytest
import sqlalchemy as sa

from bot.credits.accounts import DAY_MS, Accounts
from bot.errors import NotAllowed, NotFound
from bot.storage.audit import Audit
from bot.storage.tables import gift_codes


class Clock:
    now_ms = 0

    def __call__(self):
        return self.now_ms


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def bank(database, clock):
    return Accounts(database=database, audit=Audit(clock), trial=0, allotment=1000, now_ms=clock)


def code(bank, **changed):
    wanted = {"amount": 100, "uses": 2, "days": 7, "actor_id": 9, "by_owner": False}
    return bank.create_code(guild_id=1, **wanted | changed)


async def test_a_code_is_redeemed_once_by_each_until_it_is_used_up(bank):
    text = await code(bank)
    assert await bank.redeem(guild_id=1, user_id=1, code=text) == (100, 100)
    with pytest.raises(NotAllowed, match="already"):
        await bank.redeem(guild_id=1, user_id=1, code=text)
    await bank.redeem(guild_id=1, user_id=2, code=f" {text.lower().replace('-', ' ')} ")
    with pytest.raises(NotAllowed, match="used up"):
        await bank.redeem(guild_id=1, user_id=3, code=text)


async def test_many_at_once_get_no_more_than_it_is_worth(bank):
    text = await code(bank, uses=3)

    async def redeem(user_id):
        try:
            amount, _ = await bank.redeem(guild_id=1, user_id=user_id, code=text)
        except NotAllowed:
            return 0
        return amount

    users = [1, 1, 1, *range(2, 12)]
    assert sum(await asyncio.gather(*map(redeem, users))) == 300


async def test_a_code_is_worth_nothing_in_another_server(bank):
    text = await code(bank)
    with pytest.raises(NotFound):
        await bank.redeem(guild_id=2, user_id=1, code=text)


async def test_its_worth_is_taken_from_the_allotment_and_what_is_left_goes_back(bank):
    text = await code(bank)
    assert await bank.allotment(guild_id=1) == 800
    await bank.redeem(guild_id=1, user_id=1, code=text)
    [made] = await bank.codes(guild_id=1)
    assert (made.amount, made.uses_left, made.actor_id) == (100, 1, 9)
    assert await bank.delete_code(guild_id=1, code_id=made.id, actor_id=9) == 100
    assert await bank.allotment(guild_id=1) == 900
    with pytest.raises(NotFound):
        await bank.delete_code(guild_id=1, code_id=made.id, actor_id=9)
    with pytest.raises(NotAllowed, match="used up"):
        await bank.redeem(guild_id=1, user_id=2, code=text)


async def test_an_expired_code_gives_nothing_and_frees_the_allotment(bank, clock):
    text = await code(bank)
    clock.now_ms = 7 * DAY_MS
    with pytest.raises(NotFound, match="expired"):
        await bank.redeem(guild_id=1, user_id=1, code=text)
    assert await bank.codes(guild_id=1) == ()
    assert await bank.allotment(guild_id=1) == 1000


async def test_a_code_beyond_the_allotment_is_not_made(bank):
    with pytest.raises(NotAllowed, match="may still grant 10 credits"):
        await code(bank, amount=501)
    assert await bank.codes(guild_id=1) == ()


async def test_the_owner_makes_codes_freely_and_they_never_enlarge_the_allotment(bank):
    await code(bank, amount=100_000, by_owner=True)
    [made] = await bank.codes(guild_id=1)
    await bank.delete_code(guild_id=1, code_id=made.id, actor_id=9)
    assert await bank.allotment(guild_id=1) == 1000


async def test_an_allotment_that_is_set_anew_is_not_enlarged_by_older_codes(bank, clock):
    await code(bank)
    await code(bank, days=1)
    await bank.allot(guild_id=1, amount=10, actor_id=9)
    clock.now_ms = DAY_MS
    [made] = await bank.codes(guild_id=1)
    await bank.delete_code(guild_id=1, code_id=made.id, actor_id=9)
    assert await bank.allotment(guild_id=1) == 10


async def test_a_grant_may_use_what_an_expired_code_gives_back(bank, clock):
    await code(bank, amount=500)
    clock.now_ms = 7 * DAY_MS
    assert await bank.grant(guild_id=1, user_id=1, amount=1000, actor_id=9, by_owner=False) == 1000


async def test_what_the_owner_gave_never_becomes_the_managers_to_give(bank):
    await bank.grant(guild_id=1, user_id=1, amount=5000, actor_id=8, by_owner=True)
    text = await code(bank, amount=300, uses=1, by_owner=True)
    await bank.redeem(guild_id=1, user_id=1, code=text)
    await bank.grant(guild_id=1, user_id=1, amount=70, actor_id=9, by_owner=False)
    assert await bank.revoke(guild_id=1, user_id=1, amount=5370, actor_id=9, by_owner=False) == 0
    assert await bank.allotment(guild_id=1) == 1000


async def test_a_managers_code_that_is_taken_back_may_be_given_again(bank):
    text = await code(bank, amount=300, uses=1)
    await bank.redeem(guild_id=1, user_id=1, code=text)
    assert await bank.allotment(guild_id=1) == 700
    await bank.revoke(guild_id=1, user_id=1, amount=300, actor_id=9, by_owner=False)
    assert await bank.allotment(guild_id=1) == 1000


async def test_another_servers_code_cannot_be_deleted(bank):
    await code(bank)
    [made] = await bank.codes(guild_id=1)
    with pytest.raises(NotFound):
        await bank.delete_code(guild_id=2, code_id=made.id, actor_id=9)


async def test_a_server_has_a_hundred_codes_at_most(bank):
    for _ in range(100):
        await code(bank, amount=1, uses=1)
    with pytest.raises(NotAllowed, match="100 gift codes"):
        await code(bank, amount=1, uses=1)


async def test_the_database_does_not_hold_the_code(bank, database):
    text = await code(bank)
    async with database.read() as connection:
        row = (await connection.execute(sa.select(gift_codes))).one()
    letters = text.replace("-", "")
    assert not any(letters in str(value) or text in str(value) for value in row)
