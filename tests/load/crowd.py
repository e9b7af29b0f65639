"""Many members of a playground's server, and how long the bot takes to answer each of them."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from playground.discord_state import ADMIN, Person
from playground.refusal import Refused
from playground.testbed import Testbed, is_grid

FIRST_ID = 1_100_000_000_000_001_000
MEMBERS_OF_A_THREAD = 5
"""Discord takes about a message a second in one channel, so they are in many."""
ANSWERED_WITHIN_S = 30.0
"""Discord waits for three; what comes later is counted as none, and how late is still told."""


def people(count: int) -> list[Person]:
    """The owner, who orders nothing, and so many members."""
    members = [
        Person(id=FIRST_ID + n, name=f"m{n}", display_name=f"Member {n}", locale="en-US")
        for n in range(count)
    ]
    return [ADMIN, *members]


@dataclass(slots=True, kw_only=True)
class Answers:
    """What became of the commands."""

    sent: int = 0
    latencies_s: list[float] = field(default_factory=list)
    """Until each first response."""
    unanswered: int = 0
    refused: int = 0
    """By the playground itself, such as a button whose message was deleted."""
    by_member: Counter[int] = field(default_factory=Counter)


class Crowd:
    """Members who each are in one of many threads."""

    def __init__(self, testbed: Testbed, count: int, chance: random.Random) -> None:
        self._testbed, self._chance = testbed, chance
        self.members = [testbed.member(f"m{n}") for n in range(count)]
        self.channels = self._open(-(-count // MEMBERS_OF_A_THREAD))
        self.answers = Answers()
        self._numbers = itertools.count(1)
        self._asking: set[asyncio.Task[None]] = set()

    def _open(self, count: int) -> list[int]:
        general, owner = self._testbed.general, self._testbed.admin
        found = []
        for number in range(count):
            opening = owner.write(general, f"thread {number}")
            found.append(owner.start_thread(general, opening.id, opening.content).id)
        return found

    async def order(self, *, per_second: float, seconds: float, words: str, mixed: bool) -> None:
        """Members order by turns. mixed: not only with /imagine."""
        began = asyncio.get_running_loop().time()
        for number in range(round(per_second * seconds)):
            due_s = began + number / per_second
            await asyncio.sleep(max(0.0, due_s - asyncio.get_running_loop().time()))
            act = self._chance.choice(self._others()) if mixed else self._imagine
            task = asyncio.create_task(self._ask(number % len(self.members), act, words))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
        if self._asking:
            await asyncio.wait(self._asking)

    async def _ask(self, number: int, act: Callable, words: str) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        self.answers.sent += 1
        try:
            asked = act(number, words)
        except Refused:
            self.answers.refused += 1
            return
        try:
            async with asyncio.timeout(ANSWERED_WITHIN_S):
                # Polled: a hundred waiters that look at each change would be most of the work.
                while not asked.responded:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        except TimeoutError:
            self.answers.unanswered += 1
        else:
            self.answers.latencies_s.append(clock() - began)
            self.answers.by_member[number] += 1

    def _others(self) -> list[Callable]:
        """What members do, as often as it stands here."""
        return [
            *[self._imagine] * 5,
            self._vary,
            self._enlarge,
            self._reroll,
            self._show,
            self._info,
        ]

    def _channel(self, number: int) -> int:
        return self.channels[number // MEMBERS_OF_A_THREAD]

    def _imagine(self, number: int, words: str):
        prompt = f"{words.format(n=next(self._numbers))}"
        return self.members[number].slash(self._channel(number), "imagine", {"prompt": prompt})

    def _press(self, number: int, label: str):
        channel = self._channel(number)
        grids = [m for m in self._testbed.bot_messages(channel)[-30:] if is_grid(m)]
        if not grids:
            raise Refused("no grid is here yet")
        return self.members[number].click(channel, self._chance.choice(grids).id, label)

    def _vary(self, number: int, _: str):
        return self._press(number, "V1")

    def _enlarge(self, number: int, _: str):
        return self._press(number, "U2")

    def _reroll(self, number: int, _: str):
        return self._press(number, "🔄")

    def _show(self, number: int, _: str):
        return self.members[number].slash(self._channel(number), "show", {"job": "favourites"})

    def _info(self, number: int, _: str):
        return self.members[number].slash(self._channel(number), "info", {})
