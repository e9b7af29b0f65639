"""/audit: what managers did, for managers of that server alone."""

import csv
import io
import re

import discord
import pytest
from tests_support import custom_ids, refusal

from bot.storage.audit import Action

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


async def written(bot, guild_id, count, **action):
    bot.audit.listener = None  # nothing is posted, which might go on after the test
    async with bot.database.write() as connection:
        for number in range(count):
            of_it = {"actor_id": 7, "name": "queue pause", "detail": f"number: {number}"} | action
            await bot.audit.write(connection, Action(guild_id=guild_id, **of_it))


def numbers(message):
    return [int(each) for each in re.findall(r"number: (\d+)", message.embeds[0].description)]


def onwards(message):
    return custom_ids(message)[-1]


async def test_the_newest_come_first_twenty_a_page(simcord_bot, guild, channel, manager):
    await written(simcord_bot, guild.id, 45)
    await written(simcord_bot, guild.id + 1, 5, detail="number: 99")
    await written(simcord_bot, 0, 5, detail="number: 98")
    result = await manager.slash(channel, "audit")
    assert result.ephemeral
    first = result.response.message
    assert numbers(first) == list(range(44, 24, -1))
    assert "<@7> `/queue pause` number: 44" in first.embeds[0].description
    result = await manager.click(first, custom_id=onwards(first))
    assert numbers(result.response.message) == list(range(24, 4, -1))
    result = await manager.click(
        result.response.message, custom_id=onwards(result.response.message)
    )
    assert numbers(result.response.message) == [4, 3, 2, 1, 0]
    assert custom_ids(result.response.message) == ["lin:audit::1", "lin:audit::3"]


async def test_a_member_and_a_command_narrow_it_also_on_other_pages(
    simcord_bot, guild, channel, manager
):
    await written(simcord_bot, guild.id, 22)
    await written(simcord_bot, guild.id, 22, actor_id=manager.id)
    await written(simcord_bot, guild.id, 22, actor_id=manager.id, name="credits grant")
    await written(simcord_bot, guild.id, 1, actor_id=manager.id, name="creditsx")
    result = await manager.slash(channel, "audit", member=manager, command="credits")
    assert numbers(result.response.message) == list(range(21, 1, -1))
    result = await manager.click(
        result.response.message, custom_id=onwards(result.response.message)
    )
    assert numbers(result.response.message) == [1, 0]
    result = await manager.slash(channel, "audit", command="plan")
    assert "Nothing of this is written down." in result.response.embeds[0].description


async def test_the_file_has_all_of_it_and_no_formula(simcord_bot, guild, channel, manager):
    await written(simcord_bot, guild.id, 30, subject="=1+1")
    result = await manager.slash(channel, "audit", file=True)
    assert result.ephemeral
    data = await result.response.message.attachments[0].read()
    rows = list(csv.DictReader(io.StringIO(data.decode())))
    assert [row["detail"] for row in rows] == [f"number: {n}" for n in range(30)]
    assert {row["subject"] for row in rows} == {"'=1+1"}
    assert {row["by"] for row in rows} == {"7"}


@pytest.mark.usefixtures("shown_to_all")
async def test_plain_members_and_forged_buttons_read_nothing(
    simcord_env, simcord_bot, guild, channel, manager, alice
):
    await written(simcord_bot, guild.id, 30)
    for options in ({}, {"file": True}):
        result = await alice.slash(channel, "audit", **options)
        assert "Only who manages" in refusal(result).description
    view = discord.ui.View(timeout=None)
    for custom_id in ("lin:audit::1", f"lin:audit:{'9' * 30}:0", "lin:audit:1a:0"):
        view.add_item(discord.ui.Button(label=custom_id, custom_id=custom_id))
    await simcord_bot.get_channel(channel.id).send("forged", view=view)
    forged = channel.last_message
    result = await alice.click(forged, custom_id="lin:audit::1")
    assert "Only who manages" in refusal(result).description
    for custom_id in (f"lin:audit:{'9' * 30}:0", "lin:audit:1a:0"):
        result = await manager.click(forged, custom_id=custom_id)
        assert "not one of Darkroom's" in refusal(result).description


async def test_a_manager_of_another_server_reads_that_server_alone(
    simcord_env, simcord_bot, guild, alice
):
    await written(simcord_bot, guild.id, 3)
    elsewhere = simcord_env.create_guild("Other")
    powers = elsewhere.create_role("M", permissions=discord.Permissions(manage_guild=True))
    stranger = elsewhere.add_member(alice.user, roles=[powers])
    hall = elsewhere.create_text_channel("hall")
    await written(simcord_bot, elsewhere.id, 1, detail="number: 5")
    result = await stranger.slash(hall, "audit")
    assert numbers(result.response.message) == [5]
