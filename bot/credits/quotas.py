"""Quotas: how much a member, or each member with a role, may spend in a day or a calendar month.

A member's own quota of a period counts alone; else the largest of their roles'. What open jobs hold
counts as spent; what they give back and what is refunded does not. Days and months are in UTC.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import case, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.credits import ledger
from bot.credits.periods import MONTH, PERIODS, began_ms, ends_s
from bot.credits.pricing import CENTS, credits_text
from bot.errors import NotFound, QuotaReached
from bot.storage import facts
from bot.storage.audit import Audit, role_mention
from bot.storage.database import Database, own_insert
from bot.storage.tables import holds, jobs, quotas
from engine import Sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """One that managers set."""

    subject_id: int
    """Of a member or a role."""
    is_role: bool
    period: str
    """One of `PERIODS`."""
    amount: int
    """In 1/100 credit, 0 or more."""


class Quotas:
    """The quotas of all servers."""

    def __init__(self, database: Database, audit: Audit, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._audit = audit
        self._now_ms = now_ms

    async def all(self, guild_id: int) -> tuple[Quota, ...]:
        """Those of the server: roles first."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(quotas)
                .where(quotas.c.guild_id == guild_id)
                .order_by(quotas.c.is_role.desc(), quotas.c.subject_id, quotas.c.period)
            )
            return tuple(_quota(row) for row in rows)

    async def put(self, guild_id: int, quota: Quota, *, actor_id: int) -> None:
        """Set it, in place of another for the same period."""
        async with self._database.write() as connection:
            values = {"is_role": quota.is_role, "amount": quota.amount}
            await connection.execute(
                own_insert(connection, quotas)
                .values(
                    guild_id=guild_id,
                    subject_id=quota.subject_id,
                    period=quota.period,
                    **values,
                )
                .on_conflict_do_update(
                    index_elements=["guild_id", "subject_id", "period"], set_=values
                )
            )
            said = f"{quota.period}: {quota.amount / CENTS:g}"
            await self._audit.note(
                connection, guild_id, actor_id, "quota set", mention(quota, guild_id), said
            )

    async def take_back(
        self, guild_id: int, subject_id: int, period: str, *, is_role: bool, actor_id: int
    ) -> None:
        """Let them spend without a quota again; NotFound where they have none."""
        quota = Quota(subject_id=subject_id, is_role=is_role, period=period, amount=0)
        async with self._database.write() as connection:
            gone = await connection.execute(
                delete(quotas).where(
                    quotas.c.guild_id == guild_id,
                    quotas.c.subject_id == subject_id,
                    quotas.c.period == period,
                )
            )
            if gone.rowcount == 0:
                raise NotFound("They have no such quota here; /quota show lists those there are.")
            said = f"{period}: none"
            await self._audit.note(
                connection, guild_id, actor_id, "quota set", mention(quota, guild_id), said
            )

    async def replace(
        self, connection: AsyncConnection, guild_id: int, wanted: Iterable[Quota]
    ) -> None:
        """Let the server have these quotas alone, in the caller's transaction."""
        await connection.execute(delete(quotas).where(quotas.c.guild_id == guild_id))
        for quota in wanted:
            await connection.execute(
                insert(quotas).values(guild_id=guild_id, **dataclasses.asdict(quota))
            )

    async def check(
        self,
        connection: AsyncConnection,
        *,
        guild_id: int,
        user_id: int,
        role_ids: Iterable[int],
        price: int,
    ) -> None:
        """QuotaReached where `price` more, in 1/100 credit, is beyond one of the member's."""
        for quota in await self.of(connection, guild_id, user_id, role_ids):
            spent = await self.spent(connection, guild_id, user_id, quota.period)
            if spent + price > quota.amount:
                raise QuotaReached(_refusal(quota, spent, price, self._now_ms()))

    async def of(
        self, connection: AsyncConnection, guild_id: int, user_id: int, role_ids: Iterable[int]
    ) -> tuple[Quota, ...]:
        """What counts for the member: at most one quota of each period."""
        subjects = {guild_id, user_id, *role_ids}
        rows = await connection.execute(
            select(quotas).where(
                quotas.c.guild_id == guild_id, quotas.c.subject_id.in_(sorted(subjects))
            )
        )
        found = [_quota(row) for row in rows]
        counting = []
        for period in PERIODS:
            named = [each for each in found if each.period == period]
            own = [each for each in named if not each.is_role]
            if named:
                counting.append(own[0] if own else max(named, key=lambda each: each.amount))
        return tuple(counting)

    async def spent(
        self, connection: AsyncConnection, guild_id: int, user_id: int, period: str
    ) -> int:
        """What the member's jobs in the server cost since the period began, in 1/100 credit.

        Those that they erased count too.
        """
        began = began_ms(period, self._now_ms())
        cost = case((holds.c.state == "open", holds.c.amount), else_=ledger.spent())
        spent = await connection.scalar(
            select(func.coalesce(func.sum(cost), 0))
            .select_from(jobs.join(holds, holds.c.job_id == jobs.c.id))
            .where(
                jobs.c.user_id == user_id,
                jobs.c.guild_id == guild_id,
                jobs.c.created_ms >= began,
            )
        )
        return int(spent or 0) + await _erased(connection, _fact(guild_id, user_id, period), began)


