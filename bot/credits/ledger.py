"""Accounts, purses, holds and entries: what is granted, revoked, given, held, settled, released.

Every function takes the connection of the caller's transaction, so that money and job change
together or not at all. Amounts are integers in 1/100 credit. A purse is the sum of its entries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.credits import ledger_sql
from bot.credits.periods import MONTH, ends_s, month_of
from bot.credits.pricing import credits_text
from bot.errors import NotAllowed, NotEnoughCredits
from bot.storage.database import own_insert
from bot.storage.tables import accounts, entries, guilds, holds, jobs, purses
from engine import Sentence

SPENDING_ORDER = ("monthly", "trial", "granted")
"""What expires first is spent first."""
DIRECT_MESSAGES = 0
"""The guild of accounts that only the owner can grant to."""
OPERATOR_GRANTS = Sentence(
    "No credits come by themselves in this server: the bot's operator grants them here. Who "
    "manages the server can ask for some."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What an account holds, in 1/100 credit."""

    purses: Mapping[str, int]
    """What each purse holds, by its kind; those that hold nothing may be missing."""
    held: int
    """Set aside for jobs that have not ended."""

    @property
    def available(self) -> int:
        """What may be spent now."""
        return sum(self.purses.values())


async def account(
    connection: AsyncConnection,
    *,
    guild_id: int,
    user_id: int,
    trial: int,
    now_ms: int,
    trial_due_ms: int = 0,
    trusted: bool = True,
) -> int:
    """The id of the member's account in the guild, opened on first sight.

    It gets its trial once: then, or when it is first used after `trial_due_ms` while the guild is
    `trusted`.
    """
    found = (
        await connection.execute(
            select(accounts.c.id, accounts.c.trial_due_ms).where(
                accounts.c.guild_id == guild_id, accounts.c.user_id == user_id
            )
        )
    ).one_or_none()
    if found is None:
        due = trial_due_ms if trial > 0 and guild_id != DIRECT_MESSAGES else None
        opened = await connection.scalar(
            insert(accounts)
            .values(guild_id=guild_id, user_id=user_id, created_ms=now_ms, trial_due_ms=due)
            .returning(accounts.c.id)
        )
        assert opened is not None
        account_id = int(opened)
    else:
        account_id, due = found
    if due is not None and due <= now_ms and trial > 0 and trusted:
        await connection.execute(
            update(accounts).where(accounts.c.id == account_id).values(trial_due_ms=None)
        )
        await enter(connection, account_id, "trial", trial, kind="trial", now_ms=now_ms)
    return account_id


async def user_of(connection: AsyncConnection, account_id: int) -> int:
    """Whose account it is."""
    user_id = await connection.scalar(select(accounts.c.user_id).where(accounts.c.id == account_id))
    assert user_id is not None
    return int(user_id)


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
        await take_allotment(connection, allotment_of, amount)
        await add_allotted(connection, account_id, amount)
    await enter(
        connection, account_id, "granted", amount, kind="grant", now_ms=now_ms, actor_id=actor_id
    )


async def revoke(
    connection: AsyncConnection,
    *,
    account_id: int,
    amount: int,
    actor_id: int,
    now_ms: int,
    allotment_of: int | None = None,
) -> None:
    """Take `amount` > 0 back, what expires last first; NotAllowed where there is less.

    Of what was granted, as much goes back to the allotment of the guild `allotment_of` as came from
    there; nothing if None. What the owner gave would else be the managers' to give again. Who takes
    it back freely takes what the owner gave first.
    """
    held = (await balance(connection, account_id)).purses
    if sum(held.values()) < amount:
        raise NotAllowed(
            Sentence(
                "They have {available}; more cannot be taken. What is set aside for open jobs is "
                "theirs until these end.",
                available=credits_text(sum(held.values())),
            )
        )
    missing = amount
    for purse in reversed(SPENDING_ORDER):
        part = min(held.get(purse, 0), missing)
        if part:
            await enter(
                connection,
                account_id,
                purse,
                -part,
                kind="revoke",
                now_ms=now_ms,
                actor_id=actor_id,
            )
            missing -= part
            if purse == "granted" and allotment_of is not None:
                returned = await take_allotted(connection, account_id, part)
                await return_allotment(connection, allotment_of, returned)
            elif purse == "granted":
                allotted, left = await allotted_to(connection, account_id), held[purse] - part
                await take_allotted(connection, account_id, max(allotted - left, 0))


