"""`python -m tests.chaos`: kill the bot again and again, then look from outside if all is well.

Members order while the real bot process, in a playground's Discord, is killed by SIGKILL at random
moments, at named points and by an order that kills it each time it is drawn. The last line has the
figures; the exit status is 1 where they are not what they must be.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import itertools
import operator
import os
import random
import signal
import sys
import tempfile
import traceback
import uuid
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from playground.refusal import Refused
from playground.testbed import BotEnded, Testbed, in_progress, is_grid
from tests.chaos import invariants
from tests.chaos.bot_under_test import POINTS
from tests.chaos.faults import FAULTS, OF_DISKS, Fault, disk
from tests.chaos.invariants import Found

BOT = str(Path(__file__).with_name("bot_under_test.py"))
ROOT = str(Path(__file__).parents[2])
RANDOM = "at random"
THREADS = 3
PATIENCE = 8
"""How many messages of one channel may be in progress; above that nobody orders more there."""
POISON = "poison"
POISONS = ("poison at once", "poison")
"""Orders that kill whatever draws them, by turns: in the first pass, and in the middle."""
POISON_KILLS = 3
"""The deaths after which the job that caused them is given up."""
SLOW_S, SLOW_SHARE = 4.0, 0.3
"""In some lives orders take so long, at most, that their first replies are put off."""
CONNECTED_WITHIN_S = 180.0
DIES_WITHIN_S = 90.0
SUSPECTS_WITHIN_S = 600.0
SETTLED_WITHIN_S = 300.0
SETTLED_WITHIN_S_EACH = {"fake": 5.0, "own": 60.0}
"""What each job that is left is given besides, by engine."""


class Members:
    """People who order all the time, whether or not the bot is there."""

    def __init__(self, testbed: Testbed, chance: random.Random, *, every_s: float) -> None:
        self._testbed, self._chance, self._every_s = testbed, chance, every_s
        self._people = [testbed.member(name) for name in ("ansel", "dora", "gordon", "daido")]
        self._numbers = itertools.count(1)
        # Discord takes about one message a second in each channel, so they order in several.
        writer, general = self._people[0], testbed.general
        openings = [writer.write(general, f"thread {number}") for number in range(THREADS)]
        threads = [writer.start_thread(general, each.id, each.content) for each in openings]
        self.channels = (general, *(thread.id for thread in threads))
        self._since = 0

    def see_a_new_life(self) -> None:
        """What has been in progress until now may have lost its bot: nobody waits for it."""
        state = self._testbed.state
        self._since = max(max(state.messages[channel], default=0) for channel in self.channels)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._chance.uniform(0, 2 * self._every_s))
            bot = self._testbed.bot
            if bot is None or bot.exit_code is not None:
                continue
            channel = self._chance.choice(self.channels)
            messages = self._testbed.bot_messages(channel)
            grids = [message for message in messages if is_grid(message)]
            if sum(in_progress(each) for each in messages if each.id > self._since) > PATIENCE:
                continue
            if grids and self._chance.random() < 0.2:
                with contextlib.suppress(Refused):
                    who = self._chance.choice(self._people)
                    who.click(channel, self._chance.choice(grids).id, "V1")
            else:
                self.order("a red cat", channel)

    def order(self, words: str, channel: int) -> None:
        prompt = f"{words} number {next(self._numbers)}"
        with contextlib.suppress(Refused):
            who = self._chance.choice(self._people)
            who.slash(channel, "imagine", {"prompt": prompt})


def plan(kills: int, chance: random.Random, *, poison: bool) -> Iterator[str]:
    """How each death comes about: half of them at named points, all of these equally often."""
    poisoned = POISON_KILLS * max(kills // 30, kills >= len(POINTS) + POISON_KILLS) * poison
    each = max(1, (kills - poisoned) // (2 * len(POINTS)))
    named = [*POINTS] * each if kills >= len(POINTS) else []
    deaths = [*named, *[RANDOM] * (kills - len(named) - poisoned)]
    chance.shuffle(deaths)
    yield from deaths
    yield from [POISON] * poisoned


class Lives:
    """The bot's lives on one database."""

    def __init__(
        self, testbed: Testbed, members: Members, url: str, environment: dict[str, str]
    ) -> None:
        self._testbed, self._members, self._url = testbed, members, url
        self._environment = environment
        self._poisons = itertools.cycle(POISONS)

    async def live_and_die(
        self, death: str, chance: random.Random, *, nth: int, slow_s: float
    ) -> None:
        """slow_s: how long orders may take, at most."""
        point = death if death in POINTS else ""
        extra = {"CHAOS_POINT": point, "CHAOS_NTH": str(nth), "CHAOS_SLOW_S": str(slow_s)}
        try:
            process = await self._start(extra)
        except BotEnded:
            if death != POISON:
                raise
            return  # it took the poison up again before it was connected
        if death == POISON:
            if not await self._poisoned():
                self._members.order(next(self._poisons), self._testbed.general)
        else:
            # Three deaths by chance would look like one job's fault, which is not asked here.
            await self._without_suspects()
        if death == RANDOM:
            await asyncio.sleep(chance.uniform(0, 2.5))
            await self._testbed.kill_bot()
            return
        if point:
            os.kill(process.pid, signal.SIGUSR1)
        try:
            async with asyncio.timeout(DIES_WITHIN_S):
                await process.wait()
        except TimeoutError:
            await self._testbed.kill_bot()
            print(f"It did not die of {death} within {DIES_WITHIN_S:.0f} s; killed from outside.")

    async def settle(self) -> None:
        """All is ended, in more lives where the last one is over."""
        each_s = SETTLED_WITHIN_S_EACH[self._environment["CHAOS_ENGINE"]]
        within_s = SETTLED_WITHIN_S + each_s * await invariants.unsettled(self._url)
        said, lives = -1, 0
        try:
            async with asyncio.timeout(within_s):
                while await invariants.unsettled(self._url) or said != len(
                    self._testbed.transcript
                ):
                    if not self._lives() and lives <= POISON_KILLS:
                        lives += 1
                        with contextlib.suppress(BotEnded):
                            await self._start({})
                    said = len(self._testbed.transcript)
                    await asyncio.sleep(1.5)
        except TimeoutError:
            left = await invariants.unsettled(self._url)
            lines = self._testbed.bot.last_lines if self._testbed.bot is not None else ()
            print(f"{left} jobs are not settled after {within_s:.0f} s. The bot said:")
            print(*lines, sep="\n", flush=True)
        if self._testbed.bot is not None:
            await self._testbed.stop_bot()

    def _lives(self) -> bool:
        return self._testbed.bot is not None and self._testbed.bot.exit_code is None

    async def _without_suspects(self) -> None:
        """Wait until none is left; a death meanwhile would be a third one by chance."""
        try:
            async with asyncio.timeout(SUSPECTS_WITHIN_S):
                while self._lives() and await invariants.suspects(self._url):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise TimeoutError(f"There are suspects after {SUSPECTS_WITHIN_S:.0f} s.") from None

    async def _start(self, extra: dict[str, str]):
        process = await self._testbed.start_bot(
            [sys.executable, BOT],
            environment=self._environment | extra,
            connect_within_s=CONNECTED_WITHIN_S,
        )
        self._members.see_a_new_life()
        return process

    async def _poisoned(self) -> bool:
        statement = "SELECT 1 FROM jobs WHERE outcome = 'open' AND prompt LIKE '%poison%'"
        return bool(await invariants.rows(self._url, statement))


