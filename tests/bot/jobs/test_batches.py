"""Batches in the database: accepted whole, over once, listed in their order."""

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import DBAPIError

from bot.credits import ledger
from bot.errors import NotEnoughCredits
from bot.jobs import batches, records
from bot.jobs.batches import BatchRow
from bot.jobs.records import Delivery, MessageRow, NewJob, Outcome, Role
from bot.storage.tables import batches as batch_table
from bot.storage.tables import entries, purses


def job(job_id, batch_id="b"):
    return NewJob(
        id=job_id,
        guild_id=1,
        channel_id=1,
        user_id=1,
        kind="imagine",
        title="",
        prompt=f"cat {job_id}",
        parent_id=None,
        resolved="{}",
        locale="en",
        member_locale="en",
        stored_version=3,
        stored="{}",
        notes="",
        input_hashes=(),
        batch_id=batch_id,
    )


@pytest.fixture
async def make(database):
    """Makes a batch of jobs at 100 each, from an account with 300 in two purses."""

    async def accepted(batch_id, job_ids, *, channel_id=1, now_ms=0):
        async with database.write() as connection:
            account_id = await ledger.account(
                connection, guild_id=1, user_id=1, trial=150, now_ms=0
            )
            if (await ledger.balance(connection, account_id)).available == 150:
                await ledger.grant(
                    connection, account_id=account_id, amount=150, actor_id=1, now_ms=0
                )
            await batches.accept(
                connection,
                BatchRow(
                    id=batch_id,
                    guild_id=1,
                    channel_id=channel_id,
                    user_id=1,
                    prompt="{}",
                    locale="en",
                    created_ms=now_ms,
                ),
            )
            for place, job_id in enumerate(job_ids):
                await records.accept(
                    connection,
                    job(job_id, batch_id),
                    account_id=account_id,
                    price=100,
                    now_ms=now_ms + place,
                )

    return accepted


async def end(database, job_id, delivery=Delivery.POSTED, message=None):
    """Fail the job and deliver that; whether its batch is over."""
    async with database.write() as connection:
        await records.fail(connection, job_id, Outcome.FAILED, "It broke.", now_ms=9)
        await records.delivered(connection, job_id, delivery, message)
        return await batches.end_if_over(connection, "b")


async def test_jobs_of_a_batch_keep_their_order_whatever_their_ids(database, make):
    await make("b", ["z", "a", "m"])
    async with database.read() as connection:
        assert [row.id for row in await records.of_batch(connection, "b")] == ["z", "a", "m"]
        assert [item.job_id for item in await batches.items(connection, "b")] == ["z", "a", "m"]
        assert [row.id for row in await records.unfinished(connection)] == ["z", "a", "m"]


async def test_a_hold_that_fails_leaves_nothing_of_the_batch(database, make):
    with pytest.raises(NotEnoughCredits):
        await make("b", ["1", "2", "3", "4"])
    async with database.read() as connection:
        assert await batches.get(connection, "b") is None
        assert await records.of_batch(connection, "b") == []
        assert await connection.scalar(select(func.count()).select_from(entries)) == 0


async def test_holds_of_a_batch_take_from_purses_in_their_order_and_go_back(database, make):
    await make("b", ["1", "2", "3"])
    async with database.read() as connection:
        assert set(await connection.scalars(select(purses.c.available))) == {0}
    for job_id in ("2", "1", "3"):
        await end(database, job_id)
    async with database.read() as connection:
        held = await connection.execute(select(purses.c.kind, purses.c.available))
        assert dict(map(tuple, held)) == {"trial": 150, "granted": 150}


async def test_a_batch_is_over_once_when_its_last_job_is_delivered(database, make):
    await make("b", ["1", "2"])
    assert not await end(database, "1")
    async with database.write() as connection:
        await records.fail(connection, "2", Outcome.CANCELLED, "", now_ms=9)
        assert not await batches.end_if_over(connection, "b"), "its end is not told yet"
    assert await end(database, "2", Delivery.KEPT)
    async with database.write() as connection:
        assert not await batches.end_if_over(connection, "b"), "only once"
        assert await batches.owed(connection, 9) == [("b", 1)]
        await batches.delivered(connection, "b", Delivery.POSTED, 77)
        assert await batches.owed(connection, 9) == []
        assert (await batches.shown_by(connection, 77)).id == "b"


async def test_a_batch_that_was_told_is_not_owed_again(database, make):
    await make("b", ["1"])
    await end(database, "1")
    async with database.write() as connection:
        await batches.delivered(connection, "b", Delivery.POSTED, 77)
    with pytest.raises(DBAPIError, match="ends once"):
        async with database.write() as connection:
            await connection.execute(update(batch_table).values(delivery="pending"))


async def test_of_each_channel_the_oldest_batch_is_owed_first(database, make):
    await make("b", [], channel_id=1, now_ms=5)
    await make("c", [], channel_id=1, now_ms=4)
    await make("d", [], channel_id=2, now_ms=6)
    async with database.write() as connection:
        await connection.execute(update(batch_table).values(delivery="pending"))
        assert await batches.owed(connection, 9) == [("c", 1), ("d", 2)]
        assert await batches.owed(connection, 1) == [("c", 1)]
        assert await batches.owed(connection, 9, without_channels=[1]) == [("d", 2)]
        assert await batches.owed(connection, 9, without_batches=["c"]) == [("b", 1), ("d", 2)]


async def test_an_item_links_to_the_first_message_with_its_result(database, make):
    await make("b", ["1"])
    async with database.write() as connection:
        for message_id, role, position in (
            (5, Role.PROGRESS, None),
            (9, Role.SINGLE, 2),
            (7, Role.GRID, None),
        ):
            shown = MessageRow(
                message_id=message_id, channel_id=1, job_id="1", role=role, position=position
            )
            await records.show(connection, shown)
        [item] = await batches.items(connection, "b")
    assert item.message_id == 7
