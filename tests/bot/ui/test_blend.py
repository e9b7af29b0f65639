"""/blend: shape, words and weights."""

import dataclasses

import pytest
from sqlalchemy import select
from tests_support import PatientEngine, custom_ids, labels, png, refusal

import engine
from bot.jobs.kinds.blend import Blend, weights_of
from bot.jobs.kinds.kind import Context
from bot.storage.tables import jobs, verdicts
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


async def edited(env, channel, member, label, **fields):
    """Press, and send the form that opens."""
    shown = await press(env, channel, member, label)
    result = await member.submit_modal(shown, fields)
    await env.settle()
    return result


@pytest.mark.parametrize("words", ["", "shiny"])
@pytest.mark.parametrize(
    "steps",
    [
        [("U1", {}), ("Upscale (Subtle)", {}), ("Zoom Out 2x", {})],
        [("U1", {}), ("Upscale (Subtle)", {}), ("Vary (Strong)", {})],
        [("U1", {}), ("Custom Zoom", {"prompt": "{words} --ar 2:1", "zoom": "1"})],
        [("remix", {}), ("V1", {"prompt": "{words} --ar 1:1 --seed 5"})],
        [("remix", {}), ("🔄", {"prompt": "{words} --ar 1:1 --seed 5"})],
    ],
)
async def test_words_that_were_found_stay_where_parameters_alone_are_edited(
    simcord_env, simcord_bot, channel, alice, fake_engine, words, steps
):
    await blend(simcord_env, channel, alice, prompt=words)
    found = fake_engine.ends[-1].drawn.prompt
    for label, fields in steps:
        if label == "remix":
            await simcord_bot.preferences.change(alice.id, remix=True)
        elif fields:
            texts = {name: text.format(words=words).strip() for name, text in fields.items()}
            await edited(simcord_env, channel, alice, label, **texts)
        else:
            await press(simcord_env, channel, alice, label)
    assert len(fake_engine.jobs) > 1
    job = fake_engine.jobs[-1]
    assert (job.prompt, job.name_inputs) == (found, False)


@pytest.mark.parametrize(
    ("words", "new", "strength", "asked"),
    [
        ("shiny", "shiny --seed 5", 0.9, False),
        ("", "--ar 1:1 --seed 5", 0.9, False),
        ("shiny", "dull --ar 1:1", 0.9, True),
        ("", "dull", 0.9, True),
    ],
)
async def test_a_remix_of_a_blend_mixes_its_pictures(
    simcord_env, simcord_bot, channel, alice, fake_engine, words, new, strength, asked
):
    await blend(simcord_env, channel, alice, prompt=words, weights="1,2")
    mixed, found = fake_engine.jobs[-1], fake_engine.ends[-1].drawn.prompt
    await simcord_bot.preferences.change(alice.id, remix=True)
    await edited(simcord_env, channel, alice, "🔄", prompt=new)
    job = fake_engine.jobs[-1]
    assert job is not mixed
    assert (job.inputs, job.init_use) == (mixed.inputs, engine.InitUse.MIX)
    assert (job.strength, job.name_inputs) == (strength, asked)
    drawn = fake_engine.ends[-1].drawn.prompt if asked else job.prompt
    assert drawn[0].text.startswith(found[0].text.removesuffix(", shiny"))
    assert drawn[0].text.endswith("dull") == asked


def found_by(fake_engine):
    return fake_engine.ends[-1].drawn.prompt[0].text.split()[1]


async def verdicts_of(database):
    async with database.read() as connection:
        rows = await connection.execute(select(verdicts))
        return [(row.kind, row.level, row.phrase) for row in rows]


