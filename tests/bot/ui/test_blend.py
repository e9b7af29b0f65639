"""/blend: shape, words and weights."""

import dataclasses

import pytest
from sqlalchemy import select
from tests_support import custom_ids, labels, png, refusal

import engine
from bot.jobs.kinds.blend import Blend, weights_of
from bot.jobs.kinds.kind import Context
from bot.storage.tables import jobs
from engine.fake import FAKE_MODEL

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


async def blend(env, channel, member, count=2, **options):
    for number in range(1, count + 1):
        options[f"image{number}"] = (
            f"{number}.png",
            png(colour=("red", "blue", "green")[number % 3]),
        )
    result = await member.slash(channel, "blend", **options)
    await env.settle()
    return result


@pytest.mark.parametrize(("dimensions", "ratio"), [("2:3", 2 / 3), ("1:1", 1), ("3:2", 1.5)])
async def test_pictures_are_mixed_in_the_shape_asked_for(
    simcord_env, channel, alice, fake_engine, dimensions, ratio
):
    await blend(simcord_env, channel, alice, 5, dimensions=dimensions)
    job = fake_engine.jobs[-1]
    assert job.init_use is engine.InitUse.MIX
    assert [each.weight for each in job.inputs] == [1] * 5
    assert job.width_px / job.height_px == pytest.approx(ratio, rel=0.15)
    assert channel.last_message.content.startswith(f"Blend by {alice.mention}")
    assert "U4" in labels(channel.last_message)


async def test_words_and_weights_count(simcord_env, channel, alice, fake_engine):
    await blend(
        simcord_env, channel, alice, 3, prompt="a fox --seed 4", weights="1,2,.5", dimensions="3:2"
    )
    job = fake_engine.jobs[-1]
    assert [each.weight for each in job.inputs] == [1, 2, 0.5]
    assert (job.prompt[0].text, job.seed) == ("a fox", 4)
    assert job.width_px > job.height_px
    assert "a fox" in channel.last_message.content


@pytest.mark.parametrize("text", ["1,2", "1，2", "1、2", "１, ２"])
def test_weights_stand_between_the_commas_of_any_script(text):
    assert weights_of(text, 2) == (1, 2)


@pytest.mark.parametrize(
    ("names", "words", "asked", "strength"),
    [
        (True, "", True, 0.9),
        (True, "--ar 3:2", True, 0.9),
        (True, "a fox", True, 0.9),
        (False, "", False, 0.7),
        (False, "a fox", False, 0.7),
    ],
)
def test_words_are_found_for_what_pictures_show_where_a_model_cannot_look_at_them(
    names, words, asked, strength
):
    model = dataclasses.replace(FAKE_MODEL.info, names_inputs=names)
    context = Context(models=(model,), default_model=model.name, job_id="j", owner="ann", seed=1)
    job = Blend(aspect="1:1", words=words, pictures=(png(), png())).write(context).job
    assert (job.name_inputs, job.strength) == (asked, strength)


async def test_the_member_reads_the_words_that_were_found(simcord_env, channel, alice, fake_engine):
    await blend(simcord_env, channel, alice)
    (drawn,) = fake_engine.ends[-1].drawn.prompt
    assert f"Drawn as: {drawn.text}" in channel.last_message.content


async def press(env, channel, member, label):
    message = channel.last_message
    button = custom_ids(message)[labels(message).index(label)]
    result = await member.click(message, custom_id=button)
    await env.settle()
    return result


async def test_what_follows_has_the_words_that_were_found(simcord_env, channel, alice, fake_engine):
    await blend(simcord_env, channel, alice)
    found = fake_engine.ends[-1].drawn.prompt
    await press(simcord_env, channel, alice, "🔄")
    again = fake_engine.jobs[-1]
    assert (again.prompt, again.name_inputs) == (found, False)
    assert again.init_use is engine.InitUse.MIX
    for label in ("V2", "U1", "Zoom Out 2x"):
        await press(simcord_env, channel, alice, label)
    assert len(fake_engine.jobs) == 4
    for job in fake_engine.jobs[2:]:
        assert (job.prompt, job.name_inputs) == (found, False)


async def test_words_that_the_server_blocks_are_not_drawn_because_pictures_show_them(
    simcord_env, channel, alice, manager, fake_engine
):
    await blend(simcord_env, channel, alice)
    (drawn,) = fake_engine.ends[-1].drawn.prompt
    word = drawn.text.split()[1]
    await manager.slash(channel, "words add", phrase=word, level="block")
    await blend(simcord_env, channel, alice)
    said = channel.last_message
    text = said.content + "".join(each.description or "" for each in said.embeds)
    assert "breaks this server's rules of words" in text
    assert "Nothing was charged" in text
    assert not said.attachments


async def test_what_follows_is_refused_once_a_word_that_was_found_is_blocked(
    simcord_env, channel, alice, manager, fake_engine
):
    await blend(simcord_env, channel, alice)
    (drawn,) = fake_engine.ends[-1].drawn.prompt
    await manager.slash(channel, "words add", phrase=drawn.text.split()[1])
    for label in ("🔄", "V2"):
        result = await press(simcord_env, channel, alice, label)
        assert "this server does not allow" in refusal(result).description
    assert len(fake_engine.jobs) == 1


@pytest.mark.parametrize(
    ("command", "words", "blurred"),
    [("blend", "", True), ("blend", "a fox", True), ("imagine", "a fox", False)],
)
async def test_previews_are_blurred_until_the_words_that_were_found_are_read(
    simcord_env, simcord_bot, channel, alice, fake_engine, monkeypatch, command, words, blurred
):
    shown = []
    show = simcord_bot.outbox.show

    def noted(row, event, **options):
        shown.append(options.get("blurred"))
        show(row, event, **options)

    monkeypatch.setattr(simcord_bot.outbox, "show", noted)
    fake_engine.pause()
    if command == "blend":
        await blend(simcord_env, channel, alice, prompt=words)
    else:
        await alice.slash(channel, command, prompt=words)
        await simcord_env.settle()
    fake_engine.step(3)
    await simcord_env.settle()
    assert {each for each in shown if each is not None} == {blurred}
    fake_engine.resume()
    await simcord_env.settle()


async def test_a_shape_in_the_words_goes_before_the_option(
    simcord_env, channel, alice, fake_engine
):
    await blend(simcord_env, channel, alice, prompt="a fox --ar 2:3", dimensions="3:2")
    job = fake_engine.jobs[-1]
    assert job.width_px < job.height_px


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"weights": "1"}, "one number for each of the 2 pictures"),
        ({"weights": "1,x"}, "one number for each"),
        ({"weights": "1,0"}, "above 0"),
        ({"weights": "1,nan"}, "above 0"),
        ({"weights": "1,11"}, "at most 10"),
        ({"prompt": "https://example.com/a.png a fox"}, "leave the link out"),
        ({"prompt": "a fox --nonsense"}, "nonsense"),
    ],
)
async def test_what_is_no_blend_costs_nothing(
    simcord_env, channel, alice, database, options, sentence
):
    result = await blend(simcord_env, channel, alice, **options)
    assert sentence in refusal(result).description
    async with database.read() as connection:
        assert (await connection.execute(select(jobs))).all() == []
