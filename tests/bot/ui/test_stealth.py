"""What is hidden is seen by its member alone: the reply, the result, its buttons."""

import io
import json

import discord
import pytest
from PIL import Image
from sqlalchemy import select
from tests_support import custom_ids, labels, png, refusal

from bot.storage.tables import jobs

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


async def imagine(env, channel, member, prompt="a red cat --stealth"):
    result = await member.slash(channel, "imagine", prompt=prompt)
    await env.settle()
    return result


async def rows(database):
    async with database.read() as connection:
        return (await connection.execute(select(jobs))).all()


async def test_the_reply_is_private_and_the_result_comes_by_direct_message(
    simcord_env, simcord_bot, guild, channel, alice, database
):
    result = await imagine(simcord_env, channel, alice)
    assert result.ephemeral
    assert "by direct message" in result.response.content
    assert "Waiting" not in result.response.content, "nothing would ever change it"
    assert channel.history() == []
    [told] = alice.user.dm_channel.history()
    assert told.content == f"**a red cat --stealth** - {alice.mention} (fast)"
    assert "U1" in labels(told)
    [row] = await rows(database)
    assert (row.guild_id, row.channel_id) == (guild.id, alice.user.dm_channel.id)
    balance = await simcord_bot.accounts.balance(guild_id=guild.id, user_id=alice.id)
    assert balance.available == 2400


async def test_a_member_who_hides_everything_may_make_one_job_public(
    simcord_env, simcord_bot, channel, alice
):
    await simcord_bot.preferences.change(alice.id, stealth=True)
    assert (await imagine(simcord_env, channel, alice, "a red cat")).ephemeral
    assert channel.history() == []
    shown = await imagine(simcord_env, channel, alice, "a red cat --public")
    assert not shown.ephemeral
    assert "U1" in labels(channel.last_message)


async def test_what_goes_on_in_direct_messages_stays_hidden_and_draws_on_the_servers_account(
    simcord_env, simcord_bot, guild, channel, alice, database
):
    await imagine(simcord_env, channel, alice)
    grid = alice.user.dm_channel.last_message
    await alice.user.click(grid, label="V1")
    await simcord_env.settle()
    assert "Variations (Strong)" in alice.user.dm_channel.last_message.content
    second = (await rows(database))[-1]
    assert (second.guild_id, second.channel_id) == (guild.id, alice.user.dm_channel.id)
    balance = await simcord_bot.accounts.balance(guild_id=guild.id, user_id=alice.id)
    assert balance.available == 2500 - 100 - 75
    single = await alice.user.click(grid, label="U2")
    assert not single.ephemeral, "nobody else is there"
    assert channel.history() == []


async def test_anothers_hidden_job_has_no_buttons_for_others(
    simcord_env, simcord_bot, channel, alice, bob, fake_engine
):
    await imagine(simcord_env, channel, alice)
    hidden = custom_ids(alice.user.dm_channel.last_message)
    await imagine(simcord_env, channel, bob, "a dog")
    message = channel.last_message
    drawn = len(fake_engine.jobs)
    view = simcord_bot.get_partial_messageable(channel.id).get_partial_message(message.id)
    await view.edit(view=forged(hidden[0]))
    result = await bob.click(channel.last_message, custom_id=hidden[0])
    assert "This picture is hidden" in refusal(result).description
    assert len(fake_engine.jobs) == drawn


def forged(custom_id):
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="x", custom_id=custom_id))
    return view


async def one_of(bot, row):
    _, data = await bot.lookup.picture(row.id, 1)
    return data


@pytest.mark.parametrize("setting", [False, True])
async def test_all_grids_of_a_batch_are_hidden_where_one_is(
    simcord_env, simcord_bot, channel, alice, bob, database, setting
):
    bot = simcord_bot
    await bot.preferences.change(alice.id, stealth=setting)
    other = "--public" if setting else "--stealth"
    question = await imagine(simcord_env, channel, alice, f"a cat {{{other}, --ar 3:2}}")
    asked = question.response.embeds[0].description
    await alice.click(question.response.message, label="Confirm")
    await simcord_env.settle()
    assert channel.history() == []
    assert asked.count("All grids of this order are hidden") == 1
    ordered = await rows(database)
    assert {row.channel_id for row in ordered} == {alice.user.dm_channel.id}
    assert [json.loads(row.resolved)["modes"]["stealth"] for row in ordered] == [True, True]
    for row in ordered:
        assert (await alice.slash(channel, "show", job=row.id)).ephemeral
        other = await bob.slash(channel, "verify", picture=("a.png", await one_of(bot, row)))
        assert row.prompt not in other.response.content
    assert any("2 of 2 drawn" in m.content for m in alice.user.dm_channel.history())


