"""How fast and who sees it: in every command that makes a job, and what was said last counts."""

import asyncio

import pytest
from sqlalchemy import select
from tests_support import png, press, refusal

import engine
from bot.preferences import Member
from bot.storage.tables import jobs

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)
PICTURES = {"image1": ("a.png", png()), "image2": ("b.png", png(colour="blue"))}
COMMANDS = {
    "imagine": {"prompt": "a secret cat {}"},
    "shorten": {"prompt": "a very secret red cat {}"},
    "vary": {"picture": ("a.png", png()), "prompt": "a secret {}"},
    "upscale": {"picture": ("a.png", png()), "prompt": "a secret {}"},
    "creative": {"picture": ("a.png", png()), "way": "CREATIVE", "prompt": "a secret {}"},
    "blend": {**PICTURES, "prompt": "a secret {}"},
    "morph": {"text1": "a secret {}", "text2": "a dog", "frames": 2},
}
UNSAID = {"describe": {"picture": ("a.png", png())}, **COMMANDS}
"""Commands with and without words."""


async def order(env, channel, member, name, parameters=""):
    options = {
        option: value.format(parameters).strip() if isinstance(value, str) else value
        for option, value in UNSAID[name].items()
    }
    result = await member.slash(channel, "upscale" if name == "creative" else name, **options)
    await env.settle()
    return result


@pytest.mark.parametrize("name", COMMANDS)
async def test_words_hide_what_any_command_makes(simcord_env, channel, alice, name):
    result = await order(simcord_env, channel, alice, name, "--stealth")
    assert channel.history() == []
    [told] = alice.user.dm_channel.history()
    assert "secret" in told.content
    assert (result.followups[-1] if result.followups else result.response).ephemeral


@pytest.mark.parametrize("name", COMMANDS)
async def test_words_choose_the_lane_of_any_command(simcord_env, channel, alice, fake_engine, name):
    await order(simcord_env, channel, alice, name, "--relax")
    assert fake_engine.jobs[-1].lane is engine.Lane.RELAX


@pytest.mark.parametrize("name", COMMANDS)
async def test_one_job_of_a_hiding_member_is_public_where_its_words_say_so(
    simcord_env, simcord_bot, channel, alice, name
):
    await simcord_bot.preferences.change(alice.id, stealth=True)
    await order(simcord_env, channel, alice, name, "--public")
    assert "secret" in channel.last_message.content
    assert len(channel.history()) == 1, "the first reply was in the channel too, and is replaced"
    assert alice.user.dm_channel is None or alice.user.dm_channel.history() == []


@pytest.mark.parametrize("name", UNSAID)
async def test_a_suffix_hides_and_hurries_what_any_command_makes(
    simcord_env, channel, alice, fake_engine, name
):
    await alice.slash(channel, "prefer suffix", new_value="--stealth --relax")
    await order(simcord_env, channel, alice, name)
    assert channel.history() == []
    assert fake_engine.jobs[-1].lane is engine.Lane.RELAX


@pytest.mark.parametrize("button", ["Custom Zoom", "Vary (Region)", "Vary (Subtle)", "⬅️"])
async def test_words_in_a_form_hide_what_it_makes(
    simcord_env, simcord_bot, channel, alice, fake_engine, button
):
    await order(simcord_env, channel, alice, "imagine")
    await press(simcord_env, alice, channel.last_message, "U1")
    single, before = channel.last_message, len(channel.history())
    await simcord_bot.preferences.change(alice.id, remix=True)
    form = await press(simcord_env, alice, single, button)
    more = {"Vary (Region)": {"areas": "top left"}, "Custom Zoom": {"zoom": "1.5"}}.get(button, {})
    await alice.submit_modal(form, {"prompt": "a dog --stealth --relax", **more})
    await simcord_env.settle()
    assert len(channel.history()) == before
    assert "a dog" in alice.user.dm_channel.last_message.content
    assert fake_engine.jobs[-1].lane is engine.Lane.RELAX


@pytest.mark.parametrize(
    ("first", "then", "public", "lane"),
    [
        ("--public --turbo", ("stealth", "fast"), False, engine.Lane.FAST),
        ("--stealth --fast", ("public", "turbo"), True, engine.Lane.TURBO),
    ],
)
async def test_a_command_goes_before_an_earlier_suffix(
    simcord_env, channel, alice, fake_engine, first, then, public, lane
):
    await alice.slash(channel, "prefer suffix", new_value=first)
    for command in then:
        await alice.slash(channel, command)
    await order(simcord_env, channel, alice, "imagine")
    assert bool(channel.history()) is public
    assert fake_engine.jobs[-1].lane is lane


async def test_a_suffix_goes_before_an_earlier_command(simcord_env, channel, alice, fake_engine):
    for command in ("public", "turbo"):
        await alice.slash(channel, command)
    await alice.slash(channel, "prefer suffix", new_value="--relax --stealth")
    await order(simcord_env, channel, alice, "imagine")
    assert channel.history() == []
    assert fake_engine.jobs[-1].lane is engine.Lane.RELAX


async def test_the_modes_of_a_suffix_are_said_and_are_no_part_of_it(simcord_bot, channel, alice):
    result = await alice.slash(channel, "prefer suffix", new_value="--turbo --ar 3:2 --stealth")
    said = result.response.content
    assert said.startswith("--ar 3:2 is added")
    assert "in this mode: Turbo, Stealth." in said
    own = await simcord_bot.preferences.member(alice.id)
    assert own == Member(suffix="--ar 3:2", speed="turbo", stealth=True)
    result = await alice.slash(channel, "prefer suffix", new_value="--chaos 5")
    assert "mode" not in result.response.content
    result = await alice.slash(channel, "prefer suffix")
    assert "in this mode: Turbo, Stealth." in result.response.content, "they stay"


async def test_a_word_that_is_called_as_a_mode_is_none(
    simcord_env, simcord_bot, channel, alice, fake_engine, monkeypatch
):
    clean = simcord_bot.fetcher.clean

    async def slowly(data):
        await asyncio.sleep(0.05)  # the reply is deferred meanwhile, for all to see
        return await clean(data)

    monkeypatch.setattr(simcord_bot.fetcher, "clean", slowly)
    fake_engine.pause()
    result = await order(simcord_env, channel, alice, "blend", "stealth bomber")
    assert not result.ephemeral
    assert "Waiting to start" in channel.last_message.content
    fake_engine.resume()
    await simcord_env.settle()


async def test_subtle_words_are_read_and_kept_for_what_goes_on(
    simcord_env, channel, alice, database, fake_engine
):
    await alice.slash(channel, "upscale", picture=("a.png", png()), prompt="a lion --ar 3:2")
    await simcord_env.settle()
    assert "draws nothing new" in channel.last_message.content
    async with database.read() as connection:
        row = (await connection.execute(select(jobs))).one()
    assert row.prompt == "a lion --ar 3:2"
    await press(simcord_env, alice, channel.last_message, "Vary (Subtle)")
    assert [part.text for part in fake_engine.jobs[-1].prompt] == ["a lion"]


async def test_a_link_in_subtle_words_is_refused(simcord_env, channel, alice, fake_engine):
    words = "https://example.com/a.png a lion"
    result = await alice.slash(channel, "upscale", picture=("a.png", png()), prompt=words)
    await simcord_env.settle()
    assert "its own picture" in refusal(result).description
    assert fake_engine.jobs == []
