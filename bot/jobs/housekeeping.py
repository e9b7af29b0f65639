"""Periodic work: what must be done now and then, whatever members do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chore:
    """One thing to do again and again."""

    name: str
    every_s: float
    work: Callable[[], Awaitable[None]]


class Housekeeping:
    """Does each chore at once and then every so often; an error of one stops none."""

    def __init__(
        self,
        chores: tuple[Chore, ...],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._chores = chores
        self._sleep = sleep

    async def run(self) -> None:
        """Never returns; to be cancelled. A chore never overlaps itself."""
        async with asyncio.TaskGroup() as group:
            for chore in self._chores:
                group.create_task(self._repeat(chore), name=f"housekeeping: {chore.name}")

    async def _repeat(self, chore: Chore) -> None:
        while True:
            try:
                await chore.work()
            except Exception:
                log.exception("housekeeping: %s failed; it is tried again", chore.name)
            await self._sleep(chore.every_s)
