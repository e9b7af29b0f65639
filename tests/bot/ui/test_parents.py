"""What is made from a picture says from which, for those who can follow the link."""

import pytest
from tests_support import press

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


async def imagine(env, channel, member, prompt="a red cat"):
    await member.slash(channel, "imagine", prompt=prompt)
    await env.settle()


def address(guild, channel, message):
    return f"https://discord.com/channels/{guild}/{channel.id}/{message.id}"


@pytest.mark.parametrize("label", ["Vary (Strong)", "Zoom Out 2x", "⬅️", "Upscale (Subtle)"])
async def test_what_goes_on_from_a_single_picture_links_to_its_message(
    simcord_env, guild, channel, alice, bob, label
):
    await imagine(simcord_env, channel, alice)
    single = (await press(simcord_env, alice, channel.last_message, "U3")).response.message
    await press(simcord_env, bob, single, label)
    link = address(guild.id, channel, single)
    assert f"\n-# From [image #3]({link})" in channel.last_message.content


async def test_variations_link_to_the_grid_and_their_reroll_to_the_same(
    simcord_env, guild, channel, alice
):
    await imagine(simcord_env, channel, alice)
    grid = channel.last_message
    assert "From" not in grid.content
    await press(simcord_env, alice, grid, "V2")
    line = f"-# From [image #2]({address(guild.id, channel, grid)})"
    assert line in channel.last_message.content
    await press(simcord_env, alice, channel.last_message, "🔄")
    assert line in channel.last_message.content
    await press(simcord_env, alice, grid, "🔄")
    assert "From" not in channel.last_message.content, "other pictures of the same words"


async def test_no_link_leads_to_another_channel_or_to_a_message_that_is_gone(
    simcord_env, guild, channel, alice
):
    other = guild.create_text_channel("other")
    await imagine(simcord_env, channel, alice)
    grid = channel.last_message
    again = (await alice.slash(other, "show")).response.message
    await press(simcord_env, alice, again, "V1")
    assert address(guild.id, other, again) in other.last_message.content
    shown = (await alice.slash(channel, "show")).response.message
    assert "From" not in shown.content, "there nobody may be able to read the other channel"
    await alice.react(grid, "❌")
    await simcord_env.settle()
    await press(simcord_env, alice, again, "V2")
    assert address(guild.id, other, again) in other.last_message.content


async def test_of_a_hidden_picture_the_link_is_one_of_direct_messages(simcord_env, channel, alice):
    await imagine(simcord_env, channel, alice, "a red cat --stealth")
    direct = alice.user.dm_channel
    grid = direct.last_message
    await press(simcord_env, alice.user, grid, "V1")
    assert f"[image #1]({address('@me', direct, grid)})" in direct.last_message.content


async def test_a_single_picture_that_is_posted_says_its_seed_once(
    simcord_env, simcord_bot, channel, alice, fake_engine
):
    await imagine(simcord_env, channel, alice, "a red cat --seed 7")
    single = (await press(simcord_env, alice, channel.last_message, "U2")).response.message
    await press(simcord_env, alice, single, "Upscale (Subtle)")
    assert f"\n-# Job `{fake_engine.jobs[-1].id}`" in channel.last_message.content
    assert "Seed" not in channel.last_message.content, "a network enlarges without one"
    await press(simcord_env, alice, single, "Upscale (Creative)")
    [picture] = await simcord_bot.lookup.pictures(fake_engine.jobs[-1].id)
    line = f"-# Seed {picture.seed} · Job `{picture.job_id}`"
    assert channel.last_message.content.count(line) == 1
    again = (await alice.slash(channel, "show")).response.message
    assert again.content.count(line) == 1


async def test_the_words_of_a_picture_are_no_message_with_it(
    simcord_env, simcord_bot, guild, channel, alice, bob
):
    await imagine(simcord_env, channel, alice)
    grid = channel.last_message
    row, _ = await simcord_bot.lookup.shown_by(grid.id)
    await alice.slash(channel, "describe", job_id=row.id, image=3)
    await simcord_env.settle()
    words = channel.last_message
    assert "Made here" in words.content
    await press(simcord_env, bob, grid, "V3")
    assert f"From [image #3]({address(guild.id, channel, grid)})" in channel.last_message.content
    described = await bob.context_menu(channel, "Describe", words)
    assert "**a red cat** - Made here" in described.response.content


async def test_a_picture_that_a_network_enlarged_has_no_seed(simcord_env, channel, alice):
    await imagine(simcord_env, channel, alice)
    single = (await press(simcord_env, alice, channel.last_message, "U1")).response.message
    await press(simcord_env, alice, single, "Upscale (Subtle)")
    larger = channel.last_message
    details = await alice.context_menu(channel, "Job details", larger)
    said = details.response.embeds[0].description
    assert "**State:** finished, fast" in said
    await press(simcord_env, alice, larger, "❤️")
    found = await alice.slash(channel, "show", job="favourites")
    shown = (found.response or found.followups[-1]).content
    for text in (larger.content, said, shown):
        assert "Seed" not in text
    assert "Job " in shown
