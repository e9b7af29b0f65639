"""/describe of one of one's own jobs: its prompt, or of one without words what it could be."""

import pytest
from sqlalchemy import select
from tests_support import custom_ids, labels, png, refusal

from bot.storage.tables import jobs

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)
PICTURES = {"image1": ("a.png", png()), "image2": ("b.png", png(colour="blue"))}


async def order(env, channel, member, name="imagine", **options):
    await member.slash(channel, name, **(options or {"prompt": "a red cat"}))
    await env.settle()


async def newest(database):
    async with database.read() as connection:
        return (await connection.execute(select(jobs).order_by(jobs.c.created_ms.desc()))).first()


async def describe(env, channel, member, job_id, **options):
    result = await member.slash(channel, "describe", job_id=job_id, **options)
    await env.settle()
    return result


async def test_its_prompt_is_told_at_no_charge(simcord_env, channel, alice, database, fake_engine):
    await order(simcord_env, channel, alice)
    await describe(simcord_env, channel, alice, (await newest(database)).id)
    assert channel.last_message.content.startswith("**a red cat** - Made here")
    assert "U4" in labels(channel.last_message)
    assert len(fake_engine.jobs) == 1


@pytest.mark.parametrize("by", ["link", "image"])
async def test_one_picture_is_told_with_its_own_buttons(
    simcord_env, guild, channel, alice, database, by
):
    await order(simcord_env, channel, alice)
    grid = channel.last_message
    row = await newest(database)
    custom_id = custom_ids(grid)[labels(grid).index("U3")]
    await alice.click(grid, custom_id=custom_id)
    await simcord_env.settle()
    link = f"https://discord.com/channels/{guild.id}/{channel.id}/{channel.last_message.id}"
    if by == "link":
        await describe(simcord_env, channel, alice, link)
    else:
        await describe(simcord_env, channel, alice, row.id, image=3)
    assert "Vary (Region)" in labels(channel.last_message)
    assert all(each.endswith(":3") for each in custom_ids(channel.last_message))


async def test_of_one_without_words_a_picture_is_described(
    simcord_env, simcord_bot, channel, alice, database, fake_engine
):
    await order(simcord_env, channel, alice, "blend", **PICTURES)
    row = await newest(database)
    await describe(simcord_env, channel, alice, row.id, image=2)
    assert channel.last_message.content.startswith("Description by")
    _, picture = await simcord_bot.lookup.picture(row.id, 2)
    cleaned = await simcord_bot.fetcher.clean(picture)
    assert fake_engine.jobs[-1].picture == cleaned


@pytest.mark.parametrize("way", ["job", "picture"])
async def test_what_is_hidden_and_has_no_words_is_described_in_hiding(
    simcord_env, simcord_bot, channel, alice, database, way
):
    await simcord_bot.preferences.change(alice.id, stealth=True)
    await order(simcord_env, channel, alice, "blend", **PICTURES)
    await simcord_bot.preferences.change(alice.id, stealth=False)
    row = await newest(database)
    _, picture = await simcord_bot.lookup.picture(row.id, 1)
    options = {"job_id": row.id} if way == "job" else {"picture": ("a.png", picture)}
    await alice.slash(channel, "describe", **options)
    await simcord_env.settle()
    assert channel.history() == []
    assert "Description" in alice.user.dm_channel.last_message.content


async def test_a_hidden_prompt_is_told_in_private(simcord_env, channel, alice, database):
    await order(simcord_env, channel, alice, prompt="a secret --stealth")
    result = await describe(simcord_env, channel, alice, (await newest(database)).id)
    assert result.ephemeral
    assert "a secret" in result.response.content
    assert channel.history() == []


async def test_what_cannot_be_is_one_sentence_and_free(
    simcord_env, channel, alice, bob, database, fake_engine
):
    await order(simcord_env, channel, alice, "shorten", prompt="a very big red cat")
    words = await newest(database)
    await order(simcord_env, channel, alice)
    row = await newest(database)
    drawn = len(fake_engine.jobs)
    for member, options, said in (
        (bob, {"job_id": row.id}, "no such job"),
        (alice, {"job_id": "nothing"}, "no such job"),
        (alice, {"job_id": row.id, "picture": ("a.png", png())}, "one of the two"),
        (alice, {"job_id": words.id}, "no picture 1"),
        (alice, {}, "one of the two"),
    ):
        result = await member.slash(channel, "describe", **options)
        await simcord_env.settle()
        assert said in refusal(result).description, options
    assert len(fake_engine.jobs) == drawn


async def test_own_jobs_are_suggested(simcord_env, channel, alice, database):
    await order(simcord_env, channel, alice)
    found = await alice.autocomplete(channel, "describe", "job_id", "red")
    assert [choice["value"] for choice in found] == [(await newest(database)).id]