async def suffer(name: str, fault: Fault, seed: int) -> Found:
    """A life in which something goes wrong around the bot, and what is found after it."""
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        data = folder / "data"
        if fault in OF_DISKS:
            await stack.enter_async_context(disk(data))
        url = f"sqlite+aiosqlite:///{data / 'darkroom.db'}"
        environment = environment_of(data, url, "fake")
        testbed = await stack.enter_async_context(Testbed())
        members = Members(testbed, random.Random(seed), every_s=0.3)
        await testbed.start_bot([sys.executable, BOT], environment=environment)
        ordering = asyncio.create_task(members.run())
        try:
            await testbed.wait_for_message(is_grid, timeout_s=DIES_WITHIN_S)
            async with fault(testbed, data, environment):
                pass
            await asyncio.sleep(2)
        finally:
            ordering.cancel()
        await Lives(testbed, members, url, environment).settle()
        found = await invariants.look(testbed, url, members.channels)
        print(f"{name}: {found.line(0).removeprefix('kills=0 ')}", flush=True)
        print("".join(invariants.waiting(testbed, members.channels)), end="")
        if not found.holds:
            print(testbed.transcript.text(), file=sys.stderr)
        return found


def environment_of(data: Path, url: str, engine: str) -> dict[str, str]:
    """The variables of a bot on that database; engine: as CHAOS_ENGINE."""
    return {
        "DATA_DIR": str(data),
        "DATABASE_URL": url,
        "DEVICE": "cpu",
        "TRIAL_CREDITS": "1000000",
        "TRIAL_AFTER_DAYS": "0",
        "CHAOS_ENGINE": engine,
        "PYTHONPATH": ROOT,
    }


