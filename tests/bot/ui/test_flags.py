"""Flags as a member sees them: pasted prompts, styles of links and codes, the relaxed lane."""

import dataclasses
import re
from pathlib import Path

import pytest
from tests_support import PatientEngine, custom_ids, labels, png, refusal, rows

import engine
from bot.storage.tables import inputs, jobs
from engine.fake import FAKE_MODEL, FAKE_PAIR

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)
SEEING = dataclasses.replace(
    FAKE_MODEL,
    info=dataclasses.replace(
        FAKE_MODEL.info, operations=FAKE_MODEL.info.operations | {"image_prompt"}
    ),
    ip_adapter=Path("adapter.safetensors"),
    image_encoder=Path("tower"),
)
LINK = "https://a.example/1.png"


async def imagine(env, channel, member, prompt):
    result = await member.slash(channel, "imagine", prompt=prompt)
    await env.settle()
    return result


async def press(env, channel, member, button):
    message = channel.last_message
    custom_id = dict(zip(labels(message), custom_ids(message), strict=True))[button]
    await member.click(message, custom_id=custom_id)
    await env.settle()


@pytest.fixture
async def seeing(simcord_env, new_bot):
    """(bot, engine) whose model has an image adapter, and what was fetched for it."""
    engine_ = PatientEngine(models=(SEEING, FAKE_PAIR))
    engine_.env = simcord_env
    bot = new_bot(engine_)
    await simcord_env.restart_bot(bot)
    await simcord_env.settle()
    fetched = []

    async def link(url):
        fetched.append(url)
        return png(colour="red" if len(fetched) % 2 else "blue")

    bot.interactions._fetcher.link = link
    return bot, engine_, fetched


async def test_a_prompt_pasted_from_midjourney_draws_with_one_line_of_what_was_left_out(
    simcord_env, channel, alice, fake_engine
):
    prompt = "a cat --v 6.1 --niji 6 --p abc --sref 123 --style raw --cref https://dead.example/x"
    await imagine(simcord_env, channel, alice, prompt)
    [job] = fake_engine.jobs
    assert job.style_codes == (engine.StyleCode(code=123),)
    content = channel.last_message.content
    assert content.count("-#") == 1
    for flag in ("--v 6.1", "--niji 6", "--p ", "--cref"):
        assert flag in content.splitlines()[-1]
    assert "U1" in labels(channel.last_message)


async def test_the_picture_behind_a_style_link_is_stored_with_the_job_and_stays_its_style(
    simcord_env, channel, alice, database, seeing
):
    _, engine_, fetched = seeing
    await imagine(simcord_env, channel, alice, f"a cat --sref {LINK}::2 7")
    assert fetched == [LINK]
    [first] = engine_.jobs
    assert first.style_inputs == (engine.InputPicture(data=png(colour="red"), weight=2.0),)
    assert len(await rows(database, inputs)) == 1
    await press(simcord_env, channel, alice, "V2")
    again = engine_.jobs[-1]
    assert again is not first
    assert again.inputs
    assert again.init_use is engine.InitUse.IMG2IMG
    for name in ("style_inputs", "style_scale", "style_codes", "prompt"):
        assert getattr(again, name) == getattr(first, name), name
    assert again.seed != first.seed
    assert fetched == [LINK]


async def test_characters_and_things_come_after_linked_pictures(
    simcord_env, channel, alice, seeing
):
    _, engine_, fetched = seeing
    await imagine(
        simcord_env, channel, alice, f"{LINK} a cat --oref {LINK}?3 --cref {LINK}?2 --cw 50"
    )
    assert fetched == [LINK, f"{LINK}?2", f"{LINK}?3"]
    [job] = engine_.jobs
    assert job.init_use is engine.InitUse.PROMPT
    assert [picture.data for picture in job.inputs] == [
        png(colour=colour) for colour in ("red", "blue", "red")
    ]


async def test_a_style_link_that_cannot_be_fetched_orders_nothing(
    simcord_env, channel, alice, database, seeing
):
    bot, _, _ = seeing
    del bot.interactions._fetcher.link
    result = await imagine(simcord_env, channel, alice, "a cat --sref https://127.0.0.1/1.png")
    assert refusal(result).title == "Invalid link"
    assert await rows(database, jobs) == []


