"""A first reply that was put off is given, whether or not the process lives on."""

import asyncio
import json
import stat

import aiohttp
import pytest
from discord.webhook.async_ import async_context
from sqlalchemy import select
from tests_support import PatientEngine, labels

from bot.errors import UserError
from bot.storage.tables import messages
from bot.ui import deferrals, replies

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(replies, "DEFER_AFTER_S", 0)


@pytest.fixture(autouse=True)
def _a_deleted_deferral_is_over(simcord_env, monkeypatch):
    """As in Discord and in the playground: what follows it is a message of its own."""
    backend = simcord_env.backend
    delete = backend.delete_message

    def deleted(channel_id, message_id):
        delete(channel_id, message_id)
        for record in backend.interactions.values():
            if record.loading and record.message_id == message_id:
                record.complete_deferred()

    monkeypatch.setattr(backend, "delete_message", deleted)


async def never(env):
    await env.external_wait(asyncio.Event().wait(), reason="the process dies meanwhile")


def hold_up(env, monkeypatch, bot, *, before):
    """Orders wait for ever, before or after they are on record."""
    accept = bot.orders.accept

    async def held(*arguments, **options):
        if not before:
            await accept(*arguments, **options)
        await never(env)

    monkeypatch.setattr(bot.orders, "accept", held)


async def restart(env, new_bot, *, paused=False):
    fresh = PatientEngine()
    fresh.env = env
    if paused:
        fresh.pause()
    bot = new_bot(fresh)
    await env.restart_bot(bot)
    await env.settle()
    return fresh


def noted(tmp_path):
    return [*(tmp_path / "deferred").glob("*.json")]


def thinking(channel):
    return [message for message in channel.history() if message.flags.loading]


async def test_an_order_that_was_not_taken_before_the_death_is_told_to_its_member_alone(
    simcord_env, simcord_bot, channel, alice, monkeypatch, new_bot, tmp_path
):
    hold_up(simcord_env, monkeypatch, simcord_bot, before=True)
    result = await alice.slash(channel, "imagine", prompt="a red cat")
    assert len(thinking(channel)) == 1
    await restart(simcord_env, new_bot)
    assert channel.history() == []
    [told] = result.followups
    assert told.content.startswith("I was restarted before I could take this. Nothing was charged")
    assert told.ephemeral
    assert noted(tmp_path) == []


async def test_an_order_that_was_taken_before_the_death_is_shown_by_the_same_message(
    simcord_env, simcord_bot, channel, alice, monkeypatch, database, new_bot, tmp_path
):
    hold_up(simcord_env, monkeypatch, simcord_bot, before=False)
    await alice.slash(channel, "imagine", prompt="a red cat")
    [message] = thinking(channel)
    fresh = await restart(simcord_env, new_bot, paused=True)
    [shown] = channel.history()
    assert shown.id == message.id
    assert "(Waiting to start)" in shown.content
    assert noted(tmp_path) == []
    async with database.read() as connection:
        assert await connection.scalar(select(messages.c.message_id)) == message.id
    fresh.resume()
    await simcord_env.settle()
    [grid] = channel.history()
    assert "U1" in labels(grid), "the progress message is gone"


async def test_a_reply_to_something_else_says_that_nobody_knows(
    simcord_env, simcord_bot, channel, alice, monkeypatch, new_bot, tmp_path
):
    async def quote(*_):
        await never(simcord_env)

    monkeypatch.setattr(simcord_bot.orders, "quote", quote)
    result = await alice.slash(channel, "imagine", prompt="a {red, blue} cat")
    [file] = noted(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600, "it has a token"
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    await restart(simcord_env, new_bot)
    told = result.response
    assert told.content.startswith("I was restarted before I could answer this. Look whether")


async def test_a_reply_that_was_given_is_left_alone_and_not_noted_any_more(
    simcord_env, simcord_bot, channel, alice, fake_engine, monkeypatch, new_bot, tmp_path
):
    accept, taken = simcord_bot.orders.accept, asyncio.Event()

    async def late(*arguments, **options):
        await simcord_env.external_wait(taken.wait(), reason="a slow disk")
        return await accept(*arguments, **options)

    monkeypatch.setattr(simcord_bot.orders, "accept", late)
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="a red cat")
    [file] = noted(tmp_path)
    kept = file.read_text()
    taken.set()
    await simcord_env.settle()
    assert noted(tmp_path) == []
    before = channel.last_message.content
    file.write_text(kept)  # as if the process died between the answer and its being forgotten
    await restart(simcord_env, new_bot, paused=True)
    [shown] = channel.history()
    assert shown.content == before
    assert noted(tmp_path) == []


async def test_what_discord_does_not_know_any_more_is_forgotten_and_a_start_goes_on(
    simcord_env, simcord_bot, channel, alice, new_bot, tmp_path
):
    folder = tmp_path / "deferred"
    folder.mkdir()
    gone = {"interaction_id": 7, "token": "of yesterday", "job_id": "", "language": "en"}
    (folder / "7.json").write_text(json.dumps(gone))
    (folder / "8.json").write_text('{"interaction_id": 8')
    fresh = await restart(simcord_env, new_bot)
    assert noted(tmp_path) == []
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    assert len(fresh.jobs) == 1


