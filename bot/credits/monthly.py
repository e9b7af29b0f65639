"""Monthly credits: they come with a calendar month, in UTC, and end with it.

Nothing runs at midnight: a purse is filled when it is first used in a month. A hold from before the
turn of a month that returns after it counts for the new month: nobody loses credits to a slow job.
"""

from __future__ import annotations

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.credits import ledger
from bot.credits.periods import MONTH, began_ms, month_of
from bot.storage.tables import accounts, entries, purses

_PURSE = "monthly"


async def refill(
    connection: AsyncConnection,
    account_id: int,
    *,
    monthly: int,
    now_ms: int,
    allotment_of: int | None = None,
) -> None:
    """Bring the monthly purse up to date: what a member's plan gives each month is `monthly`.

    In a new month what was left expires. Where a plan gives more than the month's refill was, the
    difference is added; where it gives less, that begins with the next month. A clock that is set
    back changes nothing. From the allotment of the guild `allotment_of`, or freely if None: where
    that has less, what it has, and the rest once it has more.
    """
    found = await connection.execute(
        select(accounts.c.refilled_month, accounts.c.refilled).where(accounts.c.id == account_id)
    )
    filled, refilled = found.one()
    month = month_of(now_ms)
    if filled > month or (filled == month and refilled >= monthly):
        return
    if filled < month:
        refilled = 0
        await _expire(connection, account_id, now_ms)
    added = monthly - refilled
    if allotment_of is not None and added:
        added = await ledger.take_what_is_left(connection, allotment_of, added)
    if filled == month and not added:
        return
    await connection.execute(
        update(accounts)
        .where(accounts.c.id == account_id)
        .values(refilled_month=month, refilled=refilled + added)
    )
    if added:
        await ledger.enter(connection, account_id, _PURSE, added, kind="monthly", now_ms=now_ms)


async def _expire(connection: AsyncConnection, account_id: int, now_ms: int) -> None:
    """What was left when the month began, but for what came back since."""
    left = await connection.scalar(
        select(purses.c.available).where(purses.c.account_id == account_id, purses.c.kind == _PURSE)
    )
    if not left:
        return
    came_back = await connection.scalar(
        select(func.coalesce(func.sum(entries.c.amount), 0)).where(
            entries.c.account_id == account_id,
            entries.c.purse == _PURSE,
            entries.c.kind.in_(("return", "refund")),
            entries.c.created_ms >= began_ms(MONTH, now_ms),
        )
    )
    expired = max(int(left) - int(came_back or 0), 0)
    if expired:
        await ledger.enter(connection, account_id, _PURSE, -expired, kind="expire", now_ms=now_ms)
