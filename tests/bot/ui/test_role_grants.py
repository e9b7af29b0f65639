"""`/credits grant role:`, as managers give and members get."""

import discord
import pytest
from tests_support import refusal

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


@pytest.fixture
def role(guild):
    return guild.create_role("Helpers")


@pytest.fixture
def helper(simcord_env, guild, role):
    return guild.add_member(simcord_env.create_user("helper"), roles=[role])


def credits_of(result):
    [embed] = result.response.embeds
    return {field.name: field.value for field in embed.fields}["Credits"]


async def test_members_with_the_role_have_it_when_they_next_look_or_draw(
    simcord_env, guild, channel, manager, role, helper, alice
):
    result = await manager.slash(
        channel, "credits grant", role=role, amount=5.0, members=3, days=10
    )
    assert result.ephemeral
    assert f"Who has <@&{role.id}> gets 5 credits" in result.response.content
    assert "3 members at most, within 10 days. 15 credits are set aside" in result.response.content
    assert credits_of(await alice.slash(channel, "info")) == "25 credits"
    assert credits_of(await helper.slash(channel, "info")) == "30 credits"
    assert credits_of(await helper.slash(channel, "info")) == "30 credits"
    seen = (await helper.slash(channel, "history")).response.embeds[0].description
    assert f"**+5** granted by <@{manager.id}>" in seen
    seen = (await manager.slash(channel, "credits code list")).response.embeds[0].description
    assert f"`1`: 5 credits for who has <@&{role.id}>, 2 left, made by <@{manager.id}>" in seen
    result = await manager.slash(channel, "credits code delete", number=1)
    assert "nobody had taken 10 credits of it" in result.response.content


async def test_an_order_is_paid_with_it(simcord_env, simcord_bot, guild, channel, manager, role):
    other = guild.add_member(simcord_env.create_user("other"), roles=[role])
    await manager.slash(channel, "credits revoke", member=other, amount=25.0)
    result = await other.slash(channel, "imagine", prompt="a cat")
    assert refusal(result).title == "Credits exhausted"
    await manager.slash(channel, "credits grant", role=role, amount=1.0)
    result = await other.slash(channel, "imagine", prompt="a cat")
    assert not result.ephemeral
    await simcord_env.settle()
    balance = await simcord_bot.accounts.balance(guild_id=guild.id, user_id=other.id)
    assert (balance.available, balance.held) == (0, 0)


async def test_it_can_be_given_on_where_gifts_are_allowed(
    simcord_bot, guild, channel, manager, role, helper, alice
):
    await manager.slash(channel, "credits gifts", allowed=True)
    await manager.slash(channel, "credits grant", role=role, amount=5.0)
    result = await helper.slash(channel, "give", member=alice, amount=5.0)
    assert "gave" in result.response.content


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "Choose the member"),
        ({"days": 3}, "Choose the member"),
        ({"role": True, "member": True}, "not to both"),
        ({"role": True, "direct": True}, "not to both"),
        ({"role": True, "members": 1001}, "may still grant 1000 credits"),
        ({"role": True, "members": 100_000}, "may still grant 1000 credits"),
        ({"member": True, "members": 2}, "Choose the member"),
    ],
)
async def test_what_makes_no_sense_is_a_sentence_and_changes_nothing(
    simcord_bot, guild, channel, manager, role, helper, options, said
):
    given = {"role": role, "member": helper}
    filled = {
        name: given[name] if value is True and name in given else value
        for name, value in options.items()
    }
    result = await manager.slash(channel, "credits grant", amount=1.0, **filled)
    assert said in refusal(result).description
    assert await simcord_bot.accounts.allotment(guild_id=guild.id) == 100_000
    assert credits_of(await helper.slash(channel, "info")) == "25 credits"


@pytest.mark.usefixtures("shown_to_all")
async def test_a_plain_member_and_a_manager_of_another_server_grant_nothing_here(
    simcord_env, simcord_bot, guild, channel, role, helper, alice
):
    result = await alice.slash(channel, "credits grant", role=role, amount=1.0)
    assert "Only who manages this server" in refusal(result).description
    elsewhere = simcord_env.create_guild("Other")
    powers = elsewhere.create_role("M", permissions=discord.Permissions(manage_guild=True))
    stranger = elsewhere.add_member(alice.user, roles=[powers])
    hall = elsewhere.create_text_channel("hall")
    result = await stranger.slash(hall, "credits code delete", number=1)
    assert "no such gift code" in refusal(result).description
    theirs = elsewhere.create_role("Theirs")
    await stranger.slash(hall, "credits grant", role=theirs, amount=1.0)
    assert credits_of(await helper.slash(channel, "info")) == "25 credits"
    assert await simcord_bot.accounts.allotment(guild_id=guild.id) == 100_000