async def test_batches_fetch_what_their_prompts_refer_to(simcord_env, channel, alice, seeing):
    bot, engine_, fetched = seeing
    bot.batches._fetcher.link = bot.interactions._fetcher.link
    question = await alice.slash(channel, "imagine", prompt=f"a {{red, blue}} cat --sref {LINK}")
    await simcord_env.settle()
    await alice.click(question.response.message, label="Confirm")
    await simcord_env.settle()
    assert fetched == [LINK]
    assert [len(job.style_inputs) for job in engine_.jobs] == [1, 1]


async def test_a_random_style_is_told_and_kept_by_the_buttons(
    simcord_env, channel, alice, fake_engine
):
    await imagine(simcord_env, channel, alice, "a cat --sref random")
    told = re.search(r"--sref (\d+)\.", channel.last_message.content)
    [first] = fake_engine.jobs
    assert [str(code.code) for code in first.style_codes] == [told[1]]
    await press(simcord_env, channel, alice, "🔄")
    again = fake_engine.jobs[-1]
    assert (again.style_codes, again.prompt) == (first.style_codes, first.prompt)
    assert again.seed != first.seed


async def test_a_relaxed_job_waits_in_its_lane_and_is_called_so(
    simcord_env, channel, alice, fake_engine
):
    await imagine(simcord_env, channel, alice, "a cat --relax")
    assert fake_engine.jobs[-1].lane is engine.Lane.RELAX
    assert channel.last_message.content == f"**a cat --relax** - {alice.mention} (relax)"
    await press(simcord_env, channel, alice, "V1")
    assert fake_engine.jobs[-1].lane is engine.Lane.RELAX


async def test_loras_and_styles_are_options_too_and_become_part_of_the_prompt(
    simcord_env, channel, alice, new_bot
):
    info = dataclasses.replace(
        FAKE_MODEL.info, loras=("ink", "line art"), styles=(engine.Preset(name="film"),)
    )
    spec = dataclasses.replace(
        FAKE_MODEL,
        info=info,
        loras=tuple(engine.LoraSpec(name=name, path=Path("x")) for name in info.loras),
    )
    engine_ = PatientEngine(models=(spec, FAKE_PAIR))
    engine_.env = simcord_env
    await simcord_env.restart_bot(new_bot(engine_))
    await simcord_env.settle()
    await alice.slash(channel, "imagine", prompt="a cat", lora="ink:0.8", style="film")
    await simcord_env.settle()
    assert engine_.jobs[-1].loras == (("ink", 0.8),)
    assert channel.last_message.content.startswith("**a cat --lora ink:0.8 --style film**")


@pytest.mark.parametrize(
    ("option", "typed", "prompt", "offered"),
    [
        ("lora", "", "a cat", ["ink", "line art"]),
        ("lora", "IN", "a cat", ["ink", "line art"]),
        ("lora", "art", "a cat", ["line art"]),
        ("lora", "", "a cat --v other", ["oil"]),
        ("lora", "", "a cat --bogus", ["ink", "line art", "oil"]),
        ("style", "", "a cat", ["film"]),
        ("style", "x", "a cat", []),
    ],
)
async def test_the_names_of_the_model_that_would_draw_are_suggested(
    simcord_env, channel, alice, new_bot, option, typed, prompt, offered
):
    first = dataclasses.replace(
        FAKE_MODEL.info,
        loras=("ink", "line art"),
        styles=(engine.Preset(name="film"),),
        weight_bytes=9,
    )
    other = dataclasses.replace(FAKE_MODEL.info, name="other", aliases=(), loras=("oil",))
    models = (*(dataclasses.replace(FAKE_MODEL, info=info) for info in (first, other)), FAKE_PAIR)
    engine_ = PatientEngine(models=models)
    engine_.env = simcord_env
    await simcord_env.restart_bot(new_bot(engine_))
    await simcord_env.settle()
    choices = await alice.autocomplete(channel, "imagine", option, typed, prompt=prompt)
    assert [choice["value"] for choice in choices] == offered
