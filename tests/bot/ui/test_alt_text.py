"""Every attachment says what it shows to who does not see it."""

import pytest
from tests_support import custom_ids, labels, png

from bot.ui.message_text import ALT_CHARACTERS

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


async def press(env, member, message, label):
    button = custom_ids(message)[labels(message).index(label)]
    await member.click(message, custom_id=button)
    await env.settle()


async def test_progress_grid_single_and_what_follows_have_the_prompt(
    simcord_env, channel, alice, fake_engine
):
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    fake_engine.step(7)
    await simcord_env.settle()
    await simcord_env.advance_time(5)
    said = [channel.last_message.attachments[0].description]
    fake_engine.resume()
    await simcord_env.settle()
    said.append(channel.last_message.attachments[0].description)
    for label in ("U1", "Upscale (Subtle)"):
        await press(simcord_env, alice, channel.last_message, label)
        said.append(channel.last_message.attachments[0].description)
    assert said == ["a red cat"] * 4


async def test_long_prompts_are_cut_to_what_discord_takes(simcord_env, channel, alice):
    await alice.slash(channel, "imagine", prompt="cat " * 400)
    await simcord_env.settle()
    assert len(channel.last_message.attachments[0].description) == ALT_CHARACTERS <= 1024


async def test_without_words_it_is_the_title(simcord_env, channel, alice):
    await alice.slash(channel, "upscale", picture=("a.png", png()), way="SUBTLE")
    await simcord_env.settle()
    assert channel.last_message.attachments[0].description == "Upscaled (Subtle)"
