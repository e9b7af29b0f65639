"""Buttons under a single picture: zoom out, pan, make square, and all of them again."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image
from tests_support import PatientEngine, labels, press, refusal

from engine import DrawJob, InitUse, Place
from engine.fake import FAKE_MODEL, FAKE_PAIR

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)
SINGLE = [
    "Vary (Subtle)",
    "Vary (Strong)",
    "Zoom Out 2x",
    "Zoom Out 1.5x",
    "Custom Zoom",
    "⬅️",
    "➡️",
    "⬆️",
    "⬇️",
]


async def single(env, channel, member, prompt="a red cat"):
    """The message that shows one picture of a new grid."""
    await member.slash(channel, "imagine", prompt=prompt)
    await env.settle()
    await press(env, member, channel.last_message, "U2")
    return channel.last_message


async def picture_of(bot, job_id, position):
    _, data = await bot.lookup.picture(job_id, position)
    return Image.open(io.BytesIO(data))


async def test_the_buttons_under_a_single_picture_stand_in_midjourneys_rows(
    simcord_env, channel, alice
):
    message = await single(simcord_env, channel, alice)
    assert [label for label in labels(message) if label in SINGLE] == SINGLE
    assert "Make Square" not in labels(message)
    wide = await single(simcord_env, channel, alice, "a red cat --ar 3:2")
    assert "Make Square" in labels(wide)


@pytest.mark.parametrize(
    ("label", "title", "size", "place"),
    [
        ("Zoom Out 2x", "Zoom Out", (176, 176), (44, 44, 88, 88)),
        ("Zoom Out 1.5x", "Zoom Out", (176, 176), (29, 29, 117, 117)),
        ("⬅️", "Pan Left", (192, 128), (64, 0, 128, 128)),
        ("➡️", "Pan Right", (192, 128), (0, 0, 128, 128)),
        ("⬆️", "Pan Up", (128, 192), (0, 64, 128, 128)),
        ("⬇️", "Pan Down", (128, 192), (0, 0, 128, 128)),
    ],
)
async def test_zoom_and_pan_draw_a_grid_around_the_picture(
    simcord_env, channel, alice, simcord_bot, fake_engine, label, title, size, place
):
    message = await single(simcord_env, channel, alice)
    first = fake_engine.jobs[0]
    await press(simcord_env, alice, message, label)
    job = fake_engine.jobs[-1]
    assert isinstance(job, DrawJob)
    assert (job.width_px, job.height_px) == size
    left, top, width, height = place
    assert job.place == Place(left_px=left, top_px=top, width_px=width, height_px=height)
    assert (job.images, job.strength, job.init_use) == (4, 1.0, InitUse.IMG2IMG)
    assert job.seed != first.seed
    grid = channel.last_message
    first_line, from_, *_ = grid.content.split("\n")
    assert first_line == f"**a red cat** - {title} by <@{alice.id}> (fast)"
    assert from_.startswith("-# From [image #2](")
    assert labels(grid)[:5] == ["U1", "U2", "U3", "U4", "🔄"]
    original = (await picture_of(simcord_bot, first.id, 2)).resize((width, height))
    shown = (await picture_of(simcord_bot, job.id, 3)).crop(
        (left + 16, top + 16, left + width - 16, top + height - 16)
    )
    kept = original.crop((16, 16, width - 16, height - 16))
    if label in ("⬅️", "➡️", "⬆️", "⬇️"):
        assert np.array_equal(np.asarray(shown), np.asarray(kept))


async def test_one_goes_on_from_each_result_again_and_again(
    simcord_env, guild, channel, alice, simcord_bot, fake_engine
):
    await simcord_bot.accounts.grant(
        guild_id=guild.id, user_id=alice.id, amount=99_00, actor_id=1, by_owner=True
    )
    message = await single(simcord_env, channel, alice, "a red cat --ar 3:2")
    for label in ("➡️", "Zoom Out 2x", "⬆️", "Make Square", "⬇️", "⬇️", "⬇️"):
        await press(simcord_env, alice, message, label)
        await press(simcord_env, alice, channel.last_message, "U1")
        message = channel.last_message
    assert len(fake_engine.jobs) == 8
    assert len(fake_engine.ends) == 8


async def test_make_square_keeps_the_whole_picture(simcord_env, channel, alice, fake_engine):
    message = await single(simcord_env, channel, alice, "a red cat --ar 3:2")
    await press(simcord_env, alice, message, "Make Square")
    job = fake_engine.jobs[-1]
    assert job.width_px == job.height_px
    assert (job.place.left_px, job.place.width_px) == (0, job.width_px)
    assert "Make Square by" in channel.last_message.content


async def test_a_custom_zoom_takes_a_prompt_and_a_factor(simcord_env, channel, alice, fake_engine):
    message = await single(simcord_env, channel, alice)
    shown = await press(simcord_env, alice, message, "Custom Zoom")
    await alice.submit_modal(shown, {"prompt": "a red cat on the moon", "zoom": "1,2x"})
    await simcord_env.settle()
    job = fake_engine.jobs[-1]
    assert [part.text for part in job.prompt] == ["a red cat on the moon"]
    assert job.place.width_px == pytest.approx(job.width_px / 1.2, abs=12)
    assert "a red cat on the moon** - Zoom Out by" in channel.last_message.content
    shown = await press(simcord_env, alice, message, "Custom Zoom")
    await alice.submit_modal(shown, {"prompt": "a red cat --ar 2:1", "zoom": "1"})
    await simcord_env.settle()
    job = fake_engine.jobs[-1]
    assert (job.width_px, job.height_px) == (256, 128)


@pytest.mark.parametrize("zoom", ["0", "9", "-1", "nan", "two", "1e3", "2.01", "", "9" * 40])
async def test_a_zoom_that_is_none_is_refused_at_no_charge(
    simcord_env, guild, channel, alice, simcord_bot, fake_engine, zoom
):
    message = await single(simcord_env, channel, alice)
    before = await simcord_bot.accounts.balance(guild_id=guild.id, user_id=alice.id)
    shown = await press(simcord_env, alice, message, "Custom Zoom")
    shown._interaction.modal["components"][1]["component"]["required"] = False
    result = await alice.submit_modal(shown, {"zoom": zoom})
    assert "from 1 to 2" in refusal(result).description
    assert len(fake_engine.jobs) == 1
    assert await simcord_bot.accounts.balance(guild_id=guild.id, user_id=alice.id) == before


async def test_a_zoom_of_1_into_the_same_shape_draws_nothing(
    simcord_env, channel, alice, fake_engine
):
    message = await single(simcord_env, channel, alice)
    shown = await press(simcord_env, alice, message, "Custom Zoom")
    result = await alice.submit_modal(shown, {"zoom": "1"})
    assert "leaves this picture as it is" in refusal(result).description
    assert len(fake_engine.jobs) == 1


@pytest.mark.parametrize("label", ["Zoom Out 2x", "⬅️", "Make Square"])
async def test_remix_mode_opens_the_prompt_first(
    simcord_env, channel, alice, simcord_bot, fake_engine, label
):
    message = await single(simcord_env, channel, alice, "a red cat --ar 3:2")
    await simcord_bot.preferences.change(alice.id, remix=True)
    shown = await press(simcord_env, alice, message, label)
    assert len(fake_engine.jobs) == 1
    await alice.submit_modal(shown, {"prompt": "a blue dog --ar 3:2"})
    await simcord_env.settle()
    assert [part.text for part in fake_engine.jobs[-1].prompt] == ["a blue dog"]
    assert fake_engine.jobs[-1].place is not None


async def test_what_another_entry_draws_within_a_mask_it_draws_for_the_model(
    simcord_env, channel, alice, new_bot
):
    def model(name, **fields):
        info = dataclasses.replace(FAKE_MODEL.info, name=name, title=name.title(), **fields)
        return dataclasses.replace(FAKE_MODEL, info=info)

    operations = frozenset({"mask", "negative"})
    base = model("base", inpaint="within", aliases=("base",))
    engine_ = PatientEngine(
        models=(base, model("within", aliases=("w",), operations=operations), FAKE_PAIR)
    )
    engine_.env = simcord_env
    await simcord_env.restart_bot(new_bot(engine_))
    message = await single(simcord_env, channel, alice)
    await press(simcord_env, alice, message, "Zoom Out 2x")
    grid = channel.last_message
    await press(simcord_env, alice, grid, "🔄")
    await press(simcord_env, alice, grid, "V1")
    await press(simcord_env, alice, grid, "U1")
    await press(simcord_env, alice, channel.last_message, "⬇️")
    assert [job.model for job in engine_.jobs] == ["base", "within", "within", "base", "within"]


async def test_what_is_around_a_picture_is_as_new_as_the_model_says_and_all_new_for_new_words(
    simcord_env, channel, alice, new_bot
):
    info = dataclasses.replace(FAKE_MODEL.info, outpaint_strength=0.7)
    engine_ = PatientEngine(models=(dataclasses.replace(FAKE_MODEL, info=info), FAKE_PAIR))
    engine_.env = simcord_env
    bot = new_bot(engine_)
    await simcord_env.restart_bot(bot)
    strengths = []

    async def ordered(message, label, **fields):
        shown = await press(simcord_env, alice, message, label)
        if fields:
            await alice.submit_modal(shown, fields)
            await simcord_env.settle()
        strengths.append((engine_.jobs[-1].place is not None, engine_.jobs[-1].strength))
        return channel.last_message

    message = await single(simcord_env, channel, alice)
    grid = await ordered(message, "Zoom Out 2x")
    await ordered(message, "⬅️")
    await ordered(message, "Custom Zoom", prompt="a red cat --ar 2:1", zoom="1")
    await ordered(grid, "🔄")
    assert strengths == [(True, 0.7)] * 4
    strengths.clear()
    await ordered(message, "Custom Zoom", prompt="a picture on a wall", zoom="2")
    await ordered(message, "Custom Zoom", prompt="a red cat --no sun", zoom="2")
    await bot.preferences.change(alice.id, remix=True)
    await ordered(message, "⬇️", prompt="a blue dog")
    await ordered(grid, "🔄", prompt="a blue dog")
    assert strengths == [(True, 1.0)] * 4
    await ordered(grid, "🔄", prompt="a red cat")
    assert strengths[4:] == [(True, 0.7)]


async def test_a_remix_of_a_zoom_is_as_new_as_the_model_says_that_draws_it(
    simcord_env, channel, alice, new_bot
):
    def model(name, strength):
        info = dataclasses.replace(
            FAKE_MODEL.info, name=name, title=name, aliases=(), outpaint_strength=strength
        )
        return dataclasses.replace(FAKE_MODEL, info=info)

    engine_ = PatientEngine(models=(model("near", 0.7), model("anew", 1.0), FAKE_PAIR))
    engine_.env = simcord_env
    bot = new_bot(engine_)
    await simcord_env.restart_bot(bot)
    await bot.preferences.change(alice.id, remix=True)
    await alice.slash(channel, "imagine", prompt="a red cat --v near")
    await simcord_env.settle()
    await press(simcord_env, alice, channel.last_message, "U1")
    message = channel.last_message
    strengths = []
    for label, name in (
        *(("Zoom Out 2x", "near"), ("🔄", "anew")),
        *(("Zoom Out 2x", "anew"), ("🔄", "near")),
    ):
        zoomed = message if label != "🔄" else channel.last_message
        shown = await press(simcord_env, alice, zoomed, label)
        await alice.submit_modal(shown, {"prompt": f"a red cat --v {name}"})
        await simcord_env.settle()
        strengths.append((engine_.jobs[-1].model, engine_.jobs[-1].strength))
    assert strengths == [("near", 0.7), ("anew", 1.0), ("anew", 1.0), ("near", 0.7)]


async def test_buttons_of_a_job_that_failed_or_lost_its_pictures_say_so(
    simcord_env, channel, alice, simcord_bot, fake_engine, tmp_path
):
    message = await single(simcord_env, channel, alice)
    for path in tmp_path.rglob("*.png"):
        path.unlink()
    result = await press(simcord_env, alice, message, "Zoom Out 2x")
    assert "deleted from the disk" in refusal(result).description
    assert len(fake_engine.jobs) == 1


async def test_a_zoom_is_charged_by_what_is_drawn(
    simcord_env, guild, channel, alice, simcord_bot, fake_engine
):
    async def available():
        balance = await simcord_bot.accounts.balance(guild_id=guild.id, user_id=alice.id)
        return balance.available

    first = await available()
    message = await single(simcord_env, channel, alice)
    grid = first - await available()
    await press(simcord_env, alice, message, "Zoom Out 2x")
    job = fake_engine.jobs[-1]
    area = job.width_px * job.height_px / 128**2
    assert first - grid - await available() == pytest.approx(grid * area, abs=1)
