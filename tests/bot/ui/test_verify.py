"""/verify: who may learn what of a picture."""

import io

import discord
import pytest
from PIL import Image, ImageDraw
from tests_support import png, refusal, rows

from bot.pictures import metadata
from bot.pictures.making import Making, Program
from bot.storage.tables import jobs, picture_hashes

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


async def imagine(env, channel, member, prompt="a red cat"):
    await member.slash(channel, "imagine", prompt=prompt)
    await env.settle()
    return await channel.last_message.attachments[0].read()


async def verify(env, channel, member, data, name="a.png"):
    result = await member.slash(channel, "verify", picture=(name, data))
    await env.settle()
    assert result.ephemeral
    return result.response.content


def as_jpeg(data):
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(data)) as picture:
        picture.convert("RGB").save(buffer, "JPEG", quality=70)
    return buffer.getvalue()


def stranger():
    """A picture with shapes that nobody drew here."""
    picture = Image.new("RGB", (96, 96), "olive")
    draw = ImageDraw.Draw(picture)
    for at in range(4):
        draw.rectangle((at * 24, at * 20, at * 24 + 12, 90), "white")
    return picture


async def test_a_posted_grid_is_known_with_its_job_model_and_day(
    simcord_env, channel, alice, bob, database
):
    grid = await imagine(simcord_env, channel, alice)
    [job] = await rows(database, jobs)
    said = await verify(simcord_env, channel, bob, grid)
    assert said.splitlines() == [
        f"**Made here** on <t:{job.ended_ms // 1000}:D>. This file is unchanged.",
        f"Job: `{job.id}`",
        "Model: Doodle",
    ]
    assert "alice" not in said
    assert "cat" not in said


async def test_one_picture_of_it_is_known_by_its_number(simcord_env, channel, alice, database):
    await imagine(simcord_env, channel, alice)
    result = await alice.click(channel.last_message, label="U3")
    single = await result.response.attachments[0].read()
    assert "Picture: 3" in (await verify(simcord_env, channel, alice, single)).splitlines()


async def test_a_picture_that_was_saved_as_jpeg_is_known_by_its_looks(
    simcord_env, channel, alice, database
):
    grid = await imagine(simcord_env, channel, alice)
    said = await verify(simcord_env, channel, alice, as_jpeg(grid), "a.jpg")
    [job] = await rows(database, jobs)
    assert said.startswith("**Made here** on")
    assert "looks like a picture of that day" in said
    assert f"Job: `{job.id}`" in said


async def test_other_pictures_are_unknown_and_their_metadata_proves_nothing(
    simcord_env, channel, alice, database
):
    await imagine(simcord_env, channel, alice)
    [job] = await rows(database, jobs)
    buffer = io.BytesIO()
    stranger().save(buffer, "PNG")
    plain = await verify(simcord_env, channel, alice, buffer.getvalue())
    assert plain.startswith("**Unknown**")
    assert "metadata" not in plain
    forged = Making(program=Program.DARKROOM, prompt="**a** [cat](x)", job_id=job.id)
    said = await verify(simcord_env, channel, alice, metadata.sign(buffer.getvalue(), forged))
    assert said.splitlines()[0] == plain
    assert f"Its metadata claims: Darkroom, {job.id}, \\*\\*a\\*\\* \\[cat\\](x)." in said
    assert "proves nothing" in said


async def test_a_stealth_job_is_told_to_others_as_a_day_alone(
    simcord_env, channel, alice, bob, database
):
    await alice.slash(channel, "imagine", prompt="a red cat --stealth")
    await simcord_env.settle()
    grid = await alice.user.dm_channel.last_message.attachments[0].read()
    [job] = await rows(database, jobs)
    day = f"**Made here** on <t:{job.ended_ms // 1000}:D>. This file is unchanged."
    assert await verify(simcord_env, channel, bob, grid) == day
    assert job.id in await verify(simcord_env, channel, alice, grid)
    assert b"cat" not in grid


async def test_a_job_of_another_server_is_told_as_a_day_alone(
    simcord_env, channel, alice, bob, database
):
    grid = await imagine(simcord_env, channel, alice)
    elsewhere = simcord_env.create_guild("Other")
    member = elsewhere.add_member(bob.user)
    said = await verify(simcord_env, elsewhere.create_text_channel("general"), member, grid)
    assert said.startswith("**Made here** on")
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(("sees", "lines"), [(False, 1), (True, 3)])
async def test_a_job_of_a_channel_that_the_member_does_not_see_is_told_as_a_day_alone(
    simcord_env, guild, channel, alice, bob, database, sees, lines
):
    overwrites = {
        guild.default_role: discord.PermissionOverwrite(view_channel=False),
        alice: discord.PermissionOverwrite(view_channel=True),
        simcord_env.bot.user: discord.PermissionOverwrite(view_channel=True),
    }
    if sees:
        overwrites[bob] = discord.PermissionOverwrite(view_channel=True)
    hidden = guild.create_text_channel("hidden", overwrites=overwrites)
    grid = await imagine(simcord_env, hidden, alice)
    said = await verify(simcord_env, channel, bob, grid)
    assert len(said.splitlines()) == lines


async def test_what_is_posted_carries_its_making_and_is_known_however_small_it_had_to_be(
    simcord_env, simcord_bot, channel, alice, database, monkeypatch
):
    simcord_bot.outbox._limit_bytes = lambda row: 10
    small = property(lambda _: 10, lambda _, __: None)
    monkeypatch.setattr(discord.Interaction, "filesize_limit", small)
    grid = await imagine(simcord_env, channel, alice)
    result = await alice.click(channel.last_message, label="U2")
    single = await result.response.attachments[0].read()
    [job] = await rows(database, jobs)
    for data, number in ((grid, None), (single, 2)):
        assert data[8:12] == b"WEBP"
        told = metadata.read(data)
        assert (told.prompt, told.canonical, told.picture) == ("a red cat", "a red cat", number)
        assert (told.job_id, told.parameters["chaos"]) == (job.id, 0)
        assert "This file is unchanged." in await verify(simcord_env, channel, alice, data)


async def test_every_file_of_a_job_is_noted(simcord_env, channel, alice, database):
    await imagine(simcord_env, channel, alice)
    noted = await rows(database, picture_hashes)
    assert sorted((row.position or 0) for row in noted) == [0, 1, 2, 3, 4]
    assert all(row.band_1 is not None and len(row.colours) == 192 for row in noted)


async def test_what_is_no_picture_or_no_link_is_refused(simcord_env, channel, alice):
    result = await alice.slash(channel, "verify", picture=("a.txt", b"hello"))
    await simcord_env.settle()
    assert "not a picture" in refusal(result).description
    result = await alice.slash(channel, "verify", link="https://127.0.0.1/a.png")
    await simcord_env.settle()
    assert "could not be fetched" in refusal(result).description
    for options in ({}, {"picture": ("a.png", png()), "link": "https://example.com/a.png"}):
        result = await alice.slash(channel, "verify", **options)
        assert "one of the two" in refusal(result).description
