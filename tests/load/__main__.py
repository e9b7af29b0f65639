"""`python -m tests.load`: many members order at once, and what the bot makes of it.

The real bot runs in its own process, in a playground's Discord in this one, which keeps to
Discord's limits of rates. The last line is one JSON object. `--soak MINUTES`: twenty members do all
kinds of things for that long, once a second, while Discord fails now and then. The exit status is 1
where something was lost, or a figure is not what is aimed at.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import statistics
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from playground.testbed import Testbed
from tests.chaos import invariants
from tests.chaos.__main__ import BOT, environment_of
from tests.load.crowd import Crowd, people
from tests.load.plot import plot
from tests.load.watch import Watch, at_quarters

WORDS = {"fake": "a red cat number {n}", "own": "a red cat number {n} --draft --stop 10"}
"""What is ordered, by engine: of doodle the least that it can draw."""
OPEN = {"fake": {}, "own": {"MAX_RUNNING": "1", "MAX_QUEUED": "1"}}
"""How many jobs a member may have, by engine: two cores draw about one of doodle's a second."""
REPLY_P99_MS, JAIN = 500.0, 0.95
"""What is aimed at."""
GROWTH_MB = 12.0
"""The most that memory may grow in the second half of the orders, with the engine that pretends:
what doodle needs on its way comes and goes."""
SETTLED_WITHIN_S = 600.0
FAULT_EVERY_S = 15.0
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "status", "path": "/channels/", "status": 500, "times": 3},
    {"kind": "status", "path": "/channels/", "status": 503, "times": 5},
    {"kind": "rate_limit", "path": "/channels/", "seconds": 2.0},
    {"kind": "rate_limit", "seconds": 3.0, "everywhere": True},
    {"kind": "slow", "path": "/channels/", "seconds": 4.0, "times": 4},
    {"kind": "lost", "method": "POST", "path": r"/channels/\d+/messages$"},
    {"kind": "cut", "path": "/channels/", "times": 3},
    {"kind": "drop"},
    {"kind": "forget"},
    {"kind": "status", "method": "PATCH", "path": r"/channels/\d+/messages/", "status": 404},
)


async def measure(arguments: argparse.Namespace, engine: str) -> tuple[dict[str, Any], bool]:
    """The figures of one engine, and whether all is well."""
    chance = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        data = Path(folder)
        url, tasks = f"sqlite+aiosqlite:///{data / 'darkroom.db'}", data / "tasks"
        environment = environment_of(data, url, engine) | {
            "CHAOS_TASKS": str(tasks),
            **OPEN[engine],
        }
        async with Testbed(people=people(arguments.members)) as testbed:
            crowd = Crowd(testbed, arguments.members, chance)
            bot = await testbed.start_bot([sys.executable, BOT], environment=environment)
            await testbed.wait_for_command("imagine")
            watch = Watch(lambda: bot.pid, tasks, lambda: invariants.unsettled(url))
            async with asyncio.TaskGroup() as group:
                helping = [group.create_task(watch.run(5.0))]
                seconds = arguments.warm_up_s
                warming = {"per_second": 1.0, "seconds": seconds, "words": WORDS[engine]}
                await crowd.order(**warming, mixed=False)
                crowd.answers.latencies_s.clear()
                crowd.answers.by_member.clear()
                start = await watch.take()
                began = len(testbed.transcript)
                failing = None
                if arguments.soak:
                    failing = group.create_task(_fail_now_and_then(testbed, chance))
                await crowd.order(
                    per_second=arguments.per_second,
                    seconds=arguments.seconds,
                    words=WORDS[engine],
                    mixed=bool(arguments.soak),
                )
                shares = await _finished_by_member(url)
                ordered = await watch.take()
                if failing is not None:  # else faults would pile up where hardly anything is asked
                    failing.cancel()
                testbed.faults.clear()
                settled = await _settle(url)
                end = await watch.take()
                for task in helping:
                    task.cancel()
            edits = _edits_a_second(testbed, began)
            await testbed.stop_bot()
            found = await invariants.look(testbed, url, crowd.channels)
            print("".join(invariants.waiting(testbed, crowd.channels)), end="")
        if arguments.plot:
            plot(arguments.plot, watch.samples, testbed.faults.met, arguments)
    latencies = sorted(crowd.answers.latencies_s)
    taken_mb = at_quarters(watch.samples, start, ordered)
    figures = {
        "engine": engine,
        "members": arguments.members,
        "seconds": arguments.seconds,
        "commands": crowd.answers.sent,
        "unanswered": crowd.answers.unanswered,
        "reply_p50_ms": _ms(statistics.median(latencies)),
        "reply_p99_ms": _ms(statistics.quantiles(latencies, n=100, method="inclusive")[98]),
        "finished_meanwhile": sum(shares.values()),
        "jain": jain([shares[member.id] for member in crowd.members]),
        "jain_at_best": jain(_even(sum(shares.values()), arguments.members)),
        "accepted": found.accepted,
        "ended_once": found.ended_once,
        "all_settled": settled,
        "lost": found.lost,
        "double": found.double,
        "pinged_twice": found.pinged_twice,
        "credits_off": found.credits_off,
        "left_waiting": found.left_waiting,
        "faults_met": len(testbed.faults.met),
        "edits_a_second_at_most": edits,
        "rss_mb_start": start.rss_mb,
        "rss_mb_end": end.rss_mb,
        "anon_mb_at_quarters": taken_mb,
        "tasks_start": start.tasks,
        "tasks_end": end.tasks,
        "descriptors_start": start.descriptors,
        "descriptors_end": end.descriptors,
        "bot_cpu_s": round(end.cpu_s - start.cpu_s, 1),
        "load_average": round(os.getloadavg()[0], 1),
    }
    for name, figure in figures.items():
        print(f"{name:24} {figure}", flush=True)
    quick = bool(arguments.soak) or figures["reply_p99_ms"] <= REPLY_P99_MS
    flat = engine != "fake" or taken_mb[4] - taken_mb[2] <= GROWTH_MB
    well = settled and found.holds and quick and flat
    fair = figures["jain"] >= JAIN * figures["jain_at_best"]
    return figures, well and (bool(arguments.soak) or fair)


