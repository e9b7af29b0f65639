"""Forms: remix mode opens one, and what it sends works after a restart and whenever it comes."""

import pytest
from tests_support import PatientEngine, custom_ids, labels, refusal

from bot.jobs.records import Outcome
from bot.prompt.grammar import MAX_PROMPT_CHARACTERS
from bot.ui.modals import TEXT_CHARACTERS

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


async def imagine(env, channel, member, prompt="a red cat --ar 3:2"):
    await member.slash(channel, "imagine", prompt=prompt)
    await env.settle()
    return channel.last_message


@pytest.fixture
async def remixing(simcord_bot, guild, alice):
    await simcord_bot.preferences.change(alice.id, remix=True)


async def press(member, message, label):
    custom_id = dict(zip(labels(message), custom_ids(message), strict=True))[label]
    return await member.click(message, custom_id=custom_id)


def value(shown):
    [label] = shown.modal["components"]
    return label["component"]["value"]


@pytest.mark.usefixtures("remixing")
@pytest.mark.parametrize(
    ("label", "plain_title", "title", "size"),
    [
        (
            "V2",
            "Variations (Strong)",
            "Remix (Strong)",
            (160, 112),
        ),  # as the picture that it varies
        ("🔄", "", "Remix", (128, 128)),
    ],
)
async def test_in_remix_mode_a_button_opens_the_prompt_and_draws_what_it_was_edited_to(
    simcord_env, channel, alice, fake_engine, label, plain_title, title, size
):
    grid = await imagine(simcord_env, channel, alice)
    shown = await press(alice, grid, label)
    assert value(shown) == "a red cat --ar 3:2"
    assert len(fake_engine.jobs) == 1, "nothing is ordered yet"
    await alice.submit_modal(shown, {"prompt": "a blue cat"})
    await simcord_env.settle()
    job = fake_engine.jobs[-1]
    assert [part.text for part in job.prompt] == ["a blue cat"]
    assert (job.width_px, job.height_px) == size
    said = channel.last_message.content
    assert said.startswith(f"**a blue cat** - {title} by <@{alice.id}>")
    shown = await press(alice, grid, label)
    await alice.submit_modal(shown, {"prompt": "a red cat --ar 3:2"})
    await simcord_env.settle()
    assert [part.text for part in fake_engine.jobs[-1].prompt] == ["a red cat"]
    by = f"{plain_title} by " if plain_title else ""
    assert channel.last_message.content.startswith(f"**a red cat --ar 3:2** - {by}<@{alice.id}>")


@pytest.mark.usefixtures("remixing")
async def test_remix_mode_is_of_who_presses(simcord_env, channel, alice, bob, fake_engine):
    grid = await imagine(simcord_env, channel, alice)
    assert (await press(bob, grid, "V1")).modal is None
    await simcord_env.settle()
    assert len(fake_engine.jobs) == 2


@pytest.mark.usefixtures("remixing")
async def test_a_form_that_is_sent_after_a_restart_works(
    simcord_env, channel, alice, new_bot, fake_engine
):
    shown = await press(alice, await imagine(simcord_env, channel, alice), "V1")
    engine_ = PatientEngine()
    engine_.env = simcord_env
    await simcord_env.restart_bot(new_bot(engine_))
    await simcord_env.settle()
    await alice.submit_modal(shown, {"prompt": "a blue cat"})
    await simcord_env.settle()
    [job] = engine_.jobs
    assert [part.text for part in job.prompt] == ["a blue cat"]


@pytest.mark.usefixtures("remixing")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a cat --ar potato", "potato"),
        ("https://example.com/a.png a cat", "leave its links as they are"),
        ("a cat {red, blue}", ""),
    ],
)
async def test_what_a_form_sends_is_read_as_a_prompt_and_refused_at_no_charge(
    simcord_env, guild, channel, alice, simcord_bot, fake_engine, text, said
):
    shown = await press(alice, await imagine(simcord_env, channel, alice), "V1")
    before = await simcord_bot.accounts.balance(guild_id=guild.id, user_id=alice.id)
    result = await alice.submit_modal(shown, {"prompt": text})
    await simcord_env.settle()
    assert said in refusal(result).description
    assert text in refusal(result).description, "it is given back"
    assert len(fake_engine.jobs) == 1
    assert await simcord_bot.accounts.balance(guild_id=guild.id, user_id=alice.id) == before


@pytest.mark.usefixtures("remixing")
async def test_reroll_in_remix_mode_asks_before_it_draws_several_prompts(
    simcord_env, channel, alice, fake_engine
):
    shown = await press(alice, await imagine(simcord_env, channel, alice), "🔄")
    result = await alice.submit_modal(shown, {"prompt": "a {red, blue} cat"})
    await simcord_env.settle()
    assert result.response.ephemeral
    assert len(fake_engine.jobs) == 1, "nothing is ordered yet"


@pytest.mark.usefixtures("remixing")
async def test_a_form_of_a_job_whose_pictures_are_gone_is_answered_in_one_sentence(
    simcord_env, channel, alice, simcord_bot, fake_engine, tmp_path
):
    grid = await imagine(simcord_env, channel, alice)
    shown = await press(alice, grid, "V1")
    for path in tmp_path.rglob("*.png"):
        path.unlink()
    result = await alice.submit_modal(shown, {"prompt": "a blue cat"})
    assert "deleted from the disk" in refusal(result).description
    assert len(fake_engine.jobs) == 1


async def test_forged_forms_get_a_sentence_and_foreign_ones_none(
    simcord_env, channel, alice, simcord_bot, fake_engine
):
    grid = await imagine(simcord_env, channel, alice)
    job_id = fake_engine.jobs[0].id
    await simcord_bot.preferences.change(alice.id, remix=True)
    for custom_id, said in {
        "job:nothing": "not one of Darkroom's",
        f"job:{job_id}:u:1": "This form is not one of Darkroom's",
        f"job:{'a' * 16}:v:1": "not known here",
        f"job:{job_id}:v": "no picture 0",
        f"job:{job_id}:v:9": "no picture 9",
    }.items():
        shown = await press(alice, grid, "V1")
        shown._interaction.modal["custom_id"] = custom_id
        result = await alice.submit_modal(shown, {"prompt": "a blue cat"})
        assert said in refusal(result).description, custom_id
    assert (await simcord_bot.lookup.job(job_id)).outcome is Outcome.FINISHED
    assert len(fake_engine.jobs) == 1


def test_the_longest_prompt_fits_into_a_field():
    assert MAX_PROMPT_CHARACTERS <= TEXT_CHARACTERS
