"""/show and favourites: a member's own jobs come back with live buttons, for nobody else."""

import pytest
from sqlalchemy import select
from tests_support import custom_ids, labels, refusal

from bot.jobs.favourites import Favourite
from bot.storage.tables import favourites, jobs

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


async def imagine(env, channel, member, prompt="a red cat"):
    result = await member.slash(channel, "imagine", prompt=prompt)
    await env.settle()
    return result


async def ids(database):
    async with database.read() as connection:
        return list(await connection.scalars(select(jobs.c.id).order_by(jobs.c.created_ms)))


async def marked(database):
    async with database.read() as connection:
        rows = await connection.execute(select(favourites.c.user_id, favourites.c.position))
        return sorted(map(tuple, rows))


async def test_the_newest_an_id_and_a_link_bring_a_job_back(
    simcord_env, guild, channel, alice, database
):
    await imagine(simcord_env, channel, alice, "a red cat --seed 7")
    first = channel.last_message
    single = (await alice.click(first, label="U2")).response.message
    await imagine(simcord_env, channel, alice, "a blue dog")
    [job_id, _] = await ids(database)
    newest = await alice.slash(channel, "show")
    assert "a blue dog" in newest.response.content
    again = await alice.slash(channel, "show", job=job_id)
    assert not again.ephemeral
    assert again.response.content.startswith(f"**a red cat --seed 7** - {alice.mention} (fast)")
    assert f"Seed 7 · Job `{job_id}`" in again.response.content
    assert labels(again.response.message) == labels(first)
    await alice.click(again.response.message, label="V1")
    await simcord_env.settle()
    assert "Variations" in channel.last_message.content
    link = f"https://discord.com/channels/{guild.id}/{channel.id}/{single.id}"
    one = await alice.slash(channel, "show", job=link)
    assert "Image #2" in one.response.content
    assert "Vary (Subtle)" in labels(one.response.message)


async def test_a_reposted_job_is_known_to_menus(simcord_env, channel, alice):
    await imagine(simcord_env, channel, alice)
    again = (await alice.slash(channel, "show")).response.message
    told = await alice.context_menu(channel, "Describe", again)
    assert "Made here" in told.response.content


FAR = "https://discord.com/channels/1/2/" + "9" * 19


@pytest.mark.parametrize(
    "reference", ["the other's", "aaaaaaaaaaaaaaaa", "nonsense", "9" * 190, FAR]
)
async def test_others_jobs_and_none_get_the_same_sentence(
    simcord_env, channel, alice, bob, database, reference
):
    await imagine(simcord_env, channel, alice)
    before = len(channel.history())
    [job_id] = await ids(database)
    reference = job_id if reference == "the other's" else reference
    result = await bob.slash(channel, "show", job=reference)
    assert refusal(result).description == (
        "You have no such job; the command suggests yours as you type."
    )
    assert len(channel.history()) == before


async def test_a_hidden_job_is_shown_to_its_member_in_private_also_where_messages_are_closed(
    simcord_env, channel, alice, bob, database
):
    simcord_env.inject_error("POST", "/channels/*/messages", status=403, code=50007, times=2)
    await imagine(simcord_env, channel, alice, "a red cat --stealth")
    async with database.read() as connection:
        assert await connection.scalar(select(jobs.c.delivery)) == "kept"
    result = await alice.slash(channel, "show")
    assert result.ephemeral
    assert "U1" in labels(result.response.message)
    single = await alice.click(result.response.message, label="U1")
    assert single.ephemeral
    refused = await bob.slash(channel, "show", job=(await ids(database))[0])
    assert "You have no such job" in refusal(refused).description


async def test_erased_pictures_are_said_to_be_gone(simcord_env, channel, alice, tmp_path):
    await imagine(simcord_env, channel, alice)
    for file in (tmp_path / "pictures").rglob("*.png"):
        file.unlink()
    result = await alice.slash(channel, "show")
    assert "deleted from the disk" in refusal(result).description


async def test_own_jobs_are_suggested_by_their_words(simcord_env, channel, alice, bob, database):
    await imagine(simcord_env, channel, alice, "a red cat")
    await imagine(simcord_env, channel, alice, "a 100% blue dog")
    await imagine(simcord_env, channel, bob, "a red cat of bob")
    red, blue, _ = await ids(database)
    found = await alice.autocomplete(channel, "show", "job", "RED")
    assert [choice["value"] for choice in found] == [red]
    assert "a red cat" in found[0]["name"]
    found = await alice.autocomplete(channel, "show", "job", "0%")
    assert [choice["value"] for choice in found] == [blue]
    found = await alice.autocomplete(channel, "show", "job", "")
    assert [choice["value"] for choice in found] == [blue, red]
    found = await alice.autocomplete(channel, "show", "job", "fav")
    assert found[0]["value"] == "favourites"


async def test_vary_takes_an_id_or_a_link_and_suggests_own_jobs(
    simcord_env, guild, channel, alice, bob, database, fake_engine
):
    await imagine(simcord_env, channel, alice)
    single = (await alice.click(channel.last_message, label="U3")).response.message
    [job_id] = await ids(database)
    found = await alice.autocomplete(channel, "vary", "job_id", "red")
    assert [choice["value"] for choice in found] == [job_id]
    assert not await bob.autocomplete(channel, "vary", "job_id", "red")
    link = f"https://discord.com/channels/{guild.id}/{channel.id}/{single.id}"
    await alice.slash(channel, "vary", job_id=link)
    await simcord_env.settle()
    assert "From picture 3 of" in channel.last_message.content
    refused = await bob.slash(channel, "vary", job_id=job_id)
    assert "You have no such job" in refusal(refused).description
    assert len(fake_engine.jobs) == 2


