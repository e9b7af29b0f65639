"""A server's settings as a file, and back: checked as the commands check them."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

import discord
from pydantic import BaseModel, ConfigDict, Field, ValidationError

import engine
from bot import locale
from bot.credits.periods import PERIODS
from bot.credits.plans import ALL_MODELS, SELLABLE, Plan
from bot.credits.quotas import Quota
from bot.credits.server_plans import NamedPlan
from bot.errors import UserError
from bot.moderation.phrases import Level, Rule, key_of
from bot.moderation.words import MOST_RULES, OWN_LEVELS, SWITCHED
from bot.preferences import (
    ALLOWED,
    BUTTONS,
    CHANNELS,
    DEFAULT_MODEL,
    DENIED_MODELS,
    FORBIDDEN,
    GIFTS,
    LANGUAGE,
    OWNERS,
    REMIX,
    RULES,
    STEALTH,
    WORD_CATEGORIES,
)
from bot.prompt.markdown import harmless
from bot.ui.replies import is_age_restricted, lacking
from bot.ui.server_state import FIRST_NAMES, NAMES, ServerState
from engine import Sentence

MOST_BYTES = 512 * 1024
MOST_RULES_CHARACTERS = 1200
"""Of the text that members accept."""
_MOST_CHANNELS, _MOST_QUOTAS = 200, 1000
_ID_DIGITS = 19
"""Of Discord's ids, which are below 2⁶³."""
_UNKEPT = frozenset({"Cc", "Cs"})
"""Characters that no database or message takes: control characters and halves of a pair."""
_SHOWN, _SHOWN_LINES = 60, 40
_MOST_CENTS = 100_000_000
_VALUES: Mapping[str, tuple[str, ...]] = {
    BUTTONS: (OWNERS,),
    GIFTS: (ALLOWED,),
    REMIX: (FORBIDDEN,),
    STEALTH: (FORBIDDEN,),
    LANGUAGE: (locale.DEFAULT, *locale.LANGUAGES),
}

