"""Reactions do what their signs say, once, for who may; others are passed over in silence."""

import asyncio
from types import SimpleNamespace

import discord
import pytest
from tests_support import custom_ids, labels, png, rows

from bot.preferences import BUTTONS, OWNERS
from bot.storage.tables import favourites, jobs, messages

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


async def imagine(env, channel, member, prompt="a red cat"):
    result = await member.slash(channel, "imagine", prompt=prompt)
    await env.settle()
    return result


async def react(env, member, message, sign):
    await member.react(message, sign)
    await env.settle()


async def available(bot, guild, member):
    balance = await bot.accounts.balance(guild_id=guild.id, user_id=member.id)
    return balance.available


def test_no_privileged_intent_is_asked_for(simcord_bot):
    intents = simcord_bot.intents
    assert intents.guild_reactions and intents.dm_reactions
    assert not (intents.members or intents.presences or intents.message_content)


async def test_an_envelope_sends_id_seed_and_pictures(simcord_env, channel, alice, bob, database):
    await imagine(simcord_env, channel, alice, "a red cat --seed 7")
    grid = channel.last_message
    await react(simcord_env, alice, grid, "✉️")
    [told] = alice.user.dm_channel.history()
    [job] = await rows(database, jobs)
    assert f"Seed 7 · Job `{job.id}`" in told.content
    assert len(told.attachments) == 4
    assert "U1" in labels(told)
    await react(simcord_env, bob, grid, "✉️")
    [told] = bob.user.dm_channel.history()
    assert len(told.attachments) == 4
    assert labels(told) == [], "there nobody but its member could press them"


async def test_an_envelope_on_one_picture_sends_that_one(simcord_env, channel, alice):
    await imagine(simcord_env, channel, alice)
    single = (await alice.click(channel.last_message, label="U3")).response.message
    await react(simcord_env, alice, single, "✉️")
    [told] = alice.user.dm_channel.history()
    assert "Image #3" in told.content
    assert len(told.attachments) == 1


async def test_a_cross_cancels_ones_own_running_job_for_nothing(
    simcord_env, simcord_bot, guild, channel, alice, bob, database, fake_engine
):
    fake_engine.pause()
    progress = (await imagine(simcord_env, channel, alice)).response.message
    await react(simcord_env, bob, progress, "❌")
    assert [job.outcome for job in await rows(database, jobs)] == ["open"]
    await react(simcord_env, alice, progress, "❌")
    fake_engine.resume()
    await simcord_env.settle()
    assert [job.outcome for job in await rows(database, jobs)] == ["cancelled"]
    assert await available(simcord_bot, guild, alice) == 2500


async def test_a_cross_takes_ones_own_message_away_and_keeps_the_pictures(
    simcord_env, channel, alice, bob, database
):
    await imagine(simcord_env, channel, alice)
    grid = channel.last_message
    await react(simcord_env, bob, grid, "❌")
    assert channel.last_message.id == grid.id
    await react(simcord_env, alice, grid, "❌")
    assert channel.history() == []
    assert await rows(database, messages) == []
    assert "a red cat" in (await alice.slash(channel, "show")).response.content


async def test_a_star_marks_a_favourite_until_it_is_taken_back(
    simcord_env, channel, alice, bob, database
):
    await imagine(simcord_env, channel, alice)
    grid = channel.last_message
    single = (await alice.click(grid, label="U2")).response.message
    for member, message in ((alice, grid), (alice, single), (bob, grid)):
        await react(simcord_env, member, message, "⭐")
    found = {(row.user_id, row.position) for row in await rows(database, favourites)}
    assert found == {(alice.id, 0), (alice.id, 2), (bob.id, 0)}
    await alice.unreact(grid, "⭐")
    await simcord_env.settle()
    found = {(row.user_id, row.position) for row in await rows(database, favourites)}
    assert found == {(alice.id, 2), (bob.id, 0)}


async def test_a_star_that_is_taken_back_while_it_is_written_marks_nothing(
    simcord_env, simcord_bot, guild, channel, alice, database, monkeypatch
):
    await imagine(simcord_env, channel, alice)
    told = SimpleNamespace(
        emoji=discord.PartialEmoji(name="⭐"),
        member=None,
        user_id=alice.id,
        message_id=channel.last_message.id,
        channel_id=channel.id,
        guild_id=guild.id,
    )
    put = simcord_bot.favourites.put
    taken_back = []

    async def late(user_id, favourite, *, marked):
        if marked:
            taken_back.append(favourite)
            await simcord_bot.reactions.removed(told)
        return await put(user_id, favourite, marked=marked)

    monkeypatch.setattr(simcord_bot.favourites, "put", late)
    await simcord_bot.reactions.added(told)
    assert len(taken_back) == 1
    assert await rows(database, favourites) == []