async def test_words_that_the_server_blocks_are_not_drawn_because_pictures_show_them(
    simcord_env, channel, alice, manager, fake_engine, database
):
    await blend(simcord_env, channel, alice)
    word = found_by(fake_engine)
    await manager.slash(channel, "words add", phrase=word, level="block")
    fake_engine.pause()
    for _ in range(4):  # as often as would be a time-out for who typed it
        await blend(simcord_env, channel, alice)
        fake_engine.step()  # it begins
        await simcord_env.settle()
        said = channel.last_message
        text = said.content + "".join(each.description or "" for each in said.embeds)
        assert "breaks this server's rules of words" in text
        assert "Nothing was charged" in text
        assert not said.attachments
    assert {type(end) for end in fake_engine.ends[1:]} == {engine.Cancelled}
    assert await verdicts_of(database) == [("result", "block", word)] * 4


@pytest.mark.parametrize("words", ["", "shiny"])
async def test_what_follows_is_refused_once_a_word_that_was_found_is_blocked(
    simcord_env, channel, alice, manager, fake_engine, words
):
    await blend(simcord_env, channel, alice, prompt=words)
    grid = channel.last_message
    word = found_by(fake_engine)
    await press(simcord_env, channel, alice, "U1")
    await manager.slash(channel, "words add", phrase=word)
    for message, label in (
        *((grid, label) for label in ("🔄", "V2", "U2")),
        *((channel.last_message, label) for label in ("Upscale (Subtle)", "Zoom Out 2x")),
    ):
        button = custom_ids(message)[labels(message).index(label)]
        result = await alice.click(message, custom_id=button)
        assert "this server does not allow" in refusal(result).description, label
    job = custom_ids(grid)[0].split(":")[1]
    result = await alice.slash(channel, "show", job=job)
    assert "this server does not allow" in refusal(result).description
    assert len(fake_engine.jobs) == 1


async def test_words_that_a_server_covers_cover_what_is_drawn_because_pictures_show_them(
    simcord_env, simcord_bot, channel, alice, manager, fake_engine, database, monkeypatch
):
    shown = []
    show = simcord_bot.outbox.show

    def noted(row, event, **options):
        shown.append(options.get("blurred"))
        show(row, event, **options)

    monkeypatch.setattr(simcord_bot.outbox, "show", noted)
    await blend(simcord_env, channel, alice)
    assert {each for each in shown if each is not None} == {False}
    word = found_by(fake_engine)
    await manager.slash(channel, "words add", phrase=word, level="spoiler")
    shown.clear()
    await blend(simcord_env, channel, alice)
    assert {each for each in shown if each is not None} == {True}
    assert channel.last_message.attachments[0].filename.startswith("SPOILER_")
    await press(simcord_env, channel, alice, "V1")
    assert channel.last_message.attachments[0].filename.startswith("SPOILER_")
    found = [each for each in await verdicts_of(database) if each[0] == "result"]
    assert found == [("result", "spoiler", word)]


@pytest.mark.parametrize("level", ["spoiler", "block"])
async def test_a_restart_reads_what_was_found_as_the_rules_are_then(
    simcord_env, channel, alice, manager, fake_engine, new_bot, database, level
):
    await blend(simcord_env, channel, alice)
    word = found_by(fake_engine)
    await manager.slash(channel, "words add", phrase=word, level="spoiler")
    fake_engine.pause()
    await blend(simcord_env, channel, alice)
    fake_engine.step()
    await simcord_env.settle()
    read = [("result", "spoiler", word)]
    assert [each for each in await verdicts_of(database) if each[0] == "result"] == read
    if level == "block":
        await manager.slash(channel, "words add", phrase=word, level="block")
        read = [*read, ("result", "block", word)]
    engine_ = PatientEngine()
    engine_.env = simcord_env
    await simcord_env.restart_bot(new_bot(engine_))
    await simcord_env.settle()
    assert [each for each in await verdicts_of(database) if each[0] == "result"] == read
    last = channel.last_message
    if level == "block":
        assert not last.attachments
        assert "breaks this server's rules of words" in last.content + "".join(
            each.description or "" for each in last.embeds
        )
    else:
        assert last.attachments[0].filename.startswith("SPOILER_")


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
