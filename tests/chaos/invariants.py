"""What must hold after any number of deaths, read from outside: the database and what members saw."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from playground.testbed import Testbed, in_progress

MARK = re.compile(r"number (\d+)")
"""In every prompt that is typed here, each once."""
JOB = re.compile(r"^job:([a-z2-7]+):")
GIVEN_UP = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    accepted: int
    ended_once: int
    lost: int
    """Told to be accepted and no job, or ended and not shown to its member."""
    double: int
    pinged_twice: int
    credits_off: int
    innocent_given_up: int
    left_waiting: int
    """Messages that say that something is still being drawn."""

    def line(self, kills: int) -> str:
        fields = ("accepted", "ended_once", "lost", "double", "pinged_twice", "credits_off")
        said = " ".join(f"{name}={getattr(self, name)}" for name in fields)
        return f"kills={kills} {said} innocent_given_up={self.innocent_given_up}"

    @property
    def holds(self) -> bool:
        wrong = (self.lost, self.double, self.pinged_twice, self.credits_off)
        return self.accepted == self.ended_once and not any(
            (*wrong, self.innocent_given_up, self.left_waiting)
        )


async def rows(url: str, statement: str) -> list:
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            return list(await connection.execute(text(statement)))
    finally:
        await engine.dispose()


async def open_jobs(url: str) -> int:
    """Jobs that have not ended, or whose end is still owed."""
    statement = "SELECT count(*) FROM jobs WHERE outcome = 'open' OR delivery = 'pending'"
    [(count,)] = await rows(url, statement)
    return count


async def look(testbed: Testbed, url: str) -> Found:
    jobs = await rows(
        url,
        "SELECT jobs.id, prompt, outcome, delivery, reason, state, settled, "
        "(SELECT coalesce(sum(entries.amount), 0) FROM entries WHERE entries.job_id = jobs.id) "
        "FROM jobs JOIN holds ON holds.job_id = jobs.id",
    )
    ids = {job.id for job in jobs}
    shown: Counter[str] = Counter()
    for message in testbed.bot_messages():
        if message.attachments and not in_progress(message):
            shown[_job_of(_custom_ids(message))] += 1
    pings: dict[str, Counter[int]] = defaultdict(Counter)
    told = set()
    for entry in testbed.transcript:
        if "(Waiting to start)" in entry.text and (mark := MARK.search(entry.text)):
            told.add(mark.group(1))
        for user in entry.pings:
            pings[_job_of(entry.custom_ids) or str(entry.message_id)][user] += 1
    known = {mark.group(1) for job in jobs if (mark := MARK.search(job.prompt))}
    delivered = [job for job in jobs if _is_over(job) and _is_shown(job, shown[job.id])]
    return Found(
        accepted=len(jobs),
        ended_once=len(delivered),
        lost=len(told - known) + sum(not shown[j.id] for j in jobs if j.outcome == "finished"),
        double=sum(shown[id_] > 1 for id_ in ids),
        pinged_twice=sum(count > 1 for each in pings.values() for count in each.values()),
        credits_off=await _credits_off(url, jobs),
        innocent_given_up=sum(GIVEN_UP in j.reason and "poison" not in j.prompt for j in jobs),
        left_waiting=sum(in_progress(message) for message in testbed.bot_messages()),
    )


def _is_over(job) -> bool:
    closed = "settled" if job.outcome == "finished" else "released"
    return job.outcome != "open" and job.state == closed and job.delivery in ("posted", "kept")


def _is_shown(job, times: int) -> bool:
    return times == (job.outcome == "finished")


async def _credits_off(url: str, jobs) -> int:
    """Jobs whose entries are not what they cost, and purses that are not the sum of their entries."""
    purses = await rows(
        url,
        "SELECT purses.available, (SELECT coalesce(sum(amount), 0) FROM entries WHERE "
        "entries.account_id = purses.account_id AND entries.purse = purses.kind) FROM purses",
    )
    wrong_jobs = sum(job[-1] != -job.settled for job in jobs)
    unpaid = sum((job.settled > 0) != (job.outcome == "finished") for job in jobs)
    return wrong_jobs + unpaid + sum(available != total for available, total in purses)


def _custom_ids(message) -> list[str]:
    return [item.get("custom_id", "") for row in message.components for item in row["components"]]


def _job_of(custom_ids) -> str:
    return next((found.group(1) for each in custom_ids if (found := JOB.match(each))), "")
