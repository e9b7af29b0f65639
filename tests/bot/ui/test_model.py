"""/model default: who manages a server chooses what draws there."""

import dataclasses

import pytest
from tests_support import PatientEngine, custom_ids, refusal

from engine.fake import FAKE_MODEL, FAKE_PAIR

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


def model(name, weight_bytes, *, installed=True):
    info = dataclasses.replace(
        FAKE_MODEL.info,
        name=name,
        title=name.title(),
        aliases=(),
        weight_bytes=weight_bytes,
        installed=installed,
    )
    return dataclasses.replace(FAKE_MODEL, info=info)


@pytest.fixture
def fake_engine():
    models = (model("small", 1), model("large", 9), model("huge", 0, installed=False), FAKE_PAIR)
    return PatientEngine(models=models)


async def drawn_on(env, channel, member, fake_engine):
    await member.slash(channel, "imagine", prompt="a red cat")
    await env.settle()
    return fake_engine.jobs[-1].model


async def test_the_servers_choice_draws_until_it_is_taken_back(
    simcord_env, channel, manager, alice, fake_engine
):
    said = await manager.slash(channel, "model default", name="small")
    assert said.ephemeral
    assert "now drawn on Small" in said.response.content
    assert await drawn_on(simcord_env, channel, alice, fake_engine) == "small"
    said = await manager.slash(channel, "model default")
    assert "the bot's own choice again" in said.response.content
    assert await drawn_on(simcord_env, channel, alice, fake_engine) == "large"


async def test_one_server_does_not_choose_for_another(
    simcord_env, channel, manager, alice, fake_engine
):
    await manager.slash(channel, "model default", name="small")
    other = simcord_env.create_guild("Other")
    member = other.add_member(alice.user)
    place = other.create_text_channel("general")
    assert await drawn_on(simcord_env, place, member, fake_engine) == "large"


@pytest.mark.parametrize("name", ["huge", "gone", "x" * 2000])
async def test_a_model_that_is_not_installed_is_refused(
    simcord_env, channel, manager, alice, fake_engine, name
):
    said = refusal(await manager.slash(channel, "model default", name=name)).description
    assert "Choose one of: small, large." in said
    assert await drawn_on(simcord_env, channel, alice, fake_engine) == "large"


@pytest.mark.usefixtures("shown_to_all")
async def test_a_plain_member_is_refused_even_where_the_command_is_shown(
    simcord_env, channel, alice, fake_engine
):
    result = await alice.slash(channel, "model default", name="small")
    assert "Only who manages this server" in refusal(result).description
    assert await drawn_on(simcord_env, channel, alice, fake_engine) == "large"


async def test_a_denied_model_draws_nothing_new_whoever_asks_for_it(
    simcord_env, simcord_bot, channel, manager, alice, fake_engine
):
    await manager.slash(channel, "model default", name="large")
    assert await drawn_on(simcord_env, channel, alice, fake_engine) == "large"
    grid = channel.last_message
    said = await manager.slash(channel, "model deny", name="large")
    assert "Large draws nothing new here now" in said.response.content
    assert await drawn_on(simcord_env, channel, alice, fake_engine) == "small"
    result = await alice.slash(channel, "imagine", prompt="a cat --v large")
    assert "does not allow Large here. Choose one of: Small" in refusal(result).description
    await simcord_bot.preferences.change(alice.id, model="large")
    assert await drawn_on(simcord_env, channel, alice, fake_engine) == "small"
    [again] = [each for each in custom_ids(grid) if each.endswith(":r")]
    assert "does not allow Large" in refusal(await alice.click(grid, custom_id=again)).description
    refused = await manager.slash(channel, "model default", name="large")
    assert "/model allow" in refusal(refused).description
    refused = await manager.slash(channel, "model deny", name="small")
    assert "last model that may draw" in refusal(refused).description
    listed = (await manager.slash(channel, "model list")).response.embeds[0].description
    assert [line[0] for line in listed.splitlines()] == ["✅", "⛔", "▫"]
    await manager.slash(channel, "model allow", name="large")
    assert await drawn_on(simcord_env, channel, alice, fake_engine) == "large"


async def test_a_model_is_denied_in_its_server_only(
    simcord_env, channel, manager, alice, fake_engine
):
    await manager.slash(channel, "model deny", name="large")
    other = simcord_env.create_guild("Other")
    place = other.create_text_channel("general")
    assert await drawn_on(simcord_env, place, other.add_member(alice.user), fake_engine) == "large"


@pytest.mark.parametrize("command", ["allow", "deny"])
async def test_only_installed_models_are_allowed_and_denied(channel, manager, alice, command):
    result = await manager.slash(channel, f"model {command}", name="huge")
    assert "Choose one of: small, large." in refusal(result).description
    choices = await manager.autocomplete(channel, f"model {command}", "name", "SMA")
    assert [choice["value"] for choice in choices] == ["small"]
