"""What members and servers set for themselves, by name."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import own_insert
from bot.storage.tables import preferences

EVERYBODY = 0
"""The user id under which stands what a server's managers set for all of it."""
DEFAULT_MODEL = "default_model"
"""The name of the model for prompts that name none."""


async def get(
    connection: AsyncConnection, name: str, *, guild_id: int, user_id: int = EVERYBODY
) -> str:
    """The value, or nothing where none is set."""
    value = await connection.scalar(
        select(preferences.c.value).where(
            preferences.c.guild_id == guild_id,
            preferences.c.user_id == user_id,
            preferences.c.name == name,
        )
    )
    return str(value or "")


async def put(
    connection: AsyncConnection, name: str, value: str, *, guild_id: int, user_id: int = EVERYBODY
) -> None:
    """Set the value; an empty one takes the setting back."""
    here = {"guild_id": guild_id, "user_id": user_id, "name": name}
    await connection.execute(
        delete(preferences).where(*(preferences.c[key] == at for key, at in here.items()))
    )
    if value:
        await connection.execute(own_insert(connection, preferences).values(**here, value=value))