_Cents = Annotated[int, Field(ge=0, le=_MOST_CENTS)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Plan(_Strict):
    """As `/plan create` takes it. Amounts are in 1/100 credit."""

    name: Annotated[str, Field(min_length=1, max_length=32)]
    roles: list[str] = []
    monthly: _Cents = 0
    running: Annotated[int, Field(ge=1, le=100)] | None = None
    queued: Annotated[int, Field(ge=0, le=1000)] | None = None
    batch: Annotated[int, Field(ge=1, le=40)] | None = None
    fast: bool = True
    relax: bool = True
    turbo: bool = True
    relax_free: bool = False
    models: list[str] = [ALL_MODELS]
    price_percent: Annotated[int, Field(ge=1, le=1000)] = 100
    side_px: Annotated[int, Field(ge=1, le=16_384)] | None = None
    steps: Annotated[int, Field(ge=1, le=150)] | None = None


class _Quota(_Strict):
    role: str | None = None
    member: str | None = None
    """One of the two, by its id."""
    period: str
    amount: _Cents


class _File(_Strict):
    darkroom: Literal[1, 2]
    """The version of the form; the first one has settings alone, and not all of them."""
    server: str
    settings: dict[str, str]
    plans: list[_Plan] | None = None
    quotas: list[_Quota] | None = None
    words: list[str] | None = None
    """Each as a level, a comma and the phrase."""


def dump(guild_id: int, state: ServerState) -> bytes:
    """The file of a server; settings that are as at first are left out."""
    whole = {
        "darkroom": 2,
        "server": str(guild_id),
        "settings": dict(state.settings),
        "plans": [
            {"name": each.name, "roles": [str(role) for role in each.roles], **asdict(each.plan)}
            for each in state.plans
        ],
        "quotas": [
            {
                "role" if each.is_role else "member": str(each.subject_id),
                "period": each.period,
                "amount": each.amount,
            }
            for each in state.quotas
        ],
        "words": [f"{each.level},{each.phrase}" for each in state.words],
    }
    return (json.dumps(whole, indent=2, ensure_ascii=False) + "\n").encode()


def load(
    data: bytes, guild: discord.Guild, models: tuple[engine.ModelInfo, ...], before: ServerState
) -> ServerState:
    """What the file says; UserError if it is wrong. What it has no part for stays as `before`."""
    try:
        read = _File.model_validate(json.loads(data))
    except (ValueError, RecursionError, ValidationError):
        raise UserError(
            "This is no file of /config export: it must be JSON as that command writes it. Nothing "
            "was changed."
        ) from None
    if read.server != str(guild.id):
        raise UserError("This file is of another server. Nothing was changed.")
    for value in (
        *read.settings.values(),
        *(each.name for each in read.plans or ()),
        *(read.words or ()),
    ):
        if any(unicodedata.category(each) in _UNKEPT and each not in "\n\r\t" for each in value):
            raise UserError(
                "This is no file of /config export: it must be JSON as that command writes it. "
                "Nothing was changed."
            )
    names = FIRST_NAMES if read.darkroom == 1 else NAMES
    for name, value in read.settings.items():
        if name not in names or not (value == "" or _is_right(name, value, guild, models)):
            raise _wrong(name, value)
    settings = {name: value for name, value in read.settings.items() if value}
    settings |= {name: before.settings[name] for name in before.settings if name not in names}
    if settings.get(DEFAULT_MODEL, "-") in settings.get(DENIED_MODELS, "").split(","):
        raise UserError("The file's default model is one that it denies. Nothing was changed.")
    plans, quotas, words = read.plans, read.quotas, read.words
    return ServerState(
        settings=settings,
        plans=before.plans if plans is None else _plans(plans, guild, models),
        quotas=before.quotas if quotas is None else _quotas(quotas, guild),
        words=before.words if words is None else _words(words),
    )


def lines(before: ServerState, after: ServerState) -> list[Sentence]:
    """What changes, and to what; nothing where nothing does."""
    said = [
        Sentence(
            "`{name}`: {before} → {after}",
            name=name,
            before=_said(before.settings.get(name, "")),
            after=_said(after.settings.get(name, "")),
        )
        for name in NAMES
        if before.settings.get(name, "") != after.settings.get(name, "")
    ]
    old = {each.name.casefold(): each for each in before.plans}
    new = {each.name.casefold(): each for each in after.plans}
    for folded, plan in new.items():
        if folded not in old:
            said.append(Sentence("The plan {name} is added.", name=_bold(plan)))
        elif old[folded] != plan:
            said.append(Sentence("The plan {name} changes.", name=_bold(plan)))
    said += [
        Sentence("This deletes the plan {name}.", name=_bold(plan))
        for folded, plan in old.items()
        if folded not in new
    ]
    added, gone = set(after.quotas) - set(before.quotas), set(before.quotas) - set(after.quotas)
    if added or gone:
        said.append(Sentence("Quotas: {added} new, {gone} gone.", added=len(added), gone=len(gone)))
    rules, rules_gone = set(after.words) - set(before.words), set(before.words) - set(after.words)
    if rules or rules_gone:
        said.append(
            Sentence(
                "Phrases of this server's own: {added} new, {gone} gone.",
                added=len(rules),
                gone=len(rules_gone),
            )
        )
    if len(said) > _SHOWN_LINES:
        more = Sentence("… and {count} more", count=len(said) - _SHOWN_LINES)
        said = [*said[:_SHOWN_LINES], more]
    return said


def _bold(plan: NamedPlan) -> str:
    return f"**{harmless(plan.name)}**"


def _wrong(name: str, value: str) -> UserError:
    return UserError(
        Sentence(
            "The file says {name} is {value}, which cannot be set here. Nothing was changed.",
            name=f"`{_short(name)}`",
            value=f"`{_short(value)}`",
        )
    )


def _said(value: str) -> Sentence | str:
    return f"`{_short(value)}`" if value else Sentence("as at first")


def _short(text: str) -> str:
    text = text.encode(errors="replace").decode()  # halves of a pair cannot be sent
    text = " ".join(text.replace("`", "'").split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _plans(
    found: Iterable[_Plan], guild: discord.Guild, models: tuple[engine.ModelInfo, ...]
) -> tuple[NamedPlan, ...]:
    known = {ALL_MODELS, SELLABLE, *(each.name for each in models)}
    plans, names, bound = list[NamedPlan](), set[str](), set[int]()
    for each in found:
        values = each.model_dump(exclude={"name", "roles", "models"})
        for name in each.models or [""]:
            if name not in known:
                raise _wrong("models", name)
        roles = {_id(role, guild.get_role, "roles") for role in each.roles}
        folded = each.name.casefold()
        if folded in names or " ".join(each.name.split()) != each.name:
            raise _wrong("name", each.name)
        if roles & bound:
            raise _wrong("roles", ", ".join(each.roles))
        names.add(folded)
        bound |= roles
        plan = Plan(**values, models=tuple(dict.fromkeys(each.models)))
        plans.append(NamedPlan(name=each.name, plan=plan, roles=tuple(sorted(roles))))
    return tuple(sorted(plans, key=lambda plan: plan.name.casefold()))


def _quotas(found: Iterable[_Quota], guild: discord.Guild) -> tuple[Quota, ...]:
    quotas = dict[tuple[int, str], Quota]()
    for each in found:
        if (each.role is None) == (each.member is None) or each.period not in PERIODS:
            raise _wrong("quotas", str(each.model_dump()))
        if each.role is not None:
            subject = _id(each.role, guild.get_role, "role")
        else:
            subject = _id(each.member or "", lambda number: number, "member")
        if (subject, each.period) in quotas:
            raise _wrong("quotas", f"{subject} {each.period}")
        quotas[subject, each.period] = Quota(
            subject_id=subject,
            is_role=each.role is not None,
            period=each.period,
            amount=each.amount,
        )
    if len(quotas) > _MOST_QUOTAS:
        raise _wrong("quotas", str(len(quotas)))
    order = sorted(quotas.values(), key=lambda q: (not q.is_role, q.subject_id, q.period))
    return tuple(order)


def _words(found: Iterable[str]) -> tuple[Rule, ...]:
    rules = dict[str, Rule]()
    for each in found:
        level, _, phrase = each.partition(",")
        if level not in OWN_LEVELS or phrase != phrase.strip():
            raise _wrong("words", each)
        key = key_of(phrase)
        if key in rules:
            raise _wrong("words", each)
        rules[key] = Rule(phrase=phrase, level=Level(level))
    if len(rules) > MOST_RULES:
        raise _wrong("words", str(len(rules)))
    return tuple(rules.values())


def _id(text: str, known: Callable[[int], object], name: str) -> int:
    """The id that the text is, of what is known here."""
    if not _is_number(text):
        raise _wrong(name, text)
    number = int(text)
    if number >= 2**63 or known(number) in (None, 0):
        raise _wrong(name, text)
    return number


def _is_number(text: str) -> bool:
    """Whether it may be an id."""
    return text.isascii() and text.isdecimal() and len(text) <= _ID_DIGITS


def _is_right(
    name: str, value: str, guild: discord.Guild, models: tuple[engine.ModelInfo, ...]
) -> bool:
    if name in _VALUES:
        return value in _VALUES[name]
    drawing = {each.name for each in models if each.installed and "text" in each.operations}
    checks: dict[str, Callable[[], bool]] = {
        DEFAULT_MODEL: lambda: value in {each.name for each in models if each.installed},
        DENIED_MODELS: lambda: (
            set(value.split(",")) <= {each.name for each in models}
            and bool(drawing - set(value.split(",")))
        ),
        RULES: lambda: value == value.strip() and len(value) <= MOST_RULES_CHARACTERS,
        CHANNELS: lambda: _are_channels(value, guild),
        WORD_CATEGORIES: lambda: _are_categories(value),
    }
    return checks.get(name, lambda: _may_post(guild, value))()


def _are_channels(value: str, guild: discord.Guild) -> bool:
    """Whether it names channels of this server, and adult ones only where Discord has them so."""
    lists = _object(value)
    if lists is None or not set(lists) <= {"allowed", "denied", "nsfw"}:
        return False
    if not all(
        isinstance(ids, list) and all(type(each) is int for each in ids) for ids in lists.values()
    ):
        return False
    named = {each: guild.get_channel(each) for ids in lists.values() for each in ids}
    return (
        None not in named.values()
        and len(named) <= _MOST_CHANNELS
        and not set(lists.get("allowed", ())) & set(lists.get("denied", ()))
        and all(is_age_restricted(named[each]) for each in lists.get("nsfw", ()))
    )


def _are_categories(value: str) -> bool:
    switched = _object(value)
    return (
        switched is not None
        and set(switched) <= {str(each) for each in SWITCHED}
        and all(isinstance(on, bool) for on in switched.values())
    )


def _object(value: str) -> dict[str, Any] | None:
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _may_post(guild: discord.Guild, channel_id: str) -> bool:
    """Whether it is the id of a channel of this server that the bot may post in."""
    if not _is_number(channel_id):
        return False
    channel: Any = guild.get_channel(int(channel_id))
    return isinstance(channel, discord.TextChannel) and not lacking(
        channel.permissions_for(guild.me), channel
    )
