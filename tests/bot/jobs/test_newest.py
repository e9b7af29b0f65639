"""A member's newest jobs are found by an index, however many they have."""

import pytest
from sqlalchemy import insert
from tests_support import plans

from bot.credits import ledger
from bot.credits.periods import DAY
from bot.credits.quotas import Quotas
from bot.jobs import batches, records, retention
from bot.storage.audit import Audit
from bot.storage.tables import jobs

ALICE, BOB, GUILD, OTHER = 1, 2, 10, 11


async def add(connection, *rows):
    """(id, user, guild, channel, prompt, created_ms) each."""
    accounts = {}
    for _, user_id, guild_id, *_ in rows:
        accounts[user_id, guild_id] = await ledger.account(
            connection, guild_id=guild_id, user_id=user_id, trial=0, now_ms=0
        )
    await connection.execute(
        insert(jobs),
        [
            {
                "id": job_id,
                "account_id": accounts[user_id, guild_id],
                "guild_id": guild_id,
                "channel_id": channel_id,
                "user_id": user_id,
                "kind": "imagine",
                "title": "",
                "prompt": prompt,
                "resolved": "{}",
                "locale": "en",
                "member_locale": "en",
                "outcome": "finished",
                "delivery": "posted",
                "stored_version": 1,
                "stored": "{}",
                "created_ms": created_ms,
                "ended_ms": created_ms,
            }
            for job_id, user_id, guild_id, channel_id, prompt, created_ms in rows
        ],
    )


@pytest.mark.parametrize(
    ("query", "sorts"),
    [
        (lambda c: records.newest_finished(c, user_id=ALICE, guild_id=GUILD), 0),
        (lambda c: records.newest_finished(c, user_id=ALICE, guild_id=0), 0),
        (lambda c: records.last_finished(c, user_id=ALICE, channel_id=5), 0),
        # What it looks through, which is bounded.
        (lambda c: records.search(c, user_id=ALICE, text="cat", limit=25), 1),
    ],
    ids=["newest here", "newest anywhere", "newest in a channel", "search"],
)
async def test_the_newest_jobs_are_read_from_an_index_in_its_order(database, query, sorts):
    async with database.write() as connection:
        rows = [(f"{n:016d}", ALICE, GUILD, 5, "a cat", n) for n in range(50)]
        # Newer ones of another member: a walk back through the server's jobs would meet them first.
        rows += [(f"{n:016d}", BOB, GUILD, 5, "a cat", n) for n in range(50, 1000)]
        await add(connection, *rows)
        if connection.dialect.name == "postgresql":  # its planner knows no rows before
            await connection.exec_driver_sql("ANALYZE jobs")
        first = (await plans(connection, query(connection)))[0]
    assert "ix_jobs_member" in first
    sorted_ = first.count("FOR ORDER BY") + first.count("Sort Key")
    assert sorted_ <= sorts, "all of the member's jobs would be sorted"


async def test_a_search_finds_words_of_the_newest_jobs_in_their_order_and_any_by_its_id(
    database, monkeypatch
):
    monkeypatch.setattr(records, "SEARCHED", 3)
    rows = [
        ("a" * 16, ALICE, GUILD, 5, "an old cat", 1),
        ("b" * 16, ALICE, OTHER, 6, "a red CAT", 2),
        ("c" * 16, ALICE, GUILD, 5, "a dog", 3),
        ("d" * 16, ALICE, GUILD, 7, "a blue cat", 4),
        ("e" * 16, BOB, GUILD, 5, "bob's cat", 5),
    ]
    async with database.write() as connection:
        await add(connection, *rows)

        async def found(text, limit=25):
            jobs_ = await records.search(connection, user_id=ALICE, text=text, limit=limit)
            return [row.id[0] for row in jobs_]

        assert await found("cat") == ["d", "b"]
        assert await found("") == ["d", "c", "b"]
        assert await found("", limit=2) == ["d", "c"]
        assert await found("a" * 16) == ["a"]
        assert await found("e" * 16) == [], "it is another's"
        assert await found("100%") == []


@pytest.mark.parametrize(
    ("query", "indexes"),
    [
        (
            lambda c: records.is_referenced(c, "0" * 64),
            ["ix_inputs_sha256", "ix_images_sha256", "ix_films_sha256"],
        ),
        (lambda c: batches.shown_by(c, 5), ["ix_batches_message_id"]),
        (
            lambda c: records.message(c, 5),
            ["INDEX sqlite_autoindex_messages_1|pk_messages|messages_pkey"],
        ),
    ],
    ids=["is a picture used", "the batch of a message", "the job of a message"],
)
async def test_pictures_and_messages_are_found_without_reading_all(database, query, indexes):
    async with database.write() as connection:
        found = await plans(connection, query(connection))
    assert len(found) == len(indexes)
    for plan, index in zip(found, indexes, strict=True):
        assert any(name in plan for name in index.split("|")), plan


async def test_a_members_jobs_are_counted_from_an_index_alone(database):
    async with database.read() as connection:
        counted, kept = await plans(connection, records.tally(connection, ALICE))
    if database.dialect == "sqlite":  # PostgreSQL chooses by how many rows there are
        assert "USING COVERING INDEX ix_jobs_member_anywhere" in counted
    assert "ix_jobs_member" in counted
    assert "ix_jobs_member" in kept
    assert "TEMP B-TREE" not in kept
    assert "Sort" not in kept


async def test_the_few_open_jobs_and_those_of_one_member_are_found_without_the_others(database):
    """An index that holds all that is asked for is preferred by SQLite, however long it is."""
    quotas = Quotas(database, Audit(lambda: 0), lambda: 0)
    async with database.read() as connection:
        (needed,) = await plans(connection, retention._needed(connection))
        spent, *_ = await plans(connection, quotas.spent(connection, 1, ALICE, DAY))
    assert "ix_jobs_unsettled" in needed
    assert "ix_jobs_member " in spent
