"""A hidden job's progress is shown by the private reply to its order, for as long as that lives."""

import pytest
from tests_support import custom_ids, labels

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)
END = "by direct message; if you take none, /show brings it."


async def some_way(env, engine, evaluations=9):
    engine.step(evaluations)
    await env.settle()
    await env.advance_time(5)


def private(result):
    """The last private message, whether the first reply was deferred or not."""
    return (result.followups[-1] if result.followups else result.response).message


async def test_the_private_reply_shows_how_far_it_is_and_then_rests(
    simcord_env, channel, alice, fake_engine
):
    fake_engine.pause()
    result = await alice.slash(channel, "imagine", prompt="a red cat --stealth")
    reply = private(result)
    assert reply.content.endswith(END)
    await some_way(simcord_env, fake_engine)
    first, *notes = private(result).content.splitlines()
    assert first == f"**a red cat --stealth** - {alice.mention} (50%) (fast)"
    assert notes[-1].endswith(END)
    assert len(private(result).attachments) == 1, "as it is drawn"
    assert labels(private(result)) == ["Cancel Job"]
    assert channel.history() == []
    fake_engine.resume()
    await simcord_env.settle()
    first = private(result).content.splitlines()[0]
    assert first == f"**a red cat --stealth** - {alice.mention}"
    assert (private(result).attachments, labels(private(result))) == ([], [])
    assert [labels(message)[0] for message in alice.user.dm_channel.history()] == ["U1"]


async def test_after_the_interactions_time_nothing_more_is_shown(
    simcord_env, channel, alice, fake_engine
):
    fake_engine.pause()
    result = await alice.slash(channel, "imagine", prompt="a red cat --stealth")
    await some_way(simcord_env, fake_engine)
    await simcord_env.advance_time(14 * 60)
    await simcord_env.advance_time(5)
    first = private(result).content.splitlines()[0]
    assert first == f"**a red cat --stealth** - {alice.mention}", "no share that stands for ever"
    assert labels(private(result)) == ["Cancel Job"]
    before = len(simcord_env.http_requests)
    await some_way(simcord_env, fake_engine, 4)
    edits = [each for each in simcord_env.http_requests[before:] if each.method == "PATCH"]
    assert edits == []
    await alice.click(private(result), label="Cancel Job")
    fake_engine.resume()
    await simcord_env.settle()
    assert "(cancelled)" in alice.user.dm_channel.last_message.content


async def test_what_was_confirmed_has_a_cancel_button_and_progress_too(
    simcord_env, simcord_bot, channel, alice, fake_engine
):
    await simcord_bot.preferences.change(alice.id, stealth=True)
    asked = await alice.slash(channel, "morph", text1="a cat", text2="a dog", frames=20)
    fake_engine.pause()
    confirmed = await alice.click(private(asked), label="Confirm")
    await simcord_env.settle()
    reply = private(confirmed)
    assert labels(reply) == ["Cancel Job"]
    await some_way(simcord_env, fake_engine)
    reply = private(confirmed)
    assert "(10%) (fast)" in reply.content
    assert channel.history() == []
    custom_id = custom_ids(reply)[0]
    await alice.click(reply, custom_id=custom_id)
    fake_engine.resume()
    await simcord_env.settle()
    assert "(cancelled)" in alice.user.dm_channel.last_message.content
    reply = private(confirmed)
    assert labels(reply) == []
