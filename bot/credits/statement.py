"""Statements: what came into an account and went out of it, newest first, and as CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.credits import ledger
from bot.credits.pricing import CENTS
from bot.storage.tables import accounts, entries, holds, purses

CSV_ROWS = 50_000
"""The newest of them; a file of these fits every upload limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a statement: an entry, or all entries of one job."""

    id: int
    """Of its entry; lines are in the order of their ids."""
    at_ms: int
    kind: str
    """The entry's kind; "hold" stands for a job with what it cost in the end, "refund" for what
    came back of that because its pictures were lost."""
    amount: int
    """In 1/100 credit; negative where it was spent."""
    job_id: str | None
    other_id: int | None
    """The other member: who granted, revoked or gave, or to whom it was given."""
    is_open: bool = False
    """Whether the job has not ended: the amount is set aside, not spent."""


async def page(
    connection: AsyncConnection, account_id: int, *, before: int | None, count: int
) -> tuple[Line, ...]:
    """The `count` newest lines whose ids are below `before`."""
    kept = [entries.c.account_id == account_id, entries.c.kind != "return"]
    if before is not None:
        kept.append(entries.c.id < before)
    rows = (
        await connection.execute(
            select(entries, holds.c.state, holds.c.settled, holds.c.amount.label("held"))
            .select_from(entries.outerjoin(holds, entries.c.job_id == holds.c.job_id))
            .where(*kept)
            .order_by(entries.c.id.desc())
            # A job that was paid from three purses has three entries.
            .limit(count * 3)
        )
    ).all()
    lines: dict[object, Line] = {}
    for row in rows:
        key = (row.kind, row.job_id) if row.job_id is not None else row.id
        if row.job_id is None:
            amount, is_open = row.amount, False
        elif row.kind == "refund":
            before_it = lines.get(key)
            amount, is_open = row.amount + (before_it.amount if before_it else 0), False
        else:
            is_open = row.state == "open"
            amount = -(row.held if is_open else row.settled)
        # The oldest entry of a job stands for it, so that no page repeats one.
        lines[key] = Line(
            id=row.id,
            at_ms=row.created_ms,
            kind=row.kind,
            amount=int(amount),
            job_id=row.job_id,
            other_id=row.actor_id,
            is_open=is_open,
        )
    newest = sorted(lines.values(), key=lambda line: line.id, reverse=True)
    return tuple(newest[:count])


async def as_csv(connection: AsyncConnection, account_id: int) -> bytes:
    """All entries of the account, oldest first, with the balance after each; the newest 50,000."""
    rows = (
        await connection.execute(
            select(entries)
            .where(entries.c.account_id == account_id)
            .order_by(entries.c.id.desc())
            .limit(CSV_ROWS)
        )
    ).all()
    total = await connection.scalar(
        select(func.coalesce(func.sum(purses.c.available), 0)).where(
            purses.c.account_id == account_id
        )
    )
    balance = int(total or 0) - sum(row.amount for row in rows)
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(
        ("time_utc", "kind", "purse", "credits", "balance_after", "job", "other_member")
    )
    for row in reversed(rows):
        balance += row.amount
        writer.writerow(
            (
                _time(row.created_ms),
                row.kind,
                row.purse,
                _number(row.amount),
                _number(balance),
                row.job_id or "",
                row.actor_id or "",
            )
        )
    return written.getvalue().encode()


async def guild_as_csv(connection: AsyncConnection, guild_id: int) -> bytes:
    """Every account of the server: what its purses hold, what is held, what it spent in all.

    What was refunded is not spent.
    """
    held, spent = (
        select(holds.c.account_id, func.sum(holds.c.amount).label("amount"))
        .join(accounts, accounts.c.id == holds.c.account_id)
        .where(accounts.c.guild_id == guild_id, holds.c.state == "open")
        .group_by(holds.c.account_id)
        .subquery(),
        select(holds.c.account_id, func.sum(ledger.spent()).label("amount"))
        .join(accounts, accounts.c.id == holds.c.account_id)
        .where(accounts.c.guild_id == guild_id)
        .group_by(holds.c.account_id)
        .subquery(),
    )
    rows = await connection.execute(
        select(
            accounts.c.id,
            accounts.c.user_id,
            func.coalesce(held.c.amount, 0).label("held"),
            func.coalesce(spent.c.amount, 0).label("spent"),
        )
        .outerjoin(held, held.c.account_id == accounts.c.id)
        .outerjoin(spent, spent.c.account_id == accounts.c.id)
        .where(accounts.c.guild_id == guild_id)
        .order_by(accounts.c.id)
    )
    kinds = ("monthly", "trial", "granted")
    purse_rows = await connection.execute(
        select(purses)
        .join(accounts, accounts.c.id == purses.c.account_id)
        .where(accounts.c.guild_id == guild_id)
    )
    available = {(row.account_id, row.kind): row.available for row in purse_rows}
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(("member", *kinds, "set_aside", "spent"))
    for row in rows:
        in_purses = (_number(available.get((row.id, kind), 0)) for kind in kinds)
        writer.writerow((row.user_id, *in_purses, _number(row.held), _number(row.spent)))
    return written.getvalue().encode()


def cell(text: str) -> str:
    """A cell of a CSV file that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")


def _number(cents: int) -> str:
    return f"{cents / CENTS:.2f}"
