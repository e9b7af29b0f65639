"""What messages about a job say, in the words members know."""

from __future__ import annotations

import re

import engine
from bot.jobs.records import JobRow
from bot.prompt.grammar import LINK

CONTENT_CHARACTERS = 2000
"""Of one Discord message."""
_PROMPT_CHARACTERS = 1200
_SHOWN_CHARACTERS = 1600
_MARKUP = re.compile(r"([\\*_~|`\[\]])")


def quoted(row: JobRow) -> str:
    """The prompt in bold on one line, its Markdown made harmless; empty where it has no words."""
    words = " ".join(row.prompt.split())
    if words.startswith("--"):
        return ""
    if len(words) > _PROMPT_CHARACTERS:
        words = words[: _PROMPT_CHARACTERS - 1] + "…"
    shown = _plain(words)
    if len(shown) > _SHOWN_CHARACTERS:
        shown = shown[:_SHOWN_CHARACTERS].rstrip("\\") + "…"
    return f"**{shown}**" if shown else ""


def _plain(words: str) -> str:
    """No Markdown in it acts, and its links are links that show no preview."""
    pieces = LINK.split(words)
    pieces[::2] = [_MARKUP.sub(r"\\\1", piece) for piece in pieces[::2]]
    pieces[1::2] = [f"<{link}>" for link in pieces[1::2]]
    return "".join(pieces)


def headline(row: JobRow, *statuses: str) -> str:
    """`**prompt** - @member (31%) (fast)`, or `**prompt** - Variations (Strong) by @member (…)`."""
    bold = f"{words} - " if (words := quoted(row)) else ""
    by = f"{row.title} by " if row.title else ""
    return f"{bold}{by}<@{row.user_id}>" + "".join(f" ({status})" for status in statuses)


def with_notes(content: str, notes: str) -> str:
    """`content` with the notes in small print below, as far as a message holds them."""
    small = "".join(f"\n-# {line}" for line in notes.splitlines() if line)
    return f"{content}{small}"[:CONTENT_CHARACTERS]


def status_of(event: engine.Event | None) -> str:
    """What a progress message says in brackets."""
    match event:
        case engine.Progress(done=done, total=total):
            return f"{100 * done // max(total, 1)}%"
        case engine.Started():
            return "0%"
        case engine.Queued(position=position) if position:
            return f"Waiting to start, {position} before it"
        case _:
            return "Waiting to start"
