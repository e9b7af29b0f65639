"""What must hold after any number of deaths, from outside: the database and what members saw."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from playground.testbed import Testbed, in_progress

MARK = re.compile(r"number (\d+)")
"""In every prompt that is typed here, each once."""
JOB = re.compile(r"^job:([a-z2-7]+):")
GIVEN_UP = "it was given up"
BROKE = "Something broke inside Darkroom"
"""The end of a job that no fault around the bot may bring about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    accepted: int
    """Jobs on record, and those of which only their member was told."""
    ended_once: int
    """Those that are over, with their hold, and of which one result is shown, if there is one."""
    lost: int
    """Told to be accepted and not on record, or drawn and shown to nobody."""
    double: int
    """Shown twice."""
    pinged_twice: int
    credits_off: int
    """Jobs whose entries are not what they cost, and purses that are not the sum of theirs."""
    innocent_given_up: int
    """Jobs that failed though nothing was wrong with them."""
    left_waiting: int
    """Messages that say that something is still being drawn."""

    def __add__(self, other: Found) -> Found:
        one, two = dataclasses.asdict(self), dataclasses.asdict(other)
        return Found(**{name: one[name] + two[name] for name in one})

    def line(self, kills: int) -> str:
        fields = dataclasses.asdict(self)
        del fields["left_waiting"]
        return " ".join(f"{name}={figure}" for name, figure in {"kills": kills, **fields}.items())

    @property
    def holds(self) -> bool:
        wrong = (self.lost, self.double, self.pinged_twice, self.credits_off, self.left_waiting)
        return self.accepted == self.ended_once and not any((*wrong, self.innocent_given_up))


async def rows(url: str, statement: str) -> list:
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            return list(await connection.execute(text(statement)))
    finally:
        await engine.dispose()


async def unsettled(url: str) -> int:
    """Jobs that have not ended, or whose end is still owed."""
    statement = "SELECT count(*) FROM jobs WHERE outcome = 'open' OR delivery = 'pending'"
    [(count,)] = await rows(url, statement)
    return count


async def suspects(url: str) -> int:
    """Open jobs that were drawn at two deaths."""
    statement = "SELECT count(*) FROM jobs WHERE outcome = 'open' AND attempts >= 2"
    [(count,)] = await rows(url, statement)
    return count


async def look(testbed: Testbed, url: str, channels: Sequence[int]) -> Found:
    jobs = await rows(
        url,
        "SELECT jobs.id, prompt, outcome, delivery, reason, state, settled, (SELECT "
        "coalesce(sum(entries.amount), 0) FROM entries WHERE entries.job_id = jobs.id) AS paid "
        "FROM jobs LEFT JOIN holds ON holds.job_id = jobs.id",
    )
    shown: Counter[str] = Counter()
    messages = [message for channel in channels for message in testbed.bot_messages(channel)]
    for message in messages:
        # What U and /show answer with is asked for, and no second result.
        asked = message.interaction_metadata is not None
        if message.attachments and not asked and not in_progress(message):
            shown[_job_of(_custom_ids(message))] += 1
    pings: dict[str, Counter[int]] = defaultdict(Counter)
    told = set()
    for entry in testbed.transcript:
        if "(Waiting to start)" in entry.text and (mark := MARK.search(entry.text)):
            told.add(mark.group(1))
        for user in entry.pings:
            pings[_job_of(entry.custom_ids) or str(entry.message_id)][user] += 1
    known = {mark.group(1) for job in jobs if (mark := MARK.search(job.prompt))}
    unknown = len(told - known)
    return Found(
        accepted=len(jobs) + unknown,
        ended_once=sum(_is_over(j) and shown[j.id] == (j.outcome == "finished") for j in jobs),
        lost=unknown + sum(not shown[j.id] for j in jobs if j.outcome == "finished"),
        double=sum(shown[job.id] > 1 for job in jobs),
        pinged_twice=sum(count > 1 for each in pings.values() for count in each.values()),
        credits_off=sum(map(_is_off, jobs)) + await purses_off(url),
        innocent_given_up=sum(map(_is_innocent, jobs)),
        left_waiting=len(waiting(testbed, channels)),
    )


def waiting(testbed: Testbed, channels: Sequence[int]) -> list[str]:
    """A line for each message that says that it waits."""
    return [
        f"message {message.id} waits: {message.content!r}, flags {message.flags}\n"
        for channel in channels
        for message in filter(in_progress, testbed.bot_messages(channel))
    ]


def _is_over(job) -> bool:
    closed = "settled" if job.outcome == "finished" else "released"
    return job.outcome != "open" and job.state == closed and job.delivery in ("posted", "kept")


def _is_innocent(job) -> bool:
    given_up = GIVEN_UP in job.reason and "poison" not in job.prompt
    return given_up or BROKE in job.reason


def _is_off(job) -> bool:
    return job.paid != -job.settled or (job.settled > 0) != (job.outcome == "finished")


async def purses_off(url: str) -> int:
    """How many purses are not the sum of their entries."""
    purses = await rows(
        url,
        "SELECT purses.available, (SELECT coalesce(sum(amount), 0) FROM entries WHERE "
        "entries.account_id = purses.account_id AND entries.purse = purses.kind) FROM purses",
    )
    return sum(available != total for available, total in purses)


def _custom_ids(message) -> list[str]:
    return [item.get("custom_id", "") for row in message.components for item in row["components"]]


def _job_of(custom_ids) -> str:
    return next((found.group(1) for each in custom_ids if (found := JOB.match(each))), "")
