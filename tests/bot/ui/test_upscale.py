"""/upscale and its buttons: one larger picture, asked for first where it costs more than a grid."""

import io

import discord
import pytest
from PIL import Image
from tests_support import custom_ids, labels, png, refusal, rows

import engine
from bot.credits import pricing
from bot.jobs.kinds import Upscale, Way
from bot.jobs.kinds.upscale import part_of
from bot.storage.tables import holds, jobs, messages
from bot.ui import interactions
from engine import Sentence
from engine.fake import FAKE_MODEL

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)
MODEL = FAKE_MODEL.info  # 128 px, 64 … 1024 a side


def noise(size=(96, 64)):
    buffer = io.BytesIO()
    Image.effect_noise(size, 90).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


async def upscale(env, channel, member, data=None, name="a.png", **options):
    if data is not None:
        options["picture"] = (name, data)
    result = await member.slash(channel, "upscale", **options)
    await env.settle()
    return result


async def press(env, member, message, label):
    button = custom_ids(message)[labels(message).index(label)]
    result = await member.click(message, custom_id=button)
    await env.settle()
    return result


async def single(env, channel, member, prompt="a cat"):
    await member.slash(channel, "imagine", prompt=prompt)
    await env.settle()
    await press(env, member, channel.last_message, "U2")
    return channel.last_message


async def forged(env, bot, channel, member, custom_id):
    """A press of a button that is not there any more, or is another member's."""
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="x", custom_id=custom_id))
    await bot.get_channel(channel.id).send("x", view=view)
    result = await member.click(channel.last_message, label="x")
    await env.settle()
    return result


@pytest.fixture
def dear(monkeypatch):
    """Upscales cost more than a grid."""
    monkeypatch.setattr(pricing, "UPSCALE_PER_MEGAPIXEL", 5000)


def question_of(result):
    """The private message, whether the first reply was deferred or not."""
    return result.followups[-1] if result.followups else result.response.message


async def size_of(message):
    with Image.open(io.BytesIO(await message.attachments[0].read())) as picture:
        return picture.size


@pytest.mark.parametrize(
    ("label", "way"), [("Upscale (Subtle)", Way.SUBTLE), ("Upscale (Creative)", Way.CREATIVE)]
)
async def test_a_button_makes_one_picture_twice_as_large(
    simcord_env, channel, alice, bob, database, label, way
):
    shown = await single(simcord_env, channel, alice)
    await press(simcord_env, bob, shown, label)
    message = channel.last_message
    assert message.content.startswith(f"**a cat** - {way.value} by {bob.mention} (fast)")
    assert await size_of(message) == (256, 256)
    assert {"Upscale (Subtle)", "Upscale (Creative)", "Vary (Strong)"} <= set(labels(message))
    first, second = await rows(database, jobs)
    assert (second.kind, second.parent_id, second.user_id) == (Upscale.kind, first.id, bob.id)
    last = (await rows(database, messages))[-1]
    assert (last.job_id, last.role) == (second.id, "single")


async def test_the_creative_way_draws_the_pictures_words_in_parts(
    simcord_env, channel, alice, fake_engine
):
    await press(simcord_env, alice, await single(simcord_env, channel, alice), "Upscale (Creative)")
    job = fake_engine.jobs[-1]
    assert (job.enlarge, job.width_px, job.height_px, job.images) == (2, 128, 128, 1)
    assert job.prompt[0].text == "a cat"
    assert job.init_use is engine.InitUse.IMG2IMG
    assert len(job.inputs) == 1


async def test_an_enlarged_picture_is_enlarged_again_in_smaller_parts(
    simcord_env, channel, alice, fake_engine
):
    await press(simcord_env, alice, await single(simcord_env, channel, alice), "Upscale (Subtle)")
    await press(simcord_env, alice, channel.last_message, "Upscale (Creative)")
    job = fake_engine.jobs[-1]  # one of its four steps is drawn: no more than a grid costs
    assert (job.enlarge, job.width_px, job.height_px) == (4, 128, 128)
    assert await size_of(channel.last_message) == (512, 512)


async def test_a_picture_that_is_sent_is_enlarged(simcord_env, channel, alice, database):
    await upscale(simcord_env, channel, alice, noise())
    message = channel.last_message
    assert message.content.startswith(f"Upscaled (Subtle) by {alice.mention}")
    assert await size_of(message) == (192, 128)
    assert [row.parent_id for row in await rows(database, jobs)] == [None]


async def test_words_are_for_the_creative_way(simcord_env, channel, alice, fake_engine):
    await upscale(simcord_env, channel, alice, noise((128, 128)), way="CREATIVE", prompt="a fox")
    assert fake_engine.jobs[-1].prompt[0].text == "a fox"
    assert channel.last_message.content.startswith("**a fox** - Upscaled (Creative) by")


async def test_a_picture_made_here_goes_on_from_its_job(
    simcord_env, channel, alice, fake_engine, database
):
    shown = await single(simcord_env, channel, alice)
    await upscale(simcord_env, channel, alice, await shown.attachments[0].read(), way="CREATIVE")
    assert fake_engine.jobs[-1].prompt[0].text == "a cat"
    first, second = await rows(database, jobs)
    assert second.parent_id == first.id


