"""What was drawn before is posted again only where an order of its words would be taken."""

import discord
import pytest
from sqlalchemy import select
from tests_support import refusal

from bot.storage.tables import jobs, verdicts

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


@pytest.fixture
async def drawn(simcord_env, channel, alice):
    """The message of a clown that was drawn before anybody minded."""
    await alice.slash(channel, "imagine", prompt="a scary clown")
    await simcord_env.settle()
    return channel.last_message


async def forbid(simcord_env, channel, manager, alice, how):
    command, options = {
        "word": ("words add", {"phrase": "clown", "level": "block"}),
        "member": ("member block", {"member": alice}),
        "channel": ("channel deny", {"channel": channel}),
    }[how]
    await manager.slash(channel, command, **options)
    await simcord_env.settle()


@pytest.mark.parametrize("how", ["word", "member", "channel"])
async def test_show_buttons_and_numbers_are_refused_where_an_order_is(
    simcord_env, simcord_bot, channel, manager, alice, drawn, how
):
    await forbid(simcord_env, channel, manager, alice, how)
    before = len(channel.history())
    shown = await alice.slash(channel, "show")
    assert shown.ephemeral
    assert refusal(shown).title == ("Blocked" if how == "word" else "Not allowed")
    pressed = await alice.click(drawn, label="U1")
    assert pressed.ephemeral
    assert refusal(pressed).title == refusal(shown).title
    await alice.react(drawn, "1️⃣")
    await simcord_env.settle()
    assert len(channel.history()) == before
    [told] = alice.user.dm_channel.history()
    assert told.embeds[0].title == refusal(shown).title
    async with simcord_bot.database.read() as connection:
        assert not (await connection.execute(select(verdicts))).all(), "nobody typed anything"


async def test_what_another_server_let_pass_is_not_brought_here(
    simcord_env, guild, channel, manager, alice, drawn, database
):
    other = simcord_env.create_guild("other")
    there = other.create_text_channel("there")
    visitor = other.add_member(alice.user)
    async with database.read() as connection:
        job_id = await connection.scalar(select(jobs.c.id))
    assert not (await visitor.slash(there, "show", job=job_id)).ephemeral
    role = other.create_role("managers", permissions=discord.Permissions(manage_guild=True))
    theirs = other.add_member(simcord_env.create_user("theirs"), roles=[role])
    await theirs.slash(there, "words add", phrase="clown", level="block")
    shown = await visitor.slash(there, "show", job=job_id)
    assert shown.ephemeral
    assert refusal(shown).title == "Blocked"
    assert not (await alice.slash(channel, "show", job=job_id)).ephemeral, "here nobody minds"


async def test_a_word_that_covers_pictures_covers_what_is_posted_again(
    simcord_env, channel, manager, alice, drawn
):
    await manager.slash(channel, "words add", phrase="clown", level="spoiler")
    shown = (await alice.slash(channel, "show")).response.message
    single = (await alice.click(drawn, label="U1")).response.message
    await alice.react(drawn, "2️⃣")
    await simcord_env.settle()
    for message in (shown, single, channel.last_message):
        assert message.attachments[0].filename.startswith("SPOILER_")