async def test_auto_dm_sends_the_finished_grid_too(simcord_env, simcord_bot, channel, alice):
    await simcord_bot.preferences.change(alice.id, auto_dm=True)
    await imagine(simcord_env, channel, alice, "a red cat")
    assert "U1" in labels(channel.last_message)
    [told] = alice.user.dm_channel.history()
    assert told.content.startswith("**a red cat** - ")
    assert "Seed" in told.content
    assert len(told.attachments) == 4
    await alice.user.click(told, label="U1")
    assert "Image #1" in alice.user.dm_channel.last_message.content
    await imagine(simcord_env, channel, alice, "a dog --stealth")
    contents = [m.content for m in alice.user.dm_channel.history()]
    assert sum("a dog" in content for content in contents) == 1, "it is there already"


async def test_a_hidden_job_is_cancelled_by_the_button_of_its_private_reply(
    simcord_env, channel, alice, database, fake_engine
):
    fake_engine.pause()
    reply = (await imagine(simcord_env, channel, alice)).response.message
    assert labels(reply) == ["Cancel Job"]
    await alice.click(reply, label="Cancel Job")
    fake_engine.resume()
    await simcord_env.settle()
    assert [row.outcome for row in await rows(database)] == ["cancelled"]
    assert channel.history() == []


async def test_a_reply_that_was_public_before_it_was_known_to_be_hidden_is_taken_back(
    simcord_env, simcord_bot, channel, alice
):
    await simcord_bot.preferences.change(alice.id, stealth=True)
    await alice.slash(channel, "describe", picture=("a.png", png()))
    await simcord_env.settle()
    assert channel.history() == []
    assert "Description" in alice.user.dm_channel.last_message.content


async def test_whatever_goes_on_from_a_hidden_job_is_hidden(
    simcord_env, simcord_bot, channel, alice, database
):
    await imagine(simcord_env, channel, alice)
    [row] = await rows(database)
    told = await alice.slash(channel, "vary", job_id=row.id, prompt="a dog", image=2)
    await simcord_env.settle()
    assert told.ephemeral
    assert channel.history() == []
    assert "a dog" in alice.user.dm_channel.last_message.content


async def test_prompts_found_for_a_hiding_member_are_drawn_hidden_on_the_servers_account(
    simcord_env, simcord_bot, guild, channel, alice, fake_engine
):
    await simcord_bot.preferences.change(alice.id, stealth=True)
    await alice.slash(channel, "describe", picture=("a.png", png()))
    await simcord_env.settle()
    before = await simcord_bot.accounts.balance(guild_id=guild.id, user_id=alice.id)
    await alice.user.click(alice.user.dm_channel.last_message, label="1")
    await simcord_env.settle()
    assert "U1" in labels(alice.user.dm_channel.last_message)
    after = await simcord_bot.accounts.balance(guild_id=guild.id, user_id=alice.id)
    assert after.available == before.available - 100
    await simcord_bot.preferences.change(alice.id, stealth=False)
    async with simcord_bot.database.read() as connection:
        found = await connection.scalar(select(jobs.c.id).where(jobs.c.kind == "describe"))
    shown = await alice.slash(channel, "show", job=found)
    assert shown.ephemeral
    assert (await alice.click(shown.response.message, label="2")).ephemeral
    await simcord_env.settle()
    assert channel.history() == [], "what was found for a hidden job is hidden"


async def test_a_hidden_prompt_that_is_shortened_stays_hidden(simcord_env, channel, alice):
    result = await alice.slash(channel, "shorten", prompt="a secret red cat --stealth")
    await simcord_env.settle()
    assert result.ephemeral
    assert channel.history() == []


