"""Pictures are fetched a few at a time, and no member waits for all of another's."""

import asyncio

import pytest

from bot.errors import QueueFull
from bot.pictures.turns import MOST_OF_A_MEMBER, Turns

ANN, BEN = 1, 2


class Work:
    """Holds turns until it is told to end them; `begun` lists whose began, in order."""

    def __init__(self, turns):
        self.turns, self.begun, self.ends = turns, [], []

    def ask(self, member):
        return asyncio.create_task(self._hold(member))

    async def _hold(self, member):
        async with self.turns.turn(member):
            self.begun.append(member)
            end = asyncio.Event()
            self.ends.append(end)
            await end.wait()

    async def settle(self):
        for _ in range(10):
            await asyncio.sleep(0)

    async def end(self, number=1):
        for _ in range(number):
            self.ends.pop(0).set()
            await self.settle()


async def test_hanging_links_of_one_member_delay_nobody_else():
    work = Work(Turns(4, of_a_member=2))
    tasks = [work.ask(ANN) for _ in range(20)]
    await work.settle()
    tasks.append(work.ask(BEN))
    await work.settle()
    assert work.begun == [ANN, ANN, BEN]
    for task in tasks:
        task.cancel()


async def test_members_come_in_turn():
    work = Work(Turns(1, of_a_member=1))
    tasks = [work.ask(member) for member in (ANN, ANN, ANN, BEN, BEN)]
    await work.settle()
    await work.end(4)
    assert work.begun == [ANN, ANN, BEN, ANN, BEN]
    await work.end()
    await asyncio.gather(*tasks)


async def test_what_one_member_has_under_way_is_counted():
    work = Work(Turns(1, of_a_member=1))
    tasks = [work.ask(ANN) for _ in range(MOST_OF_A_MEMBER)]
    await work.settle()
    with pytest.raises(QueueFull, match=str(MOST_OF_A_MEMBER)):
        await work.ask(ANN)
    for task in tasks:
        task.cancel()


async def test_a_turn_that_is_cancelled_while_it_waits_or_is_given_is_not_lost():
    turns = Turns(1, of_a_member=1)
    work = Work(turns)
    first, second, third = work.ask(ANN), work.ask(ANN), work.ask(BEN)
    await work.settle()
    second.cancel()
    await work.settle()
    work.ends.pop(0).set()
    await asyncio.wait({first})
    third.cancel()  # perhaps just given
    await work.settle()
    last = work.ask(ANN)
    await work.settle()
    assert work.begun[-1] == ANN
    work.ends[-1].set()
    await last
    assert not turns._running
    assert not turns._waiting
