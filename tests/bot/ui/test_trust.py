"""Where anybody can add the bot, a server made for it gives nobody credits."""

import contextlib
import dataclasses
import logging

import discord
import pytest
from tests_support import refusal

from bot.credits.ledger import OPERATOR_GRANTS
from bot.credits.trust import ANYBODY_ADDS

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


@pytest.fixture
def application():
    return {"bot_public": True}


@pytest.fixture
def me(simcord_env):
    return simcord_env.create_user("me")


@pytest.fixture
def mine(simcord_env, me):
    """A server that I own."""
    return simcord_env.create_guild(owner=me)


@pytest.fixture
def manager(simcord_env, guild):
    role = guild.create_role("Managers", permissions=discord.Permissions(manage_guild=True))
    return guild.add_member(simcord_env.create_user("manager"), roles=[role])


@contextlib.contextmanager
def owning(bot, member):
    """While the member owns the bot."""
    before, bot.place = bot.place, dataclasses.replace(bot.place, owner_ids=(member.id,))
    yield
    bot.place = before


def user(user_id):
    return {"id": str(user_id), "username": "o", "discriminator": "0", "avatar": None}


def team_of(owner_id, *members):
    return {
        "id": "7",
        "name": "team",
        "icon": None,
        "owner_user_id": str(owner_id),
        "members": [
            {"user": user(each), "role": role, "membership_state": state, "permissions": ["*"]}
            for each, role, state in members
        ],
    }


async def start(simcord_env, bot):
    await simcord_env.settle()
    await simcord_env.restart_bot(bot)
    await simcord_env.settle()


async def has(bot, guild, member):
    return (await bot.accounts.balance(guild_id=guild.id, user_id=member.id)).available


async def test_a_stranger_s_server_gives_nobody_credits(
    simcord_env, simcord_bot, channel, manager, alice
):
    result = await alice.slash(channel, "imagine", prompt="a cat")
    await simcord_env.settle()
    said = refusal(result).description
    assert "you have 0 credits" in said
    assert OPERATOR_GRANTS in said
    result = await alice.slash(channel, "info")
    assert OPERATOR_GRANTS in result.response.embeds[0].fields[0].value
    with owning(simcord_bot, manager):
        await manager.slash(channel, "credits grant", member=alice, amount=5.0)
    result = await alice.slash(channel, "imagine", prompt="a cat")
    await simcord_env.settle()
    assert not result.ephemeral


async def test_its_managers_have_nothing_to_grant_until_the_owner_allots_it(
    simcord_env, simcord_bot, channel, manager, alice
):
    result = await manager.slash(channel, "credits grant", member=alice, amount=5.0)
    assert "This server may still grant 0 credits" in refusal(result).description
    result = await manager.slash(channel, "credits code create", amount=5.0)
    assert "This server may still grant 0 credits" in refusal(result).description
    with owning(simcord_bot, manager):
        await manager.slash(channel, "credits allot", amount=10.0)
    result = await manager.slash(channel, "credits grant", member=alice, amount=5.0)
    assert "now has 5 credits" in result.response.content


async def test_nor_does_a_plan_s_monthly_credit_come_from_nothing(simcord_bot, guild, alice):
    balance = await simcord_bot.accounts.balance(
        guild_id=guild.id, user_id=alice.id, monthly_credits=10_000
    )
    assert balance.available == 0


@pytest.mark.parametrize(
    "told",
    [
        lambda _: {"bot_public": False},
        lambda me: {"owner": user(me)},
        lambda me: {"team": team_of(me)},
        lambda me: {"team": team_of(1, (me, "developer", 2))},
    ],
    ids=["private", "its owner", "its team's owner", "its team"],
)
async def test_where_an_owner_of_the_bot_owns_the_server_all_is_as_ever(
    simcord_env, simcord_bot, guild, me, mine, application, new_bot, told
):
    member = mine.add_member(simcord_env.create_user("member"))
    assert await has(simcord_bot, mine, member) == 0
    application.update(told(me.id))
    again = new_bot()
    await start(simcord_env, again)
    assert await has(again, mine, member) == 2500, "an account opened before gets its trial now"
    assert await again.accounts.allotment(guild_id=mine.id) == 100_000
    assert again.accounts.trusts(guild.id) is not application["bot_public"]


async def test_who_is_only_invited_to_the_team_or_may_only_read_owns_no_bot(
    simcord_env, me, mine, application, new_bot
):
    for role, state in (("developer", 1), ("read_only", 2)):
        application["team"] = team_of(1, (me.id, role, state))
        bot = new_bot()
        await start(simcord_env, bot)
        assert not bot.accounts.trusts(mine.id)


async def test_whoever_is_in_owner_ids_owns_the_bot(simcord_env, guild, me, mine, new_bot):
    bot = new_bot(owner_ids=(me.id,))
    await start(simcord_env, bot)
    assert bot.accounts.trusts(mine.id)
    assert not bot.accounts.trusts(guild.id)
    assert not bot.accounts.trusts(12345), "a server that the bot does not see"


async def test_where_allowed_guilds_names_servers_those_alone_have_trials(
    simcord_env, guild, alice, me, mine, new_bot
):
    bot = new_bot(owner_ids=(me.id,), allowed_guilds=(guild.id,))
    await start(simcord_env, bot)
    assert await has(bot, guild, alice) == 2500
    assert not bot.accounts.trusts(mine.id)


async def test_the_operator_is_told_once_at_the_start(
    simcord_env, guild, application, new_bot, caplog
):
    with caplog.at_level(logging.WARNING):
        await start(simcord_env, new_bot())
    assert caplog.text.count(ANYBODY_ADDS) == 1
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        await start(simcord_env, new_bot(allowed_guilds=(guild.id,)))
        application["bot_public"] = False
        await start(simcord_env, new_bot())
    assert ANYBODY_ADDS not in caplog.text
