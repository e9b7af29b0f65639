"""What is owed is posted a little at a time, and what was posted is found again."""

import dataclasses

import discord
import pytest
from sqlalchemy import func, select
from tests_support import PatientEngine, custom_ids, labels, png, refusal, rows

from bot.pictures import metadata
from bot.storage.tables import images, jobs, messages, verdicts
from bot.ui.commands.privacy import delete_messages
from engine.fake import FAKE_MODEL, FAKE_PAIR

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


async def test_a_delivery_is_tried_again_after_its_wait_and_pings_nobody_then(
    simcord_env, simcord_bot, channel, alice, database
):
    simcord_env.inject_error("POST", "/channels/*/messages", status=503, times=1)
    simcord_bot.outbox.retry_after_s = (600,)
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    assert [row.delivery for row in await rows(database, jobs)] == ["pending"]
    await simcord_env.advance_time(601)
    assert [row.delivery for row in await rows(database, jobs)] == ["posted"]
    assert simcord_bot.outbox._retries == {}
    assert len([m for m in channel.history() if "U1" in labels(m)]) == 1


async def test_a_progress_message_that_discord_did_not_delete_is_deleted_later(
    simcord_env, simcord_bot, channel, alice
):
    """Else it would say "(0%)" for ever, above the pictures."""
    simcord_env.inject_error("DELETE", "/channels/*/messages/*", status=503, times=1)
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    progress, grid = channel.history()
    assert ("U1" in labels(progress), "U1" in labels(grid)) == (False, True)
    await delete_messages(simcord_bot)
    assert [message.id for message in channel.history()] == [grid.id]


async def test_a_progress_message_that_may_not_be_deleted_is_left(
    simcord_env, simcord_bot, channel, alice
):
    simcord_env.inject_error("DELETE", "/channels/*/messages/*", status=403, times=1)
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    await delete_messages(simcord_bot)
    assert len(channel.history()) == 2


async def test_a_database_that_is_busy_for_a_moment_loses_no_delivery(
    simcord_env, simcord_bot, channel, alice, database, monkeypatch, caplog
):
    read, broken = database.read, [True]

    def locked(**options):
        if broken.pop() if broken else False:
            raise OSError("database is locked")
        return read(**options)

    looking = type(simcord_bot.outbox)._look

    async def look(self):
        monkeypatch.setattr(database, "read", locked)
        try:
            await looking(self)
        finally:
            monkeypatch.setattr(database, "read", read)

    monkeypatch.setattr(type(simcord_bot.outbox), "_look", look)
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    await simcord_env.advance_time(3)
    assert "the outbox could not be read" in caplog.text
    assert [row.delivery for row in await rows(database, jobs)] == ["posted"]


async def test_discord_py_keeps_nothing_of_the_buttons(simcord_env, simcord_bot, channel, alice):
    store = simcord_bot._connection._view_store
    for _ in range(3):
        await alice.slash(channel, "imagine", prompt="a red cat")
        await simcord_env.settle()
        await alice.click(channel.last_message, label="U1")
    assert len(custom_ids(channel.last_message)) > 2
    assert not store._synced_message_views
    assert not any(store._views.values())


# The table of messages.


async def test_every_message_of_a_job_is_known_with_its_picture(
    simcord_env, channel, alice, fake_engine, database
):
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    [progress] = await rows(database, messages)
    assert (progress.message_id, progress.role) == (channel.last_message.id, "progress")
    fake_engine.resume()
    await simcord_env.settle()
    grid = channel.last_message
    shown = await alice.click(grid, label="U3")
    found = {row.message_id: (row.role, row.position) for row in await rows(database, messages)}
    assert found == {grid.id: ("grid", None), shown.response.message.id: ("single", 3)}
    assert {row.job_id for row in await rows(database, messages)} == {progress.job_id}


async def test_a_direct_message_that_stands_in_for_the_channel_is_known(
    simcord_env, channel, alice, database
):
    simcord_env.inject_error("POST", "/channels/*/messages", status=403, code=50013)
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    [told] = alice.user.dm_channel.history()
    [row] = [row for row in await rows(database, messages) if row.role == "grid"]
    assert (row.message_id, row.channel_id) == (told.id, alice.user.dm_channel.id)


async def test_cancel_on_a_message_that_shows_no_open_job_is_one_sentence(
    simcord_env, simcord_bot, channel, alice
):
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    single = (await alice.click(channel.last_message, label="U1")).response.message
    late = await alice.context_menu(channel, "Cancel Job", single)
    assert "not being drawn any more" in refusal(late).description
    strange = await simcord_bot.get_channel(channel.id).send("hello")
    other = await alice.context_menu(channel, "Cancel Job", channel.last_message)
    assert strange.id == channel.last_message.id
    assert "shows no picture" in refusal(other).description


# What the safety check withholds.


@pytest.fixture
def fake_engine():
    """One whose model has a checker."""
    checked = dataclasses.replace(FAKE_MODEL.info, safety_threshold=0.5)
    return PatientEngine(models=(dataclasses.replace(FAKE_MODEL, info=checked), FAKE_PAIR))


async def test_previews_are_blurred_while_a_checker_is_on(
    simcord_env, channel, alice, fake_engine, monkeypatch
):
    seen = []
    monkeypatch.setattr(
        "bot.pictures.grid.preview", lambda _, *, blurred: seen.append(blurred) or png()
    )
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="a red cat")
    fake_engine.step(3)
    await simcord_env.settle()
    await simcord_env.advance_time(5)
    assert seen
    assert all(seen)
    fake_engine.resume()
    await simcord_env.settle()


