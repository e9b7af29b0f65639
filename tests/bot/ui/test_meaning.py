"""A button means tomorrow what it meant today."""

import dataclasses

import pytest
from sqlalchemy import select
from tests_support import PatientEngine, custom_ids, labels, refusal

from bot.preferences import DEFAULT_MODEL
from bot.storage.tables import jobs
from engine.fake import FAKE_MODEL, FAKE_PAIR

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


def model(name, **fields):
    info = dataclasses.replace(
        FAKE_MODEL.info, name=name, title=name.title(), aliases=(name,), **fields
    )
    return dataclasses.replace(FAKE_MODEL, info=info)


async def restarted(env, new_bot, *models, **settings):
    """The bot after a restart with another catalogue."""
    engine_ = PatientEngine(models=(*models, FAKE_PAIR))
    engine_.env = env
    bot = new_bot(engine_, **settings)
    await env.restart_bot(bot)
    await env.settle()
    return bot, engine_


async def imagine(env, channel, member, prompt):
    await member.slash(channel, "imagine", prompt=prompt)
    await env.settle()
    return channel.last_message


@pytest.mark.parametrize("button", ["V2", "🔄"])
async def test_old_buttons_draw_on_the_model_they_were_drawn_on(
    simcord_env, channel, alice, fake_engine, new_bot, button
):
    grid = await imagine(simcord_env, channel, alice, "a red cat --ar 3:2 --q .5 --no dogs")
    large = model("large", weight_bytes=10**9, prompt_suffix="oil", steps=9, negative="blur")
    _, fresh = await restarted(simcord_env, new_bot, FAKE_MODEL, large)
    custom_id = dict(zip(labels(grid), custom_ids(grid), strict=True))[button]
    await alice.click(grid, custom_id=custom_id)
    await simcord_env.settle()
    [first], [again] = fake_engine.jobs, fresh.jobs
    for name in ("model", "prompt", "negative", "steps", "width_px", "height_px", "guidance"):
        assert getattr(again, name) == getattr(first, name), name


@pytest.mark.parametrize("button", ["V2", "🔄"])
async def test_buttons_take_a_new_seed_even_where_the_prompt_names_one(
    simcord_env, channel, alice, fake_engine, button
):
    grid = await imagine(simcord_env, channel, alice, "a red cat --seed 7")
    custom_id = dict(zip(labels(grid), custom_ids(grid), strict=True))[button]
    for _ in range(2):
        await alice.click(grid, custom_id=custom_id)
        await simcord_env.settle()
    assert fake_engine.jobs[0].seed == 7
    assert len({job.seed for job in fake_engine.jobs}) == 3


async def test_buttons_of_a_model_that_is_gone_say_so_and_cost_nothing(
    simcord_env, guild, channel, alice, database, new_bot
):
    grid = await imagine(simcord_env, channel, alice, "a red cat")
    bot, _ = await restarted(simcord_env, new_bot, model("large"))
    before = await bot.accounts.balance(guild_id=guild.id, user_id=alice.id)
    result = await alice.click(grid, label="V1")
    assert "the model doodle, which is not on this machine any more" in refusal(result).description
    assert await bot.accounts.balance(guild_id=guild.id, user_id=alice.id) == before


async def test_new_words_stay_on_the_pictures_model_and_in_its_shape(
    simcord_env, channel, alice, new_bot, fake_engine
):
    await imagine(simcord_env, channel, alice, "a red cat --ar 3:2")
    large = model("large", weight_bytes=10**9)
    _, fresh = await restarted(simcord_env, new_bot, FAKE_MODEL, large)
    await alice.slash(channel, "vary", prompt="a blue cat")
    await alice.slash(channel, "vary", prompt="a blue cat --ar 1:1")
    await alice.slash(channel, "vary", prompt="a blue cat --v large")
    await simcord_env.settle()
    shapes = [(job.model, job.width_px, job.height_px) for job in fresh.jobs]
    assert shapes == [("doodle", 160, 112), ("doodle", 128, 128), ("large", 128, 128)]


async def test_the_resolved_order_is_stored_beside_the_text(
    simcord_env, channel, alice, simcord_bot, database
):
    await imagine(simcord_env, channel, alice, "a red cat --ar 3:2 --stop 80")
    async with database.read() as connection:
        row = (await connection.execute(select(jobs))).one()
    resolved = simcord_bot.lookup.resolved(await simcord_bot.lookup.job(row.id))
    assert row.prompt == "a red cat --ar 3:2 --stop 80"
    assert resolved["model"] == "doodle"
    assert (resolved["prompt"]["ar"], resolved["prompt"]["stop"]) == ([3, 2], 80)
    assert resolved["prompt"]["stylize"] == 100, "defaults are there too"
    await alice.click(channel.last_message, label="V1")
    await simcord_env.settle()
    async with database.read() as connection:
        stored = (await connection.execute(select(jobs.c.resolved))).scalars().all()
    assert len(set(stored)) == 1, "a variation carries its picture's"


# Which model draws.


@pytest.mark.parametrize(
    ("setting", "of_the_server", "drawn_on"),
    [
        ("", "", "large"),
        ("small", "", "small"),
        ("gone", "", "large"),
        ("small", "middle", "middle"),
        ("SMALL", "gone", "small"),
    ],
)
async def test_prompts_that_name_no_model_draw_on_the_default_one(
    simcord_env, guild, channel, alice, new_bot, setting, of_the_server, drawn_on
):
    models = [model(name, weight_bytes=n) for n, name in enumerate(("small", "middle", "large"))]
    missing = model("huge", weight_bytes=0, installed=False)
    bot, fresh = await restarted(simcord_env, new_bot, *models, missing, default_model=setting)
    await bot.preferences.put(DEFAULT_MODEL, of_the_server, guild.id)
    await imagine(simcord_env, channel, alice, "a red cat")
    assert [job.model for job in fresh.jobs] == [drawn_on]


async def test_a_default_model_that_is_not_there_is_told_to_the_operator(new_bot):
    assert "DEFAULT_MODEL is 'gone', which is not installed; there are doodle" in (
        new_bot(default_model="gone").default_model_warning()
    )
    assert new_bot(default_model="doodle").default_model_warning() == ""