def jain(shares: list[int]) -> float:
    """Jain's index of fairness: 1 where all have as much, 1/n where one has all."""
    squares = len(shares) * sum(share * share for share in shares)
    return round(sum(shares) ** 2 / squares, 4) if squares else 0.0


def _even(total: int, count: int) -> list[int]:
    """So many jobs, shared out as evenly as whole jobs can be."""
    each, left = divmod(total, count)
    return [each + 1] * left + [each] * (count - left)


async def _finished_by_member(url: str) -> Counter[int]:
    rows = await invariants.rows(
        url, "SELECT user_id, count(*) FROM jobs WHERE outcome = 'finished' GROUP BY user_id"
    )
    return Counter(dict(map(tuple, rows)))


async def _settle(url: str) -> bool:
    """Wait for what is open or owed; whether it came to an end."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SETTLED_WITHIN_S):
            while await invariants.unsettled(url):  # noqa: ASYNC110 - another process
                await asyncio.sleep(1)
            await asyncio.sleep(3)  # the last messages are deleted
            return True
    return False


async def _fail_now_and_then(testbed: Testbed, chance: random.Random) -> None:
    while True:
        await asyncio.sleep(chance.uniform(0, 2 * FAULT_EVERY_S))
        testbed.faults.add(**chance.choice(FAULTS))


def _edits_a_second(testbed: Testbed, began: int) -> int:
    """The most edits of messages by the bot in one second, without first replies."""
    edits = Counter(
        int(entry.at.timestamp())
        for entry in list(testbed.transcript)[began:]
        if entry.kind == "update" and entry.author_id == testbed.bot_id and "%" in entry.text
    )
    return max(edits.values(), default=0)


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 1)


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--members", type=int, default=200)
    parser.add_argument("--per-second", type=float, default=20.0)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--engine", choices=("fake", "own", "both"), default="both")
    parser.add_argument(
        "--soak", type=float, default=0, metavar="MINUTES", help="mixed, with faults"
    )
    parser.add_argument("--plot", type=Path, help="an SVG file")
    parser.add_argument("--warm-up-s", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.soak:
        arguments.seconds = 60 * arguments.soak
        arguments.members, arguments.per_second, arguments.engine = 20, 1.0, "fake"
    every = ("fake", "own") if arguments.engine == "both" else (arguments.engine,)
    measured = [await measure(arguments, each) for each in every]
    figures = [each for each, _ in measured]
    print(json.dumps(figures[0] if len(figures) == 1 else {e["engine"]: e for e in figures}))
    return 0 if all(well for _, well in measured) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
