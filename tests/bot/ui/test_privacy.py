"""/privacy: what a member gets of what is kept of them, and what is left once they erase it."""

import csv
import io
import zipfile
from types import SimpleNamespace

import discord
import pytest
from sqlalchemy import select
from tests_support import custom_ids, refusal

from bot.jobs.deletions import Deletions
from bot.storage.tables import (
    accounts,
    batches,
    entries,
    favourites,
    images,
    jobs,
    picture_hashes,
    preferences,
    verdicts,
)
from bot.ui.commands import privacy as privacy_commands

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


async def rows(bot, table):
    async with bot.database.read() as connection:
        return list(await connection.execute(select(table)))


async def draw(env, channel, member, prompt):
    await member.slash(channel, "imagine", prompt=prompt)
    await env.settle()
    return channel.last_message


def button(message, code):
    return next(each for each in custom_ids(message) if each.endswith(f":{code}"))


async def archives(member):
    found = []
    for message in member.user.dm_channel.history():
        for file in message.attachments:
            data = await file.read()
            found.append(zipfile.ZipFile(io.BytesIO(data)))
    return found


async def test_an_export_has_what_is_the_members_and_nothing_of_others(
    simcord_env, simcord_bot, channel, alice, bob
):
    await draw(simcord_env, channel, alice, "a red cat")
    await draw(simcord_env, channel, bob, "a blue dog")
    await alice.slash(channel, "imagine", prompt="a naked tree")
    await alice.slash(channel, "prefer suffix", new_value="--ar 3:2")
    result = await alice.slash(channel, "privacy export")
    assert "4 pictures, in 1 file" in result.response.content
    assert result.ephemeral
    [archive] = await archives(alice)
    names = archive.namelist()
    assert len([name for name in names if name.startswith("pictures/")]) == 4
    listed = list(csv.reader(io.StringIO(archive.read("jobs.csv").decode("utf-8-sig"))))
    assert [row[6] for row in listed[1:]] == ["a red cat"]
    whole = b"".join(archive.read(name) for name in names)
    assert b"blue dog" not in whole
    assert b"a naked tree" in archive.read("refused.json")
    assert b"--ar 3:2" in archive.read("settings.json")
    assert any(name.startswith("credits-") for name in names)


async def test_a_large_export_comes_in_parts_that_discord_takes(
    simcord_env, simcord_bot, channel, alice
):
    for prompt in ("a cat", "a dog"):
        await draw(simcord_env, channel, alice, prompt)
    sizes = [len(data.data) async for data in simcord_bot.privacy.export(alice.id, 80_000)]
    whole = [part async for part in simcord_bot.privacy.export(alice.id, 10_000_000)]
    assert len(whole) == 1
    assert len(sizes) > 1
    assert max(sizes) <= 80_000
    parts = [part async for part in simcord_bot.privacy.export(alice.id, 80_000)]
    assert sum(part.pictures for part in parts) == whole[0].pictures == 8


async def test_an_export_is_had_every_ten_minutes(simcord_env, channel, alice, bob):
    await alice.slash(channel, "privacy export")
    again = await alice.slash(channel, "privacy export")
    assert "every ten minutes" in refusal(again).description
    assert not (await bob.slash(channel, "privacy export")).response.embeds


async def test_what_is_erased_is_gone_and_ledger_lines_name_nobody(
    simcord_env, simcord_bot, guild, channel, alice, bob, tmp_path
):
    grid = await draw(simcord_env, channel, alice, "a red cat")
    await draw(simcord_env, channel, bob, "a blue dog")
    await alice.slash(channel, "prefer suffix", new_value="--ar 3:2")
    await alice.click(grid, custom_id=button(grid, "fa"))
    before = len(await rows(simcord_bot, entries))
    asked = await alice.slash(channel, "privacy erase")
    assert "your credits: what is left of them is lost" in asked.response.embeds[0].description
    assert len(await rows(simcord_bot, images)) == 8
    await alice.click(asked.response.message, label="Confirm")
    left = {row.prompt: row for row in await rows(simcord_bot, jobs)}
    assert set(left) == {"", "a blue dog"}
    assert (left[""].user_id, left[""].stored, left[""].resolved) == (0, "", "{}")
    assert len(await rows(simcord_bot, images)) == 4
    assert {row.job_id for row in await rows(simcord_bot, picture_hashes)} == {
        left["a blue dog"].id
    }
    assert not await rows(simcord_bot, preferences)
    assert not await rows(simcord_bot, favourites)
    assert len(await rows(simcord_bot, entries)) == before
    assert len(list((tmp_path / "pictures").rglob("*.png"))) == 4
    owners = {row.user_id for row in await rows(simcord_bot, accounts)}
    assert {alice.id, bob.id} < owners
    assert min(owners) < 0
    balance = await simcord_bot.accounts.balance(guild_id=guild.id, user_id=alice.id)
    assert balance.available == 0  # no second trial


async def test_a_button_of_an_erased_picture_says_so(simcord_env, simcord_bot, channel, alice):
    grid = await draw(simcord_env, channel, alice, "a red cat")
    await simcord_bot.privacy.erase(alice.id)
    for code in ("u:1", "v:1", "r", "fa"):
        result = await alice.click(grid, custom_id=button(grid, code))
        assert "erased this picture" in refusal(result).description


