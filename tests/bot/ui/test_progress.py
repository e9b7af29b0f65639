"""Progress edits: the latest event wins, and no channel waits for another."""

import asyncio
import dataclasses
from types import SimpleNamespace

import pytest
from discord.utils import time_snowflake, utcnow

import engine
from bot.jobs.batches import BatchRow
from bot.jobs.records import Delivery, JobRow, Outcome
from bot.ui import progress
from bot.ui.progress import Progress

ROW = JobRow(
    id="a",
    account_id=1,
    guild_id=1,
    channel_id=1,
    user_id=7,
    kind="imagine",
    title="",
    prompt="a cat",
    parent_id=None,
    resolved="{}",
    locale="en",
    outcome=Outcome.OPEN,
    delivery=Delivery.NONE,
    attempts=1,
    stored_version=3,
    stored="{}",
    notes="",
    reason="",
    progress_message_id=None,
    created_ms=0,
    ended_ms=None,
)


class Channels:
    """A client whose edits are only written down; those of `stuck` channels never end."""

    def __init__(self):
        self.edits = []
        self.stuck = set()
        self.edited = asyncio.Event()

    def get_partial_messageable(self, channel_id, *, guild_id):
        async def edit(*, content, **_):
            self.edits.append((channel_id, content))
            self.edited.set()
            if channel_id in self.stuck:
                await asyncio.Event().wait()

        return SimpleNamespace(get_partial_message=lambda _: SimpleNamespace(edit=edit))

    async def until(self, count):
        """Wait for so many edits; only a test that fails waits long."""
        async with asyncio.timeout(60):
            while len(self.edits) < count:
                self.edited.clear()
                await self.edited.wait()


def row(job_id, channel_id):
    now = time_snowflake(utcnow())
    return dataclasses.replace(ROW, id=job_id, channel_id=channel_id, progress_message_id=now)


def drawn(job_id, percent):
    return engine.Progress(job_id=job_id, done=percent, total=100)


@pytest.fixture
def channels():
    return Channels()


@pytest.fixture
async def shown(channels, monkeypatch):
    monkeypatch.setattr(progress, "_SPACING_S", 0.001)
    running = Progress(client=channels, interval_s=0.001)
    yield running
    await running.close()


