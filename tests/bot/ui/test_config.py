"""/config: a server's settings out and in again, and no others'."""

import json

import discord
import pytest
from tests_support import custom_ids, refusal

from bot.storage import audit

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


@pytest.fixture
def manager(simcord_env, guild):
    role = guild.create_role("Managers", permissions=discord.Permissions(manage_guild=True))
    return guild.add_member(simcord_env.create_user("manager"), roles=[role])


def written(guild, **settings):
    return json.dumps({"darkroom": 1, "server": str(guild.id), "settings": settings}).encode()


async def bring(env, channel, member, data):
    return await member.slash(channel, "config import", file=("x.json", data))


async def test_what_is_exported_can_be_brought_back(
    simcord_env, simcord_bot, guild, channel, manager
):
    log = guild.create_text_channel("log")
    await manager.slash(channel, "server buttons", who="owners")
    await manager.slash(channel, "server audit", channel=log)
    await manager.slash(channel, "queue pause")
    result = await manager.slash(channel, "config export")
    data = await result.response.message.attachments[0].read()
    assert json.loads(data)["settings"] == {"buttons": "owners", "audit_channel": str(log.id)}
    result = await bring(simcord_env, channel, manager, data)
    assert "as in the file already" in result.response.message.content
    await manager.slash(channel, "server buttons", who="everybody")
    await manager.slash(channel, "server remix", allowed=False)
    result = await bring(simcord_env, channel, manager, data)
    question = result.response.message
    assert question.embeds[0].description.splitlines()[1:] == [
        "`buttons`: as at first → `owners`",
        "`remix`: `forbidden` → as at first",
    ]
    before = await simcord_bot.preferences.of(guild.id)
    assert before.get("remix") == "forbidden", "nothing changes before it is confirmed"
    [button] = [each for each in custom_ids(question) if each.endswith(":y")]
    await manager.click(question, custom_id=button)
    after = await simcord_bot.preferences.of(guild.id)
    assert after == {"buttons": "owners", "audit_channel": str(log.id), "queue": "paused"}
    async with simcord_bot.database.read() as connection:
        lines = await audit.after(connection, 0, 100)
    assert lines[-1].action.detail == "buttons: owners remix: "


@pytest.mark.parametrize(
    "settings",
    [
        {"buttons": "nobody"},
        {"queue": "paused"},
        {"language": "xx"},
        {"default_model": "nope"},
        {"denied_models": "doodle"},
        {"denied_models": "nope"},
        {"audit_channel": "1"},
        {"audit_channel": "²"},
        {"x" * 500: "y"},
    ],
)
async def test_what_no_command_would_set_is_refused(
    simcord_env, simcord_bot, guild, channel, manager, settings
):
    result = await bring(simcord_env, channel, manager, written(guild, **settings))
    assert "cannot be set here. Nothing was changed" in refusal(result).description
    assert await simcord_bot.preferences.of(guild.id) == {}


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"\xff\xfe", b"[" * 60_000, b'{"darkroom": 1}', b'{"darkroom": 2, "server": "1"}'],
)
async def test_what_is_no_export_is_refused(simcord_env, channel, manager, data):
    result = await bring(simcord_env, channel, manager, data)
    assert "no file of /config export" in refusal(result).description


async def test_another_servers_file_and_a_large_one_are_refused(
    simcord_env, simcord_bot, guild, channel, manager
):
    other = simcord_env.create_guild("Other")
    result = await bring(simcord_env, channel, manager, written(other, buttons="owners"))
    assert "of another server" in refusal(result).description
    result = await bring(simcord_env, channel, manager, b" " * 50_000_000)
    assert "too large" in refusal(result).description
    foreign = other.create_text_channel("hall")
    result = await bring(
        simcord_env, channel, manager, written(guild, audit_channel=str(foreign.id))
    )
    assert "cannot be set here" in refusal(result).description
    assert await simcord_bot.preferences.of(guild.id) == {}


@pytest.mark.usefixtures("shown_to_all")
async def test_a_plain_member_is_refused_even_where_the_command_is_shown(
    simcord_env, guild, channel, alice
):
    result = await alice.slash(channel, "config export")
    assert "Only who manages" in refusal(result).description
    result = await bring(simcord_env, channel, alice, written(guild, buttons="owners"))
    assert "Only who manages" in refusal(result).description
