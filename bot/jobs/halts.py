"""What keeps jobs from being drawn or taken: a paused queue, or one that is drained.

A paused queue takes orders and starts none of them; one that is drained starts what it has and
takes nothing new. Both hold for one server, or for all of them, and outlast a restart.
"""

from __future__ import annotations

import enum

from bot.preferences import EVERYBODY, Preferences
from bot.storage.audit import Action

EVERYWHERE = 0
"""The id that stands for all servers and all direct messages."""
_NAME = "queue"


class Halt(enum.StrEnum):
    """What holds a queue up."""

    NONE = ""
    PAUSED = "paused"
    DRAINED = "drained"


class Halts:
    """The halts of all servers, known without waiting."""

    def __init__(self, preferences: Preferences) -> None:
        self._preferences = preferences
        self._halts: dict[int, Halt] = {}

    async def start(self) -> None:
        """Read what an earlier process was told."""
        stored = await self._preferences.everywhere(_NAME)
        self._halts = {guild_id: Halt(value) for guild_id, value in stored.items()}

    def of(self, guild_id: int) -> Halt:
        """What was set for this server, or for `EVERYWHERE`."""
        return self._halts.get(guild_id, Halt.NONE)

    def is_paused(self, guild_id: int) -> bool:
        """Whether nothing of the server is started now."""
        return Halt.PAUSED in (self.of(guild_id), self.of(EVERYWHERE))

    def is_drained(self, guild_id: int) -> bool:
        """Whether nothing new is taken from the server now."""
        return Halt.DRAINED in (self.of(guild_id), self.of(EVERYWHERE))

    async def put(self, guild_id: int, halt: Halt, action: Action) -> None:
        """Set it for the server, or for `EVERYWHERE`, and write down who did."""
        await self._preferences.put(_NAME, halt, guild_id, EVERYBODY, action)
        self._halts[guild_id] = halt
