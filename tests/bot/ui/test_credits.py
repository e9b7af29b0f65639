"""/credits and /info: who may give what, and what a member sees."""

import dataclasses
import logging

import discord
import pytest
from tests_support import refusal

from engine.fake import FAKE_MODEL, FAKE_PAIR

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


@pytest.fixture
def owner(simcord_env, simcord_bot, guild):
    """The bot's owner, a plain member of this server otherwise."""
    role = guild.create_role("Managers", permissions=discord.Permissions(manage_guild=True))
    member = guild.add_member(simcord_env.create_user("owner"), roles=[role])
    simcord_bot.place = dataclasses.replace(simcord_bot.place, owner_ids=(member.id,))
    return member


async def available(bot, guild, member):
    balance = await bot.accounts.balance(guild_id=guild.id, user_id=member.id)
    return balance.available


async def test_who_manages_the_server_grants_within_its_allotment(
    simcord_bot, guild, channel, manager, alice
):
    result = await manager.slash(channel, "credits grant", member=alice, amount=999.5)
    assert result.ephemeral
    assert "got 999.5 credits and now has 1024.5 credits" in result.response.content
    assert await available(simcord_bot, guild, alice) == 102450
    result = await manager.slash(channel, "credits grant", member=alice, amount=1.0)
    assert "may still grant 0.5 credits" in refusal(result).description
    assert await available(simcord_bot, guild, alice) == 102450


async def test_the_owner_grants_freely_and_raises_the_allotment(
    simcord_bot, guild, channel, manager, owner, alice
):
    await owner.slash(channel, "credits grant", member=alice, amount=5000.0)
    assert await available(simcord_bot, guild, alice) == 502500
    await owner.slash(channel, "credits allot", amount=10.0)
    result = await manager.slash(channel, "credits grant", member=alice, amount=11.0)
    assert "may still grant 10 credits" in refusal(result).description


async def test_a_manager_may_not_raise_their_own_allotment(channel, manager):
    result = await manager.slash(channel, "credits allot", amount=10.0)
    assert "Only the bot's owner" in refusal(result).description


@pytest.mark.usefixtures("shown_to_all")
async def test_a_plain_member_whom_the_server_lets_use_the_command_is_still_refused(
    simcord_env, simcord_bot, guild, channel, alice
):
    result = await alice.slash(channel, "credits grant", member=alice, amount=5.0)
    assert "Only who manages this server" in refusal(result).description
    assert await available(simcord_bot, guild, alice) == 2500


async def test_a_grant_counts_in_its_own_server_only(
    simcord_env, simcord_bot, guild, channel, manager, alice
):
    await manager.slash(channel, "credits grant", member=alice, amount=10.0)
    other = simcord_env.create_guild("Other")
    assert await available(simcord_bot, other, alice) == 2500


async def test_bots_get_no_credits(simcord_env, guild, channel, manager):
    robot = guild.add_member(simcord_env.create_user("robot", bot=True))
    result = await manager.slash(channel, "credits grant", member=robot, amount=1.0)
    assert "Bots draw no pictures" in refusal(result).description


async def test_info_shows_balance_and_jobs(simcord_env, channel, alice, fake_engine):
    fake_engine.pause()
    for _ in range(5):
        await alice.slash(channel, "imagine", prompt="a cat")
    fake_engine.step(1)
    await simcord_env.settle()
    result = await alice.slash(channel, "info")
    assert result.ephemeral
    fields = {field.name: field.value for field in result.response.embeds[0].fields}
    assert fields["Credits"] == "20 credits, and 5 credits set aside for open jobs"
    assert fields["Running jobs"].count("`") == 8
    assert fields["Waiting jobs"].count("`") == 2
    assert "Doodle" in fields["Models"]


async def test_info_tells_how_to_get_a_bigger_model_to_who_can_do_it(
    channel, alice, manager, owner, monkeypatch
):
    monkeypatch.setenv("DARKROOM_COMMAND", "docker compose exec darkroom darkroom")
    for person in (alice, manager, owner):
        result = await person.slash(channel, "info")
        fields = {field.name: field.value for field in result.response.embeds[0].fields}
        assert ("A bigger model" in fields) == (person is owner)
    assert "exec darkroom darkroom engine fetch NAME`" in fields["A bigger model"]


async def test_help_is_ephemeral(channel, alice):
    result = await alice.slash(channel, "help")
    assert result.ephemeral
    assert "--ar" in result.response.embeds[1].description