async def test_numbers_post_a_picture_and_the_arrows_draw_again_for_who_reacts(
    simcord_env, simcord_bot, guild, channel, alice, bob, fake_engine
):
    await imagine(simcord_env, channel, alice)
    grid = channel.last_message
    await react(simcord_env, bob, grid, "2️⃣")
    single = channel.last_message
    assert f"Image #2 {bob.mention}" in single.content
    assert "Vary (Subtle)" in labels(single)
    await react(simcord_env, bob, grid, "🔄")
    assert f"**a red cat** - {bob.mention} (fast)" == channel.last_message.content
    assert len(fake_engine.jobs) == 2
    assert await available(simcord_bot, guild, alice) == 2400
    assert await available(simcord_bot, guild, bob) == 2400
    await react(simcord_env, bob, single, "1️⃣")
    assert channel.last_message.content == f"**a red cat** - {bob.mention} (fast)", "no grid there"


async def test_messages_of_before_a_restart_count_too(
    simcord_env, new_bot, channel, alice, fake_engine
):
    await imagine(simcord_env, channel, alice)
    grid = channel.last_message
    await simcord_env.restart_bot(new_bot())
    await react(simcord_env, alice, grid, "🔄")
    assert len(fake_engine.jobs) == 2


async def test_one_reaction_told_twice_is_one_order_and_taken_back_and_given_anew_two(
    simcord_env, simcord_bot, guild, channel, alice, fake_engine
):
    await imagine(simcord_env, channel, alice)
    grid = channel.last_message
    told = SimpleNamespace(
        emoji=discord.PartialEmoji(name="🔄"),
        member=None,
        user_id=alice.id,
        message_id=grid.id,
        channel_id=channel.id,
        guild_id=guild.id,
    )
    await react(simcord_env, alice, grid, "🔄")
    assert len(fake_engine.jobs) == 2
    for _ in range(3):
        await simcord_bot.reactions.added(told)
    await alice.unreact(grid, "🔄")
    await react(simcord_env, alice, grid, "🔄")
    assert len(fake_engine.jobs) == 3


async def test_who_may_not_is_passed_over_without_noise(
    simcord_env, simcord_bot, guild, channel, alice, bob, fake_engine
):
    await imagine(simcord_env, channel, alice, "a red cat")
    grid = channel.last_message
    await simcord_bot.preferences.put(BUTTONS, OWNERS, guild.id)
    for sign in ("🔄", "1️⃣", "❌"):
        await react(simcord_env, bob, grid, sign)
    assert channel.last_message.id == grid.id
    assert len(fake_engine.jobs) == 1
    assert bob.user.dm_channel.history() == []
    await react(simcord_env, bob, grid, "✉️")
    assert len(bob.user.dm_channel.history()) == 1, "that shows nothing to others"
    await react(simcord_env, alice, grid, "👍")
    await react(simcord_env, alice, grid, "🔄")
    assert len(fake_engine.jobs) == 2


async def test_a_refusal_goes_by_direct_message_once_in_a_while(
    simcord_env, simcord_bot, guild, channel, alice, bob
):
    await imagine(simcord_env, channel, alice)
    grid = channel.last_message
    simcord_bot.orders.close()
    for _ in range(3):
        await react(simcord_env, bob, grid, "🔄")
        await bob.unreact(grid, "🔄")
        await simcord_env.settle()
    [told] = bob.user.dm_channel.history()
    assert told.embeds[0].title == "Restarting"
    assert channel.last_message.id == grid.id


async def test_where_the_bot_may_not_post_nothing_is_drawn(
    simcord_env, simcord_bot, guild, channel, alice, fake_engine, monkeypatch
):
    await imagine(simcord_env, channel, alice)
    grid = channel.last_message
    monkeypatch.setattr("bot.ui.reactions.lacking", lambda *_: ["Send Messages"])
    await react(simcord_env, alice, grid, "🔄")
    await react(simcord_env, alice, grid, "1️⃣")
    assert len(fake_engine.jobs) == 1
    assert channel.last_message.id == grid.id


async def test_what_a_hiding_member_draws_by_a_reaction_goes_to_their_direct_messages(
    simcord_env, simcord_bot, channel, alice, bob, database
):
    await imagine(simcord_env, channel, alice)
    grid = channel.last_message
    await simcord_bot.preferences.change(bob.id, stealth=True)
    await react(simcord_env, bob, grid, "🔄")
    assert channel.last_message.id == grid.id
    assert "U1" in labels(bob.user.dm_channel.last_message)
    await react(simcord_env, alice, grid, "👍")