async def give(
    connection: AsyncConnection, *, sender_id: int, receiver_id: int, amount: int, now_ms: int
) -> None:
    """Move `amount` > 0 of granted credits between two accounts; NotEnoughCredits if short.

    Trial and monthly credits stay with whom they are for: or who has many accounts could collect
    them. What came from the allotment is given first, and counts as that with who receives it.
    """
    granted = (await balance(connection, sender_id)).purses.get("granted", 0)
    if granted < amount:
        raise NotEnoughCredits(
            Sentence(
                "You can give at most {granted}: trial and monthly credits are for you alone.",
                granted=credits_text(granted),
            )
        )
    sender, receiver = await user_of(connection, sender_id), await user_of(connection, receiver_id)
    await enter(
        connection, sender_id, "granted", -amount, kind="give", now_ms=now_ms, actor_id=receiver
    )
    await enter(
        connection, receiver_id, "granted", amount, kind="receive", now_ms=now_ms, actor_id=sender
    )
    moved = await take_allotted(connection, sender_id, amount)
    await add_allotted(connection, receiver_id, moved)


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


async def take_allotment(connection: AsyncConnection, guild_id: int, amount: int) -> None:
    """Take `amount` from what the guild may still grant; NotAllowed if that is less."""
    taken = await connection.execute(
        update(guilds)
        .where(guilds.c.guild_id == guild_id, guilds.c.allotment >= amount)
        .values(allotment=guilds.c.allotment - amount)
    )
    if taken.rowcount == 0:
        raise NotAllowed(
            Sentence(
                "This server may still grant {left}; that is less than {amount}. The bot's "
                "owner raises it with /credits allot.",
                left=credits_text(await allotment(connection, guild_id)),
                amount=credits_text(amount),
            )
        )


async def take_what_is_left(connection: AsyncConnection, guild_id: int, amount: int) -> int:
    """Take `amount` of what the guild may still grant, or all of that if it is less; how much."""
    left = await connection.scalar(
        select(guilds.c.allotment).where(guilds.c.guild_id == guild_id).with_for_update()
    )
    taken = min(int(left or 0), amount)
    if taken:
        await take_allotment(connection, guild_id, taken)
    return taken


async def add_allotted(connection: AsyncConnection, account_id: int, amount: int) -> None:
    """Remember that `amount` more in the account came from its guild's allotment."""
    await connection.execute(
        update(accounts)
        .where(accounts.c.id == account_id)
        .values(allotted=accounts.c.allotted + amount)
    )


async def allotted_to(connection: AsyncConnection, account_id: int) -> int:
    """What of the account's granted credits, those that are held too, came from the allotment."""
    allotted = await connection.scalar(
        select(accounts.c.allotted).where(accounts.c.id == account_id).with_for_update()
    )
    return int(allotted or 0)


async def take_allotted(connection: AsyncConnection, account_id: int, amount: int) -> int:
    """Forget that `amount` in the account came from the allotment, or all if less did; how much."""
    taken = min(await allotted_to(connection, account_id), amount)
    if taken:
        await add_allotted(connection, account_id, -taken)
    return taken


async def return_allotment(connection: AsyncConnection, guild_id: int, amount: int) -> None:
    """Let the guild grant `amount` again."""
    await connection.execute(
        update(guilds)
        .where(guilds.c.guild_id == guild_id)
        .values(allotment=guilds.c.allotment + amount)
    )