async def test_commands_are_synced_only_when_they_change(simcord_env, simcord_bot, new_bot):
    def syncs():
        return sum(
            request.method == "PUT" and request.path.endswith("/commands")
            for request in simcord_env.http_requests
        )

    assert syncs() == 1
    await simcord_env.restart_bot(new_bot())
    await simcord_env.settle()
    assert syncs() == 1


async def test_servers_that_are_not_allowed_are_left_with_one_sentence(
    simcord_env, new_bot, database
):
    guild = simcord_env.create_guild("Foreign")
    hall = guild.create_text_channel("hall")
    simcord_env.backend.get_guild(guild.id).system_channel_id = hall.id
    await simcord_env.restart_bot(new_bot(allowed_guilds=(1,)))
    await simcord_env.settle()
    assert simcord_env.bot.get_guild(guild.id) is None
    said = [
        request.json["content"]
        for request in simcord_env.http_requests
        if request.json and "content" in request.json
    ]
    assert said == ["This Darkroom only works in the servers its operator chose; it leaves now."]


async def test_the_owner_gives_credits_for_direct_messages(
    simcord_env, channel, owner, manager, alice
):
    result = await manager.slash(channel, "credits grant", member=alice, amount=5.0, direct=True)
    assert "Only the bot's owner" in refusal(result).description
    await owner.slash(channel, "credits grant", member=alice, amount=5.0, direct=True)
    await alice.user.slash("imagine", prompt="a cat")
    await simcord_env.settle()
    assert "(fast)" in alice.user.dm_channel.history()[-1].content


async def test_a_grant_whose_reply_is_lost_is_not_called_a_failure(
    simcord_env, simcord_bot, guild, channel, manager, alice
):
    simcord_env.inject_error("PATCH", "/webhooks/*", status=503, times=None)
    result = await manager.slash(channel, "credits grant", member=alice, amount=5.0)
    assert result.followups == []
    assert await available(simcord_bot, guild, alice) == 3000


async def test_info_fits_whatever_the_catalogue_holds(channel, alice, fake_engine):
    spec = fake_engine._models["doodle"]
    for number in range(60):
        name = f"a-model-with-a-rather-long-name-{number}"
        info = dataclasses.replace(spec.info, name=name, title=name)
        fake_engine._models[name] = dataclasses.replace(spec, info=info)
    result = await alice.slash(channel, "info")
    fields = {field.name: field.value for field in result.response.embeds[0].fields}
    assert fields["Models"].endswith(" more")


async def test_info_names_what_chooses_a_model_and_its_loras(
    simcord_env, channel, alice, new_bot, fake_engine
):
    info = dataclasses.replace(FAKE_MODEL.info, loras=("ink", "line art"))
    engine_ = type(fake_engine)(models=(dataclasses.replace(FAKE_MODEL, info=info), FAKE_PAIR))
    await simcord_env.restart_bot(new_bot(engine_))
    [embed] = (await alice.slash(channel, "info")).response.embeds
    [models] = [field.value for field in embed.fields if field.name == "Models"]
    assert models == "Doodle (`--v doodle`, `--lora ink`, `--lora line art`)"


@pytest.mark.parametrize("api_url", ["", "http://127.0.0.1:1/api"])
async def test_the_log_counts_one_server_as_one_and_invites_to_discord_only(
    simcord_bot, channel, caplog, api_url
):
    simcord_bot.place = dataclasses.replace(simcord_bot.place, api_url=api_url)
    with caplog.at_level(logging.INFO):
        await simcord_bot.on_ready()
    assert "in 1 server\n" in caplog.text
    assert ("invite: https://discord.com/" in caplog.text) == (not api_url)


async def test_commands_of_one_server_and_of_all_are_never_there_twice(
    simcord_env, simcord_bot, new_bot, guild
):
    def emptied():
        return [
            request.path
            for request in simcord_env.http_requests
            if request.method == "PUT" and request.path.endswith("/commands") and not request.json
        ]

    application = simcord_bot.application_id
    await simcord_env.restart_bot(new_bot(guild_id=guild.id))
    await simcord_env.settle()
    assert emptied() == [f"/applications/{application}/commands"]
    await simcord_env.restart_bot(new_bot())
    await simcord_env.settle()
    assert emptied()[1:] == [f"/applications/{application}/guilds/{guild.id}/commands"]


async def test_credits_for_direct_messages_are_shown_to_the_bots_owner_alone(
    channel, manager, owner, alice
):
    await owner.slash(channel, "credits grant", member=alice, amount=5.0, direct=True)
    seen = await owner.slash(channel, "credits show", member=alice)
    assert "For direct messages: 5 credits." in seen.response.content
    seen = await manager.slash(channel, "credits show", member=alice)
    assert "direct messages" not in seen.response.content
