"""Files that a process left behind which ended between writing them and telling the database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.pictures.store import PictureStore
from bot.storage import facts
from bot.storage.database import Database
from bot.storage.tables import films, images, inputs

log = logging.getLogger(__name__)

OLD_S = 24 * 60 * 60
"""Younger files may be of a job or an order that is being written down."""
_SINCE = "leftovers_since"
_FEW = 100
_SHARE = 0.1
"""Where more files than both are unknown, no crash has left them."""
_ROWS = 500


class Leftovers:
    """Deletes the files that no job knows of.

    Only those that are younger than the database's first look at them: the pictures of another
    database, whose folder this one was given by mistake or while it was still empty, stay.
    """

    def __init__(
        self, *, database: Database, store: PictureStore, now_s: Callable[[], float]
    ) -> None:
        self._database = database
        self._store = store
        self._now_s = now_s

    async def sweep(self) -> int:
        """How many files were deleted."""
        since_s = await self._since()
        before_s = self._now_s() - OLD_S
        files = await asyncio.to_thread(self._store.changed)
        unknown = []
        async with self._database.read() as connection:
            old = [file for file, at_s in files.items() if since_s <= at_s < before_s]
            for start in range(0, len(old), _ROWS):
                some = old[start : start + _ROWS]
                recorded = await on_record(connection, [sha256 for sha256, _ in some])
                unknown += [file for file in some if file[0] not in recorded]
        if len(unknown) > max(_FEW, _SHARE * len(files)):
            log.warning(
                "%d of %d files in %s are of no job in this database; they stay. Is it the right "
                "database?",
                len(unknown),
                len(files),
                self._store.folder,
            )
            return 0
        for sha256, suffix in unknown:
            await asyncio.to_thread(
                self._store.delete, sha256, suffix=suffix, unless_since_s=before_s
            )
        if unknown:
            log.info("%d files that no job knows of were deleted", len(unknown))
        return len(unknown)

    async def _since(self) -> float:
        """When this database first looked."""
        async with self._database.write() as connection:
            known = await facts.get(connection, _SINCE)
            if known is None:
                known = f"{self._now_s():.0f}"
                await facts.put(connection, _SINCE, known)
        return float(known)


async def on_record(connection: AsyncConnection, hashes: Sequence[str]) -> set[str]:
    """Those of them that a job started from or made."""
    found = set[str]()
    for table in (inputs, images, films):
        found |= {
            *await connection.scalars(select(table.c.sha256).where(table.c.sha256.in_(hashes)))
        }
    return found