async def test_a_channel_whose_edit_hangs_delays_no_other(channels, shown):
    channels.stuck = {1}
    slow, quick = row("slow", 1), row("quick", 2)
    shown.show(slow, drawn("slow", 10))
    await channels.until(1)
    for percent in (20, 30, 40):
        shown.show(slow, drawn("slow", percent))
        shown.show(quick, drawn("quick", percent))
        await channels.until(1 + percent // 10 - 1)
    assert [channel for channel, _ in channels.edits] == [1, 2, 2, 2]


async def test_of_many_events_only_the_latest_is_shown(channels, shown):
    for percent in range(1, 90):
        shown.show(row("a", 1), drawn("a", percent))
    await channels.until(1)
    assert channels.edits == [(1, "**a cat** - <@7> (89%) (fast)")]


async def test_all_channels_together_hold_to_one_budget(channels, monkeypatch):
    monkeypatch.setattr(progress, "_SPACING_S", 1000.0)
    running = Progress(client=channels, interval_s=0.001)
    for channel_id in range(1, 6):
        running.show(row(f"job {channel_id}", channel_id), drawn(f"job {channel_id}", 5))
    await channels.until(1)
    await asyncio.sleep(0.01)
    assert len(channels.edits) == 1
    await running.close()


async def test_after_the_end_nothing_is_shown_and_nothing_is_kept(channels, shown):
    ended = row("a", 1)
    shown.show(ended, drawn("a", 10))
    await channels.until(1)
    shown.show(ended, drawn("a", 20))
    await shown.end(ended)
    await asyncio.sleep(0.01)
    assert len(channels.edits) == 1
    assert shown._channels == {}


async def test_an_edit_under_way_ends_before_the_end_is_told(channels, shown):
    channels.stuck = {1}
    hanging = row("a", 1)
    shown.show(hanging, drawn("a", 10))
    await channels.until(1)
    ending = asyncio.create_task(shown.end(hanging))
    await asyncio.sleep(0.01)
    assert not ending.done()
    ending.cancel()


async def test_an_edit_that_hangs_is_given_up_so_that_the_end_is_told(channels, shown, monkeypatch):
    monkeypatch.setattr(progress, "_LAST_EDIT_S", 0.01)
    channels.stuck = {1}
    hanging = row("a", 1)
    shown.show(hanging, drawn("a", 10))
    await channels.until(1)
    async with asyncio.timeout(60):
        await shown.end(hanging)
    assert shown._channels == {}


async def test_where_the_budget_is_short_every_channel_has_its_turn(channels, monkeypatch):
    monkeypatch.setattr(progress, "_SPACING_S", 0.002)
    running = Progress(client=channels, interval_s=0.001)
    rows = [row(f"job {number}", number) for number in range(10)]
    for turn in range(3):
        for each in rows:
            running.show(each, drawn(each.id, turn + 1))
        await channels.until(10 * (turn + 1))
        assert sorted(channel for channel, _ in channels.edits[-10:]) == list(range(10))
    await running.close()


async def test_nothing_runs_while_there_is_nothing_to_show(channels, shown):
    before = asyncio.all_tasks()
    shown.show(row("a", 1), drawn("a", 10))
    await channels.until(1)
    await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == before
    assert shown._channels[1].timer is None


# Batches.


def batch_in(channel_id):
    return BatchRow(
        id="batch",
        guild_id=1,
        channel_id=channel_id,
        user_id=7,
        prompt="",
        locale="en",
        message_id=time_snowflake(utcnow()),
        created_ms=0,
    )


async def rendered(events):
    return {"content": " ".join(f"{job_id}:{event.done}" for job_id, event in events.items())}


async def test_the_jobs_of_a_batch_share_one_message_and_one_edit(channels, shown):
    batch = batch_in(1)
    for job_id in "abc":
        for percent in range(1, 30):
            shown.show_in_batch(batch, job_id, drawn(job_id, percent), rendered)
    await channels.until(1)
    assert channels.edits == [(1, "a:29 b:29 c:29")]
    shown.show_in_batch(batch, "a", None, rendered)
    await channels.until(2)
    assert channels.edits[-1] == (1, "b:29 c:29")
    await shown.end(batch)
    assert shown._channels == {}


async def test_places_in_the_queue_edit_no_list(channels, shown):
    batch = batch_in(1)
    for position in range(9, 0, -1):
        shown.show_in_batch(batch, "a", engine.Queued(job_id="a", position=position), rendered)
    await asyncio.sleep(0.01)
    assert channels.edits == []


async def test_a_list_that_cannot_be_made_once_is_made_the_next_time(channels, shown, caplog):
    caplog.set_level("INFO")
    broken = [OSError("the database is busy"), RuntimeError("a bug")]

    async def render(events):
        if broken:
            raise broken.pop(0)
        return await rendered(events)

    for percent in range(10, 40, 10):
        shown.show_in_batch(batch_in(1), "a", drawn("a", percent), render)
        message = shown._channels[1].shown["batch"]
        async with asyncio.timeout(60):
            while message.dirty or shown._channels[1].editing:  # noqa: ASYNC110 - none to set
                await asyncio.sleep(0.001)
    assert channels.edits == [(1, "a:30")]
    assert "one progress edit was lost: the database is busy" in caplog.text
    assert "a progress edit broke off" in caplog.text


async def test_what_is_hidden_is_edited_by_its_own_way_and_left_alone_after_the_end(
    channels, shown
):
    hidden, edits, edited = dataclasses.replace(ROW, id="h"), [], asyncio.Event()

    async def edit(*, content, **_):
        edits.append(content)
        edited.set()

    shown.show_privately(hidden, edit, "By direct message.")
    shown.show(hidden, drawn("h", 10))
    await asyncio.wait_for(edited.wait(), 60)
    edited.clear()
    await shown.end(hidden)
    await asyncio.wait_for(edited.wait(), 60)
    shown.show(hidden, drawn("h", 20))
    await asyncio.sleep(0.01)
    small = "\n-# By direct message."
    assert edits == [f"**a cat** - <@7> (10%) (fast){small}", f"**a cat** - <@7>{small}"]
    assert channels.edits == []
    assert (shown._channels, shown._private) == ({}, {})
