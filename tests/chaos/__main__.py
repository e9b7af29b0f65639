"""`python -m tests.chaos`: kill the bot again and again, then look from outside whether all is well.

Members order while the real bot process, in a playground's Discord, is killed by SIGKILL at random
moments and at named points. The last line is one line of figures; the exit status is 1 where they are
not what they must be.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import os
import random
import sys
import tempfile
import uuid
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from playground.refusal import Refused
from playground.testbed import Testbed, is_grid
from tests.chaos import invariants
from tests.chaos.bot_under_test import POINTS

BOT = str(Path(__file__).with_name("bot_under_test.py"))
ROOT = str(Path(__file__).parents[2])
NEXT_TO_DIE_S = 60.0
"""How long a named point may take to be passed."""
SETTLED_S = 300.0


class Members:
    """People who order all the time, whether or not the bot is there."""

    def __init__(self, testbed: Testbed, chance: random.Random, *, every_s: float) -> None:
        self._testbed, self._chance, self._every_s = testbed, chance, every_s
        self._people = [testbed.member(name) for name in ("ansel", "dora", "gordon", "daido")]
        self._numbers = itertools.count(1)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._chance.uniform(0, 2 * self._every_s))
            bot = self._testbed.bot
            if bot is None or bot.exit_code is not None:
                continue
            with contextlib.suppress(Refused):
                self._order()

    def _order(self) -> None:
        who, channel = self._chance.choice(self._people), self._testbed.general
        grids = [m for m in self._testbed.bot_messages() if is_grid(m)]
        if grids and self._chance.random() < 0.2:
            who.click(channel, self._chance.choice(grids).id, "V1")
        else:
            prompt = f"a red cat number {next(self._numbers)}"
            who.slash(channel, "imagine", {"prompt": prompt})


def plan(kills: int, chance: random.Random) -> list[str]:
    """Where each death is: "" at a random moment, or the name of a point, all equally often."""
    each = max(1, kills // (2 * len(POINTS)))
    named = list(POINTS) * each if kills >= 2 * len(POINTS) else [*POINTS][: kills // 2]
    deaths = [*named, *[""] * (kills - len(named))]
    chance.shuffle(deaths)
    return deaths


async def kill(testbed: Testbed, point: str, environment: dict[str, str], chance) -> None:
    """One life of the bot, and its death."""
    fuse = {"CHAOS_POINT": point, "CHAOS_NTH": str(chance.randint(1, 4))}
    await testbed.start_bot([sys.executable, BOT], environment=environment | fuse)
    if not point:
        await asyncio.sleep(chance.uniform(0, 2.5))
        await testbed.kill_bot()
        return
    try:
        async with asyncio.timeout(NEXT_TO_DIE_S):
            await testbed.bot.wait()
    except TimeoutError:
        await testbed.kill_bot()
        print(f"the point {point} was not passed within {NEXT_TO_DIE_S:.0f} s", file=sys.stderr)


async def run(arguments: argparse.Namespace, url: str, folder: Path) -> bool:
    chance = random.Random(arguments.seed)
    environment = {
        "DATA_DIR": str(folder / "data"),
        "DATABASE_URL": url,
        "DEVICE": "cpu",
        "TRIAL_CREDITS": "1000000",
        "TRIAL_AFTER_DAYS": "0",
        "CHAOS_ENGINE": arguments.engine,
        "PYTHONPATH": ROOT,
    }
    async with Testbed() as testbed:
        members = Members(testbed, chance, every_s=0.2 if arguments.engine == "fake" else 4.0)
        ordering = asyncio.create_task(members.run())
        try:
            for number, point in enumerate(plan(arguments.kills, chance), 1):
                await kill(testbed, point, environment, chance)
                left = await invariants.open_jobs(url)
                print(f"kill {number:3}: {point or 'at random':10} {left:3} jobs open", flush=True)
        finally:
            ordering.cancel()
        await testbed.start_bot([sys.executable, BOT], environment=environment)
        async with asyncio.timeout(SETTLED_S):
            while await invariants.open_jobs(url):
                await asyncio.sleep(0.5)
        await testbed.wait_until_idle(timeout_s=SETTLED_S)
        await testbed.stop_bot()
        found = await invariants.look(testbed, url)
        if not found.holds:
            print(testbed.transcript.text()[-20000:], file=sys.stderr)
    print(f"{found.left_waiting} messages say that they wait though nothing does")
    print(found.line(arguments.kills))
    return found.holds


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
    parser.add_argument("--kills", type=int, default=90)
    parser.add_argument("--engine", choices=("fake", "own"), default="fake")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument(
        "--postgres", action="store_true", help="on the server that POSTGRES_URL names"
    )
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}")
    server = os.environ["POSTGRES_URL"] if arguments.postgres else ""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        async with database(server, Path(folder)) as url:
            return 0 if await run(arguments, url, Path(folder)) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
