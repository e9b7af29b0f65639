"""`python -m bot.bench reply`: how fast members get their first reply while the engine is busy.

The bot and its engine run in this process, as they do in earnest; the members and their Discord in
another. The last line printed is one JSON object.

`python -m bot.bench prompt`: how the time to read a prompt grows with its length.

`python -m bot.bench ledger`: how many jobs a second the ledger can hold and settle credits for.

`python -m bot.bench flags`: whether flags do to doodle's pictures what they say.

`python -m bot.bench describe`: whether descriptions of doodle's pictures name what they show.

`python -m bot.bench shorten`: whether words that mean nothing are dropped.

`python -m bot.bench months`: how a year's jobs weigh on the database.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil

import engine
from bot import settings as settings_
from bot.app import new_client, new_engine
from bot.bench import describe, flags, ledger, months, prompt, shorten
from bot.settings import Settings
from bot.storage.database import Database
from bot.ui.client import Darkroom, use_api, use_gateway

BUSY_OWNERS = 4
LAG_EVERY_S = 0.01


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bot.bench", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    for name, help_ in (
        ("reply", "measure the first reply to /imagine"),
        ("members", "the other side of `reply`, started by it"),
    ):
        action = actions.add_parser(name, help=help_)
        action.add_argument("--commands", type=int, default=200)
        action.add_argument("--per-second", type=float, default=20.0)
        action.add_argument(
            "--warm-up-s",
            type=float,
            default=65.0,
            help="busy seconds before the first command; the engine's share is of the last minute",
        )
    actions.add_parser("prompt", help="measure how the time to read a prompt grows")
    action = actions.add_parser("ledger", help="measure holds and settlements beside sqlite3 alone")
    action.add_argument(
        "--pairs", type=int, default=5, help="of each task in each round (default: 5)"
    )
    action = actions.add_parser("flags", help="measure what flags do to doodle's pictures")
    action.add_argument("--prompts", type=int, default=50, help="five or more (default: 50)")
    action.add_argument("--steps", type=int, help="denoising steps, instead of the model's own")
    action = actions.add_parser("describe", help="measure what descriptions of pictures name")
    action.add_argument("--pictures", type=int, default=200, help="(default: 200)")
    action.add_argument("--steps", type=int, help="denoising steps, instead of the model's own")
    actions.add_parser("shorten", help="measure which words are dropped")
    action = actions.add_parser("months", help="measure a database that holds a year's jobs")
    action.add_argument("--jobs", type=int, default=2_000_000, help="(default: 2,000,000)")
    action.add_argument("--members", type=int, default=1000, help="(default: 1,000)")
    arguments = parser.parse_args()
    if arguments.action == "months":
        sys.exit(months.main(arguments.jobs, arguments.members))
    if arguments.action == "describe":
        sys.exit(describe.main(arguments.pictures, arguments.steps))
    if arguments.action == "shorten":
        sys.exit(shorten.main())
    if arguments.action == "flags":
        sys.exit(flags.main(arguments.prompts, arguments.steps))
    if arguments.action == "ledger":
        sys.exit(ledger.main(arguments.pairs))
    if arguments.action == "prompt":
        sys.exit(prompt.main())
    if arguments.action == "members":
        asyncio.run(_members(arguments.commands, arguments.per_second))
    else:
        figures = asyncio.run(_reply(arguments))
        for name, figure in figures.items():
            print(f"{name:20} {figure}")
        print(json.dumps(figures))


async def _reply(arguments: argparse.Namespace) -> dict[str, float]:
    async with contextlib.AsyncExitStack() as stack:
        members = await stack.enter_async_context(_other_side(arguments))
        assert members.stdout is not None  # both are pipes
        assert members.stdin is not None
        where = json.loads(await members.stdout.readline())
        folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        settings = settings_.load(None).model_copy(
            update={
                "data_dir": Path(folder),
                "database_url": "",
                "discord_api_url": where["DISCORD_API_URL"],
                "discord_gateway_url": where["DISCORD_GATEWAY_URL"],
                "trial_credits": 1_000_000.0,
                "max_queued": 1000,
            }
        )
        client = await _start(stack, settings, where["DISCORD_TOKEN"])
        for number in range(BUSY_OWNERS):
            busy = asyncio.create_task(_keep_busy(client, f"busy {number}"))
            stack.callback(busy.cancel)
        await asyncio.sleep(arguments.warm_up_s)
        lags: list[float] = []
        watching = asyncio.create_task(_watch_lag(lags))
        members.stdin.write(b"go\n")
        latencies_s = json.loads(await members.stdout.readline())
        watching.cancel()
        status = client.engine_client.status()
        return {
            "commands": len(latencies_s),
            "reply_p50_ms": round(1000 * statistics.median(latencies_s), 1),
            "reply_p99_ms": round(1000 * _percentile(latencies_s, 99), 1),
            "reply_max_ms": round(1000 * max(latencies_s), 1),
            "loop_lag_p99_ms": round(1000 * _percentile(lags, 99), 1),
            "engine_busy_share": round(status.busy_share, 3),
            "rss_mb": round(psutil.Process().memory_info().rss / 2**20),
        }


@contextlib.asynccontextmanager
async def _other_side(arguments: argparse.Namespace) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.bench", "members"),
        *("--commands", str(arguments.commands), "--per-second", str(arguments.per_second)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**22,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _start(stack: contextlib.AsyncExitStack, settings: Settings, token: str) -> Darkroom:
    use_api(settings.discord_api_url)
    use_gateway(settings.discord_gateway_url)
    database = Database(settings.database)
    stack.push_async_callback(database.close)
    await database.start()
    engine_client = new_engine(settings)
    await engine_client.start()
    client = new_client(settings, database=database, engine_client=engine_client)
    stack.push_async_callback(client.close)
    stack.push_async_callback(engine_client.close)
    await client.login(token)
    running = asyncio.create_task(client.connect())
    stack.callback(running.cancel)
    await client.wait_until_ready()
    return client


async def _keep_busy(client: Darkroom, owner: str) -> None:
    """Draw grid after grid, so that the device never rests."""
    installed = [model for model in client.engine_client.models() if model.installed]
    model = max(installed, key=lambda model: model.weight_bytes)  # the one that /imagine takes
    for number in range(1_000_000):
        job = engine.DrawJob(
            id=f"{owner} {number}",
            owner=owner,
            model=model.name,
            prompt=(engine.WeightedText(text="a red cat"),),
            width_px=model.width_px,
            height_px=model.height_px,
            steps=model.steps,
            guidance=model.guidance,
            seed=number,
        )
        async for _ in client.engine_client.run(job):
            pass


async def _watch_lag(lags: list[float]) -> None:
    """How much later than asked the event loop wakes a sleeper, again and again."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(LAG_EVERY_S)
        lags.append(time.perf_counter() - began - LAG_EVERY_S)


async def _members(commands: int, per_second: float) -> None:
    from playground.testbed import Testbed  # noqa: PLC0415 - the measured process needs none of it

    async with Testbed() as stage:
        print(json.dumps(stage.environment()), flush=True)
        await stage.wait_for_command("imagine", timeout_s=600)
        await asyncio.to_thread(sys.stdin.readline)
        people = [stage.member(name) for name in ("ansel", "dora", "gordon")]

        async def order(number: int) -> float:
            began = time.perf_counter()
            options = {"prompt": f"a red cat number {number}"}
            asked = people[number % len(people)].slash(stage.general, "imagine", options)
            await stage.wait_for_answer(asked, timeout_s=60)
            return time.perf_counter() - began

        orders, began = [], time.perf_counter()
        for number in range(commands):
            await asyncio.sleep(max(began + number / per_second - time.perf_counter(), 0))
            orders.append(asyncio.create_task(order(number)))
        print(json.dumps(await asyncio.gather(*orders)), flush=True)
        await asyncio.to_thread(sys.stdin.readline)


def _percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


if __name__ == "__main__":
    main()
