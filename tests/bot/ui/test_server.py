"""/server: what a server's managers set for all of it, and where they read what was done."""

import dataclasses

import discord
import pytest
from tests_support import custom_ids, refusal

from bot.storage import audit

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


@pytest.fixture
def log(guild):
    return guild.create_text_channel("log")


def posted(channel):
    return [message.content for message in channel.history()]


def pings(env, channel):
    """Whom each post in the channel may mention."""
    return [
        request.json["allowed_mentions"]
        for request in env.http_requests
        if (request.method, request.path) == ("POST", f"/channels/{channel.id}/messages")
    ]


async def lines(bot):
    async with bot.database.read() as connection:
        return [line.action for line in await audit.after(connection, 0, 100)]


async def test_what_managers_do_is_posted_in_the_channel_they_chose(
    simcord_env, guild, channel, log, manager, alice
):
    await manager.slash(channel, "credits grant", member=alice, amount=1.0)
    result = await manager.slash(channel, "server audit", channel=log)
    assert f"posted in <#{log.id}> now" in result.response.content
    await manager.slash(channel, "credits grant", member=alice, amount=2.5)
    await manager.slash(channel, "model default", name="doodle")
    await simcord_env.settle()
    assert posted(log) == [
        f"<@{manager.id}> `/server audit` channel: #log",
        f"<@{manager.id}> `/credits grant` <@{alice.id}> amount: 2.5",
        f"<@{manager.id}> `/model default` name: doodle",
    ]
    assert pings(simcord_env, log) == [{"parse": []}] * 3
    await manager.slash(channel, "server audit")
    await manager.slash(channel, "server buttons", who="owners")
    await simcord_env.settle()
    assert len(posted(log)) == 3


async def test_each_server_reads_its_own_actions(simcord_env, guild, channel, log, manager, alice):
    await manager.slash(channel, "server audit", channel=log)
    other = simcord_env.create_guild("Other")
    role = other.create_role("Managers", permissions=discord.Permissions(manage_guild=True))
    there = other.add_member(manager.user, roles=[role])
    other.add_member(alice.user)
    hall = other.create_text_channel("hall")
    await there.slash(hall, "server buttons", who="owners")
    await simcord_env.settle()
    assert posted(log) == [f"<@{manager.id}> `/server audit` channel: #log"]
    assert posted(hall) == []


async def test_an_audit_channel_of_another_server_gets_nothing(
    simcord_env, simcord_bot, guild, channel, manager
):
    foreign = simcord_env.create_guild("Other").create_text_channel("hall")
    await simcord_bot.preferences.put("audit_channel", str(foreign.id), guild.id)
    await manager.slash(channel, "server buttons", who="owners")
    await simcord_env.settle()
    assert posted(foreign) == []


async def test_a_post_that_fails_changes_nothing(
    simcord_env, simcord_bot, channel, log, manager, alice
):
    await manager.slash(channel, "server audit", channel=log)
    await simcord_env.settle()
    simcord_env.inject_error("POST", "/channels/*", status=403)
    result = await manager.slash(channel, "credits grant", member=alice, amount=1.0)
    await simcord_env.settle()
    assert "got 1 credit" in result.response.content
    assert [action.name for action in await lines(simcord_bot)][-1] == "credits grant"
    await manager.slash(channel, "server remix", allowed=False)
    await simcord_env.settle()
    assert posted(log)[-1] == f"<@{manager.id}> `/server remix` allowed: False"


async def test_words_in_the_audit_are_only_words(simcord_env, simcord_bot, guild, channel, log):
    await simcord_env.settle()  # the bot knows the channel
    await simcord_bot.preferences.put("audit_channel", str(log.id), guild.id)
    action = audit.Action(
        guild_id=guild.id, actor_id=1, name="x", subject="**bold** <@&2> x", detail="# head\n@here"
    )
    async with simcord_bot.database.write() as connection:
        for _ in range(60):
            await simcord_bot.audit.write(connection, dataclasses.replace(action, detail="y" * 900))
        await simcord_bot.audit.write(connection, action)
    await simcord_bot.audit_posts._task
    messages = log.history()
    assert all(len(message.content) <= 2000 for message in messages)
    assert messages[-1].content.endswith(r"`/x` \*\*bold\*\* <@&2> x \# head @here")
    assert all(allowed == {"parse": []} for allowed in pings(simcord_env, log))


