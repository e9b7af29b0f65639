"""What is said of jobs that wait, are drawn, or ended without a result is true of them."""

import dataclasses

import pytest
from sqlalchemy import select
from tests_support import custom_ids, labels, refusal

from bot.storage.tables import jobs

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)
NOT_YET = "This is not drawn yet; do that once its result is here."
ENDED = "This job ended without a result; press 🔄 under its message to try again."


async def imagine(env, channel, member, prompt="a red cat"):
    result = await member.slash(channel, "imagine", prompt=prompt)
    await env.settle()
    return result


async def press(member, message, label):
    custom_id = dict(zip(labels(message), custom_ids(message), strict=True))[label]
    return await member.click(message, custom_id=custom_id)


@pytest.fixture
async def only_job(database):
    async def found():
        async with database.read() as connection:
            return (await connection.execute(select(jobs.c.id))).scalar_one()

    return found


@pytest.mark.parametrize("menu", ["Describe", "DM Results", "Vary"])
async def test_menus_say_of_a_job_that_waits_that_it_is_not_drawn_yet_and_of_a_cancelled_one_so(
    simcord_env, channel, alice, fake_engine, menu
):
    fake_engine.pause()
    progress = (await imagine(simcord_env, channel, alice)).response.message
    said = refusal(await alice.context_menu(channel, menu, progress)).description
    assert said == NOT_YET
    await alice.react(progress, "❌")
    await simcord_env.settle()
    fake_engine.resume()
    await simcord_env.settle()
    cancelled = channel.last_message
    assert "🔄" in labels(cancelled), "what the sentence sends one to"
    said = refusal(await alice.context_menu(channel, menu, cancelled)).description
    expected = "This message has no picture to describe." if menu == "Describe" else ENDED
    assert said == expected


async def test_show_says_so_too(simcord_env, channel, alice, fake_engine, only_job):
    fake_engine.pause()
    progress = (await imagine(simcord_env, channel, alice)).response.message
    job_id = await only_job()
    assert refusal(await alice.slash(channel, "show", job=job_id)).description == NOT_YET
    await alice.react(progress, "❌")
    await simcord_env.settle()
    fake_engine.resume()
    await simcord_env.settle()
    assert refusal(await alice.slash(channel, "show", job=job_id)).description == ENDED


async def test_details_of_a_job_say_whether_it_waits_runs_or_is_done(
    simcord_env, channel, alice, fake_engine, only_job, monkeypatch
):
    async def state(message):
        shown = await alice.context_menu(channel, "Job details", message)
        lines = shown.response.embeds[0].description.splitlines()
        return next(line for line in lines if line.startswith("**State:**"))

    fake_engine.pause()
    progress = (await imagine(simcord_env, channel, alice)).response.message
    status = fake_engine.status()
    for running, said in (((), "Waiting to start, fast"), ((await only_job(),), "running, fast")):
        changed = dataclasses.replace(status, running=running)
        monkeypatch.setattr(fake_engine, "status", lambda changed=changed: changed)
        assert await state(progress) == f"**State:** {said}"
    fake_engine.resume()
    await simcord_env.settle()
    assert await state(channel.last_message) == "**State:** finished, fast"


async def test_ones_own_parameters_are_written_out_in_both_texts_of_a_morph(
    simcord_env, channel, alice, fake_engine
):
    await alice.slash(channel, "prefer option set", option="mine", value="at night")
    await alice.slash(channel, "prefer option set", option="wide", value="--ar 3:2")
    await alice.slash(channel, "morph", text1="a cat --mine", text2="a dog --mine", frames=2)
    await simcord_env.settle()
    job = fake_engine.jobs[-1]
    assert [part.text for part in job.prompt] == ["a cat at night"]
    assert [part.text for part in job.towards] == ["a dog at night"]
    refused = await alice.slash(channel, "morph", text1="a cat", text2="a dog --wide", frames=2)
    assert "parameters after the first text only" in refusal(refused).description
    assert len(fake_engine.jobs) == 1


async def test_a_picture_between_two_texts_is_said_to_have_no_making_of(
    simcord_env, channel, alice, fake_engine
):
    await alice.slash(channel, "morph", text1="a cat", text2="a dog", cross=True)
    await simcord_env.settle()
    await press(alice, channel.last_message, "U1")
    result = await press(alice, channel.last_message, "🎞️")
    assert refusal(result).description == ("There is no making-of of a picture between two others.")
    assert len(fake_engine.jobs) == 1