async def test_while_discord_fails_the_reply_stays_noted(
    simcord_env, simcord_bot, channel, alice, monkeypatch, new_bot, tmp_path
):
    hold_up(simcord_env, monkeypatch, simcord_bot, before=True)
    await alice.slash(channel, "imagine", prompt="a red cat")
    simcord_env.inject_error("GET", "/webhooks/*/*/messages/@original", status=503, times=None)
    await restart(simcord_env, new_bot)
    assert len(noted(tmp_path)) == 1
    simcord_env.backend.faults.clear()
    await restart(simcord_env, new_bot)
    assert noted(tmp_path) == []
    assert thinking(channel) == []


async def test_words_that_failed_after_the_reply_was_deleted_come_with_the_next_start(
    simcord_env, simcord_bot, channel, alice, monkeypatch, new_bot, tmp_path
):
    hold_up(simcord_env, monkeypatch, simcord_bot, before=True)
    result = await alice.slash(channel, "imagine", prompt="a red cat")
    call = deferrals._call

    async def failing(client, deferral, method, path="", **fields):
        if method == "POST":
            raise aiohttp.ClientConnectionError
        return await call(client, deferral, method, path, **fields)

    with monkeypatch.context() as outage:
        outage.setattr(deferrals, "_call", failing)
        await restart(simcord_env, new_bot)
    assert channel.history() == [] and result.followups == []
    assert len(noted(tmp_path)) == 1
    await restart(simcord_env, new_bot)
    [told] = result.followups
    assert told.content.startswith("I was restarted before I could take this. Nothing was charged")
    assert told.ephemeral
    assert noted(tmp_path) == []


# The process lives, and Discord takes no answer.


EVERY = ("GET", "POST", "PATCH", "DELETE")


def late(env, monkeypatch, bot, *, refused=False):
    """Orders are taken, or refused, only once the event that is returned is set."""
    accept, taken = bot.orders.accept, asyncio.Event()

    async def waits(*arguments, **options):
        await env.external_wait(taken.wait(), reason="a slow disk")
        if refused:
            raise UserError("Not today.")
        return await accept(*arguments, **options)

    monkeypatch.setattr(bot.orders, "accept", waits)
    return taken


def outage(monkeypatch, *methods):
    """Requests by an interaction's token fail while there is something in the list returned."""
    adapter_type = type(async_context.get())
    request, call, broken = adapter_type.request, deferrals._call, [True]

    def fail(method):
        if broken and method in methods:
            raise aiohttp.ClientConnectionError

    async def requests(adapter, route, *arguments, **options):
        if "/webhooks/" in route.url:
            fail(route.method)
        return await request(adapter, route, *arguments, **options)

    async def calls(client, deferral, method, path="", **fields):
        fail(method)
        return await call(client, deferral, method, path, **fields)

    monkeypatch.setattr(deferrals, "AGAIN_AFTER_S", (300, 300))  # settling waits out shorter ones
    monkeypatch.setattr(adapter_type, "request", requests)
    monkeypatch.setattr(deferrals, "_call", calls)
    return broken


async def test_an_answer_that_was_lost_comes_once_discord_takes_it(
    simcord_env, simcord_bot, channel, alice, fake_engine, monkeypatch, database, tmp_path
):
    taken = late(simcord_env, monkeypatch, simcord_bot)
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="a red cat")
    broken = outage(monkeypatch, *EVERY)
    taken.set()
    await simcord_env.settle()
    await simcord_env.advance_time(301)
    assert len(thinking(channel)) == 1
    assert len(noted(tmp_path)) == 1, "the next start would answer it too"
    broken.clear()
    await simcord_env.advance_time(301)
    await simcord_env.settle()
    [shown] = channel.history()
    assert "(Waiting to start)" in shown.content
    assert noted(tmp_path) == []
    fake_engine.resume()
    await simcord_env.settle()
    [grid] = channel.history()
    assert "U1" in labels(grid), "the progress message is gone"


@pytest.mark.parametrize("methods", [EVERY, ("POST",)], ids=["with the deferral", "alone"])
async def test_a_refusal_that_was_lost_is_told_to_its_member_alone(
    simcord_env, simcord_bot, channel, alice, monkeypatch, tmp_path, methods
):
    taken = late(simcord_env, monkeypatch, simcord_bot, refused=True)
    result = await alice.slash(channel, "imagine", prompt="a red cat")
    broken = outage(monkeypatch, *methods)
    taken.set()
    await simcord_env.settle()
    broken.clear()
    await simcord_env.advance_time(301)
    await simcord_env.settle()
    assert channel.history() == []
    [told] = result.followups
    assert told.content.startswith("My answer to this was lost on its way. Nothing was charged")
    assert told.ephemeral
    assert noted(tmp_path) == []


async def test_a_refusal_that_takes_the_place_of_the_deferral_is_all_that_is_told(
    simcord_env, simcord_bot, channel, alice, monkeypatch, tmp_path
):
    taken = late(simcord_env, monkeypatch, simcord_bot, refused=True)
    await alice.slash(channel, "imagine", prompt="a red cat")
    outage(monkeypatch, "DELETE")
    taken.set()
    await simcord_env.settle()
    assert thinking(channel) == []
    assert noted(tmp_path) == []


async def test_what_discord_never_takes_is_forgotten(
    simcord_env, simcord_bot, channel, alice, fake_engine, monkeypatch, tmp_path
):
    taken = late(simcord_env, monkeypatch, simcord_bot)
    await alice.slash(channel, "imagine", prompt="a red cat")
    outage(monkeypatch, *EVERY)
    taken.set()
    await simcord_env.settle()
    await simcord_env.advance_time(700)
    await simcord_env.settle()
    assert noted(tmp_path) == []
    assert len(fake_engine.jobs) == 1, "it is drawn all the same"
