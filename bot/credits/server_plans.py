"""The plans that each server's managers keep, and the roles that have them.

What was asked for is remembered: one process writes to a database, and only here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.credits.plans import Plan, best
from bot.credits.pricing import CENTS
from bot.errors import NotAllowed, NotConfirmed, NotFound
from bot.storage.audit import Audit, role_mention
from bot.storage.database import Database, own_insert
from bot.storage.tables import plan_roles, plans
from engine import Sentence

MOST_PLANS = 25
MOST_ROLES = 100
"""Roles of one server that may have plans."""
ALONE_MS = 60_000
"""So long after one manager's change of a plan another's is refused: they see each other's."""
_REMEMBERED = 10_000
_FIELDS = tuple(each.name for each in dataclasses.fields(Plan))


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPlan:
    """One plan of a server."""

    id: int
    name: str
    plan: Plan
    roles: tuple[int, ...]
    """Ids of the roles that have it."""
    version: int
    """Raised by each change."""
    changed_ms: int
    changed_by: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPlan:
    """A plan with its roles, as it is kept or wanted."""

    name: str
    plan: Plan
    roles: tuple[int, ...] = ()
    """Ids, in their order."""


class ServerPlans:
    """The plans of all servers."""

    def __init__(self, database: Database, audit: Audit, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._audit = audit
        self._now_ms = now_ms
        self._remembered: dict[int, tuple[ServerPlan, ...]] = {}
        self._changes = 0

    async def of(self, guild_id: int, role_ids: Iterable[int]) -> Plan:
        """What counts for a member with these roles; everybody has that of their server's id."""
        return best([each.plan for each in await self.having(guild_id, role_ids)])

    async def having(self, guild_id: int, role_ids: Iterable[int]) -> tuple[ServerPlan, ...]:
        """The plans of a member with these roles, in their names' order."""
        known = await self.all(guild_id)
        theirs = {guild_id, *role_ids}
        return tuple(each for each in known if not theirs.isdisjoint(each.roles))

    async def all(self, guild_id: int) -> tuple[ServerPlan, ...]:
        """The server's plans by name."""
        found = self._remembered.get(guild_id)
        if found is not None:
            return found
        changes = self._changes
        async with self._database.read() as connection:
            found = await _read(connection, guild_id)
        if len(self._remembered) >= _REMEMBERED:
            self._remembered.clear()
        if changes == self._changes:  # else what was read may be out of date already
            self._remembered[guild_id] = found
        return found

    async def create(
        self, guild_id: int, name: str, plan: Plan, *, actor_id: int, by_owner: bool
    ) -> None:
        """Add a plan, which no role has yet."""
        _refuse_giving(plan, by_owner=by_owner)
        _refuse_useless(plan)
        try:
            async with self._database.write() as connection:
                count = await connection.scalar(
                    select(func.count()).select_from(plans).where(plans.c.guild_id == guild_id)
                )
                if int(count or 0) >= MOST_PLANS:
                    raise NotAllowed(
                        Sentence(
                            "This server has {most} plans, which is the most; delete one first.",
                            most=MOST_PLANS,
                        )
                    )
                made = await connection.execute(
                    own_insert(connection, plans)
                    .values(
                        guild_id=guild_id,
                        name=name,
                        folded=_folded(name),
                        changed_ms=self._now_ms(),
                        changed_by=actor_id,
                        **_columns(plan),
                    )
                    .on_conflict_do_nothing(index_elements=["guild_id", "folded"])
                )
                if made.rowcount == 0:
                    raise NotAllowed(
                        Sentence(
                            "This server has a plan named {name}; change it with /plan edit.",
                            name=name,
                        )
                    )
                await self._audit.note(
                    connection, guild_id, actor_id, "plan create", name, _given(plan, beside=Plan())
                )
        finally:
            self.forget(guild_id)

    async def edit(
        self,
        guild_id: int,
        name: str,
        changes: Mapping[str, Any],
        *,
        actor_id: int,
        by_owner: bool,
    ) -> tuple[ServerPlan, Plan]:
        """Change fields of a `Plan`; the plan as it was, and what it says now."""
        now_ms = self._now_ms()
        try:
            async with self._database.write() as connection:
                before = await _named(connection, guild_id, name)
                if before.changed_by != actor_id and now_ms - before.changed_ms < ALONE_MS:
                    raise NotConfirmed(
                        Sentence(
                            "{member} changed the plan {name} a moment ago, so nothing was changed "
                            "now. Look at it with /plan list, and send this again in a minute.",
                            member=f"<@{before.changed_by}>",
                            name=before.name,
                        )
                    )
                after = dataclasses.replace(before.plan, **changes)
                _refuse_giving(after, by_owner=by_owner)
                _refuse_useless(after)
                await connection.execute(
                    update(plans)
                    .where(plans.c.id == before.id)
                    .values(
                        version=plans.c.version + 1,
                        changed_ms=now_ms,
                        changed_by=actor_id,
                        **_columns(after),
                    )
                )
                said = _given(after, beside=before.plan)
                await self._audit.note(
                    connection, guild_id, actor_id, "plan edit", before.name, said
                )
        finally:
            self.forget(guild_id)
        return before, after

    async def named(self, guild_id: int, name: str) -> ServerPlan:
        """The server's plan of that name; NotFound."""
        async with self._database.read() as connection:
            return await _named(connection, guild_id, name)

    async def delete(
        self, guild_id: int, plan_id: int, *, version: int, actor_id: int
    ) -> ServerPlan:
        """Delete a plan as it was seen in that version, and say what it was."""
        try:
            async with self._database.write() as connection:
                found = await _read(connection, guild_id, plans.c.id == plan_id)
                if not found:
                    raise NotFound("This plan is deleted already.")
                if found[0].version != version:
                    raise NotConfirmed(
                        Sentence(
                            "The plan {name} was changed since; look at it with /plan list and "
                            "send the command again. Nothing was deleted.",
                            name=found[0].name,
                        )
                    )
                await connection.execute(delete(plan_roles).where(plan_roles.c.plan_id == plan_id))
                await connection.execute(delete(plans).where(plans.c.id == plan_id))
                name = found[0].name
                await self._audit.note(connection, guild_id, actor_id, "plan delete", name, "")
        finally:
            self.forget(guild_id)
        return found[0]

    async def bind(
        self, guild_id: int, name: str, role_id: int, *, actor_id: int, by_owner: bool
    ) -> str:
        """Give a role the plan; the name of the plan that it had, or empty."""
        try:
            async with self._database.write() as connection:
                plan = await _named(connection, guild_id, name)
                _refuse_giving(plan.plan, by_owner=by_owner)
                had = await _unbound(connection, guild_id, role_id)
                count = await connection.scalar(
                    select(func.count())
                    .select_from(plan_roles)
                    .where(plan_roles.c.guild_id == guild_id)
                )
                if int(count or 0) >= MOST_ROLES:
                    raise NotAllowed(
                        Sentence(
                            "{most} roles have plans in this server, which is the most; take one "
                            "away first.",
                            most=MOST_ROLES,
                        )
                    )
                await connection.execute(
                    insert(plan_roles).values(guild_id=guild_id, role_id=role_id, plan_id=plan.id)
                )
                await _changed(connection, plan.id, self._now_ms(), actor_id)
                role = f"role: {role_mention(role_id, guild_id)}"
                await self._audit.note(connection, guild_id, actor_id, "plan bind", plan.name, role)
        finally:
            self.forget(guild_id)
        return had

    async def unbind(self, guild_id: int, role_id: int, *, actor_id: int) -> str:
        """Take a role's plan away; its name. NotFound where the role has none."""
        try:
            async with self._database.write() as connection:
                had = await _unbound(connection, guild_id, role_id)
                if not had:
                    raise NotFound("This role has no plan here; /plan list says which roles have.")
                role = f"role: {role_mention(role_id, guild_id)}"
                await self._audit.note(connection, guild_id, actor_id, "plan unbind", had, role)
        finally:
            self.forget(guild_id)
        return had

    async def replace(
        self,
        connection: AsyncConnection,
        guild_id: int,
        wanted: Sequence[NamedPlan],
        *,
        actor_id: int,
        by_owner: bool,
    ) -> None:
        """Let the server have these plans alone, in the caller's transaction; then `forget`.

        The names differ, also folded, and each role is in one of them. Plans that stay as they are
        are not touched.
        """
        before = {_folded(each.name): each for each in await _read(connection, guild_id)}
        after = {_folded(each.name): each for each in wanted}
        check_all([_named_of(each) for each in before.values()], wanted, by_owner=by_owner)
        changed = {
            folded: each
            for folded, each in after.items()
            if folded not in before or _named_of(before[folded]) != each
        }
        left = [each.id for folded, each in before.items() if folded not in after]
        touched = [*left, *(before[folded].id for folded in changed if folded in before)]
        await connection.execute(delete(plan_roles).where(plan_roles.c.plan_id.in_(touched)))
        await connection.execute(delete(plans).where(plans.c.id.in_(left)))
        for folded, each in changed.items():
            values = {
                "name": each.name,
                "changed_ms": self._now_ms(),
                "changed_by": actor_id,
                **_columns(each.plan),
            }
            if folded in before:
                plan_id = before[folded].id
                newer = {"version": plans.c.version + 1, **values}
                await connection.execute(update(plans).where(plans.c.id == plan_id).values(newer))
            else:
                made = await connection.scalar(
                    insert(plans)
                    .values(guild_id=guild_id, folded=folded, **values)
                    .returning(plans.c.id)
                )
                assert made is not None
                plan_id = int(made)
            for role_id in each.roles:
                await connection.execute(
                    insert(plan_roles).values(guild_id=guild_id, role_id=role_id, plan_id=plan_id)
                )

    def forget(self, guild_id: int) -> None:
        """Its plans were changed."""
        self._changes += 1
        self._remembered.pop(guild_id, None)


def _given(plan: Plan, *, beside: Plan) -> str:
    """The fields of the plan that differ from another's, for the audit; amounts in credits."""
    values = {name: getattr(plan, name) for name in _FIELDS}
    values["monthly"] = f"{plan.monthly / CENTS:g}"
    return ", ".join(
        f"{name}: {value}"
        for name, value in values.items()
        if getattr(plan, name) != getattr(beside, name)
    )


def check_all(before: Iterable[NamedPlan], wanted: Sequence[NamedPlan], *, by_owner: bool) -> None:
    """Refuse plans that a server may not have instead of those before. Their names differ."""
    if len(wanted) > MOST_PLANS or sum(len(each.roles) for each in wanted) > MOST_ROLES:
        raise NotAllowed(
            Sentence(
                "A server has at most {plans} plans, with {roles} roles in all.",
                plans=MOST_PLANS,
                roles=MOST_ROLES,
            )
        )
    held = {_folded(each.name): each for each in before}
    for each in wanted:
        had = held.get(_folded(each.name))
        if had == each:
            continue
        if had is None or had.plan != each.plan or not set(each.roles) <= set(had.roles):
            _refuse_giving(each.plan, by_owner=by_owner)
        _refuse_useless(each.plan)


def _named_of(plan: ServerPlan) -> NamedPlan:
    return NamedPlan(name=plan.name, plan=plan.plan, roles=plan.roles)


def _refuse_giving(plan: Plan, *, by_owner: bool) -> None:
    """Who manages a server mints nothing: what is drawn for less is the owner's to give."""
    if plan.gives_away and not by_owner:
        raise NotAllowed(
            "Only the bot's owner (OWNER_IDS) makes, changes or gives out a plan that draws for "
            "less than the usual price."
        )


def _refuse_useless(plan: Plan) -> None:
    if not (plan.fast or plan.relax or plan.turbo):
        raise NotAllowed("A plan needs at least one of the modes fast, relax and turbo.")


async def _named(connection: AsyncConnection, guild_id: int, name: str) -> ServerPlan:
    found = await _read(connection, guild_id, plans.c.folded == _folded(name))
    if not found:
        raise NotFound(
            Sentence("This server has no plan named {name}; /plan list shows its plans.", name=name)
        )
    return found[0]


async def _read(
    connection: AsyncConnection,
    guild_id: int,
    *where: Any,  # noqa: ANN401 - SQLAlchemy's own
) -> tuple[ServerPlan, ...]:
    rows = await connection.execute(
        select(plans).where(plans.c.guild_id == guild_id, *where).order_by(plans.c.folded)
    )
    bound = await connection.execute(select(plan_roles).where(plan_roles.c.guild_id == guild_id))
    roles: dict[int, list[int]] = {}
    for each in bound:
        roles.setdefault(each.plan_id, []).append(each.role_id)
    return tuple(
        ServerPlan(
            id=row.id,
            name=row.name,
            plan=Plan(
                **{name: getattr(row, name) for name in _FIELDS if name != "models"},
                models=tuple(row.models.split(",")),
            ),
            roles=tuple(sorted(roles.get(row.id, []))),
            version=row.version,
            changed_ms=row.changed_ms,
            changed_by=row.changed_by,
        )
        for row in rows
    )


async def _unbound(connection: AsyncConnection, guild_id: int, role_id: int) -> str:
    """Take the role's plan away; its name, or empty."""
    name = await connection.scalar(
        select(plans.c.name)
        .join(plan_roles, plan_roles.c.plan_id == plans.c.id)
        .where(plan_roles.c.guild_id == guild_id, plan_roles.c.role_id == role_id)
    )
    await connection.execute(
        delete(plan_roles).where(plan_roles.c.guild_id == guild_id, plan_roles.c.role_id == role_id)
    )
    return str(name or "")


async def _changed(connection: AsyncConnection, plan_id: int, now_ms: int, actor_id: int) -> None:
    await connection.execute(
        update(plans)
        .where(plans.c.id == plan_id)
        .values(version=plans.c.version + 1, changed_ms=now_ms, changed_by=actor_id)
    )


def _columns(plan: Plan) -> dict[str, Any]:
    return {**dataclasses.asdict(plan), "models": ",".join(plan.models)}


def _folded(name: str) -> str:
    return name.casefold()[:64]