async def test_reactions_count_in_direct_messages(simcord_env, channel, alice, fake_engine):
    await imagine(simcord_env, channel, alice, "a red cat --stealth")
    grid = alice.user.dm_channel.last_message
    await alice.user.set_reaction(grid, "🔄", reacted=True)
    await simcord_env.settle()
    assert len(fake_engine.jobs) == 2
    await alice.user.set_reaction(grid, "❌", reacted=True)
    await simcord_env.settle()
    assert grid.id not in {m.id for m in alice.user.dm_channel.history()}


@pytest.mark.parametrize("one_sign", [False, True])
async def test_reactions_that_were_cleared_count_anew_and_favourites_stay(
    simcord_env, channel, alice, bob, database, fake_engine, one_sign
):
    await imagine(simcord_env, channel, alice)
    grid = channel.last_message
    await react(simcord_env, alice, grid, "⭐")
    for member in (alice, bob):
        await react(simcord_env, member, grid, "🔄")
    assert len(fake_engine.jobs) == 3
    if one_sign:
        simcord_env.backend.clear_reaction(channel.id, grid.id, "🔄")
    else:
        simcord_env.backend.clear_reactions(channel.id, grid.id)
    await simcord_env.settle()
    for member in (alice, bob):
        await react(simcord_env, member, grid, "🔄")
    assert len(fake_engine.jobs) == 5
    assert len(await rows(database, favourites)) == 1


async def test_envelopes_on_two_pictures_at_once_send_both(
    simcord_env, simcord_bot, guild, channel, alice
):
    shown = []
    for prompt in ("one", "two"):
        await imagine(simcord_env, channel, alice, prompt)
        shown.append(channel.last_message)
    told = [
        SimpleNamespace(
            emoji=discord.PartialEmoji(name="✉️"),
            member=None,
            user_id=alice.id,
            message_id=message.id,
            channel_id=channel.id,
            guild_id=guild.id,
        )
        for message in shown
    ]
    await asyncio.gather(*map(simcord_bot.reactions.added, told))
    await simcord_env.settle()
    sent = sorted(message.content[:7] for message in alice.user.dm_channel.history())
    assert sent == ["**one**", "**two**"]


async def test_arrows_draw_nothing_and_cost_nothing_where_it_would_come_out_the_same(
    simcord_env, simcord_bot, guild, channel, alice, fake_engine
):
    await alice.slash(channel, "shorten", prompt="a very big red cat")
    await simcord_env.settle()
    await alice.slash(channel, "upscale", picture=("a.png", png()))
    await simcord_env.settle()
    before = await available(simcord_bot, guild, alice)
    for message in channel.history():
        await react(simcord_env, alice, message, "🔄")
    assert len(fake_engine.jobs) == 2
    assert await available(simcord_bot, guild, alice) == before


async def test_arrows_on_a_description_make_others_as_its_button_does(
    simcord_env, simcord_bot, guild, channel, alice, fake_engine
):
    await alice.slash(channel, "describe", picture=("a.png", png()))
    await simcord_env.settle()
    message = channel.last_message
    first = await available(simcord_bot, guild, alice)
    button = custom_ids(message)[labels(message).index("🔄")]
    await alice.click(message, custom_id=button)
    await simcord_env.settle()
    second = await available(simcord_bot, guild, alice)
    await react(simcord_env, alice, message, "🔄")
    third = await available(simcord_bot, guild, alice)
    assert first - second == second - third > 0
    assert fake_engine.jobs[2].without == fake_engine.jobs[1].without != ()


async def test_a_reaction_tells_by_direct_message_what_a_button_tells_in_private(
    simcord_env, guild, channel, alice, bob, fake_engine
):
    await imagine(simcord_env, channel, alice)
    grid = channel.last_message
    role = guild.create_role("manager", permissions=discord.Permissions(manage_guild=True))
    manager = guild.add_member(simcord_env.create_user("manager"), roles=[role])
    await manager.slash(channel, "words add", phrase="red cat", level="warn")
    fake_engine.pause()
    for _ in range(3):
        await bob.slash(channel, "imagine", prompt="a dog")
    await react(simcord_env, bob, grid, "🔄")
    [told] = bob.user.dm_channel.history()
    assert "asks you to be careful" in told.content
    assert told.embeds[0].title == "Job queued"
    assert len(fake_engine._runs) == 4
