"""What is to be deleted, and is not deleted yet: files and messages.

An erasure has promised it, in whose own transaction it is written down, so that a restart forgets
none of it; or it is a progress message whose job is over, which a fault of Discord's kept there.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.jobs import records
from bot.pictures.store import PictureStore
from bot.storage import facts
from bot.storage.database import Database

log = logging.getLogger(__name__)

_FILES, _MESSAGES = "erased:files:", "erased:messages:"
_AT_ONCE = 100
"""In one note: what a restart in the middle of it does again."""


async def owe(
    connection: AsyncConnection,
    *,
    files: Collection[tuple[str, str]],
    messages: Collection[tuple[int, int]],
) -> None:
    """Write down what is to be deleted.

    files: hashes and suffixes; those that a job still knows of then will stay. messages: (channel
    id, message id).
    """
    for prefix, owed in ((_FILES, sorted(files)), (_MESSAGES, sorted(messages))):
        for start in range(0, len(owed), _AT_ONCE):
            await _note(connection, prefix, owed[start : start + _AT_ONCE])


class Deletions:
    """Does what is written down; one call at a time, and each again as often as it is wanted."""

    def __init__(self, *, database: Database, store: PictureStore) -> None:
        self._database = database
        self._store = store
        self._files, self._messages = asyncio.Lock(), asyncio.Lock()

    async def delete_files(self) -> None:
        """The files of which no job knows any more; where the disk refuses, the next time."""
        async with self._files:
            for name, owed in await self._owed(_FILES):
                left = [[*file] for file in owed if not await self._delete_file(*file)]
                await self._done(name, _FILES, left)

    async def delete_messages(self, delete: Callable[[int, int], Awaitable[bool]]) -> None:
        """delete: of (channel id, message id), whether there is nothing more to do about it."""
        async with self._messages:
            for name, owed in await self._owed(_MESSAGES):
                left = [[*message] for message in owed if not await delete(*message)]
                await self._done(name, _MESSAGES, left)

    async def _delete_file(self, sha256: str, suffix: str) -> bool:
        async with self._database.read() as connection:
            used = await records.is_referenced(connection, sha256)
        try:
            if not used:
                await asyncio.to_thread(self._store.delete, sha256, suffix=suffix)
        except OSError as error:
            log.warning("a file that was erased is deleted later: %s", error)
            return False
        return True

    async def _owed(self, prefix: str) -> list[tuple[str, list[list[Any]]]]:
        async with self._database.read() as connection:
            found = await facts.beginning_with(connection, prefix)
        return [(name, json.loads(value)) for name, value in found]

    async def _done(self, name: str, prefix: str, left: list[list[Any]]) -> None:
        """Forget the note, but for what is left."""
        async with self._database.write() as connection:
            await facts.forget(connection, name)
            if left:
                await _note(connection, prefix, left)


async def _note(connection: AsyncConnection, prefix: str, owed: Collection[Any]) -> None:
    await facts.put(connection, f"{prefix}{uuid.uuid4().hex}", json.dumps(list(owed)))