async def test_messages_that_show_what_is_erased_are_deleted(
    simcord_env, simcord_bot, channel, alice
):
    await draw(simcord_env, channel, alice, "a red cat")
    asked = await alice.slash(channel, "privacy erase")
    await alice.click(asked.response.message, label="Confirm")
    await simcord_env.advance_time(10)
    assert not [each for each in channel.history() if "red cat" in each.content]


async def test_messages_are_deleted_after_a_fault_of_discords_and_a_restart(
    simcord_env, simcord_bot, channel, alice, monkeypatch
):
    await draw(simcord_env, channel, alice, "a red cat")

    async def broken(_message, **_options):
        answer = SimpleNamespace(status=503, reason="Service Unavailable")
        raise discord.DiscordServerError(answer, "try again later")

    with monkeypatch.context() as patch:
        patch.setattr(discord.PartialMessage, "delete", broken)
        asked = await alice.slash(channel, "privacy erase")
        await alice.click(asked.response.message, label="Confirm")
        await simcord_env.advance_time(10)
    assert [each for each in channel.history() if "red cat" in each.content]
    simcord_bot.privacy.deletions = Deletions(database=simcord_bot.database, store=None)
    monkeypatch.setattr(privacy_commands, "_BETWEEN_DELETIONS_S", 0)
    await privacy_commands.delete_messages(simcord_bot)
    assert not [each for each in channel.history() if "red cat" in each.content]


async def test_the_message_that_lists_an_erased_batch_is_deleted(
    simcord_env, simcord_bot, channel, alice
):
    asked = await alice.slash(channel, "imagine", prompt="a {red, blue} tiger")
    await alice.click(asked.response.message, label="Confirm")
    await simcord_env.settle()
    [batch] = await rows(simcord_bot, batches)
    assert batch.message_id in {each.id for each in channel.history()}
    asked = await alice.slash(channel, "privacy erase")
    await alice.click(asked.response.message, label="Confirm")
    await simcord_env.advance_time(30)
    assert batch.message_id not in {each.id for each in channel.history()}


async def test_a_job_cancelled_while_its_files_are_written_leaves_none(
    simcord_env, simcord_bot, channel, alice, tmp_path, monkeypatch
):
    runner = simcord_bot.runner
    store_result = runner._store_result

    async def cancelled_meanwhile(row, *rest):
        stored = await store_result(row, *rest)
        assert len(list((tmp_path / "pictures").rglob("*.png"))) == 4
        await runner.cancel(row)
        return stored

    monkeypatch.setattr(runner, "_store_result", cancelled_meanwhile)
    await draw(simcord_env, channel, alice, "a red cat")
    [job] = await rows(simcord_bot, jobs)
    assert job.outcome == "cancelled"
    assert not list((tmp_path / "pictures").rglob("*.png"))


async def test_the_message_of_an_appeal_is_deleted_and_the_appeal_denied(
    simcord_env, simcord_bot, guild, channel, alice
):
    role = guild.create_role("m", permissions=discord.Permissions(manage_guild=True))
    manager = guild.add_member(simcord_env.create_user("manager"), roles=[role])
    moderators = guild.create_text_channel("moderators")
    await manager.slash(channel, "server appeals", channel=moderators)
    refused = await alice.slash(channel, "imagine", prompt="a naked tree")
    await alice.click(refused.response, label="Appeal")
    assert "naked tree" in moderators.last_message.embeds[0].description
    asked = await alice.slash(channel, "privacy erase")
    await alice.click(asked.response.message, label="Confirm")
    await simcord_env.advance_time(30)
    assert not list(moderators.history())
    [verdict] = await rows(simcord_bot, verdicts)
    assert (verdict.prompt, verdict.appeal) == ("", "denied")


async def test_what_others_made_of_an_erased_picture_stays(
    simcord_env, simcord_bot, channel, alice, bob
):
    grid = await draw(simcord_env, channel, alice, "a red cat")
    await bob.click(grid, label="V1")
    await simcord_env.settle()
    await simcord_bot.privacy.erase(alice.id)
    again = channel.last_message
    result = await bob.click(again, custom_id=button(again, "r"))
    await simcord_env.settle()
    assert not result.ephemeral
    open_ = [row for row in await rows(simcord_bot, jobs) if row.outcome != "finished"]
    assert not open_


async def test_blocks_and_strikes_outlive_an_erasure_without_words(
    simcord_env, simcord_bot, guild, channel, alice
):
    role = guild.create_role("m", permissions=discord.Permissions(manage_guild=True))
    manager = guild.add_member(simcord_env.create_user("manager"), roles=[role])
    await alice.slash(channel, "imagine", prompt="a naked tree")
    await manager.slash(channel, "member block", member=alice)
    await simcord_bot.privacy.erase(alice.id)
    [verdict] = await rows(simcord_bot, verdicts)
    assert (verdict.prompt, verdict.category) == ("", "adult")
    result = await alice.slash(channel, "imagine", prompt="a cat")
    assert "lets you order no pictures" in refusal(result).description
