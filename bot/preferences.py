"""What members and servers set for themselves, by name."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.prompt.flags import FLAGS
from bot.storage.audit import Action, Audit
from bot.storage.database import Database
from bot.storage.tables import preferences

EVERYBODY = 0
"""The user id under which stands what a server's managers set for all of it."""
DEFAULT_MODEL = "default_model"
"""The name of the model for prompts that name none."""
DENIED_MODELS = "denied_models"
"""Names of models that a server's managers do not allow, with commas between."""
BUTTONS = "buttons"
"""Who may press a job's buttons in a server: `OWNERS`, or everybody who sees them."""
OWNERS = "owners"
GIFTS = "gifts"
"""Whether members of a server may give each other credits: `ALLOWED`, or not."""
ALLOWED = "allowed"
AUDIT_CHANNEL = "audit_channel"
"""The id of the channel where what a server's managers do is posted."""
APPEAL_CHANNEL = "appeal_channel"
"""The id of the channel where a server's moderators read appeals."""
WORD_CATEGORIES = "word_categories"
"""Which categories of the starter list of words hold in a server, as JSON."""
CHANNELS = "channels"
"""In which channels of a server orders are taken, as `moderation.channels` writes it."""
RULES = "rules"
"""What each member of a server must accept before their first order."""
REMIX = "remix"
"""Whether remix mode works in a server: `FORBIDDEN`, or as each member has set."""
STEALTH = "stealth"
"""Whether members may hide what they draw in a server: `FORBIDDEN`, or they may."""
FORBIDDEN = "forbidden"
LANGUAGE = "language"
"""What stands in a server's channels is in this language of `locale`, whatever Discord says."""
SPEEDS = tuple(flag.name for flag in FLAGS if flag.group == "speed")
"""Where a prompt names two, the first one counts."""
FAST = "fast"
HIGH, LOW = "high", "low"
STYLIZE = (50, 100, 250, 750)
"""Low, medium, high, very high."""
_EVERYWHERE = 0
"""The guild id under which stands what a member set for themselves, in all servers."""
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """What one member set, in all servers. A parameter in a prompt goes before it."""

    model: str = ""
    """The name of the model for prompts that name none; empty: the server's choice."""
    stylize: int | None = None
    """None: as without `--stylize`."""
    variation: str = HIGH
    """How far V1–V4 go from their picture: `HIGH` or `LOW`."""
    speed: str = FAST
    """One of `SPEEDS`."""
    remix: bool = False
    """Whether the prompt is edited before variations, 🔄, pans and zooms."""
    stealth: bool = False
    """Whether nobody else sees what is drawn."""
    auto_dm: bool = False
    """Whether finished jobs are also sent by direct message."""
    suffix: str = ""
    """Parameters that act in prompts that do not say otherwise."""
    macros: Mapping[str, str] = field(default_factory=dict)
    """Their own parameters, without dashes, in small letters, and what each stands for."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """What is added to their prompts, an earlier one before a later one."""
        style = "" if self.stylize is None else f"--stylize {self.stylize}"
        return tuple(filter(None, (self.suffix, style)))


def denied_models(of_the_server: Mapping[str, str]) -> frozenset[str]:
    """The names of models that the server's managers do not allow."""
    return frozenset(filter(None, of_the_server.get(DENIED_MODELS, "").split(",")))


