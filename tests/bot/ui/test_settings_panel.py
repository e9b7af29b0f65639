"""/settings, /prefer and the modes: each changes what belongs to who uses it, and acts."""

import discord
import pytest
from tests_support import custom_ids, refusal

from bot.preferences import LOW, Member

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


async def imagine(env, channel, member, prompt="a red cat"):
    result = await member.slash(channel, "imagine", prompt=prompt)
    await env.settle()
    return result


def green(message):
    return [
        item.label
        for line in message.components
        for item in line.children
        if getattr(item, "style", None) is discord.ButtonStyle.success
    ]


async def test_the_panel_is_private_and_shows_what_holds(simcord_env, simcord_bot, channel, alice):
    await simcord_bot.preferences.change(alice.id, suffix="--ar 3:2", speed="relax")
    result = await alice.slash(channel, "settings")
    assert result.ephemeral
    message = result.response.message
    assert "**Suffix:** `--ar 3:2`" in message.embeds[0].description
    assert "**Speed:** Relax" in message.embeds[0].description
    assert green(message) == ["High variation", "Relax", "Public"]
    assert len(custom_ids(message)) == 15


async def test_each_button_changes_one_thing_also_after_a_restart(
    simcord_env, simcord_bot, new_bot, channel, alice
):
    message = (await alice.slash(channel, "settings")).response.message
    for label in ("Stylize high", "Low variation", "Remix", "Auto DM", "Turbo"):
        await alice.click(message, label=label)
    bot = new_bot()
    await simcord_env.restart_bot(bot)
    result = await alice.click(message, label="Stealth")
    await alice.select(message, values=["doodle"], custom_id="set:model")
    assert await bot.preferences.member(alice.id) == Member(
        model="doodle",
        stylize=250,
        variation=LOW,
        speed="turbo",
        remix=True,
        stealth=True,
        auto_dm=True,
    )
    assert "Stealth" in green(result.response.message)
    await alice.click(message, label="Reset settings")
    assert await bot.preferences.member(alice.id) == Member()


async def test_a_style_that_holds_is_taken_back_by_its_button(
    simcord_env, simcord_bot, channel, alice
):
    message = (await alice.slash(channel, "settings")).response.message
    await alice.click(message, label="Stylize low")
    assert (await simcord_bot.preferences.member(alice.id)).stylize == 50
    await alice.click(message, label="Stylize low")
    assert (await simcord_bot.preferences.member(alice.id)).stylize is None


@pytest.mark.parametrize(
    "forged",
    ["set:speed:now", "set:suffix:--ar 3:2", "set:1234:speed:turbo", "set:stealth", "set:x"],
)
async def test_a_forged_button_changes_nothing(
    simcord_env, simcord_bot, channel, alice, bob, forged
):
    await imagine(simcord_env, channel, alice)
    message = simcord_bot.get_partial_messageable(channel.id).get_partial_message(
        channel.last_message.id
    )
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="x", custom_id=forged))
    view.add_item(discord.ui.Button(label="y", custom_id="set:speed:relax"))
    await message.edit(view=view)
    result = await bob.click(channel.last_message, custom_id=forged)
    assert "send /settings again" in refusal(result).description
    await bob.click(channel.last_message, custom_id="set:speed:relax")
    assert await simcord_bot.preferences.member(alice.id) == Member()
    assert (await simcord_bot.preferences.member(bob.id)).speed == "relax", "it is his own"


async def test_v_draws_as_far_as_who_presses_has_set(simcord_env, simcord_bot, channel, alice, bob):
    await imagine(simcord_env, channel, alice)
    grid = channel.last_message
    said = await bob.slash(channel, "prefer variability")
    assert "subtle" in said.response.content
    await bob.click(grid, label="V1")
    await simcord_env.settle()
    assert "Variations (Subtle)" in channel.last_message.content
    await alice.click(grid, label="V1")
    await simcord_env.settle()
    assert "Variations (Strong)" in channel.last_message.content


