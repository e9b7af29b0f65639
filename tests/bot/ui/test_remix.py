"""🔄 in remix mode: only what is drawn for its words asks for them, and its frame stays."""

import dataclasses

import pytest
from tests_support import PatientEngine, png, press, refusal

from engine.fake import FAKE_MODEL, FAKE_PAIR

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


async def single(env, channel, member):
    await member.slash(channel, "imagine", prompt="a red cat")
    await env.settle()
    await press(env, member, channel.last_message, "U2")
    return channel.last_message


async def framed(env, channel, member, button):
    """A grid that was drawn around or within a picture."""
    form = await press(env, member, await single(env, channel, member), button)
    if button == "Vary (Region)":
        await member.submit_modal(form, {"areas": "top left"})
        await env.settle()
    return channel.last_message


async def remix(env, bot, member, message, prompt):
    await bot.preferences.change(member.id, remix=True)
    form = await press(env, member, message, "🔄")
    result = await member.submit_modal(form, {"prompt": prompt})
    await env.settle()
    return result


async def balance(bot, guild, member):
    return (await bot.accounts.balance(guild_id=guild.id, user_id=member.id)).available


@pytest.mark.parametrize("button", ["Zoom Out 2x", "⬅️", "Vary (Region)"])
async def test_the_picture_stays_where_it_is_under_other_words(
    simcord_env, simcord_bot, channel, alice, fake_engine, button
):
    grid = await framed(simcord_env, channel, alice, button)
    before = fake_engine.jobs[-1]
    assert before.place is not None
    await remix(simcord_env, simcord_bot, alice, grid, "a blue dog")
    job = fake_engine.jobs[-1]
    assert [part.text for part in job.prompt] == ["a blue dog"]
    kept = ("place", "mask", "inputs", "width_px", "height_px", "strength", "images")
    assert {name: getattr(job, name) for name in kept} == {
        name: getattr(before, name) for name in kept
    }
    assert "--ar" not in channel.last_message.content


@pytest.mark.parametrize("button", ["⬅️", "Vary (Region)"])
async def test_another_shape_that_is_not_drawn_is_said(
    simcord_env, simcord_bot, channel, alice, fake_engine, button
):
    grid = await framed(simcord_env, channel, alice, button)
    before = fake_engine.jobs[-1]
    await remix(simcord_env, simcord_bot, alice, grid, "a red cat --ar 3:1")
    job = fake_engine.jobs[-1]
    assert (job.width_px, job.height_px) == (before.width_px, before.height_px)
    assert "--ar has no effect here" in channel.last_message.content


@pytest.mark.parametrize("button", ["⬅️", "Vary (Region)"])
async def test_another_shape_in_the_form_of_the_button_is_said_too(
    simcord_env, simcord_bot, channel, alice, button
):
    shown = await single(simcord_env, channel, alice)
    await simcord_bot.preferences.change(alice.id, remix=True)
    form = await press(simcord_env, alice, shown, button)
    more = {"areas": "top left"} if button == "Vary (Region)" else {}
    await alice.submit_modal(form, {"prompt": "a red cat --ar 3:1", **more})
    await simcord_env.settle()
    assert "--ar has no effect here" in channel.last_message.content


async def test_what_goes_on_from_it_has_the_model_of_the_words(
    simcord_env, channel, alice, new_bot
):
    def model(name, **fields):
        info = dataclasses.replace(FAKE_MODEL.info, name=name, title=name.title(), **fields)
        return dataclasses.replace(FAKE_MODEL, info=info)

    operations = frozenset({"mask", "negative"})
    base = model("base", inpaint="within", aliases=("base",))
    within = model("within", aliases=("w",), operations=operations)
    engine_ = PatientEngine(models=(base, within, FAKE_PAIR))
    engine_.env = simcord_env
    bot = new_bot(engine_)
    await simcord_env.restart_bot(bot)
    grid = await framed(simcord_env, channel, alice, "Zoom Out 2x")
    await remix(simcord_env, bot, alice, grid, "a blue dog")
    await bot.preferences.change(alice.id, remix=False)
    await press(simcord_env, alice, channel.last_message, "V1")
    assert [job.model for job in engine_.jobs] == ["base", "within", "within", "base"]


async def test_what_starts_from_a_picture_is_one_prompt(
    simcord_env, simcord_bot, guild, channel, alice, fake_engine
):
    """Several would be drawn by /imagine, and not around the picture."""
    grid = await framed(simcord_env, channel, alice, "Zoom Out 2x")
    drawn, left = len(fake_engine.jobs), await balance(simcord_bot, guild, alice)
    result = await remix(simcord_env, simcord_bot, alice, grid, "a {red, blue} dog")
    assert "write one prompt here" in refusal(result).description
    assert (len(fake_engine.jobs), await balance(simcord_bot, guild, alice)) == (drawn, left)


UNWORDED = {
    "describe": {"picture": ("a.png", png())},
    "morph": {"text1": "a cat", "text2": "a dog", "frames": 2},
    "cross": {"text1": "a cat", "text2": "a dog", "cross": True},
}


@pytest.mark.parametrize("name", UNWORDED)
async def test_what_is_not_drawn_for_its_words_asks_for_none(
    simcord_env, simcord_bot, guild, channel, alice, fake_engine, name
):
    await alice.slash(channel, "morph" if name == "cross" else name, **UNWORDED[name])
    await simcord_env.settle()
    before, shown = fake_engine.jobs[-1], channel.last_message
    await simcord_bot.preferences.change(alice.id, remix=True)
    result = await press(simcord_env, alice, shown, "🔄")
    assert result.modal is None
    assert fake_engine.jobs[-1] is not before
    assert type(fake_engine.jobs[-1]) is type(before)
    # A form that was opened by another version, or is forged, does nothing either.
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    form = await press(simcord_env, alice, channel.last_message, "🔄")
    form._interaction.modal["custom_id"] = f"job:{before.id}:r"
    drawn, left = len(fake_engine.jobs), await balance(simcord_bot, guild, alice)
    sent = await alice.submit_modal(form, {"prompt": "a green steam engine"})
    await simcord_env.settle()
    assert "not one of Darkroom's" in refusal(sent).description
    assert (len(fake_engine.jobs), await balance(simcord_bot, guild, alice)) == (drawn, left)


@pytest.mark.parametrize("button", ["V1", "🔄"])
@pytest.mark.parametrize(
    ("words", "keeps"), [("a blue dog --ar 3:2", True), ("a blue dog --ar 1:2", False)]
)
async def test_a_shape_that_stays_in_the_prompt_does_not_cut_what_a_pan_added(
    simcord_env, simcord_bot, channel, alice, fake_engine, button, words, keeps
):
    await alice.slash(channel, "imagine", prompt="a red cat --ar 3:2")
    await simcord_env.settle()
    await press(simcord_env, alice, channel.last_message, "U2")
    await press(simcord_env, alice, channel.last_message, "⬅️")
    panned = fake_engine.jobs[-1]
    await press(simcord_env, alice, channel.last_message, "V1")
    grid = channel.last_message
    await simcord_bot.preferences.change(alice.id, remix=True)
    form = await press(simcord_env, alice, grid, button)
    await alice.submit_modal(form, {"prompt": words})
    await simcord_env.settle()
    job = fake_engine.jobs[-1]
    assert [part.text for part in job.prompt] == ["a blue dog"]
    same = (job.width_px, job.height_px) == (panned.width_px, panned.height_px)
    assert same is keeps
    assert ("cropped" in channel.last_message.content) is not keeps
