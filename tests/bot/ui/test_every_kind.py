"""Every kind of job pings its member once, and its end is told however old its message is."""

import pytest
from sqlalchemy import select
from tests_support import custom_ids, labels, png

from bot.storage.tables import jobs

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)
WORDS = "a cat @everyone @here"


async def press(member, message, label):
    custom_id = dict(zip(labels(message), custom_ids(message), strict=True))[label]
    return await member.click(message, custom_id=custom_id)


def button(label):
    async def order(member, _channel, single):
        await press(member, single, label)

    return order


def command(name, **options):
    async def order(member, channel, _single):
        await member.slash(channel, name, **options)

    return order


async def region(member, _channel, single):
    shown = await press(member, single, "Vary (Region)")
    await member.submit_modal(shown, {"areas": "top left"})


ORDERS = {
    "describe": command("describe", picture=("a.png", png())),
    "shorten": command("shorten", prompt=WORDS),
    "upscale": command("upscale", picture=("a.png", png())),
    "morph": command("morph", text1=WORDS, text2="a dog", frames=2),
    "cross": command("morph", text1=WORDS, text2="a dog", cross=True),
    "blend": command(
        "blend", image1=("a.png", png()), image2=("b.png", png(colour="blue")), prompt=WORDS
    ),
    "making_of": button("🎞️"),
    "zoom": button("Zoom Out 2x"),
    "pan": button("⬅️"),
    "region": region,
}


@pytest.fixture
async def single(simcord_env, channel, alice):
    await alice.slash(channel, "imagine", prompt=WORDS)
    await simcord_env.settle()
    await alice.click(channel.last_message, label="U1")
    return channel.last_message


async def newest(database):
    async with database.read() as connection:
        found = await connection.execute(select(jobs).order_by(jobs.c.created_ms.desc()).limit(1))
        return found.one()


@pytest.mark.parametrize("kind", ORDERS)
async def test_its_member_is_pinged_once_and_nobody_else(
    simcord_env, channel, alice, bob, single, database, kind
):
    before = len(simcord_env.http_requests)
    await ORDERS[kind](bob, channel, single)
    await simcord_env.settle()
    job = await newest(database)
    assert (job.kind, job.user_id, job.delivery) == (kind, bob.id, "posted")
    mentions = [
        (request.json.get("data") or request.json).get("allowed_mentions")
        for request in simcord_env.http_requests[before:]
        if isinstance(request.json, dict)
        and (request.path.endswith("/callback") or "/messages" in request.path)
        and ((request.json.get("data") or request.json).get("content"))
    ]
    assert mentions
    assert all(each is not None for each in mentions)
    assert not any({"everyone", "roles", "users"} & {*each["parse"]} for each in mentions)
    assert not any(each.get("roles") for each in mentions)
    assert [each["users"] for each in mentions if each.get("users")] == [[bob.id]]


@pytest.mark.parametrize("ends", ["finished", "failed"])
@pytest.mark.parametrize("kind", ORDERS)
async def test_its_end_is_told_where_its_message_is_too_old_to_be_edited(
    simcord_env, channel, alice, single, database, fake_engine, monkeypatch, kind, ends
):
    fake_engine.pause()
    if ends == "failed":
        fake_engine.fail_next("The lamp broke.")
    await ORDERS[kind](alice, channel, single)
    await simcord_env.settle()
    waiting = channel.last_message
    for room in ("outbox", "progress"):
        monkeypatch.setattr(f"bot.ui.{room}.age_s", lambda _id: 3601.0)
    simcord_env.inject_error("PATCH", "/channels/*/messages/*", status=429, code=30046, times=None)
    fake_engine.resume()
    await simcord_env.settle()
    job = await newest(database)
    assert (job.kind, job.outcome, job.delivery) == (kind, ends, "posted")
    told = channel.last_message
    assert told.id != waiting.id
    assert waiting.id not in {message.id for message in channel.history()}
    if ends == "failed":
        assert "The lamp broke." in told.content
    else:
        assert told.attachments or kind == "shorten"
