"""What who manages a server did: one line for each action, written with the action itself.

The lines stay: the schema refuses to change or delete them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.tables import audit

_SUBJECT_CHARACTERS, _DETAIL_CHARACTERS = 200, 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What somebody did for a server."""

    guild_id: int
    """0: for direct messages, or for the whole bot."""
    actor_id: int
    """Who did it."""
    name: str
    """The command, without its slash, such as "credits grant"."""
    subject: str = ""
    """To whom or to what: a mention, such as `<@1>`, or a name."""
    detail: str = ""
    """The rest, as the command's options say it, such as "amount: 5"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An action as it was written."""

    id: int
    action: Action
    created_ms: int


class Audit:
    """Writes lines, and tells one listener that there may be new ones."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.listener: Callable[[], None] | None = None
        """Called with each line, while its transaction is still open; returns at once."""
        self._now_ms = now_ms

    async def write(self, connection: AsyncConnection, action: Action) -> None:
        """Write the action down in the caller's transaction, which also does it."""
        await connection.execute(
            insert(audit).values(
                guild_id=action.guild_id,
                actor_id=action.actor_id,
                action=action.name,
                subject=_kept(action.subject, _SUBJECT_CHARACTERS),
                detail=_kept(action.detail, _DETAIL_CHARACTERS),
                created_ms=self._now_ms(),
            )
        )
        if self.listener is not None:
            self.listener()

    async def note(
        self,
        connection: AsyncConnection,
        guild_id: int,
        actor_id: int,
        name: str,
        subject: str = "",
        detail: str = "",
    ) -> None:
        """As `write`, of an `Action` with these fields."""
        action = Action(
            guild_id=guild_id, actor_id=actor_id, name=name, subject=subject, detail=detail
        )
        await self.write(connection, action)


def role_mention(role_id: int, guild_id: int) -> str:
    """The role; that of everybody has its server's id, and no mention by it."""
    return "@everyone" if role_id == guild_id else f"<@&{role_id}>"


async def of_guild(
    connection: AsyncConnection,
    guild_id: int,
    *,
    command: str = "",
    actor_id: int | None = None,
    count: int,
) -> tuple[Line, ...]:
    """The newest `count` lines of a server, newest first.

    command: the first word of their actions' names; empty: of all. actor_id: whose alone.
    """
    kept = [audit.c.guild_id == guild_id]
    if command:
        kept.append(or_(audit.c.action == command, audit.c.action.startswith(f"{command} ")))
    if actor_id is not None:
        kept.append(audit.c.actor_id == actor_id)
    rows = await connection.execute(
        select(audit).where(*kept).order_by(audit.c.id.desc()).limit(count)
    )
    return tuple(map(_line, rows))


async def newest(connection: AsyncConnection) -> int:
    """The id of the newest line; 0 where there is none."""
    return int(await connection.scalar(select(func.max(audit.c.id))) or 0)


async def after(connection: AsyncConnection, line_id: int, count: int) -> tuple[Line, ...]:
    """The oldest `count` lines of all servers after that line, oldest first."""
    rows = await connection.execute(
        select(audit).where(audit.c.id > line_id).order_by(audit.c.id).limit(count)
    )
    return tuple(map(_line, rows))


def _line(row: Any) -> Line:  # noqa: ANN401 - a row of `audit`
    return Line(
        id=row.id,
        action=Action(
            guild_id=row.guild_id,
            actor_id=row.actor_id,
            name=row.action,
            subject=row.subject,
            detail=row.detail,
        ),
        created_ms=row.created_ms,
    )


def _kept(text: str, most_characters: int) -> str:
    """PostgreSQL takes no NUL."""
    whole = text.replace("\0", "")
    return whole if len(whole) <= most_characters else whole[: most_characters - 1] + "…"
