"""One fault each: what the bot's log says of it, what two members see, what the ledger shows.

All of it is read from a run of the real bot, so that a page can be written of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from simcord.backend.models import EPHEMERAL_FLAG, Message

from playground.testbed import BotEnded, Testbed, in_progress, is_grid
from tests.chaos import invariants, postgres
from tests.chaos.__main__ import BOT, environment_of
from tests.chaos.bot_under_test import LOST
from tests.chaos.faults import (
    FULL_S,
    Fault,
    clock_set_back,
    database_locked,
    disk,
    disk_full,
    disk_read_only,
    second_bot,
    started_read_only,
)

DRAWN, MEANWHILE = "a red cat number 1", "a blue boat number 2"
STEP_S = 0.3
"""Of the 16 steps of a grid: it is still being drawn when the fault begins."""
MEANWHILE_AFTER_S = 4.0
"""The fault has begun by then, on a busy machine too, and is not over."""
SETTLED_WITHIN_S = 300.0
STARTS = 4
"""How often a supervisor has to start it, at most: three deaths of one job, and once more."""


@dataclass(frozen=True, kw_only=True)
class Story:
    """What goes wrong while one picture is drawn; another one is ordered some seconds later."""

    fault: str
    around: Fault | None = None
    """What happens around the bot."""
    point: str = ""
    """Where it dies, see `bot_under_test.POINTS`; nothing is ordered meanwhile then."""
    words: str = ""
    """Of the first prompt, in place of the usual ones."""
    own_disk: bool = False
    postgresql: bool = False


@dataclass(frozen=True, kw_only=True)
class Told:
    """A row of the page."""

    says: str
    drawn: str
    meanwhile: str
    ledger: str

    def cells(self) -> str:
        return f"{self.says} | {self.drawn} | {self.meanwhile} | {self.ledger}"


STORIES = (
    *(
        Story(fault=f"the process is killed {where}", point=point)
        for point, where in {
            "held": "when an order is accepted, before its first reply",
            "decoding": "when the pictures are drawn, while they are decoded",
            "stored": "when their files are written, before they are on record",
            "settling": "while it writes down that they are done and paid",
            "settled": "when they are on record, before they are posted",
            "posted": "when they are posted, before that is on record",
        }.items()
    ),
    Story(fault="a job kills the process each time it is drawn", words="poison"),
    Story(fault="the device is lost: nothing can be drawn in this process any more", point=LOST),
    Story(fault="the disk is full for 10 seconds", around=disk_full, own_disk=True),
    Story(
        fault="the folder of the pictures is read-only for 10 seconds",
        around=disk_read_only,
        own_disk=True,
    ),
    Story(fault="another process locks the database for 30 seconds", around=database_locked),
    Story(
        fault="`DATA_DIR` is read-only when the process starts after a kill",
        around=started_read_only,
        own_disk=True,
    ),
    Story(fault="PostgreSQL is away for 10 seconds", postgresql=True),
    Story(fault="the clock is set back by an hour", around=clock_set_back),
    Story(fault="a second bot is started on the same database", around=second_bot),
)


async def tell(story: Story, folder: Path) -> Told:
    """Let it happen. folder: an empty one."""
    async with AsyncExitStack() as stack:
        data = folder / "data"
        if story.own_disk:
            await stack.enter_async_context(disk(data))
        url, around = f"sqlite+aiosqlite:///{data / 'darkroom.db'}", story.around
        if story.postgresql:
            at = postgres.programs()
            assert at is not None
            server = stack.enter_context(postgres.serving(at))
            url, around = server.url, _restarted(server)
        environment = environment_of(data, url, "fake") | {
            "LOG_FORMAT": "json",
            "CHAOS_STEP_S": str(STEP_S),
            "CHAOS_POINT": story.point,
        }
        echo = io.StringIO()
        testbed = await stack.enter_async_context(Testbed(echo=echo))
        run = _Run(testbed, url, environment)
        await run.start()
        await run.tell(story, around, data)
        return Told(
            says=_said(echo.getvalue(), run.ends, run.said).replace(str(data), "DATA_DIR"),
            drawn=run.seen(0),
            meanwhile=run.seen(1),
            ledger=await run.ledger(),
        )


class _Run:
    """A bot, the two orders, and what comes of them."""

    def __init__(self, testbed: Testbed, url: str, environment: dict[str, str]) -> None:
        self._testbed, self._url, self._environment = testbed, url, environment
        self._members = [testbed.member(name) for name in ("dora", "gordon")]
        self._asked: list = []
        self._words: list[str] = []
        self.ends: list[int] = []
        """The bot's exit codes."""
        self.said = ""
        """By another process."""

    async def start(self) -> None:
        await self._testbed.start_bot(
            [sys.executable, BOT], environment=self._environment, connect_within_s=180
        )
        await self._testbed.wait_for_command("imagine")

    async def tell(self, story: Story, around: Fault | None, data: Path) -> None:
        bot = self._testbed.bot
        if story.point:
            os.kill(bot.pid, signal.SIGUSR1)
            await asyncio.sleep(0.2)
        self._order(f"{story.words} {DRAWN}".strip())
        if story.words:
            self._order(MEANWHILE)
        elif around is not None:
            await self._testbed.wait_for_message(lambda message: "%" in message.content)
            happening = asyncio.create_task(self._happen(around, data))
            await asyncio.sleep(MEANWHILE_AFTER_S)
            self._order(MEANWHILE)
            await happening
        else:
            await bot.wait()
        await self._settle()

    async def _happen(self, around: Fault, data: Path) -> None:
        async with around(self._testbed, data, self._environment) as said:
            self.said = said

    def _order(self, prompt: str) -> None:
        who = self._members[len(self._asked)]
        self._words.append(prompt)
        self._asked.append(who.slash(self._testbed.general, "imagine", {"prompt": prompt}))

    async def _settle(self) -> None:
        """Until all is ended and told, with a supervisor that starts the bot again."""
        said = -1
        self._environment["CHAOS_POINT"] = ""
        async with asyncio.timeout(SETTLED_WITHIN_S):
            while said != len(self._testbed.transcript) or await self._unsettled():
                said = len(self._testbed.transcript)
                code = self._testbed.bot.exit_code
                if code is not None:
                    assert len(self.ends) < STARTS, self.ends
                    self.ends.append(code)
                    with contextlib.suppress(BotEnded):
                        await self.start()
                await asyncio.sleep(2)
        await self._testbed.stop_bot()
        assert not any(map(in_progress, self._testbed.bot_messages())), "no message waits for ever"

    async def _unsettled(self) -> int:
        return await invariants.unsettled(self._url)

    def seen(self, number: int) -> str:
        """What came of an order, in the end, for who gave it."""
        if number >= len(self._asked):
            return "–"
        asked, member, words = self._asked[number], self._members[number], self._words[number]
        told = [] if asked.responded else ["no first reply"]
        for message in self._testbed.bot_messages():
            if words in message.content and is_grid(message):
                told.append(f"the grid, {self._mentions(message.id, member.id)}")
            elif words in message.content or self._is_private(message, member.id):
                told.append(f"“{_plain(_text(message), words, member.mention)}”")
        return ", then ".join(told) or "nothing"

    def _is_private(self, message: Message, member_id: int) -> bool:
        return bool(message.flags & EPHEMERAL_FLAG) and message.visible_to(member_id)

    def _mentions(self, message_id: int, member_id: int) -> str:
        entries = self._testbed.transcript.of(message_id=message_id)
        pings = sum(member_id in entry.pings for entry in entries)
        return {0: "without a mention", 1: "mentioned once"}.get(pings, f"mentioned {pings} times")

    async def ledger(self) -> str:
        told = []
        for words in self._words:
            entries = await invariants.rows(
                self._url,
                "SELECT entries.kind, entries.amount, holds.state FROM jobs "
                "JOIN holds ON holds.job_id = jobs.id JOIN entries ON entries.job_id = jobs.id "
                f"WHERE prompt = '{words}' ORDER BY entries.id",
            )
            moved = ", ".join(f"{each.kind} {each.amount / 100:+g}" for each in entries)
            told.append(f"{moved}: {entries[0].state}" if entries else "no entry")
        return "; ".join(told) if len(set(told)) > 1 else told[0] + ", each" * (len(told) > 1)