async def allotment(connection: AsyncConnection, guild_id: int) -> int:
    """What the managers of the guild may still grant."""
    left = await connection.scalar(select(guilds.c.allotment).where(guilds.c.guild_id == guild_id))
    return int(left or 0)


async def balance(connection: AsyncConnection, account_id: int) -> Balance:
    rows = await connection.execute(
        select(purses.c.kind, purses.c.available).where(purses.c.account_id == account_id)
    )
    held = await connection.scalar(
        # By the open jobs, which are few; no index leads to an account's holds.
        select(func.coalesce(func.sum(holds.c.amount), 0))
        .select_from(holds.join(jobs, jobs.c.id == holds.c.job_id))
        .where(holds.c.account_id == account_id, holds.c.state == "open", jobs.c.outcome == "open")
    )
    return Balance(purses={kind: int(amount) for kind, amount in rows}, held=int(held or 0))


async def require(
    connection: AsyncConnection, account_id: int, amount: int, *, now_ms: int
) -> dict[str, int]:
    """What each purse holds, together at least `amount`; NotEnoughCredits if short."""
    rows = await connection.execute(ledger_sql.PURSES, {"of_account": account_id})
    available = {kind: int(held) for kind, held in rows}
    if sum(available.values()) < amount:
        raise NotEnoughCredits(
            Sentence(
                "This needs {amount}; you have {available}. {next_step}",
                amount=credits_text(amount),
                available=credits_text(sum(available.values())),
                next_step=await _how_to_get_more(connection, account_id, now_ms),
            )
        )
    return available


async def hold(
    connection: AsyncConnection, *, account_id: int, job_id: str, amount: int, now_ms: int
) -> None:
    """Set `amount` aside for the job, from the purses in their order; NotEnoughCredits if short.

    The job's row must stand in the same transaction.
    """
    available = await require(connection, account_id, amount, now_ms=now_ms)
    await connection.execute(
        ledger_sql.OPEN_HOLD, {"job_id": job_id, "account_id": account_id, "amount": amount}
    )
    missing = amount
    for purse in SPENDING_ORDER:
        part = min(available.get(purse, 0), missing)
        if part:
            await enter(
                connection, account_id, purse, -part, kind="hold", now_ms=now_ms, job_id=job_id
            )
            missing -= part


async def settle(connection: AsyncConnection, *, job_id: str, amount: int, now_ms: int) -> None:
    """Close the job's hold at `amount`; the rest goes back to the purses it came from.

    Of what was granted, what came from the guild's allotment is spent first: nobody can take it
    back to the allotment any more, even where the cost is refunded.
    """
    account_id, held = await _close(connection, job_id, "settled", amount)
    await _return(connection, account_id, job_id, held - amount, now_ms=now_ms)
    await connection.execute(
        ledger_sql.SPEND_ALLOTTED, {"of_account": account_id, "of_job": job_id}
    )


async def release(connection: AsyncConnection, *, job_id: str, now_ms: int) -> None:
    """Close the job's hold at nothing; all of it goes back to the purses it came from."""
    account_id, held = await _close(connection, job_id, "released", 0)
    await _return(connection, account_id, job_id, held, now_ms=now_ms)


async def refund(connection: AsyncConnection, *, job_id: str, now_ms: int) -> int:
    """Give back what a finished job has cost, once, to the purses it came from; how much."""
    cost = -func.sum(entries.c.amount)
    rows = await connection.execute(
        select(entries.c.account_id, entries.c.purse, cost)
        .where(entries.c.job_id == job_id)
        .group_by(entries.c.account_id, entries.c.purse)
        .having(cost > 0)
    )
    back = 0
    for account_id, purse, part in rows.all():
        await enter(
            connection, account_id, purse, int(part), kind="refund", now_ms=now_ms, job_id=job_id
        )
        back += int(part)
    return back