async def keep_spent(connection: AsyncConnection, user_id: int, now_ms: int) -> None:
    """Remember what the member's ended jobs cost, before these are erased.

    One number for each server and period: the jobs themselves will name nobody.
    """
    for period in PERIODS:
        began = began_ms(period, now_ms)
        rows = await connection.execute(
            select(jobs.c.guild_id, func.sum(ledger.spent()))
            .join(holds, holds.c.job_id == jobs.c.id)
            .where(
                jobs.c.user_id == user_id,
                jobs.c.outcome != "open",
                jobs.c.created_ms >= began,
            )
            .group_by(jobs.c.guild_id)
        )
        for guild_id, cost in rows.all():
            name = _fact(guild_id, user_id, period)
            total = int(cost) + await _erased(connection, name, began)
            await facts.put(connection, name, f"{began} {total}")


def _fact(guild_id: int, user_id: int, period: str) -> str:
    """The name under which it is remembered."""
    return f"spent:{guild_id}:{user_id}:{period}"


async def _erased(connection: AsyncConnection, name: str, began: int) -> int:
    """What is remembered of the period that began then, in 1/100 credit."""
    value = await facts.get(connection, name)
    if value is None:
        return 0
    then, spent = map(int, value.split())
    return spent if then == began else 0


def mention(quota: Quota, guild_id: int) -> str:
    """Whose it is."""
    if quota.is_role:
        return role_mention(quota.subject_id, guild_id)
    return f"<@{quota.subject_id}>"


def _refusal(quota: Quota, spent: int, price: int, now_ms: int) -> Sentence:
    reset = ends_s(quota.period, now_ms)
    values = {
        "price": credits_text(price),
        "amount": credits_text(quota.amount),
        "left": credits_text(max(quota.amount - spent, 0)),
        "when": f"<t:{reset}:f> (<t:{reset}:R>)",
    }
    if quota.period == MONTH:
        return Sentence(
            "This needs {price}. You may spend {amount} a month in this server, and have {left} of "
            "them left. They return {when}.",
            **values,
        )
    return Sentence(
        "This needs {price}. You may spend {amount} a day in this server, and have {left} of them "
        "left. They return {when}.",
        **values,
    )


def _quota(row: object) -> Quota:
    return Quota(
        subject_id=row.subject_id,  # type: ignore[attr-defined]
        is_role=row.is_role,  # type: ignore[attr-defined]
        period=row.period,  # type: ignore[attr-defined]
        amount=row.amount,  # type: ignore[attr-defined]
    )
