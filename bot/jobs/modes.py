"""How soon a job is drawn and who may see it: as its prompt says, else as its member has set.

That holds for every kind of job. What a member sets, by a command such as /stealth, a button of
/settings or a suffix, is one setting, and what was set last counts.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import engine
from bot.jobs.batches import Item
from bot.jobs.records import JobRow
from bot.preferences import FAST, SPEEDS, Member
from bot.prompt.grammar import parse
from bot.prompt.resolved import as_json
from bot.prompt.written_out import rewritten

_NAME = "modes"
"""Of the modes in `resolved`."""
_KEPT = ("relax",)
"""Speeds of an earlier job's words that count in what goes on from it."""
_NAMED = (*SPEEDS, "stealth", "public")
"""The parameters that ask for modes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Modes:
    """Of one job."""

    speed: str = FAST
    """One of `preferences.SPEEDS`."""
    stealth: bool = False
    """Nobody but its member may see the job."""

    @property
    def lane(self) -> engine.Lane:
        return engine.Lane[self.speed.upper()]


def of_member(member: Member) -> Modes:
    """Of a job whose prompt says nothing of it."""
    return Modes(speed=member.speed, stealth=member.stealth)


def of_suffix(suffix: str, own: Modes) -> tuple[str, Modes]:
    """The suffix without the modes that it asks for, and what the member's modes are with it.

    They are no part of a suffix, as that acts in prompts alone. PromptError as `grammar.parse`.
    """
    prompt = parse(f"x {suffix}")
    rest = rewritten(prompt, dict.fromkeys(_NAMED, "")).removeprefix("x").strip()
    return rest, asked(as_json(prompt), own)


def asked(parameters: Mapping[str, Any], own: Modes) -> Modes:
    """What parameters of a prompt, by their long names, say; `own` where they say nothing."""
    speed = next((name for name in SPEEDS if parameters.get(name)), own.speed)
    stealth = own.stealth and not parameters.get("public")
    return Modes(speed=speed, stealth=stealth or bool(parameters.get("stealth")))


def settled(resolved: Mapping[str, Any], own: Modes) -> Modes:
    """Of a job with these resolved words, see `kinds.Written`.

    One that goes on as an earlier job was resolved stays relaxed where its words say so, but turbo
    is ordered anew by whoever pays for it; and it stays hidden where the earlier one was.
    """
    words, earlier = resolved.get("prompt", {}), resolved.get(_NAME)
    if earlier is None:
        return asked(words, own)
    speed = next((name for name in _KEPT if words.get(name)), own.speed)
    return Modes(speed=speed, stealth=own.stealth or earlier["stealth"])


def is_asked(resolved: Mapping[str, Any], speed: str) -> bool:
    """Whether the job's own words, not those of an earlier one, name this speed."""
    return _NAME not in resolved and bool(resolved.get("prompt", {}).get(speed))


def with_modes(resolved: Mapping[str, Any], modes: Modes) -> dict[str, Any]:
    """The resolved words as they are stored."""
    return {**resolved, _NAME: dataclasses.asdict(modes)}


def stored(resolved: Mapping[str, Any]) -> Modes:
    """Of a job with resolved words as they are stored."""
    if _NAME in resolved:
        return Modes(**resolved[_NAME])
    return asked(resolved.get("prompt", {}), Modes())  # by an earlier version


def of(row: JobRow | Item) -> Modes:
    """The job's."""
    return stored(json.loads(row.resolved))
