"""What messages about a job say, in the words members know."""

from __future__ import annotations

from discord.utils import snowflake_time, utcnow

import engine
from bot import locale
from bot.jobs import codec, modes
from bot.jobs.batches import BatchRow, Item
from bot.jobs.records import JobRow, Outcome
from bot.prompt.markdown import harmless
from engine import Sentence

CONTENT_CHARACTERS = 2000
"""Of one Discord message."""
ALT_CHARACTERS = 1000
"""Of the words for who does not see an attachment; Discord takes 1024."""
EDITABLE_S = 55 * 60
"""Discord all but forbids editing messages older than an hour (30046)."""
_ahead_s = [0.0]
"""Seconds by which this machine's clock is ahead of Discord's; behind: below 0."""
_PROMPT_CHARACTERS = 1200
_SHOWN_CHARACTERS = 1600


def quoted(row: JobRow | BatchRow) -> str:
    """The prompt in bold on one line, its Markdown made harmless; empty where it has no words."""
    words = " ".join(row.prompt.split())
    if words.startswith("--"):
        return ""
    if len(words) > _PROMPT_CHARACTERS:
        words = words[: _PROMPT_CHARACTERS - 1] + "…"
    shown = harmless(words)
    if len(shown) > _SHOWN_CHARACTERS:
        shown = shown[:_SHOWN_CHARACTERS].rstrip("\\") + "…"
    return f"**{shown}**" if shown else ""


def headline(row: JobRow | BatchRow, *statuses: Sentence) -> str:
    """`**prompt** - @member (31%) (fast)`, or `**prompt** - Variations (Strong) by @member (…)`."""
    bold = f"{words} - " if (words := quoted(row)) else ""
    member = f"<@{row.user_id}>"
    by = Sentence("{title} by {member}", title=row.title, member=member) if row.title else member
    said = "".join(f" ({locale.translated(status, row.locale)})" for status in statuses)
    return f"{bold}{locale.translated(by, row.locale)}{said}"


def with_notes(content: str, notes: str) -> str:
    """`content` with the notes in small print below, as far as a message holds them."""
    small = "".join(f"\n-# {line}" for line in notes.splitlines() if line)
    return f"{content}{small}"[:CONTENT_CHARACTERS]


def status_of(event: engine.Event | None) -> Sentence:
    """What a progress message says in brackets."""
    match event:
        case engine.Progress(done=done, total=total):
            return Sentence("{percent}%", percent=100 * done // max(total, 1))
        case engine.Started(loading=title) | engine.Queued(position=0, loading=title) if title:
            return Sentence("Loading {title}…", title=title)
        case engine.Translating():
            return Sentence("Translating")
        case engine.Started():
            return Sentence("{percent}%", percent=0)
        case engine.Queued(position=position) if position:
            return Sentence("Waiting to start, {count} before it", count=position)
        case _:
            return Sentence("Waiting to start")


def outcome_of(row: JobRow) -> Sentence:
    """How the job ended, in brackets."""
    match row.outcome:
        case Outcome.CANCELLED:
            return Sentence("cancelled")
        case Outcome.FAILED:
            return Sentence("failed")
        case Outcome.FINISHED | Outcome.OPEN:
            return speed_of(row)


def has_seed(row: JobRow) -> bool:
    """Whether the job's pictures came from a seed: a network enlarges without one."""
    return not codec.is_enlargement(row.stored)


def speed_of(row: JobRow | Item) -> Sentence:
    """The mode it was ordered in, in brackets."""
    match modes.of(row).lane:
        case engine.Lane.RELAX:
            return Sentence("relax")
        case engine.Lane.TURBO:
            return Sentence("turbo")
        case engine.Lane.FAST:
            return Sentence("fast")


def age_s(message_id: int) -> float:
    """Seconds since Discord gave out the id, by its own clock as far as that is known."""
    return (utcnow() - snowflake_time(message_id)).total_seconds() - _ahead_s[0]


def note_clock(fresh_id: int) -> None:
    """Learn from an id that Discord has just given out how far this machine's clock is ahead.

    A clock that is an hour ahead would make every message look too old to be edited.
    """
    _ahead_s[0] = (utcnow() - snowflake_time(fresh_id)).total_seconds()
