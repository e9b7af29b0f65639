"""/queue: who manages a server holds its own jobs up and ends them; all are the owner's."""

import dataclasses

import discord
import pytest
from tests_support import custom_ids, refusal

import engine
from bot.jobs.records import Outcome
from bot.storage import audit

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


def managing(env, guild, name):
    role = guild.create_role("Managers", permissions=discord.Permissions(manage_guild=True))
    return guild.add_member(env.create_user(name), roles=[role])


@pytest.fixture
def manager(simcord_env, guild):
    return managing(simcord_env, guild, "manager")


@pytest.fixture
def owner(simcord_env, simcord_bot, guild):
    member = managing(simcord_env, guild, "owner")
    simcord_bot.place = dataclasses.replace(simcord_bot.place, owner_ids=(member.id,))
    return member


@pytest.fixture
def other(simcord_env):
    """A channel of another server, and a manager there who draws there too."""
    guild = simcord_env.create_guild("Other")
    return guild.create_text_channel("hall"), managing(simcord_env, guild, "carol")


async def lines(bot):
    async with bot.database.read() as connection:
        return [line.action for line in await audit.after(connection, 0, 100)]


async def confirm(member, message, *, answer="y"):
    [button] = [each for each in custom_ids(message) if each.endswith(f":{answer}")]
    return await member.click(message, custom_id=button)


async def test_a_paused_queue_takes_orders_and_draws_them_once_it_goes_on(
    simcord_env, simcord_bot, channel, manager, alice, fake_engine
):
    await manager.slash(channel, "queue pause")
    result = await alice.slash(channel, "imagine", prompt="a cat")
    assert "(Waiting: the queue is paused)" in result.response.content
    await simcord_env.settle()
    assert fake_engine.jobs == []
    said = (await manager.slash(channel, "queue show")).response.embeds[0].description
    assert said.splitlines()[0] == "**Paused**: what waits is not started."
    assert said.splitlines()[1].startswith("⏸️ `")
    await manager.slash(channel, "queue resume")
    await simcord_env.settle()
    assert len(fake_engine.jobs) == 1
    assert "(fast)" in channel.last_message.content
    assert [action.name for action in await lines(simcord_bot)] == ["queue pause", "queue resume"]


async def test_what_waits_leaves_the_engine_and_what_runs_ends(
    simcord_env, simcord_bot, guild, channel, manager, alice, fake_engine
):
    fake_engine.pause()
    for _ in range(6):  # the engine runs four
        await alice.slash(channel, "imagine", prompt="a cat")
    fake_engine.step(1)
    await simcord_env.settle()
    await manager.slash(channel, "queue pause")
    await simcord_env.settle()
    assert len(fake_engine.status().running) == 4
    assert fake_engine.status().queued == ()
    fake_engine.resume()
    await simcord_env.settle()
    assert len(fake_engine.jobs) == 6
    await manager.slash(channel, "queue resume")
    await simcord_env.settle()
    assert len(fake_engine.jobs) == 8, "the two that waited were given again"
    balance = await simcord_bot.accounts.balance(guild_id=guild.id, user_id=alice.id)
    assert (balance.available, balance.held) == (1900, 0)


async def test_a_pause_outlasts_a_restart_and_is_of_its_server_alone(
    simcord_env, new_bot, channel, manager, alice, other, fake_engine
):
    await manager.slash(channel, "queue pause")
    await alice.slash(channel, "imagine", prompt="a cat")
    await simcord_env.restart_bot(new_bot())
    await simcord_env.settle()
    assert fake_engine.jobs == []
    hall, carol = other
    await carol.slash(hall, "imagine", prompt="a dog")
    await simcord_env.settle()
    assert len(fake_engine.jobs) == 1
    await manager.slash(channel, "queue resume")
    await simcord_env.settle()
    assert len(fake_engine.jobs) == 2


async def test_a_drained_queue_refuses_orders_with_their_text(
    simcord_env, channel, manager, alice, fake_engine
):
    await manager.slash(channel, "queue drain")
    said = refusal(await alice.slash(channel, "imagine", prompt="a cat")).description
    assert "No new pictures are taken here" in said and "a cat" in said
    assert fake_engine.jobs == []
    await manager.slash(channel, "queue resume")
    await alice.slash(channel, "imagine", prompt="a cat")
    await simcord_env.settle()
    assert len(fake_engine.jobs) == 1


async def test_a_held_job_can_be_cancelled_and_does_not_come_back(
    simcord_env, simcord_bot, guild, channel, manager, alice, fake_engine
):
    await manager.slash(channel, "queue pause")
    await alice.slash(channel, "imagine", prompt="a cat")
    asked = await manager.slash(channel, "queue cancel", member=alice)
    assert "1 job is cancelled, 0 of which runs now" in asked.response.embeds[0].description
    result = await confirm(manager, asked.response.message)
    assert "1 job was cancelled" in asked.response.message.content
    await simcord_env.settle()
    await manager.slash(channel, "queue resume")
    await simcord_env.settle()
    assert fake_engine.jobs == []
    assert "Cancelled by who manages the queue. Nothing was charged." in str(
        [message.content + str(message.embeds) for message in channel.history()]
    )
    balance = await simcord_bot.accounts.balance(guild_id=guild.id, user_id=alice.id)
    assert balance.available == 2500
    assert result is not None