async def test_a_relaxed_prompt_is_shortened_in_its_lane(simcord_env, channel, alice, fake_engine):
    await alice.slash(channel, "shorten", prompt="a red cat --relax")
    await simcord_env.settle()
    assert fake_engine.jobs[-1].lane.name == "RELAX"


@pytest.mark.parametrize("command", ["upscale", "vary"])
async def test_words_of_another_channel_are_not_told_by_a_picture_that_is_sent(
    simcord_env, simcord_bot, guild, channel, alice, bob, database, command
):
    elsewhere = guild.create_text_channel("elsewhere")
    await alice.slash(elsewhere, "imagine", prompt="the secret words")
    await simcord_env.settle()
    [row] = await rows(database)
    _, data = await simcord_bot.lookup.picture(row.id, 1)
    words = {"prompt": "a cat"} if command == "vary" else {}
    await bob.slash(channel, command, picture=("a.png", data), **words)
    await simcord_env.settle()
    assert len(await rows(database)) == 2
    assert not any("secret" in message.content for message in channel.history())


@pytest.mark.parametrize("command", ["vary", "upscale"])
@pytest.mark.parametrize("what", ["grid", "saved anew"])
async def test_ones_own_hidden_picture_stays_hidden_however_it_is_sent(
    simcord_env, simcord_bot, channel, alice, database, what, command
):
    await imagine(simcord_env, channel, alice, "my secret --stealth")
    [hidden] = await rows(database)
    data = await alice.user.dm_channel.last_message.attachments[0].read()
    if what == "saved anew":
        _, data = await simcord_bot.lookup.picture(hidden.id, 1)
        saved = io.BytesIO()
        Image.open(io.BytesIO(data)).save(saved, "JPEG", quality=95)
        data = saved.getvalue()
    await alice.slash(channel, command, picture=("a.png", data))
    await simcord_env.settle()
    assert len(await rows(database)) == 2
    assert channel.history() == []


async def test_no_words_are_advised_where_a_command_takes_none(simcord_env, channel, alice):
    await imagine(simcord_env, channel, alice, "my secret --stealth")
    direct = alice.user.dm_channel
    picture = ("a.png", await direct.last_message.attachments[0].read())
    for name, options, advised in (
        ("morph", {"image1": picture, "image2": ("b.png", png()), "frames": 2}, False),
        ("blend", {"image1": picture, "image2": ("b.png", png())}, True),
    ):
        await alice.slash(channel, name, **options)
        await simcord_env.settle()
        said = direct.last_message.content
        assert "is a hidden one of yours, so this is hidden too" in said
        assert ("add --public to the words" in said) == advised


@pytest.mark.parametrize("way", ["button", "reaction"])
async def test_who_has_left_the_server_draws_no_more_on_its_account(
    simcord_env, simcord_bot, guild, channel, alice, fake_engine, way
):
    await imagine(simcord_env, channel, alice, "a red cat --stealth")
    user, grid = alice.user, alice.user.dm_channel.last_message
    simcord_env.backend.remove_member(guild.id, alice.id)
    await simcord_env.settle()

    async def available(guild_id):
        balance = await simcord_bot.accounts.balance(guild_id=guild_id, user_id=user.id)
        return balance.available

    async def draw():
        if way == "button":
            await user.click(grid, label="V1")
        else:
            await user.set_reaction(grid, "🔄", reacted=True)
        await simcord_env.settle()

    before = await available(guild.id)
    await draw()
    assert len(fake_engine.jobs) == 1, "they have no credits for direct messages"
    await simcord_bot.accounts.grant(
        guild_id=0, user_id=user.id, amount=500, actor_id=1, by_owner=True
    )
    await user.set_reaction(grid, "🔄", reacted=False)
    await simcord_env.settle()
    await draw()
    assert len(fake_engine.jobs) == 2
    assert await available(guild.id) == before
    assert await available(0) < 500


async def test_where_discord_does_not_say_who_is_in_a_server_nothing_is_charged(
    simcord_env, channel, alice, fake_engine
):
    await imagine(simcord_env, channel, alice, "a red cat --stealth")
    grid = alice.user.dm_channel.last_message
    simcord_env.inject_error("GET", "/guilds/*/members/*", status=400, code=0)
    result = await alice.user.click(grid, label="V1")
    assert "try again in a minute" in refusal(result).description
    assert len(fake_engine.jobs) == 1
