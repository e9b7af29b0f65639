"""What a member set acts in their prompts, and what they type goes before it."""

import pytest

import engine

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


async def imagine(env, channel, member, prompt="a red cat"):
    result = await member.slash(channel, "imagine", prompt=prompt)
    await env.settle()
    return result


async def test_suffix_and_parameters_of_ones_own_are_written_out_in_the_message(
    simcord_env, simcord_bot, channel, alice, bob, fake_engine
):
    await simcord_bot.preferences.change(alice.id, suffix="--chaos 20")
    await simcord_bot.preferences.set_macro(alice.id, "wide", "--ar 3:2", 20)
    await imagine(simcord_env, channel, alice, "a red cat --wide")
    words = "**a red cat --ar 3:2 --chaos 20**"
    assert channel.last_message.content == f"{words} - {alice.mention} (fast)"
    [job] = fake_engine.jobs
    assert job.width_px > job.height_px
    assert job.chaos == 0.2
    refused = await imagine(simcord_env, channel, bob, "a red cat --wide")
    assert refused.ephemeral, "it is nobody else's"


async def test_the_members_speed_is_that_of_whatever_they_order(
    simcord_env, simcord_bot, guild, channel, alice, bob, fake_engine
):
    await simcord_bot.preferences.change(alice.id, speed="turbo")
    await imagine(simcord_env, channel, alice)
    assert channel.last_message.content.endswith("(turbo)")
    await imagine(simcord_env, channel, alice, "a red cat --relax")
    assert channel.last_message.content.endswith("(relax)")
    await imagine(simcord_env, channel, alice, "a blue cat")
    await bob.click(channel.last_message, label="V1")
    await simcord_env.settle()
    assert channel.last_message.content.splitlines()[0].endswith("(fast)")
    lane = engine.Lane
    lanes = [job.lane for job in fake_engine.jobs]
    assert lanes == [lane.TURBO, lane.RELAX, lane.TURBO, lane.FAST]
    balance = await simcord_bot.accounts.balance(guild_id=guild.id, user_id=alice.id)
    assert balance.available == 2500 - 200 - 100 - 200


async def test_all_grids_of_a_batch_have_the_members_speed(
    simcord_env, simcord_bot, channel, alice, fake_engine
):
    await simcord_bot.preferences.change(alice.id, speed="relax", stylize=50)
    asked = await imagine(simcord_env, channel, alice, "{red, blue} cat")
    await alice.click(asked.response.message, label="Confirm")
    await simcord_env.settle()
    assert {job.lane for job in fake_engine.jobs} == {engine.Lane.RELAX}
    assert any("red cat --stylize 50" in m.content for m in channel.history())
