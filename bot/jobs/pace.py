"""How fast a member may have pictures sent again, which costs them nothing."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from bot.errors import TooFast
from engine import Sentence

MOST = 24
"""As many at once as six grids have pictures."""
EVERY_S = 5.0
"""How long it takes until one more may be sent."""
_REMEMBERED = 10_000


class Pace:
    """What each member has had sent lately; in memory alone, as it is forgotten in two minutes.

    A leaky bucket (generic cell rate algorithm): a member is one number, when all is forgotten.
    """

    def __init__(
        self,
        clock_s: Callable[[], float] = time.monotonic,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        """clock_s: goes on whatever the host's clock does; wall_s: the time that members are told.

        Both in seconds.
        """
        self._clock_s = clock_s
        self._wall_s = wall_s
        self._over_s: OrderedDict[int, float] = OrderedDict()

    def take(self, user_id: int) -> None:
        """The member has something sent once more; TooFast says when they may."""
        now_s = self._clock_s()
        over_s = max(self._over_s.get(user_id, now_s), now_s) + EVERY_S
        wait_s = over_s - now_s - MOST * EVERY_S
        if wait_s > 0:
            again = f"<t:{int(self._wall_s() + wait_s) + 1}:R>"
            raise TooFast(
                Sentence(
                    "You had many pictures sent again in a short time. This works again {again}; "
                    "nothing is lost.",
                    again=again,
                )
            )
        self._over_s[user_id] = over_s
        self._over_s.move_to_end(user_id)
        if len(self._over_s) > _REMEMBERED:
            self._over_s.popitem(last=False)
