"""Gift codes: credits for whoever types the code first, each member once. And grants to a role:
codes that nobody types, as who has the role gets their credits when they next use the bot.

What a manager's code is worth is taken from the server's allotment when it is made, and what is
left of it goes back there when it is deleted or has expired. The database knows a code by its hash
alone: who reads a backup redeems nothing.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.credits import ledger
from bot.errors import NotAllowed, NotFound
from bot.storage.tables import gift_codes, redemptions
from engine import Sentence

_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""None that looks like another."""
_GROUPS, _GROUP = 4, 4
MOST_CODES = 100
"""Codes that a server may have at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GiftCode:
    """A code that may still be redeemed; its text is known only to who made it. Or a grant."""

    id: int
    amount: int
    """For each who redeems it, in 1/100 credit."""
    uses_left: int
    actor_id: int
    """Who made it."""
    expires_ms: int
    role_id: int | None
    """Whose members get it; None: it is a code."""


async def create(
    connection: AsyncConnection,
    *,
    guild_id: int,
    amount: int,
    uses: int,
    actor_id: int,
    by_owner: bool,
    now_ms: int,
    expires_ms: int,
    role_id: int | None = None,
) -> str:
    """The text of a new code worth `amount` to each of `uses` members.

    role_id: it is a grant to who has that role, and its text worth nothing. NotAllowed where the
    allotment is too small or the server has too many codes.
    """
    await forget_expired(connection, guild_id, now_ms)
    if len(await of_guild(connection, guild_id)) >= MOST_CODES:
        raise NotAllowed(
            Sentence(
                "This server has {most} gift codes and grants to roles, which is the most; delete "
                "one first with /credits code delete.",
                most=MOST_CODES,
            )
        )
    if not by_owner:
        await ledger.take_allotment(connection, guild_id, amount * uses)
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))
    code = "-".join(groups)
    await connection.execute(
        insert(gift_codes).values(
            sha256=_hash(code),
            guild_id=guild_id,
            amount=amount,
            uses_left=uses,
            by_owner=by_owner,
            actor_id=actor_id,
            created_ms=now_ms,
            expires_ms=expires_ms,
            role_id=role_id,
        )
    )
    return code


async def redeem(
    connection: AsyncConnection, *, guild_id: int, account_id: int, code: str, now_ms: int
) -> int:
    """Give the account what the code is worth, and return that; NotFound or NotAllowed if not."""
    found = (
        await connection.execute(
            select(gift_codes).where(
                gift_codes.c.sha256 == _hash(code),
                gift_codes.c.guild_id == guild_id,
                gift_codes.c.role_id.is_(None),
                gift_codes.c.expires_ms > now_ms,
            )
        )
    ).one_or_none()
    if found is None:
        raise NotFound(
            "There is no such gift code in this server, or it has expired. Look at each letter: "
            "codes have none of O, I, L, 0 and 1."
        )
    earlier = await connection.scalar(
        select(redemptions.c.created_ms).where(
            redemptions.c.code_id == found.id, redemptions.c.account_id == account_id
        )
    )
    if earlier is not None:
        raise NotAllowed("You have redeemed this gift code already.")
    if not await _taken(connection, found, account_id, kind="redeem", now_ms=now_ms):
        raise NotAllowed("This gift code is used up, or was ended by who manages this server.")
    return int(found.amount)


async def take(
    connection: AsyncConnection,
    *,
    guild_id: int,
    account_id: int,
    role_ids: Iterable[int],
    now_ms: int,
) -> None:
    """Give the account what was granted to its member's roles, of each grant once."""
    due = await connection.execute(
        select(gift_codes)
        .where(
            gift_codes.c.guild_id == guild_id,
            gift_codes.c.role_id.in_(sorted(role_ids)),
            gift_codes.c.uses_left > 0,
            gift_codes.c.expires_ms > now_ms,
            ~select(redemptions.c.code_id)
            .where(redemptions.c.code_id == gift_codes.c.id, redemptions.c.account_id == account_id)
            .exists(),
        )
        .order_by(gift_codes.c.id)
    )
    for found in due.all():
        await _taken(connection, found, account_id, kind="grant", now_ms=now_ms)


async def _taken(
    connection: AsyncConnection,
    found: Any,  # noqa: ANN401 - a row of `gift_codes`
    account_id: int,
    *,
    kind: str,
    now_ms: int,
) -> bool:
    """Whether the account got what was found; not where it is used up by now."""
    taken = await connection.execute(
        update(gift_codes)
        .where(gift_codes.c.id == found.id, gift_codes.c.uses_left > 0)
        .values(uses_left=gift_codes.c.uses_left - 1)
    )
    if taken.rowcount == 0:
        return False
    await connection.execute(
        insert(redemptions).values(code_id=found.id, account_id=account_id, created_ms=now_ms)
    )
    if not found.by_owner:
        await ledger.add_allotted(connection, account_id, int(found.amount))
    await ledger.enter(
        connection,
        account_id,
        "granted",
        int(found.amount),
        kind=kind,
        now_ms=now_ms,
        actor_id=found.actor_id,
    )
    return True


async def of_guild(connection: AsyncConnection, guild_id: int) -> tuple[GiftCode, ...]:
    """The server's codes that are not used up, oldest first."""
    rows = await connection.execute(
        select(gift_codes)
        .where(gift_codes.c.guild_id == guild_id, gift_codes.c.uses_left > 0)
        .order_by(gift_codes.c.id)
    )
    return tuple(
        GiftCode(
            id=row.id,
            amount=row.amount,
            uses_left=row.uses_left,
            actor_id=row.actor_id,
            expires_ms=row.expires_ms,
            role_id=row.role_id,
        )
        for row in rows
    )


async def revoke(connection: AsyncConnection, *, guild_id: int, code_id: int) -> int:
    """End a code; returns what of it nobody redeemed, in 1/100 credit. NotFound if it is not one.

    Its row stays, so that who redeemed it is known.
    """
    found = (
        await connection.execute(
            select(gift_codes).where(
                gift_codes.c.id == code_id,
                gift_codes.c.guild_id == guild_id,
                gift_codes.c.uses_left > 0,
            )
        )
    ).one_or_none()
    if found is None:
        raise NotFound("This server has no such gift code; /credits code list shows them.")
    await connection.execute(
        update(gift_codes).where(gift_codes.c.id == code_id).values(uses_left=0)
    )
    left = int(found.amount) * int(found.uses_left)
    if not found.by_owner:
        await ledger.return_allotment(connection, guild_id, left)
    return left


async def return_nothing(connection: AsyncConnection, guild_id: int) -> None:
    """Let what is left of the server's codes go nowhere: its allotment was set anew beside them."""
    await connection.execute(
        update(gift_codes)
        .where(gift_codes.c.guild_id == guild_id, gift_codes.c.uses_left > 0)
        .values(by_owner=True)
    )


async def forget_expired(connection: AsyncConnection, guild_id: int, now_ms: int) -> None:
    """End the server's codes that have expired; what is left of them may be granted again."""
    expired = await connection.scalars(
        select(gift_codes.c.id).where(
            gift_codes.c.guild_id == guild_id,
            gift_codes.c.uses_left > 0,
            gift_codes.c.expires_ms <= now_ms,
        )
    )
    for code_id in expired.all():
        await revoke(connection, guild_id=guild_id, code_id=code_id)


def _hash(code: str) -> str:
    """Spaces, hyphens and case are forgiven."""
    letters = "".join(letter for letter in code.upper() if letter.isalnum())
    return hashlib.sha256(letters.encode()).hexdigest()
