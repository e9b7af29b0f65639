"""Accounts, purses, holds and entries: `grant`, `hold`, `settle`, `release`, `balance`.

Every function takes the connection of the caller's transaction, so that money and job change
together or not at all. Amounts are integers in 1/100 credit. A purse is the sum of its entries.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.credits.pricing import credits_text
from bot.errors import NotAllowed, NotEnoughCredits
from bot.storage.database import own_insert
from bot.storage.tables import accounts, entries, guilds, holds, purses
from engine import Sentence

SPENDING_ORDER = ("monthly", "trial", "granted")
"""What expires first is spent first."""
DIRECT_MESSAGES = 0
"""The guild of accounts that only the owner can grant to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What an account holds, in 1/100 credit."""

    available: int
    held: int
    """Set aside for jobs that have not ended."""


async def account(
    connection: AsyncConnection, *, guild_id: int, user_id: int, trial: int, now_ms: int
) -> int:
    """The id of the member's account in the guild, opened with its trial on first sight."""
    found = await connection.scalar(
        select(accounts.c.id).where(accounts.c.guild_id == guild_id, accounts.c.user_id == user_id)
    )
    if found is not None:
        return int(found)
    opened = await connection.scalar(
        insert(accounts)
        .values(guild_id=guild_id, user_id=user_id, created_ms=now_ms)
        .returning(accounts.c.id)
    )
    assert opened is not None
    if trial > 0 and guild_id != DIRECT_MESSAGES:
        await _enter(connection, int(opened), "trial", trial, kind="trial", now_ms=now_ms)
    return int(opened)


async def grant(
    connection: AsyncConnection,
    *,
    account_id: int,
    amount: int,
    actor_id: int,
    now_ms: int,
    allotment_of: int | None = None,
) -> None:
    """Add `amount` > 0; from the allotment of the guild `allotment_of`, or freely if None."""
    if allotment_of is not None:
        taken = await connection.execute(
            update(guilds)
            .where(guilds.c.guild_id == allotment_of, guilds.c.allotment >= amount)
            .values(allotment=guilds.c.allotment - amount)
        )
        if taken.rowcount == 0:
            left = await allotment(connection, allotment_of)
            raise NotAllowed(
                Sentence(
                    "This server may still grant {left}; that is less than {amount}. The bot's "
                    "owner raises it with /credits allot.",
                    left=credits_text(left),
                    amount=credits_text(amount),
                )
            )
    await _enter(
        connection,
        account_id,
        "granted",
        amount,
        kind="grant",
        now_ms=now_ms,
        actor_id=actor_id,
    )


async def open_allotment(connection: AsyncConnection, guild_id: int, amount: int) -> None:
    """Give a guild its first allotment; one that it already has stays."""
    await connection.execute(
        own_insert(connection, guilds)
        .values(guild_id=guild_id, allotment=amount)
        .on_conflict_do_nothing(index_elements=["guild_id"])
    )


async def allot(connection: AsyncConnection, guild_id: int, amount: int) -> None:
    """Set what the guild's managers may still grant."""
    await open_allotment(connection, guild_id, amount)
    await connection.execute(
        update(guilds).where(guilds.c.guild_id == guild_id).values(allotment=amount)
    )


async def allotment(connection: AsyncConnection, guild_id: int) -> int:
    left = await connection.scalar(select(guilds.c.allotment).where(guilds.c.guild_id == guild_id))
    return int(left or 0)


async def balance(connection: AsyncConnection, account_id: int) -> Balance:
    available = await connection.scalar(
        select(func.coalesce(func.sum(purses.c.available), 0)).where(
            purses.c.account_id == account_id
        )
    )
    held = await connection.scalar(
        select(func.coalesce(func.sum(holds.c.amount), 0)).where(
            holds.c.account_id == account_id, holds.c.state == "open"
        )
    )
    return Balance(available=int(available or 0), held=int(held or 0))


async def require(connection: AsyncConnection, account_id: int, amount: int) -> dict[str, int]:
    """What each purse holds, together at least `amount`; NotEnoughCredits if short."""
    rows = await connection.execute(
        select(purses.c.kind, purses.c.available)
        .where(purses.c.account_id == account_id)
        .with_for_update()
    )
    available = {kind: int(held) for kind, held in rows}
    if sum(available.values()) < amount:
        raise NotEnoughCredits(
            Sentence(
                "This needs {amount}; you have {available}. {next_step}",
                amount=credits_text(amount),
                available=credits_text(sum(available.values())),
                next_step=await _who_grants(connection, account_id),
            )
        )
    return available


