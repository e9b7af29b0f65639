"""Plans, as managers make them and members feel them."""

import dataclasses
from datetime import UTC, datetime

import discord
import pytest
from tests_support import labels, refusal

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


@pytest.fixture
def owner(simcord_env, simcord_bot, guild, manager):
    role = guild.create_role("Also", permissions=discord.Permissions(manage_guild=True))
    member = guild.add_member(simcord_env.create_user("owner"), roles=[role])
    simcord_bot.place = dataclasses.replace(simcord_bot.place, owner_ids=(member.id,))
    return member


@pytest.fixture
def patron(guild):
    return guild.create_role("Patrons")


@pytest.fixture
def carol(simcord_env, guild, patron):
    return guild.add_member(simcord_env.create_user("carol"), roles=[patron])


async def made(manager, channel, role, **fields):
    await manager.slash(channel, "plan create", name="Pro", **fields)
    return await manager.slash(channel, "plan bind", name="Pro", role=role)


async def test_a_plan_is_made_bound_listed_changed_and_taken_away(
    simcord_bot, guild, channel, manager, patron
):
    result = await manager.slash(
        channel, "plan create", name="Pro", monthly=60.0, running=2, models="doodle", steps=30
    )
    assert result.ephemeral
    assert result.response.content.splitlines() == [
        "The plan **Pro** is made; give it to a role with /plan bind. It says:",
        "60 credits a month",
        "jobs at once: 2, waiting: 10, grids an order: 10",
        "modes: fast, relax, turbo",
        "models: doodle",
        "up to 30 steps",
    ]
    result = await manager.slash(channel, "plan bind", name="pro", role=patron)
    assert f"<@&{patron.id}> has the plan **Pro** now." in result.response.content
    assert "at their first use in a month" in result.response.content
    result = await manager.slash(channel, "plan list")
    [embed] = result.response.embeds
    assert "may still grant: 1000 credits" in embed.description
    [field] = embed.fields
    assert field.name == "Pro"
    assert field.value.startswith(f"<@&{patron.id}>\n60 credits a month\n")
    result = await manager.slash(channel, "plan edit", name="Pro", steps=0, turbo=False)
    assert result.response.content.splitlines()[:4] == [
        "The plan **Pro** said until now:",
        "modes: fast, relax, turbo",
        "up to 30 steps",
        "It says now:",
    ]
    result = await manager.slash(channel, "plan unbind", role=str(patron.id))
    assert "has the plan **Pro** no longer" in result.response.content
    result = await manager.slash(channel, "plan unbind", role=str(patron.id))
    assert "has no plan here" in refusal(result).description


async def test_deleting_asks_first_and_says_what_it_does(guild, channel, manager, alice, patron):
    await made(manager, channel, patron)
    result = await manager.slash(channel, "plan delete", name="Pro")
    asked = result.response.message
    assert f"takes it from: <@&{patron.id}>" in asked.embeds[0].description
    assert labels(asked) == ["Confirm", "Cancel"]
    result = await manager.click(asked, label="Cancel")
    assert "Nothing was changed" in result.response.content
    result = await manager.slash(channel, "plan delete", name="Pro")
    asked = result.response.message
    await manager.slash(channel, "plan edit", name="Pro", queued=1)
    result = await manager.click(asked, label="Confirm")
    assert "was changed since" in refusal(result).description
    result = await manager.slash(channel, "plan delete", name="Pro")
    result = await manager.click(result.response.message, label="Confirm")
    assert "The plan Pro is deleted." in result.response.content
    result = await manager.slash(channel, "plan delete", name="Pro")
    assert "no plan named Pro" in refusal(result).description


async def test_a_forged_button_deletes_nothing(simcord_bot, guild, channel, manager, alice, patron):
    await made(manager, channel, patron)
    [plan] = await simcord_bot.server_plans.all(guild.id)
    for custom_id, said in (
        (f"plan:d:{plan.id}:{plan.version}", "not one of Darkroom's"),
        ("plan:p:0", "Only who manages this server"),
        ("sure:0123456789abcdef:y", "too old, was answered"),
    ):
        view = discord.ui.View(timeout=None)
        view.add_item(discord.ui.Button(label="x", custom_id=custom_id))
        await simcord_bot.get_channel(channel.id).send("a forged message", view=view)
        result = await alice.click(channel.last_message, custom_id=custom_id)
        assert said in refusal(result).description
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="x", custom_id="plan:d:x"))
    await simcord_bot.get_channel(channel.id).send("a forged message", view=view)
    result = await manager.click(channel.last_message, custom_id="plan:d:x")
    assert "not one of Darkroom's" in refusal(result).description
    assert await simcord_bot.server_plans.all(guild.id) == (plan,)


