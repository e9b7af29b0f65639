"""Discord's limit on all requests together ends, whatever became of the request that met it.

discord.py lets every request wait until the one that met the limit has slept through it. Where that
one is cancelled meanwhile, such as an edit of progress whose job has ended, nobody would say that
the limit is over, and the bot would send nothing any more until its next start.
"""

from __future__ import annotations

import asyncio

WITHIN_S = 60.0
"""After so long requests are tried again: Discord answers once more where that is too early."""


class GlobalLimit(asyncio.Event):
    """Set while requests may be sent; sets itself again some time after it was cleared."""

    def __init__(self, within_s: float = WITHIN_S) -> None:
        super().__init__()
        self._within_s = within_s
        self._timer: asyncio.TimerHandle | None = None
        self.set()

    def clear(self) -> None:
        super().clear()
        self._stop()
        self._timer = asyncio.get_running_loop().call_later(self._within_s, self.set)

    def set(self) -> None:
        self._stop()
        super().set()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
