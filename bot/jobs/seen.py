"""Who may see what a job draws, as its words and its channel were judged when it was ordered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bot.jobs.records import FOUND, JobRow
from bot.moderation.moderation import Passed

_SPOILER, _NSFW = "spoiler", "nsfw"
_FROM_NSFW = "from_nsfw"


def with_passed(
    resolved: Mapping[str, Any], passed: Passed, made_from: Sequence[JobRow]
) -> dict[str, Any]:
    """The resolved words as they are stored; what is drawn over a covered picture is covered too,
    and what is drawn over one for adults stays among them.

    made_from: the jobs whose pictures it is drawn from. What it may show is judged anew.
    """
    judged = (_SPOILER, _NSFW, _FROM_NSFW)
    kept = {name: value for name, value in resolved.items() if name not in judged}
    if passed.spoiler or any(map(is_spoiler, made_from)):
        kept[_SPOILER] = True
    if passed.nsfw:
        kept[_NSFW] = True
    if any(map(is_nsfw, made_from)):
        kept[_FROM_NSFW] = True
    return kept


def with_found(row: JobRow, found: str, *, spoiler: bool) -> str:
    """The resolved words of a job as they are stored once words were found for its pictures.

    spoiler: whether a rule covers what these show.
    """
    resolved = {**json.loads(row.resolved), FOUND: found}
    if spoiler:
        resolved[_SPOILER] = True
    return json.dumps(resolved, ensure_ascii=False)


def found(row: JobRow) -> str:
    """The words that were found for the pictures that it mixes, or that what it goes on from was
    drawn with; empty: none.
    """
    return str(json.loads(row.resolved).get(FOUND, ""))


def is_spoiler(row: JobRow) -> bool:
    """Whether its pictures are hidden until somebody clicks."""
    return bool(json.loads(row.resolved).get(_SPOILER))


def is_nsfw(row: JobRow) -> bool:
    """Whether its pictures stay in channels where adult content is allowed: it was ordered in one,
    or is made from what was.
    """
    return may_be_adult(row) or bool(json.loads(row.resolved).get(_FROM_NSFW))


def may_be_adult(row: JobRow) -> bool:
    """Whether it was ordered where adult content is allowed."""
    return bool(json.loads(row.resolved).get(_NSFW))