async def hold(
    connection: AsyncConnection, *, account_id: int, job_id: str, amount: int, now_ms: int
) -> None:
    """Set `amount` aside for the job, from the purses in their order; NotEnoughCredits if short.

    The job's row must stand in the same transaction.
    """
    available = await require(connection, account_id, amount)
    await connection.execute(
        insert(holds).values(job_id=job_id, account_id=account_id, amount=amount)
    )
    missing = amount
    for purse in SPENDING_ORDER:
        part = min(available.get(purse, 0), missing)
        if part:
            await _enter(
                connection, account_id, purse, -part, kind="hold", now_ms=now_ms, job_id=job_id
            )
            missing -= part


async def settle(connection: AsyncConnection, *, job_id: str, amount: int, now_ms: int) -> None:
    """Close the job's hold at `amount`; the rest goes back to the purses it came from."""
    held = await _close(connection, job_id, "settled", amount)
    await _return(connection, job_id, held - amount, now_ms=now_ms)


async def release(connection: AsyncConnection, *, job_id: str, now_ms: int) -> None:
    """Close the job's hold at nothing; all of it goes back to the purses it came from."""
    held = await _close(connection, job_id, "released", 0)
    await _return(connection, job_id, held, now_ms=now_ms)


async def held(connection: AsyncConnection, job_id: str) -> int:
    """The amount of the job's hold, open or closed."""
    amount = await connection.scalar(select(holds.c.amount).where(holds.c.job_id == job_id))
    return int(amount or 0)


async def _who_grants(connection: AsyncConnection, account_id: int) -> Sentence:
    guild_id = await connection.scalar(
        select(accounts.c.guild_id).where(accounts.c.id == account_id)
    )
    if guild_id == DIRECT_MESSAGES:
        return Sentence(
            "Credits count in the server they were given in: draw there, or ask the bot's owner, "
            "who gives some for direct messages with /credits grant and “direct”."
        )
    return Sentence("Ask who manages this server for more: they grant them with /credits grant.")


async def paid(connection: AsyncConnection, job_id: str) -> int:
    """What the job has cost so far."""
    settled = await connection.scalar(select(holds.c.settled).where(holds.c.job_id == job_id))
    return int(settled or 0)


async def _close(connection: AsyncConnection, job_id: str, state: str, settled: int) -> int:
    amount = await connection.scalar(
        update(holds)
        .where(holds.c.job_id == job_id, holds.c.state == "open", holds.c.amount >= settled)
        .values(state=state, settled=settled)
        .returning(holds.c.amount)
    )
    if amount is None:
        raise RuntimeError(f"the hold of job {job_id} is not open, or below {settled}")
    return int(amount)


async def _return(connection: AsyncConnection, job_id: str, amount: int, *, now_ms: int) -> None:
    """Give `amount` back, last spent purse first."""
    rows = await connection.execute(
        select(entries.c.account_id, entries.c.purse, entries.c.amount).where(
            entries.c.job_id == job_id, entries.c.kind == "hold"
        )
    )
    taken = {purse: (account_id, -part) for account_id, purse, part in rows}
    for purse in reversed(SPENDING_ORDER):
        account_id, part = taken.get(purse, (0, 0))
        back = min(part, amount)
        if back:
            await _enter(
                connection, account_id, purse, back, kind="return", now_ms=now_ms, job_id=job_id
            )
            amount -= back


async def _enter(
    connection: AsyncConnection,
    account_id: int,
    purse: str,
    amount: int,
    *,
    kind: str,
    now_ms: int,
    job_id: str | None = None,
    actor_id: int | None = None,
) -> None:
    """Change one purse by a guarded update and write the entry beside it."""
    if amount > 0:
        await connection.execute(
            own_insert(connection, purses)
            .values(account_id=account_id, kind=purse, available=0)
            .on_conflict_do_nothing(index_elements=["account_id", "kind"])
        )
    changed = await connection.execute(
        update(purses)
        .where(
            purses.c.account_id == account_id,
            purses.c.kind == purse,
            purses.c.available >= -amount,
        )
        .values(available=purses.c.available + amount)
    )
    if changed.rowcount != 1:
        raise RuntimeError(f"purse {purse} of account {account_id} cannot change by {amount}")
    await connection.execute(
        insert(entries).values(
            account_id=account_id,
            purse=purse,
            amount=amount,
            kind=kind,
            job_id=job_id,
            actor_id=actor_id,
            created_ms=now_ms,
        )
    )
