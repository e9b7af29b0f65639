"""Who may not order for now, whose strikes count, and who accepted the rules: one row a member."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.moderation.phrases import Level
from bot.storage.database import own_insert
from bot.storage.tables import standings, verdicts

FOR_EVER_MS = 2**53
"""A time that does not come."""
STRIKES_COUNT_DAYS = 7
TIME_OUTS_MIN: Mapping[int, int] = MappingProxyType({3: 10, 4: 60, 5: 24 * 60})
"""Strikes that count → minutes without orders; more than the last count as the last."""
_DAY_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a member stands in a server."""

    blocked_until_ms: int = 0
    """Until when no order of theirs is taken; 0: they are not blocked."""
    blocked_by: int | None = None
    """The manager who blocked them; None: their strikes did."""
    reason: str = ""
    """What that manager wrote."""
    strikes_from_ms: int = 0
    """Strikes of before do not count any more."""
    rules_sha256: str = ""
    """The server's text that they accepted; empty: none."""


async def get(connection: AsyncConnection, guild_id: int, user_id: int) -> Standing:
    row = (
        await connection.execute(
            select(standings).where(
                standings.c.guild_id == guild_id, standings.c.user_id == user_id
            )
        )
    ).one_or_none()
    if row is None:
        return Standing()
    return Standing(**{name: getattr(row, name) for name in Standing.__slots__})


async def put(connection: AsyncConnection, guild_id: int, user_id: int, **values: Any) -> None:  # noqa: ANN401 - columns
    """Set fields of the standing."""
    await connection.execute(
        own_insert(connection, standings)
        .values(guild_id=guild_id, user_id=user_id, **values)
        .on_conflict_do_update(index_elements=["guild_id", "user_id"], set_=values)
    )


async def strikes(connection: AsyncConnection, guild_id: int, user_id: int, *, now_ms: int) -> int:
    """How many refused prompts of the member count: recent ones, without those that were appealed
    with success.
    """
    standing = await get(connection, guild_id, user_id)
    since_ms = max(standing.strikes_from_ms, now_ms - STRIKES_COUNT_DAYS * _DAY_MS)
    count = await connection.scalar(
        select(func.count())
        .select_from(verdicts)
        .where(
            verdicts.c.guild_id == guild_id,
            verdicts.c.user_id == user_id,
            verdicts.c.kind == "words",
            verdicts.c.level == Level.BLOCK,
            verdicts.c.appeal != "approved",
            verdicts.c.created_ms > since_ms,
        )
    )
    return int(count or 0)


async def time_out(connection: AsyncConnection, guild_id: int, user_id: int, *, now_ms: int) -> int:
    """Block the member for as long as their strikes say; until when, or 0 where they do not."""
    count = await strikes(connection, guild_id, user_id, now_ms=now_ms)
    reached = [minutes for least, minutes in TIME_OUTS_MIN.items() if count >= least]
    if not reached:
        return 0
    until_ms = now_ms + max(reached) * 60_000
    standing = await get(connection, guild_id, user_id)
    if standing.blocked_until_ms >= until_ms:  # a manager's longer block stays
        return standing.blocked_until_ms
    await put(connection, guild_id, user_id, blocked_until_ms=until_ms, blocked_by=None, reason="")
    return until_ms
