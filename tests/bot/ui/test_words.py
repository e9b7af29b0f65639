"""What a member reads about words that a model does not know or cannot read."""

import dataclasses

import pytest
from tests_support import PatientEngine

from engine import Vocabulary
from engine.fake import FAKE_MODEL, FAKE_PAIR

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)

SMALL = Vocabulary(draws=(("en", ("cat", "boat")),), knows=frozenset({"cat", "boat", "red"}))
NOTE = "\n-# Doodle does not know: dragon, knight. It draws: cat, boat."


@pytest.fixture
def fake_engine():
    """One whose model knows three words of English."""
    info = dataclasses.replace(FAKE_MODEL.info, vocabulary=SMALL, languages=("en",))
    return PatientEngine(models=(dataclasses.replace(FAKE_MODEL, info=info), FAKE_PAIR))


async def test_unknown_words_are_named_beside_the_first_reply_and_the_result(
    simcord_env, channel, alice, fake_engine
):
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="a dragon and a red knight")
    assert NOTE in channel.last_message.content
    fake_engine.resume()
    await simcord_env.settle()
    assert channel.last_message.attachments
    assert NOTE in channel.last_message.content


async def test_new_words_of_a_variation_are_looked_at_and_its_old_ones_are_not(
    simcord_env, channel, alice
):
    await alice.slash(channel, "imagine", prompt="a dragon and a knight")
    await simcord_env.settle()
    await alice.click(channel.last_message, label="V1")
    await simcord_env.settle()
    assert "does not know" not in channel.last_message.content
    await alice.slash(channel, "vary", prompt="a dragon, a knight")
    await simcord_env.settle()
    assert NOTE in channel.last_message.content


async def test_a_prompt_in_another_language_is_drawn_and_said_so(simcord_env, channel, alice):
    await alice.slash(channel, "imagine", prompt="赤い猫")
    await simcord_env.settle()
    assert channel.last_message.attachments
    assert "-# Doodle does not read Japanese" in channel.last_message.content


async def test_what_is_quoted_of_a_prompt_can_ping_and_format_nothing(simcord_env, channel, alice):
    await alice.slash(channel, "imagine", prompt="a cat **@everyone** `x` <@123> _dragon_ ||knight")
    note = channel.last_message.content.split("\n-# ")[1]
    assert note == "Doodle does not know: everyone, dragon, knight. It draws: cat, boat."
