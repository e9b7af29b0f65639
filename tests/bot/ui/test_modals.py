"""Forms: remix mode opens one, and what it sends works after a restart and whenever it comes."""

import pytest
import simcord.interactions
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


LONGEST = {
    "title": 45,
    "label": 45,
    "description": 100,
    "placeholder": 100,
    "custom_id": 100,
    "value": TEXT_CHARACTERS,
    "content": TEXT_CHARACTERS,
}
"""Characters that Discord takes into the texts of a form."""
MOST_FIELDS = 5


def named(component):
    return component.get("component", {}).get("custom_id")


def check_limits(part):
    match part:
        case dict():
            for name, inner in part.items():
                if isinstance(inner, str):
                    assert len(inner) <= LONGEST[name], name
                    cut = name in {"title", "description"} and len(inner) == LONGEST[name]
                    assert not cut, inner
                else:
                    check_limits(inner)
        case list():
            for inner in part:
                check_limits(inner)


@pytest.fixture(params=["en-US", "ja"])
def language(request, monkeypatch):
    original = simcord.interactions.base_payload

    def base_payload(*args, **kwargs):
        record, payload = original(*args, **kwargs)
        return record, payload | {"locale": request.param}

    monkeypatch.setattr(simcord.interactions, "base_payload", base_payload)


@pytest.mark.usefixtures("language", "remixing")
async def test_every_form_of_a_job_with_two_long_texts_is_within_discords_limits_and_keeps_them(
    simcord_env, guild, channel, alice, fake_engine, simcord_bot
):
    first, second = "cat " * 990, "dog " * 990
    await alice.slash(channel, "morph", text1=first, text2=second, cross=True)
    await simcord_env.settle()
    grid = channel.last_message
    await alice.click(grid, label="U1")
    single = channel.last_message
    forms = [
        await press(alice, grid, "V1"),
        await press(alice, single, "⬅️"),
        await press(alice, single, "Custom Zoom"),
        await press(alice, single, "Vary (Region)"),
        await alice.context_menu(channel, "Vary", grid),
    ]
    for form in forms:
        check_limits(form.modal)
        assert len(form.modal["components"]) <= MOST_FIELDS
        [prompt] = [each for each in form.modal["components"] if named(each) == "prompt"]
        assert not prompt["component"].get("value"), "a part would be taken for all of it"
        assert prompt["description"]
    before = await simcord_bot.accounts.balance(guild_id=guild.id, user_id=alice.id)
    assert len(fake_engine.jobs) == 1, "nothing is ordered yet"
    await alice.submit_modal(forms[0], {"prompt": ""})
    await simcord_env.settle()
    job = fake_engine.jobs[-1]
    assert [part.text for part in job.prompt] == [first.strip()], "what it was"
    assert [part.text for part in job.looks[-1].prompt] == [second.strip()]
    after = await simcord_bot.accounts.balance(guild_id=guild.id, user_id=alice.id)
    assert before.available > after.available, "four pictures are charged"


def test_the_longest_prompt_fits_into_a_field():
    assert MAX_PROMPT_CHARACTERS <= TEXT_CHARACTERS
