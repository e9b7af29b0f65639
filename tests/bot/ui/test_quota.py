"""Quotas and /price, as managers and members use them."""

import pytest
from tests_support import custom_ids, refusal

from bot.credits.quotas import Quota

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


async def available(bot, guild, member):
    return (await bot.accounts.balance(guild_id=guild.id, user_id=member.id)).available


async def test_a_quota_refuses_with_when_it_returns_and_costs_nothing(
    simcord_env, simcord_bot, guild, channel, manager, alice
):
    result = await manager.slash(channel, "quota set", who=alice, period="day", amount=1.5)
    assert result.ephemeral
    assert f"<@{alice.id}> may spend 1.5 credits a day." in result.response.content
    await alice.slash(channel, "imagine", prompt="a cat")
    await simcord_env.settle()
    result = await alice.slash(channel, "imagine", prompt="a dog")
    shown = refusal(result)
    assert shown.title == "Quota reached"
    assert "have 0.5 credits of them left. They return <t:" in shown.description
    assert "a dog" in shown.description
    assert await available(simcord_bot, guild, alice) == 2400
    result = await alice.slash(channel, "imagine", prompt="{red, blue} cat")
    assert refusal(result).title == "Quota reached"
    result = await alice.slash(channel, "info")
    fields = {field.name: field.value for field in result.response.embeds[0].fields}
    assert fields["Quota"].startswith("0.5 credits of 1.5 credits a day are left;")
    result = await manager.slash(channel, "quota show", member=alice)
    assert "0.5 credits of 1.5 credits a day" in result.response.content
    result = await manager.slash(channel, "quota set", who=alice, period="day")
    assert "no quota of that time" in result.response.content
    result = await alice.slash(channel, "imagine", prompt="a dog")
    assert not result.ephemeral


async def test_a_roles_quota_counts_for_its_members(simcord_env, guild, channel, manager, alice):
    role = guild.create_role("Guests")
    guest = guild.add_member(simcord_env.create_user("guest"), roles=[role])
    result = await manager.slash(channel, "quota set", who=role, period="month", amount=0.5)
    assert f"Each member with <@&{role.id}> may spend 0.5 credits a month." in (
        result.response.content
    )
    result = await guest.slash(channel, "imagine", prompt="a cat")
    assert "a month" in refusal(result).description
    result = await alice.slash(channel, "imagine", prompt="a cat")
    assert not result.ephemeral
    result = await manager.slash(channel, "quota show")
    assert "0.5 credits a month" in result.response.embeds[0].description


async def test_bots_and_what_is_not_there_are_sentences(simcord_env, guild, channel, manager):
    robot = guild.add_member(simcord_env.create_user("robot", bot=True))
    result = await manager.slash(channel, "quota set", who=robot, period="day", amount=1.0)
    assert "Bots draw no pictures" in refusal(result).description
    result = await manager.slash(channel, "quota set", who=manager, period="day")
    assert "no such quota" in refusal(result).description
    result = await manager.slash(channel, "quota show")
    assert "This server has no quotas" in result.response.embeds[0].description
    result = await manager.slash(channel, "quota show", member=manager)
    assert "has no quota" in result.response.content


@pytest.mark.usefixtures("shown_to_all")
@pytest.mark.parametrize(
    ("command", "options"), [("quota set", {"period": "day", "amount": 1.0}), ("quota show", {})]
)
async def test_a_plain_member_may_not_even_where_the_server_shows_it(
    simcord_bot, guild, channel, alice, command, options
):
    who = {"who": alice} if command == "quota set" else {}
    result = await alice.slash(channel, command, **who, **options)
    assert "Only who manages this server" in refusal(result).description
    assert await simcord_bot.quotas.all(guild.id) == ()


async def test_price_says_what_a_prompt_would_cost_and_orders_nothing(
    simcord_env, simcord_bot, guild, channel, alice
):
    result = await alice.slash(channel, "price", prompt="a cat --turbo")
    assert result.ephemeral
    assert result.response.content.splitlines() == [
        "This would cost 2 credits, for 1 grid.",
        "At the model's own size and steps it would be 1 credit.",
        "You have 25 credits.",
    ]
    result = await alice.slash(channel, "price", prompt="{red, blue} cat --repeat 2")
    assert "This would cost 4 credits, for 4 grids." in result.response.content
    result = await alice.slash(channel, "price", prompt="a cat --ar nonsense")
    assert "/price prompt: a cat --ar nonsense" in refusal(result).description
    await simcord_env.settle()
    assert await available(simcord_bot, guild, alice) == 2500
    assert await simcord_bot.lookup.open_of(alice.id) in ((), [])


async def test_price_is_that_of_the_members_plan_and_what_is_then_paid(
    simcord_env, simcord_bot, guild, channel, manager, alice
):
    await manager.slash(channel, "plan create", name="All", price=150)
    await manager.slash(channel, "plan bind", name="All", role=guild.default_role)
    prompts = ("a cat", "a cat --stop 50", "a cat --draft", "a cat --ar 2:1 --turbo")
    for prompt in prompts:
        result = await alice.slash(channel, "price", prompt=prompt)
        before = await available(simcord_bot, guild, alice)
        await alice.slash(channel, "imagine", prompt=prompt)
        await simcord_env.settle()
        paid = before - await available(simcord_bot, guild, alice)
        assert f"This would cost {paid / 100:g} credit" in result.response.content, prompt
        assert paid > 0


async def test_long_lists_have_pages(simcord_bot, guild, channel, manager):
    simcord_bot.audit.listener = None  # nothing is posted, which might go on after the test
    for number in range(23):
        quota = Quota(subject_id=1000 + number, is_role=False, period="day", amount=100)
        await simcord_bot.quotas.put(guild.id, quota, actor_id=manager.id)
    result = await manager.slash(channel, "quota show")
    first = result.response.message
    assert len(first.embeds[0].description.splitlines()) == 20
    result = await manager.click(first, custom_id=custom_ids(first)[-1])
    assert len(result.response.message.embeds[0].description.splitlines()) == 3