@pytest.fixture
def scores(fake_engine):
    """Sets the safety scores of the next pictures."""

    def set_scores(*values):
        fake_engine.safety_scores = values

    return set_scores


async def test_a_withheld_result_is_refunded_and_never_on_the_disk(
    simcord_env, simcord_bot, guild, channel, alice, database, scores, tmp_path
):
    scores(0.9, 0.9, 0.9, 0.9)
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    message = channel.last_message
    assert "The safety check blurred all of this; you do not pay for it." in message.content
    assert len(message.attachments) == 1
    assert labels(message) == ["🔄"]
    balance = await simcord_bot.accounts.balance(guild_id=guild.id, user_id=alice.id)
    assert (balance.available, balance.held) == (2500, 0)
    assert {row.blurred for row in await rows(database, images)} == {True}
    for file in (tmp_path / "pictures").rglob("*.png"):
        kept = file.read_bytes()
        assert metadata.read(kept) is None, "a clear one says how it was made"
    [verdict] = await rows(database, verdicts)
    assert (verdict.kind, verdict.user_id) == ("result", alice.id)
    for label in ("U1", "V1"):
        forged = f"job:{verdict.job_id}:{label[0].lower()}:1"
        view = discord.ui.View(timeout=None)
        view.add_item(discord.ui.Button(label=label, custom_id=forged))
        await simcord_bot.get_channel(channel.id).send("forged", view=view)
        result = await alice.click(channel.last_message, custom_id=forged)
        assert "nothing can be made from it" in refusal(result).description


async def test_of_a_grid_what_is_withheld_is_blurred_and_not_paid(
    simcord_env, simcord_bot, guild, channel, alice, database, scores, tmp_path
):
    scores(0.1, 0.9, 0.2, None)
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    message = channel.last_message
    assert "blurred 1 of 4 pictures" in message.content
    balance = await simcord_bot.accounts.balance(guild_id=guild.id, user_id=alice.id)
    assert (balance.available, balance.held) == (2500 - 75, 0)
    kept = await rows(database, images)
    assert [(row.position, row.blurred) for row in kept] == [
        (1, False),
        (2, True),
        (3, False),
        (4, False),
    ]
    assert len(list((tmp_path / "pictures").rglob("*.png"))) == 4
    [verdict] = await rows(database, verdicts)
    assert (verdict.kind, verdict.user_id, verdict.prompt) == ("result", alice.id, "a red cat")


@pytest.mark.parametrize("label", ["U2", "V2"])
async def test_nothing_is_made_from_a_blurred_picture(simcord_env, channel, alice, scores, label):
    scores(0.1, 0.9, 0.2, None)
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    result = await alice.click(channel.last_message, label=label)
    assert "nothing can be made from it" in refusal(result).description


async def test_the_count_of_messages_stays_with_the_jobs(
    simcord_env, simcord_bot, channel, alice, database
):
    """A progress message that is gone is forgotten, so the table grows by results alone."""
    for _ in range(4):
        await alice.slash(channel, "imagine", prompt="a red cat")
        await simcord_env.settle()
    async with database.read() as connection:
        count = await connection.scalar(select(func.count()).select_from(messages))
    assert count == 4


async def test_an_unsafe_picture_that_a_member_sent_is_not_kept_and_costs_nothing(
    simcord_env, simcord_bot, guild, channel, alice, database, fake_engine, tmp_path
):
    fake_engine.input_scores = (0.1, 0.9)
    pictures = {
        f"image{number}": (f"{number}.png", png(colour=colour))
        for number, colour in ((1, "red"), (2, "blue"))
    }
    await alice.slash(channel, "blend", **pictures)
    await simcord_env.settle()
    assert "does not let the picture pass that this starts from" in channel.last_message.content
    balance = await simcord_bot.accounts.balance(guild_id=guild.id, user_id=alice.id)
    assert (balance.available, balance.held) == (2500, 0)
    assert not list((tmp_path / "pictures").rglob("*.png"))
    assert [row.kind for row in await rows(database, verdicts)] == ["upload"]


@pytest.mark.parametrize(("command", "options"), [("describe", {}), ("upscale", {"way": "SUBTLE"})])
async def test_an_unsafe_picture_is_neither_described_nor_enlarged(
    simcord_env,
    simcord_bot,
    guild,
    channel,
    alice,
    database,
    fake_engine,
    tmp_path,
    command,
    options,
):
    fake_engine.input_scores = (0.9,)
    await alice.slash(channel, command, picture=("a.png", png(colour="red")), **options)
    await simcord_env.settle()
    assert "does not let the picture pass that this starts from" in channel.last_message.content
    balance = await simcord_bot.accounts.balance(guild_id=guild.id, user_id=alice.id)
    assert (balance.available, balance.held) == (2500, 0)
    assert not list((tmp_path / "pictures").rglob("*.png"))
    assert [row.kind for row in await rows(database, verdicts)] == ["upload"]
    fake_engine.input_scores = (0.1,)
    await alice.slash(channel, command, picture=("a.png", png(colour="red")), **options)
    await simcord_env.settle()
    assert "does not let" not in channel.last_message.content