@pytest.mark.usefixtures("shown_to_all")
@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("plan create", {"name": "Mine", "monthly": 1000.0}),
        ("plan edit", {"name": "Pro", "monthly": 1000.0}),
        ("plan delete", {"name": "Pro"}),
        ("plan unbind", {"role": "1"}),
        ("plan list", {}),
    ],
)
async def test_a_plain_member_may_not_even_where_the_server_shows_it(
    channel, manager, alice, command, options
):
    await manager.slash(channel, "plan create", name="Pro")
    result = await alice.slash(channel, command, **options)
    assert "Only who manages this server" in refusal(result).description


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"running": 4}, "4 is more than this bot gives anybody: at most 3"),
        ({"queued": 11}, "at most 10"),
        ({"grids": 11}, "at most 10"),
        ({"models": "nothing"}, "There is no model nothing here"),
        ({"models": " , "}, "Say all, sellable, or names"),
        ({"fast": False, "relax": False, "turbo": False}, "at least one of the modes"),
        ({"relax_free": True}, "Only the bot's owner"),
        ({"price": 50}, "Only the bot's owner"),
    ],
)
async def test_what_a_plan_cannot_be_is_a_sentence_and_nothing_is_made(
    simcord_bot, guild, channel, manager, options, said
):
    result = await manager.slash(channel, "plan create", name="Pro", **options)
    assert said in refusal(result).description
    assert await simcord_bot.server_plans.all(guild.id) == ()


async def test_the_pages_of_many_plans(channel, simcord_bot, guild, manager):
    for number in range(7):
        await manager.slash(channel, "plan create", name=f"Plan {number}")
    result = await manager.slash(channel, "plan list")
    first = result.response.message
    assert [field.name for field in first.embeds[0].fields] == [f"Plan {n}" for n in range(5)]
    assert labels(first) == ["Next"]
    result = await manager.click(first, label="Next")
    second = result.response.message
    assert [field.name for field in second.embeds[0].fields] == ["Plan 5", "Plan 6"]
    assert second.embeds[0].footer.text == "Page 2 of 2"
    assert labels(second) == ["Previous"]


async def test_a_role_that_was_deleted_is_counted_and_can_be_taken_away(
    simcord_env, simcord_bot, guild, channel, manager, patron
):
    await made(manager, channel, patron)
    await simcord_bot.get_guild(guild.id).get_role(patron.id).delete()
    await simcord_env.settle()
    result = await manager.slash(channel, "plan list")
    assert result.response.embeds[0].fields[0].value.startswith("1 role that was deleted\n")
    result = await manager.slash(channel, "plan unbind", role=str(patron.id))
    assert "no longer" in result.response.content


async def test_a_members_plan_refuses_with_a_next_step_and_charges_nothing(
    simcord_bot, guild, channel, manager, patron, carol, alice
):
    await made(manager, channel, patron, turbo=False, size=64)
    result = await carol.slash(channel, "imagine", prompt="a cat --turbo")
    assert (
        "not include turbo mode. Use one that it has: --fast, --relax."
        in refusal(result).description
    )
    assert "a cat --turbo" in refusal(result).description
    result = await carol.slash(channel, "imagine", prompt="a cat")
    assert "draws as many pixels as 64 × 64 have" in refusal(result).description
    balance = await simcord_bot.accounts.balance(guild_id=guild.id, user_id=carol.id)
    assert (balance.available, balance.held) == (2500, 0)
    result = await alice.slash(channel, "imagine", prompt="a cat --turbo")
    assert not result.ephemeral


