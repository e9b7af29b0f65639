"""DM Results and Job details, and what a server's managers set."""

import discord
import pytest
from sqlalchemy import select
from tests_support import refusal

from bot.storage.tables import jobs

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


async def imagine(env, channel, member, prompt="a red cat"):
    result = await member.slash(channel, "imagine", prompt=prompt)
    await env.settle()
    return result


async def test_dm_results_sends_them_and_says_so(simcord_env, channel, alice, bob):
    await imagine(simcord_env, channel, alice, "a red cat --seed 7")
    grid = channel.last_message
    for member in (alice, bob):
        result = await member.context_menu(channel, "DM Results", grid)
        assert result.ephemeral
        assert result.response.content == "Sent to your direct messages."
        told = member.user.dm_channel.last_message
        assert "Seed 7 · Job" in told.content
        assert len(told.attachments) == 4


async def test_closed_direct_messages_are_one_sentence(simcord_env, channel, alice):
    await imagine(simcord_env, channel, alice)
    simcord_env.inject_error("POST", "/channels/*/messages", status=403, code=50007)
    result = await alice.context_menu(channel, "DM Results", channel.last_message)
    assert "I cannot send you a direct message" in refusal(result).description


async def test_too_large_for_discord_is_sent_smaller(simcord_env, channel, alice):
    await imagine(simcord_env, channel, alice)
    simcord_env.inject_error("POST", "/channels/*/messages", status=413, code=40005)
    await alice.context_menu(channel, "DM Results", channel.last_message)
    assert len(alice.user.dm_channel.last_message.attachments) == 4


async def test_details_tell_all_that_a_job_was_made_of(
    simcord_env, guild, channel, alice, bob, database
):
    await imagine(simcord_env, channel, alice, "a red cat --seed 7 --chaos 20")
    first = channel.last_message
    await bob.click(first, label="V2")
    await simcord_env.settle()
    shown = await alice.context_menu(channel, "Job details", first)
    assert shown.ephemeral
    said = shown.response.embeds[0].description
    async with database.read() as connection:
        job_id = await connection.scalar(select(jobs.c.id).order_by(jobs.c.created_ms).limit(1))
    for line in (
        f"**Job:** `{job_id}`",
        "**Prompt:** `a red cat --seed 7 --chaos 20`",
        "**Seed:** 7, 8, 9, 10",
        "**Model:** Doodle",
        "**Size:** 128×128",
        "**Licence:** ",
        "**Steps:** ",
        "**Guidance:** ",
        "**Paid:** 1 credit",
    ):
        assert line in said
    variation = channel.last_message
    said = (await alice.context_menu(channel, "Job details", variation)).response.embeds[0]
    link = f"https://discord.com/channels/{guild.id}/{channel.id}/{first.id}"
    assert f"**Goes on from:** [Imagine]({link})" in said.description
    assert "**Kind:** Variations (Strong)" in said.description
    assert "**Strength:** 0.75" in said.description
    assert "**Paid:**" not in said.description, "that is between bob and his purse"


async def parents(member, channel, message):
    shown = await member.context_menu(channel, "Job details", message)
    [line] = [
        line
        for line in shown.response.embeds[0].description.splitlines()
        if line.startswith("**Goes on from:**")
    ]
    return line


async def test_details_link_to_no_direct_messages_of_others(
    simcord_env, guild, channel, alice, bob
):
    carol = guild.add_member(simcord_env.create_user("carol"))
    await imagine(simcord_env, channel, alice)
    grid = channel.last_message
    await bob.react(grid, "✉️")
    await simcord_env.settle()
    [sent] = bob.user.dm_channel.history()
    await alice.click(grid, label="V1")
    await simcord_env.settle()
    variation = channel.last_message
    link = f"https://discord.com/channels/{guild.id}/{channel.id}/{grid.id}"
    assert link in await parents(carol, channel, variation)
    await alice.react(grid, "❌")
    await simcord_env.settle()
    for member in (carol, alice):
        assert "https://" not in await parents(member, channel, variation)
    assert f"https://discord.com/channels/@me/{bob.user.dm_channel.id}/{sent.id}" in (
        await parents(bob, channel, variation)
    )