class Preferences:
    """The preferences of all servers and members.

    Those that were asked for are remembered: one process writes to a database, and only here.
    """

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database = database
        self._audit = audit
        self._remembered: dict[tuple[int, int], dict[str, str]] = {}
        self._changes = 0
        self._changing = asyncio.Lock()
        self._languages: dict[int, str] = {}

    async def start(self) -> None:
        """Read what must be known without waiting: the servers' languages."""
        self._languages = dict(await self.everywhere(LANGUAGE))

    def language(self, guild_id: int | None) -> str | None:
        """What the server's managers chose; None: nothing."""
        return self._languages.get(guild_id or 0)

    async def member(self, user_id: int) -> Member:
        """What the member set."""
        return _member(await self.of(_EVERYWHERE, user_id))

    async def change(self, user_id: int, **changes: Any) -> Member:  # noqa: ANN401 - any field
        """Set fields of the member's; what they then have."""
        async with self._changing:
            changed = dataclasses.replace(await self.member(user_id), **changes)
            for name in changes:
                await self.put(name, _written(changed, name), _EVERYWHERE, user_id)
        return changed

    async def set_macro(self, user_id: int, name: str, text: str, most: int) -> bool:
        """Keep a parameter of the member's own, or delete it where `text` is empty.

        False where they have `most` others already.
        """
        async with self._changing:
            kept = dict((await self.member(user_id)).macros)
            kept.pop(name, None)
            if text and len(kept) >= most:
                return False
            if text:
                kept[name] = text
            written = _written(Member(macros=kept), "macros")
            await self.put("macros", written, _EVERYWHERE, user_id)
        return True

    async def reset(self, user_id: int) -> Member:
        """Everything of the member's as it was at first, but for their own parameters."""
        fresh = {
            each.name: getattr(Member(), each.name)
            for each in dataclasses.fields(Member)
            if each.name != "macros"
        }
        return await self.change(user_id, **fresh)

    async def of(self, guild_id: int, user_id: int = EVERYBODY) -> Mapping[str, str]:
        """What is set there, by name."""
        found = self._remembered.get((guild_id, user_id))
        if found is not None:
            return found
        changes = self._changes
        async with self._database.read(short=True) as connection:
            rows = await connection.execute(
                select(preferences.c.name, preferences.c.value).where(
                    preferences.c.guild_id == guild_id, preferences.c.user_id == user_id
                )
            )
            found = {row.name: row.value for row in rows}
        if len(self._remembered) >= _REMEMBERED:
            self._remembered.clear()
        if changes == self._changes:  # else what was read may be out of date already
            self._remembered[guild_id, user_id] = found
        return found

    async def everywhere(self, name: str) -> Mapping[int, str]:
        """What the managers of each server set by this name, by its id."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(preferences.c.guild_id, preferences.c.value).where(
                    preferences.c.user_id == EVERYBODY, preferences.c.name == name
                )
            )
            return {row.guild_id: row.value for row in rows}

    def forget(self, user_id: int) -> None:
        """What the member set was erased from the database."""
        self._changes += 1
        for key in [key for key in self._remembered if key[1] == user_id]:
            del self._remembered[key]

    async def put(
        self,
        name: str,
        value: str,
        guild_id: int,
        user_id: int = EVERYBODY,
        action: Action | None = None,
    ) -> None:
        """Set it; an empty value takes the setting back. action: what the audit says of it."""
        await self._put({name: value}, guild_id, user_id, action)

    async def put_for_server(self, values: Mapping[str, str], action: Action) -> None:
        """Set what holds for all of the action's server, all at once, and write down who did."""
        await self._put(values, action.guild_id, EVERYBODY, action)

    async def replace(
        self, connection: AsyncConnection, guild_id: int, values: Mapping[str, str]
    ) -> None:
        """Set what holds for all of a server, in the caller's transaction; then `changed`."""
        for name, value in values.items():
            await _store(connection, name, value, guild_id, EVERYBODY)

    async def changed(self, guild_id: int) -> None:
        """What holds for all of the server was changed by `replace`, or may have been."""
        self._changes += 1
        self._remembered.pop((guild_id, EVERYBODY), None)
        self._languages.pop(guild_id, None)
        if language := (await self.of(guild_id)).get(LANGUAGE):
            self._languages[guild_id] = language

    async def _put(
        self, values: Mapping[str, str], guild_id: int, user_id: int, action: Action | None = None
    ) -> None:
        try:
            async with self._database.write() as connection:
                for name, value in values.items():
                    await _store(connection, name, value, guild_id, user_id)
                if action is not None:
                    await self._audit.write(connection, action)
        finally:
            self._changes += 1
            self._remembered.pop((guild_id, user_id), None)
        if user_id == EVERYBODY and LANGUAGE in values:
            self._languages.pop(guild_id, None)
            if values[LANGUAGE]:
                self._languages[guild_id] = values[LANGUAGE]


async def _store(
    connection: AsyncConnection, name: str, value: str, guild_id: int, user_id: int
) -> None:
    here = {"guild_id": guild_id, "user_id": user_id, "name": name}
    await connection.execute(
        delete(preferences).where(*(preferences.c[column] == at for column, at in here.items()))
    )
    if value:
        await connection.execute(insert(preferences).values(**here, value=value))


def _written(member: Member, name: str) -> str:
    """The field as text; empty where it is as at first."""
    value = getattr(member, name)
    if value == getattr(Member(), name):
        return ""
    return json.dumps(dict(value) if name == "macros" else value, ensure_ascii=False)


def _member(stored: Mapping[str, str]) -> Member:
    """What is stored by an earlier version and not known any more is passed over."""
    values: dict[str, Any] = {}
    for each in dataclasses.fields(Member):
        if each.name in stored:
            values[each.name] = json.loads(stored[each.name])
    return Member(**values)
