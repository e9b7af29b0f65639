"""The bot as its operator starts it, but for what it draws with and when it dies.

CHAOS_POINT, CHAOS_NTH: where it kills itself, and at which arrival there after SIGUSR1.
CHAOS_SLOW_S: how many seconds orders wait at the most before they are taken.
CHAOS_STEP_S: how long a step of the fake engine takes.
CHAOS_TASKS: a file that is told every second how many tasks its event loop has.
CHAOS_ENGINE: "fake", whose steps take a moment, or "own", the engine of the settings. With the fake
one a prompt with the word "poison" kills the process when it is drawn, "poison at once" in its
first pass, before the engine can tell that it has begun.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import random
import signal
import sys
import time
from pathlib import Path

import bot.__main__ as bot_main
from bot.jobs import records
from bot.jobs.orders import Orders
from bot.jobs.runner import Runner
from bot.ui.client import Darkroom
from bot.ui.outbox import Outbox
from engine import DrawJob, FakeEngine, Finished

POINTS = ("held", "decoding", "stored", "settling", "settled", "posted")
"""After the hold; while decoding; after the files and before the commit; in the transaction that
settles; after the commit and before the post; after the post and before its mark."""
LOST = "lost"
"""A point in the middle of a drawing where not the process dies, but the fake engine's device."""
STEP_S = float(os.environ.get("CHAOS_STEP_S", "0.02"))
BACK_S = 3600
"""By how much SIGUSR2 sets the clock back."""


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Fuse:
    """Kills the process at the nth arrival at its point, once it is armed."""

    def __init__(self, point: str, nth: int) -> None:
        self._point, self._left = point, nth
        self.armed = False

    def arrive(self, point: str) -> None:
        if self.burns_at(point):
            die()

    def burns_at(self, point: str) -> bool:
        """Whether this is the arrival that it was set to."""
        if self.armed and point == self._point:
            self._left -= 1
            return self._left <= 0
        return False


class TimedEngine(FakeEngine):
    def __init__(self, fuse: Fuse) -> None:
        super().__init__(previews_every=4)  # they are not what is measured here
        self._fuse = fuse

    def _advance_by_itself(self) -> None:
        if self._runs:
            self.step()
            asyncio.get_running_loop().call_later(STEP_S, self._advance_by_itself)

    def _advance(self, run) -> None:
        super()._advance(run)
        prompt = run.job.prompt if isinstance(run.job, DrawJob) else ()
        text = " ".join(part.text for part in prompt)
        deadly = 0 if "poison at once" in text else run.total // 2
        if "poison" in text and run.done >= deadly:
            die()
        if run.done == run.total // 2 and self._fuse.burns_at(LOST):
            self.lose("CUDA error: an illegal memory access was encountered")

    def _end(self, run, end) -> None:
        if isinstance(end, Finished) and len(end.pictures) > 1:
            self._fuse.arrive("decoding")
        super()._end(run, end)
        # What it remembers for tests of other kinds would look like a leak of the bot's.
        self.jobs.clear()
        self.ends.clear()


class Clock:
    def __init__(self) -> None:
        self.back_s = 0

    def __call__(self) -> float:
        return time.time() - self.back_s

    def set_back(self, *_: object) -> None:
        self.back_s = BACK_S


def tell_tasks(file: Path) -> None:
    """How many tasks there are, each second, in a file that is always whole."""
    setup_hook = Darkroom.setup_hook

    async def tell() -> None:
        while True:
            fresh = file.with_suffix(".new")
            await asyncio.to_thread(fresh.write_text, str(len(asyncio.all_tasks())))
            fresh.replace(file)
            await asyncio.sleep(1)

    async def hooked(client: Darkroom) -> None:
        client.in_background(tell(), "telling the tasks")
        await setup_hook(client)

    Darkroom.setup_hook = hooked


def slow_down(owner, name: str, at_most_s: float) -> None:
    """Each call waits for a time by chance first, as on a machine that has much to do."""
    original = getattr(owner, name)

    @functools.wraps(original)
    async def wrapped(*arguments, **options):
        await asyncio.sleep(random.uniform(0, at_most_s))
        return await original(*arguments, **options)

    setattr(owner, name, wrapped)


def before(fuse: Fuse, point: str, owner, name: str) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapped(*arguments, **options):
        fuse.arrive(point)
        return original(*arguments, **options)

    setattr(owner, name, wrapped)


def after(fuse: Fuse, point: str, owner, name: str) -> None:
    original = getattr(owner, name)
    assert inspect.iscoroutinefunction(original)

    @functools.wraps(original)
    async def wrapped(*arguments, **options):
        result = await original(*arguments, **options)
        fuse.arrive(point)
        return result

    setattr(owner, name, wrapped)


def main() -> int:
    fuse = Fuse(os.environ.get("CHAOS_POINT", ""), int(os.environ.get("CHAOS_NTH", "1")))
    signal.signal(signal.SIGUSR1, lambda *_: setattr(fuse, "armed", True))
    slow_down(Orders, "accept", float(os.environ.get("CHAOS_SLOW_S", "0")))
    after(fuse, "held", Orders, "accept")
    after(fuse, "stored", Runner, "_store_result")
    after(fuse, "settling", records, "finish")
    before(fuse, "settled", Outbox, "owe")
    before(fuse, "posted", Outbox, "_record")
    if path := os.environ.get("CHAOS_TASKS"):
        tell_tasks(Path(path))
    clock = Clock()
    signal.signal(signal.SIGUSR2, clock.set_back)
    bot_main.new_client = functools.partial(bot_main.new_client, now_s=clock)
    if os.environ.get("CHAOS_ENGINE", "fake") == "fake":
        bot_main.new_engine = lambda _settings: TimedEngine(fuse)
    else:
        from engine.loop.decoding import Decoding

        before(fuse, "decoding", Decoding, "_begin")
    return bot_main.main([])


if __name__ == "__main__":
    sys.exit(main())
