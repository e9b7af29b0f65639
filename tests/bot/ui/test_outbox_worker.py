"""Which of the owed deliveries are under way, without Discord."""

import asyncio
from types import SimpleNamespace

import pytest
from sqlalchemy import select, update

from bot.credits import ledger
from bot.jobs import batches, records
from bot.jobs.batches import BatchRow
from bot.jobs.records import NewJob, Outcome
from bot.storage.tables import batches as batch_table
from bot.ui import channel_room
from bot.ui.outbox import AT_ONCE, BREAKS_AT_MOST, Outbox


class NoProgress:
    """Nothing is shown of any job."""

    async def end(self, row):
        pass


class Lists:
    """The ends of batches, written down; `broken` ones break off in a way nobody foresaw."""

    def __init__(self):
        self.posted, self.broken = [], set()

    def changed(self, row, event):
        pass

    async def post_end(self, batch_id, *, again):
        if batch_id in self.broken:
            raise RuntimeError("a bug")
        self.posted.append((batch_id, again))
        return SimpleNamespace(id=77)


class Posting(Outbox):
    """An outbox whose posts wait until they are let go."""

    def __init__(self, database):
        super().__init__(
            client=None,
            database=database,
            store=None,
            progress=NoProgress(),
            batch_messages=Lists(),
            now_ms=lambda: 0,
        )
        self.under_way = {}
        self.begun = asyncio.Event()
        self.fail = {}

    async def _post(self, ended, _encode, *, fresh, tried):
        let_go = asyncio.Event()
        self.under_way[ended.row.id] = (ended.row.channel_id, let_go, tried or not fresh)
        self.begun.set()
        try:
            await let_go.wait()
        finally:
            self.under_way.pop(ended.row.id, None)
        if error := self.fail.get(ended.row.id):
            raise error

    async def _record(self, ended, delivery, message):
        await super()._record(ended, delivery, None)

    async def until(self, count):
        async with asyncio.timeout(60):
            while len(self.under_way) != count or self._looking is not None:  # noqa: ASYNC110
                await asyncio.sleep(0.001)

    def finish(self, job_id):
        self.under_way.pop(job_id)[1].set()