async def run(url: str, folder: Path, *, kills: int, engine: str, seed: int) -> tuple[int, Found]:
    """So many deaths, a life after them; how many they were, and what is found then."""
    chance = random.Random(seed)
    fake = engine == "fake"
    environment = environment_of(folder / "data", url, engine)
    async with Testbed() as testbed:
        members = Members(testbed, chance, every_s=0.2 if fake else 4.0)
        lives = Lives(testbed, members, url, environment)
        ordering = asyncio.create_task(members.run())
        died = 0
        with unbroken():
            for death in plan(kills, chance, poison=fake):
                nth = chance.randint(1, 4) if fake else 1
                slow_s = SLOW_S if chance.random() < SLOW_SHARE else 0.0
                await lives.live_and_die(death, chance, nth=nth, slow_s=slow_s)
                died += 1
                left = await invariants.unsettled(url)
                print(f"kill {died:3}: {death:10} {left:3} jobs open or owed", flush=True)
        ordering.cancel()
        with unbroken():
            await lives.settle()
        found = await invariants.look(testbed, url, members.channels)
        if not found.holds:
            print(testbed.transcript.text(), file=sys.stderr)
        print("".join(invariants.waiting(testbed, members.channels)), end="")
        return died, found


@contextlib.contextmanager
def unbroken() -> Iterator[None]:
    """What breaks off is printed; the last line comes all the same, and says too few kills."""
    try:
        yield
    except Exception:  # noqa: BLE001 - of any kind
        traceback.print_exc()


@contextlib.asynccontextmanager
async def database(server: str, folder: Path):
    """The address of an empty database: SQLite, or a new one on a PostgreSQL server."""
    if not server:
        yield f"sqlite+aiosqlite:///{folder / 'data' / 'darkroom.db'}"
        return
    name = f"chaos_{uuid.uuid4().hex}"
    engine = create_async_engine(server, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        async with engine.connect() as connection:
            await connection.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')
        await engine.dispose()


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=90, help="with an engine that only pretends")
    parser.add_argument("--doodle-kills", type=int, default=0, help="with the shipped model")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument(
        "--postgres", action="store_true", help="on the server that POSTGRES_URL names"
    )
    parser.add_argument("--faults", action="store_true", help="also what goes wrong around it")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}")
    server = os.environ["POSTGRES_URL"] if arguments.postgres else ""
    runs = {"fake": arguments.kills, "own": arguments.doodle_kills}
    found, died = [], 0
    for engine, kills in runs.items():
        if not kills:
            continue
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            async with database(server, Path(folder)) as url:
                where = (url, Path(folder))
                deaths, seen = await run(*where, kills=kills, engine=engine, seed=arguments.seed)
                died += deaths
                found.append(seen)
    for name, fault in FAULTS.items() if arguments.faults else ():
        if fault in OF_DISKS and os.getuid() != 0:
            print(f"{name}: not tried, only root may mount a disk")
            continue
        found.append(await suffer(name, fault, arguments.seed))
    every = functools.reduce(operator.add, found)
    print(f"{every.left_waiting} messages say that they wait though nothing does")
    print(every.line(died))
    return 0 if every.holds and died == sum(runs.values()) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
