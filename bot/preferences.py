"""What members and servers set for themselves, by name."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import delete, insert, select

from bot.storage.database import Database
from bot.storage.tables import preferences

EVERYBODY = 0
"""The user id under which stands what a server's managers set for all of it."""
DEFAULT_MODEL = "default_model"
"""The name of the model for prompts that name none."""
REMIX = "remix"
"""Whether a member edits the prompt before variations, 🔄, pans and zooms; `ON` or nothing."""
ON = "on"
_REMEMBERED = 10_000


class Preferences:
    """The preferences of all servers and members.

    Those that were asked for are remembered: one process writes to a database, and only here.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._remembered: dict[tuple[int, int], dict[str, str]] = {}
        self._changes = 0

    async def of(self, guild_id: int, user_id: int = EVERYBODY) -> Mapping[str, str]:
        """What is set there, by name."""
        found = self._remembered.get((guild_id, user_id))
        if found is not None:
            return found
        changes = self._changes
        async with self._database.read() as connection:
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

    async def put(self, name: str, value: str, guild_id: int, user_id: int = EVERYBODY) -> None:
        """Set it; an empty value takes the setting back."""
        here = {"guild_id": guild_id, "user_id": user_id, "name": name}
        try:
            async with self._database.write() as connection:
                await connection.execute(
                    delete(preferences).where(
                        *(preferences.c[column] == at for column, at in here.items())
                    )
                )
                if value:
                    await connection.execute(insert(preferences).values(**here, value=value))
        finally:
            self._changes += 1
            self._remembered.pop((guild_id, user_id), None)
