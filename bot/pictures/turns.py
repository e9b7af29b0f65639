"""So many at a time, and members in turn: one who sends much does not keep the others waiting."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator

from bot.errors import QueueFull
from engine import Sentence

MOST_OF_A_MEMBER = 60
"""Pictures of one member that wait or are worked at; the largest batch has fewer links."""


class Turns:
    """Like a semaphore, but fair between members."""

    def __init__(self, at_once: int, *, of_a_member: int) -> None:
        """at_once: for all together; of_a_member: for each."""
        self._at_once, self._of_a_member = at_once, of_a_member
        self._running: Counter[int] = Counter()
        self._waiting: OrderedDict[int, deque[asyncio.Future[None]]] = OrderedDict()

    @contextlib.asynccontextmanager
    async def turn(self, member: int) -> AsyncIterator[None]:
        """Wait for a turn and hold it; QueueFull where the member has too much under way."""
        line = self._waiting.get(member, ())
        if len(line) + self._running[member] >= MOST_OF_A_MEMBER:
            raise QueueFull(
                Sentence(
                    "{count} of your pictures are still being fetched. Send this again when they "
                    "are there.",
                    count=len(line) + self._running[member],
                )
            )
        if not self._may_begin(member):
            await self._wait(member)
        else:
            self._running[member] += 1
        try:
            yield
        finally:
            self._running[member] -= 1
            self._running += Counter()  # forget who has none
            self._hand_on()

    def _may_begin(self, member: int) -> bool:
        return (
            sum(self._running.values()) < self._at_once
            and self._running[member] < self._of_a_member
        )

    async def _wait(self, member: int) -> None:
        turn = asyncio.get_running_loop().create_future()
        line = self._waiting.setdefault(member, deque())
        line.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was given and is not wanted any more
                self._running[member] -= 1
                self._hand_on()
            elif turn in line:
                line.remove(turn)
                self._forget(member)
            raise

    def _hand_on(self) -> None:
        """Let those begin for whom there is room, one of each member in turn."""
        while (member := next(filter(self._may_begin, self._waiting), None)) is not None:
            line = self._waiting[member]
            turn = line.popleft()
            self._waiting.move_to_end(member)
            self._forget(member)
            if not turn.done():
                self._running[member] += 1
                turn.set_result(None)

    def _forget(self, member: int) -> None:
        if not self._waiting.get(member, True):
            del self._waiting[member]
