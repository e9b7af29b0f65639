"""/shorten: which words matter, and buttons that draw shorter prompts."""

import dataclasses

import pytest
from tests_support import custom_ids, labels, refusal, rows

import engine
from bot.storage.tables import holds, jobs
from engine.fake import FAKE_MODEL

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)
PROMPT = "a magnificent cat of mountains under storms --ar 3:2 --seed 5"


async def shorten(env, channel, member, prompt=PROMPT):
    result = await member.slash(channel, "shorten", prompt=prompt)
    await env.settle()
    return result


async def press(env, member, message, label):
    button = custom_ids(message)[labels(message).index(label)]
    await member.click(message, custom_id=button)
    await env.settle()


async def test_weak_words_are_struck_and_five_shorter_prompts_offered(
    simcord_env, channel, alice, database
):
    await shorten(simcord_env, channel, alice)
    message = channel.last_message
    lines = message.content.splitlines()
    assert lines[0].endswith(f"- Shortened by {alice.mention} (fast)")
    assert lines[1:] == [
        "~~a~~ **magnificent** cat of **mountains** under storms",
        "1. magnificent cat of mountains under storms --ar 3:2 --seed 5",
        "2. magnificent cat mountains under storms --ar 3:2 --seed 5",
        "3. magnificent mountains under storms --ar 3:2 --seed 5",
        "4. magnificent mountains storms --ar 3:2 --seed 5",
        "5. magnificent mountains --ar 3:2 --seed 5",
    ]
    assert labels(message) == ["1", "2", "3", "4", "5"]
    assert [hold.settled for hold in await rows(database, holds)] == [10]


async def test_a_button_draws_its_prompt_for_who_presses_it_after_a_restart(
    simcord_env, channel, alice, bob, new_bot, fake_engine, database
):
    await shorten(simcord_env, channel, alice)
    message = channel.last_message
    fresh = type(fake_engine)()
    fresh.env = simcord_env
    await simcord_env.restart_bot(new_bot(fresh))
    await press(simcord_env, bob, message, "5")
    assert channel.last_message.content == (
        f"**magnificent mountains --ar 3:2 --seed 5** - {bob.mention} (fast)"
    )
    assert fresh.jobs[-1].seed == 5
    assert (await rows(database, jobs))[-1].user_id == bob.id


async def test_words_that_a_small_model_does_not_know_are_struck(
    simcord_env, channel, alice, new_bot, fake_engine
):
    vocabulary = engine.Vocabulary(draws=(("en", ("cat",)),), knows=frozenset({"red", "cat"}))
    small = dataclasses.replace(
        FAKE_MODEL, info=dataclasses.replace(FAKE_MODEL.info, vocabulary=vocabulary)
    )
    fresh = type(fake_engine)([small])
    fresh.env = simcord_env
    await simcord_env.restart_bot(new_bot(fresh))
    await shorten(simcord_env, channel, alice, "a red Zocemoxidura, cat")
    message = channel.last_message
    assert "~~Zocemoxidura,~~" in message.content
    assert "1. a red cat" in message.content
    assert "does not know: Zocemoxidura" in message.content


async def test_a_comma_does_not_end_a_shorter_prompt(simcord_env, channel, alice):
    await shorten(simcord_env, channel, alice, "mountain, magnificent, a")
    assert channel.last_message.content.splitlines()[2:] == [
        "1. mountain, magnificent",
        "2. magnificent",
    ]


async def test_braces_and_markdown_in_words_stay_words(simcord_env, channel, alice, fake_engine):
    await shorten(simcord_env, channel, alice, r"a \{whale\} **beside** the harbour")
    message = channel.last_message
    assert r"\*\*beside\*\*" in message.content
    await press(simcord_env, alice, message, "1")
    assert fake_engine.jobs[-1].prompt[0].text == "{whale} **beside** the harbour"


async def test_weights_are_left_out_and_that_is_said(simcord_env, channel, alice):
    await shorten(simcord_env, channel, alice, "red::2 castle::1")
    assert "without the weights" in channel.last_message.content


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [
        ("cat", "has 1 word"),
        ("cat " * 201, "has 201 words"),
        ("cat dog --ar 0:1", "--ar takes two whole numbers"),
        ("{red, blue} cat", "Permutations"),
    ],
)
async def test_what_cannot_be_shortened_is_one_sentence_and_free(
    simcord_env, channel, alice, database, prompt, sentence
):
    result = await shorten(simcord_env, channel, alice, prompt)
    assert sentence in refusal(result).description
    assert "/shorten prompt: " in refusal(result).description
    assert await rows(database, jobs) == []


async def test_the_longest_prompt_fits_into_a_message(simcord_env, channel, alice):
    words = " ".join(f"word{number}_{'*' * 9}" for number in range(190))
    await shorten(simcord_env, channel, alice, words)
    message = channel.last_message
    assert len(message.content) <= 2000
    assert all(f"\n{number}. " in message.content for number in range(1, 6))
