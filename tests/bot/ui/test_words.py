"""What a member reads about words that a model does not know or cannot read."""

import dataclasses

import pytest
from sqlalchemy import select
from tests_support import PatientEngine, custom_ids

from bot.storage.tables import jobs
from engine import Vocabulary, WeightedText
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


# Words that are translated.

FIRST = "-# Doodle does not read Japanese: your words are translated into English first."
WORDS = {
    "赤い猫": "a red cat",
    "青い舟": "a *blue* boat @everyone <@1> https://a.test",
    "犬": "dog",
}


def translating(**translations):
    """An engine whose model reads English only, with a translation model for Japanese."""
    info = dataclasses.replace(FAKE_MODEL.info, languages=("en",), translates=("ja",))
    return PatientEngine(
        models=(dataclasses.replace(FAKE_MODEL, info=info), FAKE_PAIR), translations=translations
    )


class TestTranslated:
    @pytest.fixture
    def fake_engine(self):
        return translating(**WORDS)

    async def test_the_translation_is_shown_and_stored_and_drawn_again_by_every_button(
        self, simcord_env, channel, alice, fake_engine, new_bot
    ):
        await alice.slash(channel, "imagine", prompt="赤い猫 --no 犬 --seed 5")
        await simcord_env.settle()
        [asked] = fake_engine.jobs
        assert asked.translate == "ja"
        grid = channel.last_message
        assert grid.content.startswith("**赤い猫 --no 犬 --seed 5** - ")
        assert f"{FIRST}\n-# Drawn as: a red cat --no dog" in grid.content

        fresh = PatientEngine()  # months later: no translation model any more
        fresh.env = simcord_env
        await simcord_env.restart_bot(new_bot(fresh))
        await simcord_env.settle()
        for label in ("V2", None):
            if label:
                await alice.click(grid, label=label)
            else:
                await alice.click(
                    grid, custom_id=next(i for i in custom_ids(grid) if i.endswith(":r"))
                )
            await simcord_env.settle()
        assert [job.translate for job in fresh.jobs] == ["", ""]
        assert [job.prompt for job in fresh.jobs] == [(WeightedText(text="a red cat"),)] * 2
        assert [job.negative for job in fresh.jobs] == ["dog"] * 2

    async def test_the_first_reply_waits_for_no_translation_and_the_status_tells_of_it(
        self, simcord_env, channel, alice, fake_engine
    ):
        fake_engine.pause()
        await alice.slash(channel, "imagine", prompt="赤い猫")
        replies = [r.json["data"] for r in simcord_env.http_requests if "/callback" in r.path]
        (reply,) = replies  # as it was sent; the first edit with the progress drops the note
        assert reply["content"].endswith(f"(Waiting to start)\n{FIRST}")

    async def test_what_a_translation_says_can_ping_and_format_nothing(
        self, simcord_env, channel, alice
    ):
        await alice.slash(channel, "imagine", prompt="青い舟")
        await simcord_env.settle()
        said = r"-# Drawn as: a \*blue\* boat \@everyone \<\@1\> https\://a.test"
        assert channel.last_message.content.endswith(said)

    async def test_words_that_cannot_be_translated_are_drawn_as_they_are_for_ever(
        self, simcord_env, channel, alice, fake_engine
    ):
        await alice.slash(channel, "imagine", prompt="鳥のいる庭")
        await simcord_env.settle()
        grid = channel.last_message
        assert grid.attachments
        assert "-# The words could not be translated, so they were drawn as they are." in (
            grid.content
        )
        assert "Drawn as" not in grid.content
        await alice.click(grid, label="V1")
        await simcord_env.settle()
        assert fake_engine.jobs[-1].translate == ""
        assert fake_engine.jobs[-1].prompt == fake_engine.jobs[0].prompt

    async def test_pictures_say_in_their_file_what_was_drawn(
        self, simcord_env, channel, alice, simcord_bot
    ):
        await alice.slash(channel, "imagine", prompt="赤い猫")
        await simcord_env.settle()
        job_id = custom_ids(channel.last_message)[0].split(":")[1]
        _, png = await simcord_bot.lookup.picture(job_id, 1)
        assert b"a red cat" in png

    async def test_an_english_prompt_is_not_translated(
        self, simcord_env, channel, alice, fake_engine
    ):
        await alice.slash(channel, "imagine", prompt="a red cat")
        await simcord_env.settle()
        assert fake_engine.jobs[0].translate == ""
        assert "-#" not in channel.last_message.content

    async def test_a_restart_while_it_is_translated_counts_no_attempt_that_only_waited(
        self, simcord_env, channel, alice, fake_engine, database, simcord_bot
    ):
        fake_engine.pause()
        await alice.slash(channel, "imagine", prompt="赤い猫")
        await simcord_env.settle()
        async with database.read() as connection:
            assert await connection.scalar(select(jobs.c.attempts)) == 0
        fake_engine.step()
        await simcord_env.settle()
        async with database.read() as connection:
            assert await connection.scalar(select(jobs.c.attempts)) == 1
        fake_engine.resume()
        await simcord_env.settle()
