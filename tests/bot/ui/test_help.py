"""/help names everything there is, /info what a member has, /invite brings the bot elsewhere."""

import dataclasses

import discord
import pytest
from tests_support import PatientEngine, labels, refusal

from bot.locale import catalogue
from bot.ui.commands import help_
from engine.fake import FAKE_MODEL, FAKE_PAIR

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


@pytest.mark.parametrize("language", [*catalogue.LOCALES, "en"])
async def test_help_fits_into_one_message_in_every_language(simcord_bot, channel, language):
    said = help_.commands(simcord_bot.tree, language)
    assert len(said) <= 4096
    assert len(help_.managing(simcord_bot.tree, language)) <= 4096
    assert len(said) + len(help_.text(language)) + len("Darkroom") <= 6000


async def test_help_has_a_line_for_every_command(simcord_bot, channel, alice, manager):
    result = await manager.slash(channel, "help")
    said = result.response.embeds[0].description
    managing = result.followups[0].embeds[0].description.splitlines()
    for command in simcord_bot.tree.walk_commands():
        if isinstance(command, discord.app_commands.Group):
            continue
        root = command.root_parent or command
        if root.default_permissions is None:
            assert f"`/{command.qualified_name}` {command.description}" in said
        else:
            [line] = [each for each in managing if each.startswith(f"`/{root.name}` ")]
            assert root.description in line
            within = command.qualified_name.removeprefix(root.name).strip()
            assert not within or f"`{within}`" in line
    for menu in simcord_bot.tree.get_commands(type=discord.AppCommandType.message):
        assert menu.name in said
    plain = await alice.slash(channel, "help")
    assert not plain.followups
    assert "/server" not in str(plain.response.embeds[0].description)


async def test_info_tells_modes_and_what_was_kept(simcord_env, simcord_bot, channel, alice):
    await alice.slash(channel, "imagine", prompt="a cat")
    await simcord_env.settle()
    simcord_env.inject_error("POST", "/channels/*/messages", status=403, code=50013, times=2)
    await alice.slash(channel, "imagine", prompt="a dog --stealth")
    await simcord_env.settle()
    await simcord_bot.preferences.change(alice.id, speed="relax", stealth=True)
    [embed] = (await alice.slash(channel, "info")).response.embeds
    fields = {field.name: field.value for field in embed.fields}
    assert fields["Job mode"] == "Relax"
    assert fields["Visibility"] == "Stealth"
    assert fields["Finished so far"] == "2 jobs"
    assert "could not be posted" in fields["Kept for you"]


async def test_the_invite_link_asks_for_the_least_and_a_playground_has_none(
    simcord_bot, channel, alice
):
    result = await alice.slash(channel, "invite")
    assert result.ephemeral
    assert "permissions=274878024704" in result.response.content
    simcord_bot.place = dataclasses.replace(simcord_bot.place, api_url="http://127.0.0.1:1/api")
    assert "playground" in refusal(await alice.slash(channel, "invite")).description


@pytest.mark.parametrize(
    ("option", "typed", "offered"),
    [("model", "fi", ["first"]), ("sampler", "eu", ["euler"]), ("own", "--mi", ["mine"])],
)
async def test_options_of_imagine_suggest_what_there_is(
    simcord_env, new_bot, channel, alice, option, typed, offered
):
    info = dataclasses.replace(FAKE_MODEL.info, name="first", aliases=(), schedulers=("euler",))
    engine_ = PatientEngine(models=(dataclasses.replace(FAKE_MODEL, info=info), FAKE_PAIR))
    engine_.env = simcord_env
    bot = new_bot(engine_)
    await simcord_env.restart_bot(bot)
    await bot.preferences.set_macro(alice.id, "mine", "--ar 3:2", 20)
    choices = await alice.autocomplete(channel, "imagine", option, typed, prompt="a cat")
    assert [choice["value"] for choice in choices] == offered


async def test_options_of_imagine_are_written_into_the_prompt(
    simcord_env, simcord_bot, channel, alice, fake_engine
):
    await simcord_bot.preferences.set_macro(alice.id, "mine", "--ar 3:2", 20)
    await alice.slash(channel, "imagine", prompt="a cat", model="doodle", own="mine")
    await simcord_env.settle()
    assert channel.last_message.content.startswith("**a cat --ar 3:2 --v doodle** - ")
    assert fake_engine.jobs[-1].width_px > fake_engine.jobs[-1].height_px


@pytest.mark.parametrize("command", ["help", "info"])
async def test_who_has_drawn_nothing_gets_three_examples(simcord_env, channel, alice, command):
    result = await alice.slash(channel, command)
    assert labels(result.response.message) == ["Draw 1", "Draw 2", "Draw 3"]
    assert "1. a red cat at night" in result.response.content
    await alice.click(result.response.message, label="Draw 1")
    await simcord_env.settle()
    assert "a red cat at night" in channel.last_message.content
    result = await alice.slash(channel, command)
    assert labels(result.response.message) == []
    assert not result.response.content