async def test_what_costs_more_than_a_grid_is_asked_first_and_ordered_once(
    simcord_env, simcord_bot, channel, alice, bob, database, fake_engine, dear
):
    before = channel.last_message
    question = await upscale(simcord_env, channel, alice, noise())
    asked = question_of(question)
    assert (question.followups[-1] if question.followups else question.response).ephemeral
    assert "1.18 credits" in asked.embeds[0].description
    assert await rows(database, jobs) == []
    assert channel.last_message is before
    theirs = await forged(simcord_env, simcord_bot, channel, bob, custom_ids(asked)[0])
    assert "another member's order" in refusal(theirs).description
    confirm = custom_ids(asked)[0]
    await alice.click(asked, label="Confirm")
    await simcord_env.settle()
    assert channel.last_message.content.startswith(f"Upscaled (Subtle) by {alice.mention}")
    assert await size_of(channel.last_message) == (192, 128)
    again = await forged(simcord_env, simcord_bot, channel, alice, confirm)
    assert "was answered" in refusal(again).description
    assert [hold.settled for hold in await rows(database, holds)] == [118]
    assert len(fake_engine.jobs) == 1


async def test_nothing_is_ordered_after_cancel(
    simcord_env, simcord_bot, channel, alice, database, dear
):
    question = await upscale(simcord_env, channel, alice, noise())
    asked = question_of(question)
    confirm = custom_ids(asked)[0]
    await alice.click(asked, label="Cancel")
    await simcord_env.settle()
    result = await forged(simcord_env, simcord_bot, channel, alice, confirm)
    assert "was answered" in refusal(result).description
    assert await rows(database, jobs) == []


async def test_a_question_is_forgotten_with_the_process(
    simcord_env, channel, alice, database, new_bot, fake_engine, dear
):
    question = await upscale(simcord_env, channel, alice, noise())
    fresh = type(fake_engine)()
    fresh.env = simcord_env
    await simcord_env.restart_bot(new_bot(fresh))
    result = await alice.click(question_of(question), label="Confirm")
    await simcord_env.settle()
    assert "restarted" in refusal(result).description
    assert await rows(database, jobs) == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "one of the two"),
        ({"link": "https://127.0.0.1/a.png"}, "public https link"),
        ({"data": b"no picture"}, "not a picture"),
        ({"data": png((2049, 16))}, "2049×16 pixels. The largest of its shape"),
    ],
)
async def test_what_cannot_be_enlarged_costs_nothing(
    simcord_env, channel, alice, database, options, sentence
):
    result = await upscale(simcord_env, channel, alice, **options)
    assert sentence in refusal(result).description
    assert await rows(database, jobs) == []


async def test_of_an_animated_picture_the_first_frame_is_taken_and_that_is_said(
    simcord_env, channel, alice
):
    buffer = io.BytesIO()
    frames = [Image.effect_noise((64, 64), 90).convert("RGB") for _ in range(2)]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    await upscale(simcord_env, channel, alice, buffer.getvalue(), name="a.gif")
    assert "its first frame was taken" in channel.last_message.content


@pytest.mark.parametrize(
    ("size", "part"),
    [
        ((128, 128), (128, 128, 2)),
        ((256, 256), (128, 128, 4)),
        ((512, 512), (256, 256, 4)),
        ((192, 128), (192, 128, 2)),
        ((20, 20), (128, 128, 2)),
        ((2048, 2048), (1024, 1024, 4)),
    ],
)
def test_parts_are_as_near_to_the_models_size_as_can_be(size, part):
    assert part_of(MODEL, size) == part


def test_the_largest_that_a_model_can_upscale_is_named():
    with pytest.raises(Exception, match=r"2200×1100 pixels.*has 2\d\d\d×1\d\d\d"):
        part_of(MODEL, (2200, 1100))


async def test_a_hidden_picture_that_is_sent_stays_hidden(
    simcord_env, channel, alice, bob, database
):
    await alice.slash(channel, "imagine", prompt="a red cat --stealth")
    await simcord_env.settle()
    await press(simcord_env, alice.user, alice.user.dm_channel.last_message, "U2")
    data = await alice.user.dm_channel.last_message.attachments[0].read()
    await upscale(simcord_env, channel, bob, data)
    assert channel.last_message.content.startswith(f"Upscaled (Subtle) by {bob.mention}")
    before = channel.last_message.id
    await upscale(simcord_env, channel, alice, data)
    assert channel.last_message.id == before, "nothing of it is for all to see"
    assert "a red cat" in alice.user.dm_channel.last_message.content
    _, of_bob, of_alice = await rows(database, jobs)
    assert (of_bob.parent_id, of_bob.prompt) == (None, "")
    assert of_alice.parent_id is not None


@pytest.mark.usefixtures("dear")
async def test_a_confirmed_order_whose_answer_breaks_off_is_drawn_and_not_taken_twice(
    simcord_env, guild, simcord_bot, channel, alice, monkeypatch, fake_engine
):
    await simcord_bot.accounts.grant(
        guild_id=guild.id, user_id=alice.id, amount=999_00, actor_id=1, by_owner=True
    )
    question = question_of(await upscale(simcord_env, channel, alice, png((512, 512))))

    async def broken(*_args, **_options):
        raise RuntimeError

    monkeypatch.setattr(interactions, "replace_question", broken)
    for _ in range(2):
        await alice.click(question, label="Confirm")
        await simcord_env.settle()
    assert len(fake_engine.jobs) == 1
    assert [row.outcome for row in await rows(simcord_bot.database, jobs)] == ["finished"]


async def test_nothing_is_asked_that_the_engine_refuses(
    simcord_env, channel, alice, fake_engine, monkeypatch
):
    def check(_job):
        raise ValueError(Sentence("Cannot be done; choose another model."))

    monkeypatch.setattr(fake_engine, "check", check)
    orders = {
        "morph": {"text1": "a cat", "text2": "a dog", "frames": 24},
        "imagine": {"prompt": "a {red, blue} cat"},
    }
    for command, options in orders.items():
        result = await alice.slash(channel, command, **options)
        await simcord_env.settle()
        assert "Cannot be done" in refusal(result).description