async def test_a_channel_that_the_bot_may_not_post_in_is_refused(
    simcord_env, simcord_bot, guild, channel, log, manager
):
    everyone = discord.PermissionOverwrite(send_messages=False, embed_links=False)
    simcord_env.backend.get_channel(log.id)
    await simcord_bot.get_channel(log.id).set_permissions(
        simcord_bot.get_guild(guild.id).default_role, overwrite=everyone
    )
    await simcord_env.settle()
    for command in ("server audit", "server appeals"):
        said = refusal(await manager.slash(channel, command, channel=log)).description
        assert f"lacks a permission in <#{log.id}>: Send Messages" in said
    assert await lines(simcord_bot) == []


@pytest.mark.usefixtures("shown_to_all")
async def test_a_plain_member_is_refused_even_where_the_command_is_shown(
    simcord_env, simcord_bot, guild, channel, log, alice
):
    for name, options in {
        "server audit": {"channel": log},
        "server appeals": {"channel": log},
        "server remix": {"allowed": False},
        "server stealth": {"allowed": False},
        "server buttons": {"who": "owners"},
    }.items():
        said = refusal(await alice.slash(channel, name, **options)).description
        assert "Only who manages this server" in said
    assert await simcord_bot.preferences.of(guild.id) == {}
    assert await lines(simcord_bot) == []


async def test_buttons_draw_at_once_where_remix_is_forbidden(
    simcord_env, simcord_bot, guild, channel, manager, alice, fake_engine
):
    await simcord_bot.preferences.change(alice.id, remix=True)
    await alice.slash(channel, "imagine", prompt="a cat")
    await simcord_env.settle()
    grid = channel.history()[-1]
    [button] = [each for each in custom_ids(grid) if each.endswith(":v:1")]
    await manager.slash(channel, "server remix", allowed=False)
    await alice.click(grid, custom_id=button)
    await simcord_env.settle()
    assert len(fake_engine.jobs) == 2
    await manager.slash(channel, "server remix", allowed=True)
    result = await alice.click(grid, custom_id=button)
    assert result.modal is not None
    assert len(fake_engine.jobs) == 2


async def test_hidden_orders_are_refused_where_the_server_forbids_them(
    simcord_env, simcord_bot, channel, manager, alice, fake_engine
):
    await manager.slash(channel, "server stealth", allowed=False)
    said = refusal(await alice.slash(channel, "imagine", prompt="a cat --stealth")).description
    assert "This server allows no hidden pictures" in said
    assert "a cat --stealth" in said, "the text can be mended"
    await simcord_bot.preferences.change(alice.id, stealth=True)
    assert "Not allowed" in refusal(await alice.slash(channel, "imagine", prompt="a cat")).title
    assert fake_engine.jobs == []
    await alice.slash(channel, "imagine", prompt="a cat --public")
    await simcord_env.settle()
    assert len(fake_engine.jobs) == 1
    await manager.slash(channel, "server stealth", allowed=True)
    await alice.slash(channel, "imagine", prompt="a cat")
    await simcord_env.settle()
    assert len(fake_engine.jobs) == 2


async def test_what_was_hidden_before_it_was_forbidden_is_shown_by_show_alone(
    simcord_env, channel, manager, alice, fake_engine
):
    await alice.slash(channel, "imagine", prompt="a secret --stealth")
    await simcord_env.settle()
    grid = alice.user.dm_channel.last_message
    await manager.slash(channel, "server stealth", allowed=False)
    said = refusal(await alice.user.click(grid, label="V1")).description
    assert "allows no hidden pictures any more; /show brings it" in said
    assert "--public" not in said
    assert len(fake_engine.jobs) == 1
