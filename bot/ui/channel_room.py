"""Which channels have room for another message: Discord takes five in five seconds of each.

After a fifth discord.py sleeps until the next may be sent, with its pictures in memory and in the
place of one for a channel that has room: so four are sent.
"""

from __future__ import annotations

from collections import deque

MESSAGES, WINDOW_S = 4, 5.0
"""So many messages in so many seconds."""


class ChannelRoom:
    """When the last few messages went to each channel. Times are of one clock that never jumps."""

    def __init__(self) -> None:
        self._sent_s: dict[int, deque[float]] = {}

    def sent(self, channel_id: int, now_s: float) -> None:
        """A message went there."""
        self._sent_s.setdefault(channel_id, deque(maxlen=MESSAGES)).append(now_s)

    def full(self, now_s: float) -> dict[int, float]:
        """The channels without room, and from when on each has some."""
        self._sent_s = {
            channel_id: sent_s
            for channel_id, sent_s in self._sent_s.items()
            if now_s < sent_s[-1] + WINDOW_S
        }
        free_s = {
            channel_id: sent_s[0] + WINDOW_S
            for channel_id, sent_s in self._sent_s.items()
            if len(sent_s) == MESSAGES
        }
        return {channel_id: each for channel_id, each in free_s.items() if now_s < each}