def _restarted(server: postgres.Server) -> Fault:
    @contextlib.asynccontextmanager
    async def restarted(*_: object) -> AsyncIterator[str]:
        await asyncio.to_thread(server.stop)
        await asyncio.sleep(FULL_S)
        await asyncio.to_thread(server.start)
        yield ""

    return restarted


def _text(message: Message) -> str:
    parts = [message.content, *(embed.get("description", "") for embed in message.embeds)]
    return " ".join(filter(None, parts))


def _plain(content: str, words: str, mention: str) -> str:
    lines = content.replace(words, "…").replace(mention, "@member").splitlines()
    return " ".join(line.removeprefix("-# ") for line in lines)


_OF_JOBS = re.compile(r"job [a-z2-7]{16}")
_ENDS = {75: "it ends with status 75", 1: "it ends with status 1", -9: "it dies"}


def _said(lines: str, ends: Sequence[int], elsewhere: str) -> str:
    """How the bot ended, and what its log says of jobs, without what is another each time."""
    told = [f"{_ENDS[code]}{_times(count)}" for code, count in Counter(ends).items()]
    said = [elsewhere] if elsewhere else []
    for line in lines.splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            record = json.loads(line)
            of_job = _OF_JOBS.match(record["message"])
            if record["level"] == "CRITICAL" or (of_job and record["level"] != "INFO"):
                # What follows a second colon is the system's own words, which differ.
                plain = ":".join(record["message"].split(":")[:2])
                said.append(_OF_JOBS.sub("job …", plain))
    return "; ".join([*told, *(f"“{each}”" for each in dict.fromkeys(said))]) or "nothing"


def _times(count: int) -> str:
    return "" if count == 1 else f", {count} times"
