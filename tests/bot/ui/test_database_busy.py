"""Another process holds the database: who orders meanwhile is told so, and pays nothing."""

import contextlib
import sqlite3

import pytest
from sqlalchemy import text
from tests_support import press, refusal, rows

from bot.storage.tables import entries, favourites, jobs, messages

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)
ENGLISH = (
    "Darkroom's database does not answer just now, so this was not done and nothing was charged. "
    "Try again in a minute; if it stays so, tell who runs this bot."
)
JAPANESE = (
    "今、Darkroomのデータベースが応答しないため、この操作は行われず、クレジットも消費されていません。"
    "1分ほどしてからもう一度お試しください。続くときは、ボットの運営者に知らせてください。"
)


@pytest.fixture
async def locked(database):
    """What holds the database as another process would, and for how long the bot waits for it."""
    if database.path is None:
        pytest.skip("PostgreSQL has no lock on all of it; what is away is in test_database.py.")
    async with database.write() as connection:
        await connection.execute(text("PRAGMA busy_timeout=1"))

    @contextlib.contextmanager
    def lock():
        with contextlib.closing(sqlite3.connect(database.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield

    return lock


@pytest.mark.parametrize(
    ("member", "title", "said"),
    [("en-US", "Wait a moment", ENGLISH), ("ja", "少しお待ちください", JAPANESE)],
    ids=("English", "Japanese"),
)
async def test_an_order_meanwhile_is_refused_with_a_sentence_of_its_own(
    simcord_env, channel, alice, database, locked, speaks, member, title, said
):
    speaks(member=member)
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    grid = channel.last_message
    before = [await rows(database, table) for table in (jobs, entries)]
    with locked():
        ordered = refusal(await alice.slash(channel, "imagine", prompt="a blue boat"))
        pressed = refusal(await press(simcord_env, alice, grid, "🔄"))
    assert (ordered.title, pressed.title) == (title, title)
    assert ordered.description == f"{said}\n```\n/imagine prompt: a blue boat\n```"
    assert pressed.description.startswith(said)
    await simcord_env.settle()
    assert [await rows(database, table) for table in (jobs, entries)] == before


async def test_the_log_says_why_in_one_line(simcord_env, channel, alice, locked, caplog):
    with locked():
        await alice.slash(channel, "imagine", prompt="a blue boat")
    [record] = [each for each in caplog.records if each.name == "bot.ui.refusals"]
    assert (record.levelname, record.exc_info) == ("WARNING", None)
    assert record.message.endswith(": (sqlite3.OperationalError) database is locked")


async def test_what_is_posted_meanwhile_is_never_told_as_not_done_and_is_on_record_later(
    simcord_env, channel, alice, database, locked
):
    database.write_again_after_s = (600,)
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    grid, known = channel.last_message, await rows(database, messages)
    with locked():
        pressed = await press(simcord_env, alice, grid, "U1")
        assert "Image #1" in channel.last_message.content
        told = [each.embeds for each in pressed.followups if each.ephemeral and each.embeds]
        assert told == []
        assert await rows(database, messages) == known
    await simcord_env.advance_time(601)
    await simcord_env.settle()
    shown = {row.message_id for row in await rows(database, messages)}
    assert shown - {row.message_id for row in known} == {channel.last_message.id}


async def test_a_question_can_be_answered_again(
    simcord_env, simcord_bot, channel, alice, database, locked
):
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    asked = (await alice.slash(channel, "privacy erase")).response.message
    with locked():
        refused = refusal(await alice.click(asked, label="Confirm"))
    assert refused.description == ENGLISH
    await alice.click(asked, label="Confirm")
    [row] = await rows(database, jobs)
    assert row.prompt == ""


async def test_a_reaction_meanwhile_is_in_the_log_and_may_be_given_anew(
    simcord_env, channel, alice, database, locked, caplog
):
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    grid = channel.last_message
    with locked():
        await alice.react(grid, "⭐")
        await simcord_env.settle()
    assert [each.name for each in caplog.records if "locked" in each.message] == [
        "bot.ui.reactions"
    ]
    assert await rows(database, favourites) == []
    await alice.unreact(grid, "⭐")
    await alice.react(grid, "⭐")
    await simcord_env.settle()
    assert len(await rows(database, favourites)) == 1
