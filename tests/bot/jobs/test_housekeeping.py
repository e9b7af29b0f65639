"""Periodic work goes on whatever happens to a part of it."""

import asyncio
import contextlib
import logging

from bot.jobs.housekeeping import Chore, Housekeeping


async def test_a_chore_that_fails_is_tried_again_and_stops_no_other(caplog):
    done, slept, turns = [], [], asyncio.Semaphore(0)

    async def breaks():
        done.append("breaks")
        raise RuntimeError("no disk")

    async def works():
        done.append("works")

    async def sleep(seconds):
        slept.append(seconds)
        await turns.acquire()

    chores = (Chore(name="a", every_s=5, work=breaks), Chore(name="b", every_s=7, work=works))
    running = asyncio.create_task(Housekeeping(chores, sleep=sleep).run())
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            turns.release()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
    assert done.count("breaks") >= 2
    assert done.count("works") >= 2
    assert set(slept) == {5, 7}
    assert "housekeeping: a failed" in caplog.text
    assert not running.done()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
