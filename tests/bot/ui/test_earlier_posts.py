"""A result whose post is uncertain is looked for, posted once, and mentions its member once."""

import datetime as dt

import discord
import pytest
from simcord.backend import serializers
from tests_support import PatientEngine, grids, pings, rows

from bot.storage.tables import jobs, messages
from bot.ui import message_text

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


@pytest.fixture
def discords_order(simcord_env, monkeypatch):
    """Channel histories with `after` in pages from the oldest, as Discord answers them; simcord
    leaves out what lies between.
    """
    backend = simcord_env.backend

    async def logs_from(_http, channel_id, limit, before=None, after=None, around=None):
        found = sorted(backend.messages[int(channel_id)].values(), key=lambda each: each.id)
        found = [each for each in found if not each.is_ephemeral]
        if after is not None:
            page = [each for each in found if each.id > int(after)][:limit]
        else:
            page = [each for each in found if before is None or each.id < int(before)][-limit:]
        return [dict(serializers.message_payload(backend, each)) for each in reversed(page)]

    monkeypatch.setattr(discord.http.HTTPClient, "logs_from", logs_from)


def lose_the_answer(monkeypatch, channel, and_then=lambda: None):
    """The next message with a file is posted, and Discord's answer to it is lost."""
    send, lost = discord.http.HTTPClient.send_message, []

    async def sends(http, channel_id, *, params):
        answer = await send(http, channel_id, params=params)
        if params.files and not lost:
            lost.append(answer)
            and_then()
            raise OSError("the connection was reset")
        return answer

    monkeypatch.setattr(discord.http.HTTPClient, "send_message", sends)
    return lost


async def test_what_was_posted_is_found_behind_many_later_messages(
    simcord_env, simcord_bot, channel, alice, database, monkeypatch, discords_order
):
    simcord_bot.outbox.retry_after_s = (600,)

    def chatter():
        for number in range(520):
            channel_id, author = channel.id, alice.id
            simcord_env.backend.create_message(channel_id, author, f"talk {number}")

    lost = lose_the_answer(monkeypatch, channel, chatter)
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    assert lost
    assert [row.delivery for row in await rows(database, jobs)] == ["pending"]
    await simcord_env.advance_time(601)
    await simcord_env.settle()
    assert [row.delivery for row in await rows(database, jobs)] == ["posted"]
    assert len(grids(channel)) == 1
    assert pings(simcord_env) == [[alice.id]]


async def test_a_retry_whose_first_try_took_no_effect_mentions_the_member(
    simcord_env, simcord_bot, channel, alice, database
):
    simcord_env.inject_error("POST", "/channels/*/messages", status=503, times=1)
    simcord_bot.outbox.retry_after_s = (600,)
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    await simcord_env.advance_time(601)
    await simcord_env.settle()
    [grid] = grids(channel)
    assert grid.mentions == [alice.id] or pings(simcord_env)[-1] == [alice.id]
    assert simcord_bot.outbox._fresh == set()
    assert simcord_bot.outbox._tried == set()


async def test_where_the_history_may_not_be_read_a_retry_mentions_nobody(
    simcord_env, simcord_bot, channel, alice, database, monkeypatch
):
    simcord_bot.outbox.retry_after_s = (600,)
    lose_the_answer(monkeypatch, channel)
    simcord_env.inject_error("GET", "/channels/*/messages", status=403, code=50001, times=None)
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    await simcord_env.advance_time(601)
    await simcord_env.settle()
    assert pings(simcord_env) == [[alice.id]]


async def test_a_first_reply_that_a_dying_process_did_not_write_down_is_taken_away(
    simcord_env, channel, alice, bob, fake_engine, database, new_bot
):
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="a red cat")
    await bob.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    async with database.write() as connection:
        await connection.execute(messages.delete())
    fresh = PatientEngine()
    fresh.env = simcord_env
    await simcord_env.restart_bot(new_bot(fresh))
    await simcord_env.settle()
    assert not [m for m in channel.history() if "Waiting to start" in m.content]
    assert len(grids(channel)) == 2


# Where a channel takes nothing.


async def test_the_progress_message_says_that_a_result_is_not_here(
    simcord_env, channel, alice, database
):
    simcord_env.inject_error("POST", "/channels/*/messages", status=403, code=50013, times=None)
    simcord_env.inject_error("POST", "/users/@me/channels", status=403, code=50007, times=None)
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    [row] = await rows(database, jobs)
    assert row.delivery == "kept"
    said = channel.last_message.content
    assert "%" not in said
    assert f"`/show {row.id}` brings it" in said


async def test_a_connection_that_is_lost_while_telling_by_dm_leaves_the_result_owed(
    simcord_env, simcord_bot, channel, alice, database, monkeypatch
):
    simcord_bot.outbox.retry_after_s = (600,)
    broken, fetch = [True], simcord_bot.fetch_user

    async def fetch_user(user_id):
        if broken:
            broken.pop()
            raise OSError("the connection was reset")
        return await fetch(user_id)

    monkeypatch.setattr(simcord_bot, "fetch_user", fetch_user)
    simcord_env.inject_error(
        "POST", f"/channels/{channel.id}/messages", status=403, code=50013, times=None
    )
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    assert [row.delivery for row in await rows(database, jobs)] == ["pending"]
    await simcord_env.advance_time(601)
    await simcord_env.settle()
    assert [row.delivery for row in await rows(database, jobs)] == ["kept"]
    assert len(alice.user.dm_channel.history()) == 1


@pytest.mark.parametrize("kind", [11, 12])
async def test_where_a_public_thread_takes_nothing_its_channel_does(
    simcord_env, simcord_bot, guild, channel, alice, fake_engine, database, monkeypatch, kind
):
    closed = guild.create_text_channel("cats")
    fake_engine.pause()
    await alice.slash(closed, "imagine", prompt="a red cat")
    ours = simcord_bot.get_guild(guild.id)
    data = {
        "id": str(closed.id),
        "type": kind,
        "parent_id": str(channel.id),
        "name": "cats",
        "owner_id": str(alice.id),
        "message_count": 0,
        "member_count": 1,
        "thread_metadata": {
            "archived": True,
            "locked": True,
            "auto_archive_duration": 60,
            "archive_timestamp": "2026-01-01T00:00:00+00:00",
        },
    }
    thread = discord.Thread(guild=ours, state=simcord_bot._connection, data=data)
    monkeypatch.setattr(discord.Guild, "get_channel_or_thread", lambda *_: thread)
    simcord_env.inject_error(
        "POST", f"/channels/{closed.id}/messages", status=403, code=50083, times=None
    )
    fake_engine.resume()
    await simcord_env.settle()
    [row] = await rows(database, jobs)
    if kind == discord.ChannelType.private_thread.value:
        assert row.delivery == "kept", "what was private stays so"
        assert grids(channel) == []
    else:
        assert row.delivery == "posted"
        [grid] = grids(channel)
        shown = {row.message_id: row.channel_id for row in await rows(database, messages)}
        assert shown == {grid.id: channel.id}


# The host's clock.


async def test_a_clock_that_is_an_hour_ahead_does_not_silence_progress(
    simcord_env, channel, alice, fake_engine, monkeypatch
):
    now = message_text.utcnow
    monkeypatch.setattr(message_text, "utcnow", lambda: now() + dt.timedelta(hours=1))
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="a red cat")
    fake_engine.step(3)
    await simcord_env.settle()
    await simcord_env.advance_time(5)
    assert "%" in channel.last_message.content
    monkeypatch.undo()
    message_text.note_clock(channel.last_message.id)
