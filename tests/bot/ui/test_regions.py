"""Vary (Region): a painted copy or the name of an area, in a form."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw
from tests_support import png, press, refusal

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


@pytest.fixture
async def single(simcord_env, simcord_bot, channel, alice):
    # The fake engine's colours follow the seed, and some are like the one that is painted with.
    simcord_bot.orders._new_seed = lambda: 7
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    await press(simcord_env, alice, channel.last_message, "U2")
    return channel.last_message


@pytest.fixture
def sent(simcord_env, alice, single):
    async def send(**values):
        shown = await press(simcord_env, alice, single, "Vary (Region)")
        result = await alice.submit_modal(shown, values)
        await simcord_env.settle()
        return result

    return send


async def picture_of(bot, job_id, position):
    _, data = await bot.lookup.picture(job_id, position)
    return Image.open(io.BytesIO(data)).convert("RGB")


def file(picture, form="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return [(f"painted.{form.lower()}", buffer.getvalue())]


def another():
    ramp = Image.linear_gradient("L")
    return Image.merge("RGB", (ramp, ramp.rotate(90), Image.radial_gradient("L")))


def mask_array(job):
    return np.asarray(Image.open(io.BytesIO(job.mask))) > 128


async def test_an_area_in_words_is_drawn_anew_and_the_rest_is_kept(
    channel, alice, simcord_bot, fake_engine, sent
):
    await sent(areas="左上; 60,60,20,20", prompt="a blue dog")
    first, job = fake_engine.jobs
    mask = mask_array(job)
    assert mask[:64, :64].all()
    assert mask.sum() == pytest.approx(64 * 64 + 26 * 26, rel=0.05)
    assert [part.text for part in job.prompt] == ["a blue dog"]
    assert (job.width_px, job.height_px, job.images) == (128, 128, 4)
    assert "a blue dog** - Variations (Region) by" in channel.last_message.content
    original = np.asarray(await picture_of(simcord_bot, first.id, 2))
    shown = np.asarray(await picture_of(simcord_bot, job.id, 1))
    assert np.array_equal(shown[:48, 90:], original[:48, 90:])
    assert not np.array_equal(shown[:64, :64], original[:64, :64])


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
async def test_what_is_painted_on_an_uploaded_copy_is_drawn_anew(
    channel, simcord_bot, fake_engine, sent, form
):
    painted = (await picture_of(simcord_bot, fake_engine.jobs[0].id, 2)).resize((512, 512))
    ImageDraw.Draw(painted).ellipse((100, 100, 260, 220), "#ff00ff")
    await sent(painted=file(painted, form))
    mask = mask_array(fake_engine.jobs[-1])
    assert mask[40, 45]
    assert not mask[100:].any()
    assert [part.text for part in fake_engine.jobs[-1].prompt] == ["a red cat"]
    assert "**a red cat** - Variations (Region) by" in channel.last_message.content


@pytest.mark.parametrize("made", ["unpainted", "all over", "other shape", "no picture", "other"])
async def test_copies_that_say_nothing_are_refused_at_no_charge(
    guild, alice, simcord_bot, fake_engine, sent, made
):
    own = await picture_of(simcord_bot, fake_engine.jobs[0].id, 2)
    said, given = {
        "unpainted": ("Nothing is painted", file(own, "JPEG")),
        "all over": ("whole picture is painted", [("a.png", png((128, 128), "#ff00ff"))]),
        "other shape": ("another shape", file(own.crop((0, 0, 128, 64)))),
        "no picture": ("not a picture", [("a.png", b"nothing")]),
        "other": ("another picture", file(another().resize((128, 128)))),
    }[made]
    before = await simcord_bot.accounts.balance(guild_id=guild.id, user_id=alice.id)
    assert said in refusal(await sent(painted=given)).description
    assert len(fake_engine.jobs) == 1
    assert await simcord_bot.accounts.balance(guild_id=guild.id, user_id=alice.id) == before


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "Upload the picture"),
        ({"areas": "90,90,20,20"}, "is not on the picture"),
        ({"areas": "the hat"}, "names no area"),
        ({"areas": "top; bottom"}, "whole picture"),
        ({"areas": "top", "prompt": "a cat --ar potato"}, "potato"),
    ],
)
async def test_areas_that_are_none_are_refused_in_one_sentence(fake_engine, sent, values, said):
    assert said in refusal(await sent(**values)).description
    assert len(fake_engine.jobs) == 1


async def test_of_an_animated_copy_the_first_frame_is_used_and_that_is_said(
    channel, simcord_bot, fake_engine, sent
):
    own = await picture_of(simcord_bot, fake_engine.jobs[0].id, 2)
    painted = own.copy()
    ImageDraw.Draw(painted).rectangle((20, 20, 60, 60), "#00ff00")
    await sent(painted=file(painted, "WEBP", save_all=True, append_images=[own], lossless=True))
    assert mask_array(fake_engine.jobs[-1])[40, 40]
    assert "its first frame was used" in channel.last_message.content