# Favourites.


async def heart(member, message):
    place = labels(message).index("❤️")
    return await member.click(message, custom_id=custom_ids(message)[place])


async def test_a_heart_marks_and_a_second_one_takes_it_back(
    simcord_env, channel, alice, bob, database
):
    await imagine(simcord_env, channel, alice)
    grid = channel.last_message
    single = (await alice.click(grid, label="U2")).response.message
    assert (await heart(alice, grid)).ephemeral
    await heart(alice, single)
    await heart(bob, grid)
    assert await marked(database) == sorted([(alice.id, 0), (alice.id, 2), (bob.id, 0)])
    said = await heart(alice, grid)
    assert "No favourite" in said.response.content
    assert await marked(database) == sorted([(alice.id, 2), (bob.id, 0)])


async def test_favourites_are_pages_that_survive_a_restart(
    simcord_env, new_bot, channel, alice, bob
):
    for prompt in ("one cat", "two cats", "three cats"):
        await imagine(simcord_env, channel, alice, prompt)
        await heart(alice, channel.last_message)
    result = await alice.slash(channel, "show", job="favourites")
    assert result.ephemeral
    page = result.response.message
    assert "three cats" in page.content and "Favourite 1 of 3" in page.content
    assert len(page.attachments) == 1
    await simcord_env.restart_bot(new_bot())
    right = custom_ids(page)[labels(page).index("➡️")]
    page = (await alice.click(page, custom_id=right)).response.message
    assert "two cats" in page.content and "Favourite 2 of 3" in page.content
    assert "U1" in labels(page), "its own buttons are there too"
    none = await bob.slash(channel, "show", job="favourites")
    assert "no favourites yet" in refusal(none).description


async def test_a_favourite_that_may_not_be_seen_any_more_shows_nothing(
    simcord_env, channel, alice, bob, tmp_path
):
    await imagine(simcord_env, channel, alice)
    await heart(bob, channel.last_message)
    other = simcord_env.create_guild("Other")
    there = other.add_member(bob.user)
    place = other.create_text_channel("general")
    page = (await there.slash(place, "show", job="favourites")).response.message
    assert "cannot be seen from here" in page.content
    assert page.attachments == [] and "red cat" not in page.content
    for file in (tmp_path / "pictures").rglob("*.png"):
        file.unlink()
    page = (await bob.slash(channel, "show", job="favourites")).response.message
    assert "deleted from the disk" in page.content
    await heart(bob, page)
    none = await bob.slash(channel, "show", job="favourites")
    assert "no favourites yet" in refusal(none).description


async def test_a_favourite_of_anothers_picture_can_be_taken_back_wherever_one_is(
    simcord_env, guild, channel, alice, bob, database
):
    other = guild.create_text_channel("other")
    await imagine(simcord_env, channel, alice)
    grid = channel.last_message
    pages = (
        (bob, lambda: bob.slash(other, "show", job="favourites")),
        (bob.user, lambda: bob.user.slash("show", job="favourites")),
    )
    for member, page in pages:
        await heart(bob, grid)
        assert await marked(database) == [(bob.id, 0)]
        shown = (await page()).response.message
        assert labels(shown) == ["❤️", "⬅️", "➡️"]
        assert "No favourite" in (await heart(member, shown)).response.content
        assert await marked(database) == []
        refused = await heart(member, shown)
        assert "from another channel" in refusal(refused).description, "marking it is not theirs"
        assert await marked(database) == []


async def test_a_hidden_picture_that_was_marked_before_can_be_taken_back_and_tells_nothing(
    simcord_env, simcord_bot, channel, alice, bob, database
):
    await imagine(simcord_env, channel, alice, "secret words --stealth")
    [job_id] = await ids(database)
    await simcord_bot.favourites.put(bob.id, Favourite(job_id=job_id, position=0), marked=True)
    page = (await bob.slash(channel, "show", job="favourites")).response.message
    assert "secret" not in page.content
    assert "No favourite" in (await heart(bob, page)).response.content
    assert await marked(database) == []


async def test_a_film_that_is_a_favourite_has_a_heart_on_its_page(
    simcord_env, channel, alice, database
):
    await alice.slash(channel, "morph", text1="a cat", text2="a dog", frames=2)
    await simcord_env.settle()
    await alice.react(channel.last_message, "⭐")
    await simcord_env.settle()
    page = (await alice.slash(channel, "show", job="favourites")).response.message
    await heart(alice, page)
    assert await marked(database) == []


async def test_a_favourite_whose_message_is_as_long_as_may_be_is_shown(simcord_env, channel, alice):
    words = " ".join("*_~|" * 5 + f"aaa{number}" for number in range(60))
    flags = "--iw 2 --niji 6 --video --motion low --loop --profile me --uplight --bs 2 --beta"
    await alice.slash(channel, "imagine", prompt=f"{words} {flags}")
    await simcord_env.settle()
    assert len(channel.last_message.content) > 1900
    await alice.react(channel.last_message, "⭐")
    await simcord_env.settle()
    result = await alice.slash(channel, "show", job="favourites")
    message = result.response or result.followups[-1]
    assert message.content.endswith("Favourite 1 of 1")
