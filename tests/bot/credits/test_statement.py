"""Statements: every line once, what a job cost in the end, and sums that agree."""

import csv
import io

import pytest
import sqlalchemy as sa
from ledger_support import add_job, open_account

from bot.credits import ledger, monthly, statement


@pytest.fixture
async def account(database):
    """300 of trial; 100 monthly and 100 granted; a job of 450 that cost 420, and an open one."""
    async with database.write() as connection:
        account = await open_account(connection)
        await monthly.refill(connection, account, monthly=100, now_ms=1)
        await ledger.grant(connection, account_id=account, amount=100, actor_id=9, now_ms=2)
        await add_job(connection, account, "a")
        await ledger.hold(connection, account_id=account, job_id="a", amount=450, now_ms=3)
        await ledger.settle(connection, job_id="a", amount=420, now_ms=4)
        await add_job(connection, account, "b")
        await ledger.hold(connection, account_id=account, job_id="b", amount=10, now_ms=5)
    return account


async def lines(database, account, count):
    """All pages."""
    found, before = [], None
    async with database.read() as connection:
        while page := await statement.page(connection, account, before=before, count=count):
            assert len(page) <= count
            found += page
            before = page[-1].id
    return found


@pytest.mark.parametrize("count", [1, 2, 3, 10])
async def test_each_line_is_on_one_page_whatever_their_size(database, account, count):
    found = await lines(database, account, count)
    assert [(line.kind, line.amount, line.job_id, line.is_open) for line in found] == [
        ("hold", -10, "b", True),
        ("hold", -420, "a", False),
        ("grant", 100, None, False),
        ("monthly", 100, None, False),
        ("trial", 300, None, False),
    ]
    assert [line.other_id for line in found] == [None, None, 9, None, None]


async def test_the_csv_ends_with_the_balance(database, account):
    async with database.read() as connection:
        text = (await statement.as_csv(connection, account)).decode()
        balance = await ledger.balance(connection, account)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert rows[0] == {
        "time_utc": "1970-01-01T00:00:00+00:00",
        "kind": "trial",
        "purse": "trial",
        "credits": "3.00",
        "balance_after": "3.00",
        "job": "",
        "other_member": "",
    }
    assert float(rows[-1]["balance_after"]) * 100 == balance.available == 70


async def test_a_long_history_begins_with_the_balance_before_it(database, account, monkeypatch):
    monkeypatch.setattr(statement, "CSV_ROWS", 2)
    async with database.read() as connection:
        rows = list(
            csv.DictReader(io.StringIO((await statement.as_csv(connection, account)).decode()))
        )
    assert len(rows) == 2
    assert rows[-1]["balance_after"] == "0.70"


async def test_a_server_sees_its_own_accounts(database, account):
    async with database.write() as connection:
        await open_account(connection, user_id=7, guild_id=2)
    async with database.read() as connection:
        text = (await statement.guild_as_csv(connection, 1)).decode()
    [row] = csv.DictReader(io.StringIO(text))
    assert row == {
        "member": "1",
        "monthly": "0.00",
        "trial": "0.00",
        "granted": "0.70",
        "set_aside": "0.10",
        "spent": "4.20",
    }


async def test_what_was_refunded_is_not_among_what_a_server_spent(database, account):
    async with database.write() as connection:
        assert await ledger.paid(connection, "a") == 420
        await ledger.refund(connection, job_id="a", now_ms=5)
        assert await ledger.paid(connection, "a") == 0
    async with database.read() as connection:
        text = (await statement.guild_as_csv(connection, 1)).decode()
    [row] = csv.DictReader(io.StringIO(text))
    assert (row["spent"], row["set_aside"]) == ("0.00", "0.10")


async def test_a_page_is_read_by_an_index(database, account):
    if database.dialect != "sqlite":
        pytest.skip("EXPLAIN QUERY PLAN is SQLite's.")
    query = "SELECT * FROM entries WHERE account_id = 1 AND kind <> 'return' ORDER BY id DESC"
    async with database.read() as connection:
        plan = await connection.execute(sa.text(f"EXPLAIN QUERY PLAN {query}"))
        steps = [row[3] for row in plan]
    assert steps == ["SEARCH entries USING INDEX ix_entries_statement (account_id=?)"]