async def test_modes_are_commands_too(simcord_env, simcord_bot, channel, alice):
    for name, changed in {
        "turbo": Member(speed="turbo"),
        "relax": Member(speed="relax"),
        "fast": Member(),
        "stealth": Member(stealth=True),
        "public": Member(),
    }.items():
        assert (await alice.slash(channel, name)).ephemeral
        assert await simcord_bot.preferences.member(alice.id) == changed


async def test_parameters_of_ones_own_are_kept_listed_used_and_deleted(
    simcord_env, simcord_bot, channel, alice, fake_engine
):
    said = await alice.slash(channel, "prefer option set", option="Mine", value="--ar 3:2 --raw")
    assert "--mine stands for" in said.response.content
    await imagine(simcord_env, channel, alice, "a cat --mine")
    assert fake_engine.jobs[-1].width_px > fake_engine.jobs[-1].height_px
    listed = await alice.slash(channel, "prefer option list")
    assert "`--mine` --ar 3:2 --raw" in listed.response.embeds[0].description
    await alice.slash(channel, "prefer option set", option="mine")
    assert "is deleted" not in (await alice.slash(channel, "prefer option list")).response.content
    assert not (await simcord_bot.preferences.member(alice.id)).macros
    assert (
        "nothing to delete"
        in refusal(await alice.slash(channel, "prefer option set", option="mine")).description
    )


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("ar", "--s 5", "is a parameter already"),
        ("my own", "--s 5", "letters and digits"),
        ("mine", "--bogus", "no parameter --bogus"),
        ("mine", "{a, b}", "cannot be part of your own parameters"),
        ("mine", "--mine", "cannot hold each other"),
        ("mine", "x" * 1500, "too long"),
    ],
)
async def test_a_parameter_that_would_break_every_prompt_is_not_kept(
    simcord_env, simcord_bot, channel, alice, name, value, sentence
):
    result = await alice.slash(channel, "prefer option set", option=name, value=value)
    assert sentence in refusal(result).description
    assert not (await simcord_bot.preferences.member(alice.id)).macros


async def test_there_are_twenty_at_most(simcord_env, simcord_bot, channel, alice):
    for number in range(20):
        await simcord_bot.preferences.set_macro(alice.id, f"m{number}", "--raw", 20)
    result = await alice.slash(channel, "prefer option set", option="more", value="--raw")
    assert "20 parameters of your own" in refusal(result).description


async def test_a_suffix_is_checked_before_it_is_kept(simcord_env, simcord_bot, channel, alice):
    refused = await alice.slash(channel, "prefer suffix", new_value="a dog")
    assert "parameters only" in refusal(refused).description
    await alice.slash(channel, "prefer suffix", new_value="--chaos 10")
    await imagine(simcord_env, channel, alice, "a cat")
    assert channel.last_message.content.startswith("**a cat --chaos 10**")
    await alice.slash(channel, "prefer suffix")
    await imagine(simcord_env, channel, alice, "a cat")
    assert channel.last_message.content.startswith("**a cat** - ")


async def test_switches_switch(simcord_env, simcord_bot, channel, alice):
    await alice.slash(channel, "prefer remix")
    await alice.slash(channel, "prefer auto_dm")
    own = await simcord_bot.preferences.member(alice.id)
    assert own.remix and own.auto_dm
    await alice.slash(channel, "prefer remix")
    assert not (await simcord_bot.preferences.member(alice.id)).remix


async def test_own_parameters_are_suggested(simcord_env, simcord_bot, channel, alice, bob):
    await simcord_bot.preferences.set_macro(alice.id, "mine", "--raw", 20)
    found = await alice.autocomplete(channel, "prefer option set", "option", "mi")
    assert [choice["value"] for choice in found] == ["mine"]
    assert not await bob.autocomplete(channel, "prefer option set", "option", "mi")