async def test_a_manager_sees_and_ends_jobs_of_their_own_server_only(
    simcord_env, simcord_bot, channel, manager, alice, other, fake_engine
):
    hall, carol = other
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="a secret --stealth")
    await carol.slash(hall, "imagine", prompt="a dog")
    await simcord_env.settle()
    theirs, ours = fake_engine.jobs[1].id, fake_engine.jobs[0].id
    said = (await manager.slash(channel, "queue show")).response.embeds[0].description
    assert ours in said and theirs not in said and "secret" not in said
    assert (
        "no such open job"
        in refusal(await manager.slash(channel, "queue cancel", job=theirs)).description
    )
    choices = await manager.autocomplete(channel, "queue cancel", "job", "")
    assert [choice["value"] for choice in choices] == [ours]
    asked = await manager.slash(channel, "queue cancel", everything=True)
    await confirm(manager, asked.response.message)
    await simcord_env.settle()
    outcomes = {id_: (await simcord_bot.lookup.job(id_)).outcome for id_ in (ours, theirs)}
    assert outcomes == {ours: Outcome.CANCELLED, theirs: Outcome.OPEN}
    for command in ("show", "pause", "drain", "resume"):
        result = await manager.slash(channel, f"queue {command}", everywhere=True)
        assert "Only the bot's owner" in refusal(result).description
    assert not simcord_bot.halts.of(0)


async def test_the_owner_halts_all_servers_and_sees_all_jobs(
    simcord_env, simcord_bot, channel, owner, manager, alice, other, fake_engine
):
    hall, carol = other
    await owner.slash(channel, "queue pause", everywhere=True)
    await carol.slash(hall, "imagine", prompt="a dog")
    await alice.user.slash("imagine", prompt="a fox")
    await simcord_env.settle()
    assert fake_engine.jobs == []
    said = (await carol.slash(hall, "queue resume")).response.content
    assert "once the bot's owner resumes" in said
    await simcord_env.settle()
    assert fake_engine.jobs == []
    said = (await owner.slash(channel, "queue show", everywhere=True)).response.embeds[0]
    assert "**All servers are paused**" in said.description and "⏸️" in said.description
    await owner.slash(channel, "queue resume", everywhere=True)
    await simcord_env.settle()
    assert len(fake_engine.jobs) == 1


async def test_the_owner_sees_how_many_workers_of_a_cluster_are_missing(
    simcord_bot, channel, owner, fake_engine, monkeypatch
):
    worker = engine.WorkerStatus(name="2 on b", pid=1, device="cuda:0 NVIDIA H200")
    status = dataclasses.replace(fake_engine.status(), workers=(worker,), places=3)
    monkeypatch.setattr(fake_engine, "status", lambda: status)
    said = (await owner.slash(channel, "queue show", everywhere=True)).response.embeds[0]
    assert "Worker `2 on b`" in said.description
    assert "1 of 3 workers are there" in said.description
    status = dataclasses.replace(status, places=1)
    said = (await owner.slash(channel, "queue show", everywhere=True)).response.embeds[0]
    assert "workers are there" not in said.description


async def test_a_question_is_answered_once_and_only_by_who_was_asked(
    simcord_env, simcord_bot, channel, manager, owner, alice, fake_engine
):
    fake_engine.pause()
    await alice.slash(channel, "imagine", prompt="a cat")
    await simcord_env.settle()
    asked = await manager.slash(channel, "queue cancel", everything=True)
    await confirm(manager, asked.response.message, answer="n")
    assert asked.response.message.content == "Nothing was changed."
    assert len(fake_engine.status().queued) == 1
    asked = await manager.slash(channel, "queue cancel", everything=True)
    [button] = [each for each in custom_ids(asked.response.message) if each.endswith(":y")]
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="x", custom_id=button))
    await simcord_bot.get_channel(channel.id).send("x", view=view)
    result = await alice.click(channel.last_message, custom_id=button)
    assert "Another member was asked" in refusal(result).description
    assert len(fake_engine.status().queued) == 1
    await manager.click(asked.response.message, custom_id=button)
    await simcord_env.settle()
    result = await manager.click(channel.last_message, custom_id=button)
    assert "too old, was answered" in refusal(result).description
    await simcord_env.settle()
    assert fake_engine.status().queued == ()


@pytest.mark.parametrize("options", [{}, {"job": "a" * 16, "everything": True}])
async def test_what_is_to_be_cancelled_must_be_said_once(channel, manager, options):
    said = refusal(await manager.slash(channel, "queue cancel", **options)).description
    assert "Choose one of the three" in said


@pytest.mark.usefixtures("shown_to_all")
async def test_a_plain_member_is_refused_even_where_the_command_is_shown(
    simcord_env, channel, alice, fake_engine
):
    for name in ("show", "pause", "drain", "resume"):
        said = refusal(await alice.slash(channel, f"queue {name}")).description
        assert "Only who manages this server" in said
    assert (
        "Only who manages"
        in refusal(await alice.slash(channel, "queue cancel", everything=True)).description
    )


async def test_a_long_queue_has_pages(simcord_env, simcord_bot, channel, manager, owner, alice):
    await manager.slash(channel, "queue pause")
    await owner.slash(channel, "credits grant", member=alice, amount=100.0)
    simcord_bot.orders._policy.quota = dataclasses.replace(
        simcord_bot.orders._policy.quota, queued=100
    )
    for _ in range(22):
        await alice.slash(channel, "imagine", prompt="a cat")
    result = await manager.slash(channel, "queue show")
    shown = result.response.message
    assert shown.embeds[0].footer.text == "Page 1 of 2"
    assert len(shown.embeds[0].description.splitlines()) == 20
    result = await manager.click(shown, custom_id=custom_ids(shown)[1])
    assert result.response.embeds[0].footer.text == "Page 2 of 2"
    assert len(result.response.embeds[0].description.splitlines()) == 3
