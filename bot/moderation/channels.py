"""In which channels of a server pictures may be ordered, and in which of them adult ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from bot.preferences import CHANNELS


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """What a server's managers chose, by channel ids. What holds for a channel holds for its
    threads.
    """

    allowed: frozenset[int] = frozenset()
    """If there is any, orders are taken in these alone."""
    denied: frozenset[int] = frozenset()
    nsfw: frozenset[int] = frozenset()
    """Adult content may be ordered here, while Discord has them age-restricted."""

    @classmethod
    def of(cls, stored: Mapping[str, str]) -> Channels:
        """As the server's preferences have them."""
        lists = json.loads(stored.get(CHANNELS, "{}"))
        return cls(**{name: frozenset(lists.get(name, ())) for name in cls.__slots__})

    def stored(self) -> Mapping[str, str]:
        """As a preference; empty where nothing is chosen."""
        lists = {name: sorted(getattr(self, name)) for name in self.__slots__}
        return {CHANNELS: json.dumps(lists) if any(lists.values()) else ""}

    def takes(self, *channel_ids: int) -> bool:
        """Whether orders are taken in a channel. channel_ids: its own, and its parent's."""
        here = set(channel_ids)
        return not here & self.denied and (not self.allowed or bool(here & self.allowed))