@pytest.fixture
async def owed(database):
    """Makes jobs that failed and are owed a message: job "<n>" in the channel that is given."""

    async def make(*channels, batch_id=None):
        async with database.write() as connection:
            account_id = await ledger.account(
                connection, guild_id=1, user_id=1, trial=10_000, now_ms=0
            )
            for number, channel_id in enumerate(channels):
                job = NewJob(
                    id=str(number),
                    guild_id=1,
                    channel_id=channel_id,
                    user_id=1,
                    kind="imagine",
                    title="",
                    prompt="a cat",
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
                await records.accept(connection, job, account_id=account_id, price=1, now_ms=number)
                await records.fail(connection, job.id, Outcome.FAILED, "It broke.", now_ms=number)

    return make


@pytest.fixture
async def outbox(database):
    running = Posting(database)
    yield running
    await running.close()


async def test_only_a_few_are_posted_at_once_oldest_first(owed, outbox):
    await owed(*range(10))
    outbox.resume()
    await outbox.until(AT_ONCE)
    assert sorted(outbox.under_way) == ["0", "1", "2", "3"]
    outbox.finish("2")
    await outbox.until(AT_ONCE)
    assert sorted(outbox.under_way) == ["0", "1", "3", "4"]


async def test_a_channel_has_one_delivery_at_a_time_and_keeps_none_from_the_others(owed, outbox):
    await owed(1, 1, 1, 1, 1, 2)
    outbox.resume()
    await outbox.until(2)
    assert sorted(outbox.under_way) == ["0", "5"]
    outbox.finish("0")
    await outbox.until(2)
    assert sorted(outbox.under_way) == ["1", "5"]


async def test_a_delivery_that_fails_waits_while_others_go_on(owed, outbox, database):
    await owed(1, 2)
    outbox.retry_after_s = (1000,)
    outbox.fail["0"] = OSError("no network")
    outbox.resume()
    await outbox.until(2)
    outbox.finish("0")
    outbox.finish("1")
    await outbox.flush(20)
    async with database.read() as connection:
        assert await records.owed(connection, 10) == [("0", 1)]
    assert outbox._timer is not None, "it is tried again by itself"
    outbox.resume()
    await outbox.flush(20)
    assert not outbox.under_way, "and not before its time"


async def test_what_ended_in_this_process_is_new_and_all_else_is_looked_for(owed, outbox):
    await owed(1, 2)
    outbox.owe("1")
    await outbox.until(2)
    again = {job_id: again for job_id, (_, _, again) in outbox.under_way.items()}
    assert again == {"0": True, "1": False}


async def test_nothing_runs_while_nothing_is_owed(owed, outbox):
    await owed(1)
    outbox.owe("0")
    await outbox.until(1)
    outbox.finish("0")
    await outbox.flush(20)
    assert (outbox._posting, outbox._looking, outbox._timer) == ({}, None, None)
    assert not outbox._fresh
    assert not outbox._retries


async def test_a_stop_waits_for_deliveries_under_way_and_no_longer_than_it_may(owed, outbox):
    await owed(1)
    outbox.owe("0")
    await outbox.until(1)
    await outbox.flush(0.01)
    assert outbox.under_way, "the time was up"
    flushing = asyncio.create_task(outbox.flush(20))
    await asyncio.sleep(0)
    outbox.finish("0")
    await flushing
    assert not outbox.under_way


async def test_a_job_that_ends_while_the_table_is_read_is_still_new(owed, outbox, monkeypatch):
    await owed(1, 2)
    real, reading, go_on = records.owed, asyncio.Event(), asyncio.Event()

    async def slow(connection, limit, **without):
        rows = await real(connection, limit, **without)
        if not reading.is_set():  # what ended meanwhile is not in what was read
            reading.set()
            await go_on.wait()
            return [row for row in rows if row[0] == "0"]
        return rows

    monkeypatch.setattr(records, "owed", slow)
    outbox.owe("0")
    await reading.wait()
    outbox.owe("1")
    go_on.set()
    await outbox.until(2)
    assert {job_id: again for job_id, (_, _, again) in outbox.under_way.items()} == {
        "0": False,
        "1": False,
    }


async def test_channels_that_refuse_keep_no_other_waiting(owed, outbox):
    await owed(*[1, 2, 3, 4] * 10, 99)
    outbox.retry_after_s = (1000,)
    outbox.fail = {str(number): OSError("503") for number in range(40)}
    outbox.resume()
    await outbox.until(AT_ONCE)
    for job_id in tuple(outbox.under_way):
        outbox.finish(job_id)
    await outbox.until(1)
    assert list(outbox.under_way) == ["40"]


async def test_a_channel_that_had_its_messages_keeps_no_place_from_the_others(owed, outbox):
    await owed(*[1] * channel_room.MESSAGES, 1, 2, 3)
    outbox.resume()
    for number in range(channel_room.MESSAGES):
        await outbox.until(3)
        outbox.finish(str(number))
    async with asyncio.timeout(60):
        while len(outbox._posting) != 2 or outbox._looking is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    assert sorted(outbox.under_way) == ["5", "6"]


async def test_what_waits_for_room_in_its_channel_goes_on_by_itself(owed, outbox, monkeypatch):
    monkeypatch.setattr(channel_room, "WINDOW_S", 0.05)
    await owed(*[1] * 12)
    outbox.resume()
    for number in range(12):
        await outbox.until(1)
        outbox.finish(str(number))
    await outbox.until(0)


@pytest.fixture
async def batch(database):
    """A batch "b" in channel 1."""
    row = BatchRow(
        id="b", guild_id=1, channel_id=1, user_id=1, prompt="", locale="en", created_ms=0
    )
    async with database.write() as connection:
        await batches.accept(connection, row)


async def delivery_of_batch(database):
    async with database.read() as connection:
        return await connection.scalar(select(batch_table.c.delivery))


@pytest.mark.usefixtures("batch")
async def test_failures_of_a_batch_post_nothing_and_then_its_list_is_posted_as_new(
    owed, outbox, database
):
    await owed(1, 1, 1, batch_id="b")
    outbox.resume()
    await outbox.flush(20)
    assert not outbox.under_way
    assert outbox._batches.posted == [("b", False)]
    assert await delivery_of_batch(database) == "posted"


@pytest.mark.usefixtures("batch")
async def test_a_batch_that_is_over_goes_before_the_jobs_of_its_channel(owed, outbox, database):
    await owed(1, 1)
    async with database.write() as connection:
        await connection.execute(update(batch_table).values(delivery="pending"))
    outbox.resume()
    await outbox.until(1)
    assert outbox._batches.posted == [("b", True)]
    assert sorted(outbox.under_way) == ["0"], "and they go on after it"


@pytest.mark.usefixtures("batch")
async def test_an_end_that_always_breaks_off_is_given_up(outbox, database):
    async with database.write() as connection:
        await connection.execute(update(batch_table).values(delivery="pending"))
    outbox._batches.broken = {"b"}
    outbox.retry_after_s, outbox.last_retry_s = (0,) * BREAKS_AT_MOST, 0
    outbox.resume()
    async with asyncio.timeout(60):
        while await delivery_of_batch(database) == "pending":  # noqa: ASYNC110 - none to set
            await asyncio.sleep(0.001)
    assert await delivery_of_batch(database) == "kept"
    assert outbox._batches.posted == []
