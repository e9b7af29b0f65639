"""In which servers credits come by themselves: trials of new members, a first allotment."""

from __future__ import annotations

from collections.abc import Callable, Collection

ANYBODY_ADDS = (
    "Anybody can add this bot to a server of their own, so members get trial credits only in "
    "servers that an owner of the bot owns; elsewhere /credits allot and /credits grant give some. "
    "To change it, name your servers in ALLOWED_GUILDS, or turn off Public Bot in the developer "
    "portal, and start again."
)
"""For the operator, where the application is public and ALLOWED_GUILDS is empty."""


class Trust:
    """Which servers the operator chose. `learn` comes first: until then only those by name."""

    def __init__(self, *, owner_ids: Collection[int] = (), allowed: Collection[int] = ()) -> None:
        """owner_ids: who owns the bot; allowed: the servers that the operator named, if any."""
        self._owner_ids = frozenset(owner_ids)
        self._allowed = frozenset(allowed)
        self._public = True
        self._owner_of: Callable[[int], int | None] = _unknown

    def learn(
        self, *, public: bool, owner_ids: Collection[int], owner_of: Callable[[int], int | None]
    ) -> None:
        """What Discord says: whether anybody can add the bot, and whose application it is.

        owner_of: who owns a server, by its id; None where the bot does not see it.
        """
        self._public = public
        self._owner_ids |= frozenset(owner_ids)
        self._owner_of = owner_of

    def covers(self, guild_id: int) -> bool:
        """Whether the operator chose the server: by name, or because only they could add the bot.

        Where anybody could, whoever makes a server would else make credits with it.
        """
        if self._allowed:
            return guild_id in self._allowed
        return not self._public or self._owner_of(guild_id) in self._owner_ids

    def warning(self) -> str:
        """What the operator is to know; nothing where they chose all servers."""
        return ANYBODY_ADDS if self._public and not self._allowed else ""


def _unknown(_guild_id: int) -> None:
    return None