async def held(connection: AsyncConnection, job_id: str) -> int:
    """The amount of the job's hold, open or closed."""
    amount = await connection.scalar(select(holds.c.amount).where(holds.c.job_id == job_id))
    return int(amount or 0)


async def _how_to_get_more(connection: AsyncConnection, account_id: int, now_ms: int) -> Sentence:
    found = await connection.execute(
        select(
            accounts.c.guild_id,
            accounts.c.refilled_month,
            accounts.c.refilled,
            accounts.c.trial_due_ms,
        ).where(accounts.c.id == account_id)
    )
    guild_id, month, refilled, trial_due_ms = found.one()
    if guild_id == DIRECT_MESSAGES:
        return Sentence(
            "Credits count in the server they were given in: draw there, or ask the bot's owner, "
            "who gives some for direct messages with /credits grant and “direct”."
        )
    if month == month_of(now_ms) and refilled:
        comes_s = ends_s(MONTH, now_ms)
        return Sentence(
            "The next monthly credits come {when}; who manages this server can grant more with "
            "/credits grant.",
            when=f"<t:{comes_s}:f> (<t:{comes_s}:R>)",
        )
    if trial_due_ms is not None and trial_due_ms <= now_ms:  # it would have come where it comes
        return OPERATOR_GRANTS
    return Sentence("Ask who manages this server for more: they grant them with /credits grant.")


def spent() -> ColumnElement[int]:
    """What the job of each row of `holds` cost, without what was refunded; 0 while it is open."""
    refunded = (
        select(func.coalesce(func.sum(entries.c.amount), 0))
        .where(entries.c.job_id == holds.c.job_id, entries.c.kind == "refund")
        .correlate(holds)
        .scalar_subquery()
    )
    return holds.c.settled - refunded


async def paid(connection: AsyncConnection, job_id: str) -> int:
    """What the job has cost so far, without what was refunded."""
    cost = await connection.scalar(select(spent()).where(holds.c.job_id == job_id))
    return int(cost or 0)


async def _close(
    connection: AsyncConnection, job_id: str, state: str, settled: int
) -> tuple[int, int]:
    """Whose the hold was, and its amount."""
    closed = await connection.execute(
        ledger_sql.CLOSE_HOLD, {"of_job": job_id, "closed": state, "cost": settled}
    )
    row = closed.one_or_none()
    if row is None:
        raise RuntimeError(f"the hold of job {job_id} is not open, or below {settled}")
    account_id, amount = row
    return int(account_id), int(amount)


async def _return(
    connection: AsyncConnection, account_id: int, job_id: str, amount: int, *, now_ms: int
) -> None:
    """Give `amount` back, last spent purse first."""
    if not amount:
        return
    rows = await connection.execute(ledger_sql.HELD_OF, {"of_job": job_id})
    taken = {purse: -int(part) for purse, part in rows}
    for purse in reversed(SPENDING_ORDER):
        back = min(taken.get(purse, 0), amount)
        if back:
            await enter(
                connection, account_id, purse, back, kind="return", now_ms=now_ms, job_id=job_id
            )
            amount -= back


async def enter(
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
    """Change one purse by a guarded update and write the entry beside it.

    actor_id: the other member: who granted or revoked, who gave, or to whom it was given.
    """
    if amount > 0:
        await connection.execute(
            ledger_sql.OPEN_PURSE[connection.dialect.name],
            {"account_id": account_id, "kind": purse, "available": 0},
        )
    changed = await connection.execute(
        ledger_sql.CHANGE_PURSE, {"of_account": account_id, "of_kind": purse, "change": amount}
    )
    if changed.rowcount != 1:
        raise RuntimeError(f"purse {purse} of account {account_id} cannot change by {amount}")
    await connection.execute(
        ledger_sql.ENTER,
        {
            "account_id": account_id,
            "purse": purse,
            "amount": amount,
            "kind": kind,
            "job_id": job_id,
            "actor_id": actor_id,
            "created_ms": now_ms,
        },
    )
