"""The audit: a line with each action, or neither; what is written stays."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from bot.credits.accounts import Accounts
from bot.errors import NotAllowed
from bot.preferences import BUTTONS, OWNERS, Preferences
from bot.storage import audit as audit_
from bot.storage.audit import Action, Audit
from bot.storage.tables import audit


@pytest.fixture
def written():
    return Audit(lambda: 7)


@pytest.fixture
def bank(database, written):
    return Accounts(database=database, audit=written, trial=0, allotment=1000, now_ms=lambda: 0)


async def lines(database):
    async with database.read() as connection:
        return await audit_.after(connection, 0, 100)


async def test_what_a_manager_does_with_credits_is_written_down(database, bank):
    them = {"guild_id": 1, "user_id": 2, "actor_id": 9, "by_owner": False}
    await bank.grant(**them, amount=300)
    await bank.revoke(**them, amount=50)
    await bank.set_to(**them, amount=700)
    await bank.set_to(**them, amount=700)  # changes nothing
    await bank.allot(guild_id=1, amount=5000, actor_id=9)
    code = {"guild_id": 1, "actor_id": 9}
    text = await bank.create_code(**code, amount=150, uses=2, days=7, by_owner=False)
    await bank.delete_code(**code, code_id=1)
    await bank.guild_csv(**code)
    found = await lines(database)
    assert [(a.name, a.subject, a.detail) for a in (line.action for line in found)] == [
        ("credits grant", "<@2>", "amount: 3"),
        ("credits revoke", "<@2>", "amount: 0.5"),
        ("credits set", "<@2>", "amount: 7"),
        ("credits allot", "", "amount: 50"),
        ("credits code create", "", "amount: 1.5 uses: 2 days: 7"),
        ("credits code delete", "`1`", "left: 3"),
        ("credits export", "", ""),
    ]
    assert {(line.action.guild_id, line.action.actor_id, line.created_ms) for line in found} == {
        (1, 9, 7)
    }
    assert text not in str(found), "who reads the audit redeems nothing"


async def test_what_is_refused_is_not_written_down(database, bank):
    with pytest.raises(NotAllowed):
        await bank.grant(guild_id=1, user_id=2, amount=1001, actor_id=9, by_owner=False)
    assert await lines(database) == ()


async def test_a_servers_setting_and_its_line_are_one(database, written, monkeypatch):
    kept = Preferences(database, written)
    action = Action(guild_id=1, actor_id=9, name="server buttons", detail="who: owners")

    async def full(*_):
        raise RuntimeError

    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(written, "write", full)
        await kept.put_for_server({BUTTONS: OWNERS}, action)
    assert await kept.of(1) == {}
    await kept.put_for_server({BUTTONS: OWNERS}, action)
    assert await kept.of(1) == {BUTTONS: OWNERS}
    [line] = await lines(database)
    assert line.action == action


@pytest.mark.parametrize("statement", [sa.delete(audit), sa.update(audit).values(detail="other")])
async def test_a_line_stays(database, written, statement):
    async with database.write() as connection:
        await written.write(connection, Action(guild_id=1, actor_id=9, name="x"))
    with pytest.raises(DBAPIError, match="append-only"):
        async with database.write() as connection:
            await connection.execute(statement)


async def test_long_texts_are_cut_and_nul_is_left_out(database, written):
    long = Action(guild_id=1, actor_id=9, name="x", subject="a\0b" * 900, detail="d" * 9000)
    async with database.write() as connection:
        await written.write(connection, long)
    [line] = await lines(database)
    assert line.action.subject == ("ab" * 900)[:199] + "…"
    assert line.action.detail == "d" * 999 + "…"
