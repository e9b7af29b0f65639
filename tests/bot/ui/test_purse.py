"""Statements, gifts and gift codes, as members and managers use them."""

import csv
import io
import re

import discord
import pytest
from tests_support import labels, refusal

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


async def available(bot, guild, member):
    return (await bot.accounts.balance(guild_id=guild.id, user_id=member.id)).available


def code_of(result):
    return re.search(r"`([A-Z0-9-]{19})`", result.response.content)[1]


async def test_a_manager_takes_back_and_sets_what_a_member_has(
    simcord_bot, guild, channel, manager, alice
):
    result = await manager.slash(channel, "credits revoke", member=alice, amount=5.0)
    assert result.ephemeral
    assert "5 credits were taken from" in result.response.content
    assert "20 credits left" in result.response.content
    result = await manager.slash(channel, "credits set", member=alice, amount=100.0)
    assert "got 80 credits and now has 100 credits" in result.response.content
    result = await manager.slash(channel, "credits set", member=alice, amount=100.0)
    assert "has 100 credits already" in result.response.content
    result = await manager.slash(channel, "credits revoke", member=alice, amount=101.0)
    assert "They have 100 credits" in refusal(result).description
    assert await available(simcord_bot, guild, alice) == 10_000
    result = await manager.slash(channel, "credits show", member=alice)
    assert "Of these: trial 20, granted 80." in result.response.content
    assert "may still grant 920 credits" in result.response.content


@pytest.mark.usefixtures("shown_to_all")
@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("credits revoke", {"amount": 1.0}),
        ("credits set", {"amount": 1.0}),
        ("credits show", {}),
        ("credits history", {}),
    ],
)
async def test_a_plain_member_may_not_even_where_the_server_shows_it(
    simcord_bot, guild, channel, alice, bob, command, options
):
    result = await bob.slash(channel, command, member=alice, **options)
    assert "Only who manages this server" in refusal(result).description
    assert await available(simcord_bot, guild, alice) == 2500


async def test_a_statement_has_ten_lines_a_page_and_goes_on(
    simcord_bot, guild, channel, manager, alice
):
    for number in range(1, 13):
        await simcord_bot.accounts.grant(
            guild_id=guild.id, user_id=alice.id, amount=number * 100, actor_id=7, by_owner=True
        )
    result = await alice.slash(channel, "history")
    assert result.ephemeral
    first = result.response.message
    assert f"<@{alice.id}> has 103 credits." in first.embeds[0].description
    assert labels(first) == ["Older"]
    amounts = re.findall(r"\*\*\+(\d+)\*\*", first.embeds[0].description)
    assert amounts == [str(n) for n in range(12, 2, -1)]
    result = await alice.click(first, label="Older")
    second = result.response.embeds[0].description
    assert re.findall(r"\*\*\+(\d+)\*\* (\w+)", second)[-1] == ("25", "trial")
    assert labels(result.response.message) == ["Newest"]


async def test_a_manager_reads_a_members_statement_and_a_forged_button_does_not(
    simcord_bot, guild, channel, manager, alice, bob
):
    result = await manager.slash(channel, "credits history", member=alice)
    assert f"<@{alice.id}> has 25 credits." in result.response.embeds[0].description
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="x", custom_id=f"stm:{alice.id}:0"))
    await simcord_bot.get_channel(channel.id).send("a forged message", view=view)
    result = await bob.click(channel.last_message, custom_id=f"stm:{alice.id}:0")
    assert "Only who manages this server" in refusal(result).description


async def test_a_statement_as_a_file(channel, alice):
    result = await alice.slash(channel, "history", file=True)
    [file] = result.response.attachments
    rows = list(csv.DictReader(io.StringIO((await file.read()).decode())))
    assert [(row["kind"], row["credits"]) for row in rows] == [("trial", "25.00")]


async def test_members_give_only_where_the_server_allows_it(
    simcord_bot, guild, channel, manager, alice, bob
):
    result = await alice.slash(channel, "give", member=bob, amount=1.0)
    assert "/credits gifts" in refusal(result).description
    await manager.slash(channel, "credits gifts", allowed=True)
    result = await alice.slash(channel, "give", member=bob, amount=1.0)
    assert "at most 0 credits" in refusal(result).description  # a trial is not to be given
    await manager.slash(channel, "credits grant", member=alice, amount=3.0)
    result = await alice.slash(channel, "give", member=bob, amount=1.0)
    assert f"<@{alice.id}> gave <@{bob.id}> 1 credit." in result.response.content
    assert not result.ephemeral
    assert await available(simcord_bot, guild, alice) == 2700
    assert await available(simcord_bot, guild, bob) == 2600
    result = await alice.slash(channel, "give", member=alice, amount=1.0)
    assert "your credits already" in refusal(result).description


async def test_a_gift_code_is_shown_once_and_redeemed_once(
    simcord_bot, guild, channel, manager, alice, bob
):
    result = await manager.slash(channel, "credits code create", amount=4.0, uses=2)
    assert result.ephemeral
    code = code_of(result)
    result = await alice.slash(channel, "redeem", code=code.lower())
    assert "You got 4 credits and now have 29 credits." in result.response.content
    result = await alice.slash(channel, "redeem", code=code)
    assert "already" in refusal(result).description
    result = await bob.slash(channel, "redeem", code="AAAA-BBBB-CCCC-DDDD")
    assert "no such gift code" in refusal(result).description
    result = await manager.slash(channel, "credits code list")
    [shown] = result.response.embeds
    assert "4 credits, 1 left" in shown.description
    assert code not in shown.description
    result = await manager.slash(channel, "credits code delete", number=1)
    assert "nobody had taken 4 credits" in result.response.content
    result = await bob.slash(channel, "redeem", code=code)
    assert "used up" in refusal(result).description
    assert await available(simcord_bot, guild, bob) == 2500


async def test_all_accounts_of_a_server_as_a_file(simcord_bot, guild, channel, manager, alice):
    await available(simcord_bot, guild, alice)
    result = await manager.slash(channel, "credits export")
    [file] = result.response.attachments
    rows = list(csv.DictReader(io.StringIO((await file.read()).decode())))
    assert {"member": str(alice.id), "trial": "25.00"}.items() <= rows[0].items()
