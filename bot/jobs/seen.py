"""Who may see what a job draws, as its words and its channel were judged when it was ordered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bot.jobs.records import JobRow
from bot.moderation.moderation import Passed

_SPOILER, _NSFW = "spoiler", "nsfw"


def with_passed(
    resolved: Mapping[str, Any], passed: Passed, parent: JobRow | None
) -> dict[str, Any]:
    """The resolved words as they are stored; what is drawn over a covered picture is covered too.

    parent: the job whose pictures it is drawn from. Where it may be seen is judged anew.
    """
    kept = {name: value for name, value in resolved.items() if name not in (_SPOILER, _NSFW)}
    if passed.spoiler or (parent is not None and is_spoiler(parent)):
        kept[_SPOILER] = True
    if passed.nsfw:
        kept[_NSFW] = True
    return kept


def is_spoiler(row: JobRow) -> bool:
    """Whether its pictures are hidden until somebody clicks."""
    return bool(json.loads(row.resolved).get(_SPOILER))


def is_nsfw(row: JobRow) -> bool:
    """Whether it was ordered where adult content is allowed: its pictures stay in such channels."""
    return bool(json.loads(row.resolved).get(_NSFW))