async def test_a_member_has_as_many_jobs_as_their_plan_says(
    simcord_env, fake_engine, channel, manager, patron, carol
):
    await made(manager, channel, patron, running=1, queued=1)
    fake_engine.pause()
    result = await carol.slash(channel, "imagine", prompt="a cat")
    assert not result.followups
    result = await carol.slash(channel, "imagine", prompt="a dog")
    [told] = result.followups
    assert told.ephemeral
    assert told.embeds[0].title == "Job queued"
    assert told.embeds[0].description.startswith("1 job of yours runs at once here.")
    result = await carol.slash(channel, "imagine", prompt="a fox")
    assert refusal(result).title == "Queue full"
    assert "fewer than 2" in refusal(result).description
    assert {work.job.running_cap for work in fake_engine._runs.values()} == {1}


async def test_orders_have_as_many_grids_as_the_plan_says(channel, manager, patron, carol):
    await made(manager, channel, patron, grids=2)
    result = await carol.slash(channel, "imagine", prompt="{red, blue, green} cat")
    assert "2" in refusal(result).description


async def test_monthly_credits_come_and_go_with_the_month(
    simcord_env, fake_engine, simcord_bot, guild, channel, manager, patron, carol
):
    await made(manager, channel, patron, monthly=60.0)
    now = [datetime(2026, 1, 31, 23, 59, tzinfo=UTC)]
    simcord_bot.accounts._now_ms = lambda: int(now[0].timestamp() * 1000)
    result = await carol.slash(channel, "info")
    fields = {field.name: field.value for field in result.response.embeds[0].fields}
    assert fields["Credits"] == "85 credits"
    assert fields["Plan"] == "Pro"
    await carol.slash(channel, "imagine", prompt="a cat")
    await simcord_env.settle()
    result = await carol.slash(channel, "history")
    assert "has 84 credits" in result.response.embeds[0].description
    now[0] = datetime(2026, 2, 1, tzinfo=UTC)
    result = await carol.slash(channel, "history")
    text = result.response.embeds[0].description
    assert "has 85 credits" in text
    assert "**−59** what was left of last month's credits" in text
    assert await simcord_bot.accounts.allotment(guild_id=guild.id) == 100_000 - 2 * 6000


async def test_relaxed_jobs_are_free_where_the_owner_made_it_so(
    simcord_env, simcord_bot, guild, channel, owner, patron, carol
):
    await made(owner, channel, patron, relax_free=True, price=50)
    result = await carol.slash(channel, "relax")
    assert "costs nothing here" in result.response.content
    result = await carol.slash(channel, "imagine", prompt="a cat")
    await simcord_env.settle()
    result = await carol.slash(channel, "imagine", prompt="a cat --fast")
    await simcord_env.settle()
    balance = await simcord_bot.accounts.balance(guild_id=guild.id, user_id=carol.id)
    assert balance.available == 2450


async def test_a_manager_of_another_server_changes_nothing_here(
    simcord_env, simcord_bot, guild, channel, manager, patron
):
    await made(manager, channel, patron)
    other = simcord_env.create_guild("Other")
    role = other.create_role("Managers", permissions=discord.Permissions(manage_guild=True))
    stranger = other.add_member(simcord_env.create_user("stranger"), roles=[role])
    hall = other.create_text_channel("hall")
    result = await stranger.slash(hall, "plan edit", name="Pro", monthly=1000.0)
    assert "no plan named Pro" in refusal(result).description
    result = await stranger.slash(hall, "plan unbind", role=str(patron.id))
    assert "has no plan here" in refusal(result).description
    [plan] = await simcord_bot.server_plans.all(guild.id)
    assert plan.roles == (patron.id,)
    assert plan.plan.monthly == 0


async def test_what_goes_on_in_direct_messages_keeps_to_the_servers_plan(
    simcord_env, simcord_bot, guild, channel, manager, patron, carol
):
    await made(manager, channel, patron, price=200)
    await carol.slash(channel, "imagine", prompt="a cat --stealth")
    await simcord_env.settle()
    message = carol.user.dm_channel.history()[-1]
    before = (await simcord_bot.accounts.balance(guild_id=guild.id, user_id=carol.id)).available
    await carol.user.click(message, label="V1")
    await simcord_env.settle()
    after = (await simcord_bot.accounts.balance(guild_id=guild.id, user_id=carol.id)).available
    assert before - after == 150, "three of four steps at twice the price"