async def test_details_link_to_ones_own_hidden_job_in_direct_messages(
    simcord_env, guild, channel, alice
):
    await imagine(simcord_env, channel, alice, "a red cat --stealth")
    direct = alice.user.dm_channel
    grid = direct.last_message
    await alice.user.click(grid, label="V1")
    await simcord_env.settle()
    shown = await alice.slash(channel, "show")
    link = f"https://discord.com/channels/@me/{direct.id}/{grid.id}"
    assert link in await parents(alice, channel, shown.response.message)


async def test_details_link_to_where_a_job_was_shown_again_for_who_may_read_there(
    simcord_env, guild, channel, alice, bob
):
    locked = guild.create_text_channel(
        "locked", overwrites={bob: discord.PermissionOverwrite(view_channel=False)}
    )
    await imagine(simcord_env, channel, alice)
    grid = channel.last_message
    again = (await alice.slash(locked, "show")).response.message
    await alice.click(grid, label="V1")
    await simcord_env.settle()
    variation = channel.last_message
    await alice.react(grid, "❌")
    await simcord_env.settle()
    link = f"https://discord.com/channels/{guild.id}/{locked.id}/{again.id}"
    assert link in await parents(alice, channel, variation)
    assert "https://" not in await parents(bob, channel, variation)


async def test_details_of_one_picture_tell_its_seed(simcord_env, channel, alice):
    await imagine(simcord_env, channel, alice, "a red cat --seed 7")
    single = (await alice.click(channel.last_message, label="U3")).response.message
    said = (await alice.context_menu(channel, "Job details", single)).response.embeds[0]
    assert "**Seed:** 9\n" in said.description


async def test_a_message_that_shows_nothing_is_one_sentence(simcord_env, channel, alice):
    note = await alice.send(channel, "hello")
    for menu in ("DM Results", "Job details"):
        assert (
            "shows no picture" in refusal(await alice.context_menu(channel, menu, note)).description
        )


# /server


async def test_a_server_may_keep_buttons_to_whose_picture_it_is(
    simcord_env, channel, manager, alice, bob, fake_engine
):
    await imagine(simcord_env, channel, alice)
    grid = channel.last_message
    said = await manager.slash(channel, "server buttons", who="owners")
    assert said.ephemeral
    refused = await bob.click(grid, label="V1")
    assert "only whose picture it is" in refusal(refused).description
    assert (await bob.context_menu(channel, "Job details", grid)).response.embeds
    await alice.click(grid, label="V1")
    await simcord_env.settle()
    assert len(fake_engine.jobs) == 2
    await manager.slash(channel, "server buttons", who="everybody")
    assert not (await bob.click(grid, label="U1")).response.ephemeral


async def test_a_server_without_a_language_of_its_own_chooses_one(
    simcord_env, new_bot, channel, manager, alice
):
    await manager.slash(channel, "server language", language="ja")
    await simcord_env.restart_bot(new_bot())
    await imagine(simcord_env, channel, alice)
    assert "高速" in channel.last_message.content
    await manager.slash(channel, "server language", language="discord")
    await imagine(simcord_env, channel, alice)
    assert channel.last_message.content.endswith("(fast)")


@pytest.mark.usefixtures("shown_to_all")
async def test_a_plain_member_sets_nothing_for_the_server(
    simcord_env, simcord_bot, guild, channel, alice
):
    for name, options in {"buttons": {"who": "owners"}, "language": {"language": "ja"}}.items():
        result = await alice.slash(channel, f"server {name}", **options)
        assert "Only who manages this server" in refusal(result).description
    assert await simcord_bot.preferences.of(guild.id) == {}
