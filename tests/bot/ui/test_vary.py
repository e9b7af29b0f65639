"""/vary with a picture, and Vary in the message menu."""

import io

import pytest
from PIL import Image, PngImagePlugin
from sqlalchemy import select
from tests_support import png, refusal

import engine
from bot.jobs.kinds import STRONG, SUBTLE, Vary
from bot.storage.tables import jobs

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


@pytest.fixture
def rows(database):
    async def rows():
        async with database.read() as connection:
            return (await connection.execute(select(jobs).order_by(jobs.c.created_ms))).all()

    return rows


async def grid(env, channel, member, prompt="a cat"):
    await member.slash(channel, "imagine", prompt=prompt)
    await env.settle()
    return channel.last_message


async def vary(env, channel, member, **options):
    result = await member.slash(channel, "vary", **options)
    await env.settle()
    return result


async def test_a_picture_of_ones_own_is_varied_for_the_words_given(
    simcord_env, channel, alice, fake_engine, rows
):
    await vary(
        simcord_env, channel, alice, picture=("a.png", png()), prompt="a boat", strength="subtle"
    )
    [job] = fake_engine.jobs
    assert job.prompt[0].text == "a boat"
    assert job.init_use is engine.InitUse.IMG2IMG
    assert job.strength == SUBTLE.strength
    [row] = await rows()
    assert (row.kind, row.parent_id, row.prompt) == (Vary.kind, None, "a boat")
    assert "Variations (Subtle)" in channel.last_message.content


async def test_a_picture_made_here_goes_on_from_its_job(
    simcord_env, channel, alice, fake_engine, rows
):
    await grid(simcord_env, channel, alice)
    stored = await alice_single(simcord_env, channel, alice)
    await vary(simcord_env, channel, alice, picture=("b.png", stored))
    first, second = await rows()
    assert (second.kind, second.parent_id, second.prompt) == (Vary.kind, first.id, "a cat")
    assert "From picture 2 of **a cat**" in channel.last_message.content
    assert fake_engine.jobs[-1].strength == STRONG.strength


async def alice_single(env, channel, alice):
    await alice.click(channel.last_message, label="U2")
    await env.settle()
    return await channel.last_message.attachments[0].read()


async def test_a_picture_of_another_program_is_varied_for_the_prompt_it_carries(
    simcord_env, channel, alice, fake_engine
):
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "a green bird\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1")
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "PNG", pnginfo=info)
    await vary(simcord_env, channel, alice, picture=("a.png", buffer.getvalue()))
    assert fake_engine.jobs[-1].prompt[0].text == "a green bird"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"picture": ("a.png", png())}, "does not say what it shows"),
        ({"picture": ("a.png", b"no picture"), "prompt": "a cat"}, "picture"),
        ({"picture": ("a.png", png()), "job_id": "a" * 16}, "one of the two"),
        ({"picture": ("a.png", png()), "link": "https://x.y/a.png"}, "one of the two"),
        ({"picture": ("a.png", png()), "prompt": "https://x.y/a.png a cat"}, "own picture"),
    ],
)
async def test_what_cannot_be_varied_is_one_sentence_and_orders_nothing(
    simcord_env, channel, alice, rows, options, sentence
):
    result = await vary(simcord_env, channel, alice, **options)
    assert sentence in refusal(result).description
    assert await rows() == []


async def test_another_members_hidden_picture_does_not_lead_to_its_job(
    simcord_env, simcord_bot, channel, alice, bob, rows, tmp_path
):
    await grid(simcord_env, channel, alice, "a secret --stealth")
    [hidden] = await rows()
    _, data = await simcord_bot.lookup.picture(hidden.id, 1)
    bare = io.BytesIO()
    with Image.open(io.BytesIO(data)) as picture:
        picture.save(bare, "PNG")
    await vary(simcord_env, channel, bob, picture=("a.png", bare.getvalue()), prompt="a cat")
    row = (await rows())[-1]
    assert (row.parent_id, row.prompt, row.user_id) == (None, "a cat", bob.id)
    result = await vary(simcord_env, channel, bob, picture=("a.png", bare.getvalue()))
    assert "does not say what it shows" in refusal(result).description


async def test_the_message_menu_asks_which_how_far_and_for_what_words(
    simcord_env, channel, alice, fake_engine, rows
):
    message = await grid(simcord_env, channel, alice)
    result = await alice.context_menu(channel, "Vary", message)
    await alice.submit_modal(result, {"image": ["3"], "strength": ["low"], "prompt": "a dog"})
    await simcord_env.settle()
    first, second = await rows()
    assert (second.kind, second.parent_id, second.prompt) == (Vary.kind, first.id, "a dog")
    assert fake_engine.jobs[-1].strength == SUBTLE.strength
    assert "From picture 3 of" in channel.last_message.content
