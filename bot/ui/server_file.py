"""A server's settings as a file, and back: checked as the commands check them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Literal

import discord
from pydantic import BaseModel, ConfigDict, ValidationError

import engine
from bot import locale
from bot.errors import UserError
from bot.preferences import (
    ALLOWED,
    APPEAL_CHANNEL,
    AUDIT_CHANNEL,
    BUTTONS,
    DEFAULT_MODEL,
    DENIED_MODELS,
    FORBIDDEN,
    GIFTS,
    LANGUAGE,
    OWNERS,
    REMIX,
    STEALTH,
)
from bot.ui.replies import lacking
from engine import Sentence

MOST_BYTES = 64 * 1024
_SHOWN = 60
_VALUES: Mapping[str, tuple[str, ...]] = {
    BUTTONS: (OWNERS,),
    GIFTS: (ALLOWED,),
    REMIX: (FORBIDDEN,),
    STEALTH: (FORBIDDEN,),
    LANGUAGE: (locale.DEFAULT, *locale.LANGUAGES),
}
NAMES = (*_VALUES, DEFAULT_MODEL, DENIED_MODELS, AUDIT_CHANNEL, APPEAL_CHANNEL)
"""What the file holds. What a paused queue is, is not a setting."""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    darkroom: Literal[1]
    """The version of the form."""
    server: str
    settings: dict[str, str]


def dump(guild_id: int, settings: Mapping[str, str]) -> bytes:
    """The file of a server's settings; those that are as at first are left out."""
    held = {name: settings[name] for name in NAMES if settings.get(name)}
    whole = {"darkroom": 1, "server": str(guild_id), "settings": held}
    return (json.dumps(whole, indent=2, ensure_ascii=False) + "\n").encode()


def load(data: bytes, guild: discord.Guild, models: tuple[engine.ModelInfo, ...]) -> dict[str, str]:
    """Every setting as the file has it, empty where it is as at first; UserError if it is wrong."""
    try:
        read = _File.model_validate(json.loads(data))
    except (ValueError, RecursionError, ValidationError):
        raise UserError(
            "This is no file of /config export: it must be JSON as that command writes it. Nothing "
            "was changed."
        ) from None
    if read.server != str(guild.id):
        raise UserError("This file is of another server. Nothing was changed.")
    for name, value in read.settings.items():
        if name not in NAMES or not (value == "" or _is_right(name, value, guild, models)):
            raise UserError(
                Sentence(
                    "The file says {name} is {value}, which cannot be set here. Nothing was "
                    "changed.",
                    name=f"`{_short(name)}`",
                    value=f"`{_short(value)}`",
                )
            )
    settings = {name: read.settings.get(name, "") for name in NAMES}
    if settings[DEFAULT_MODEL] and settings[DEFAULT_MODEL] in settings[DENIED_MODELS].split(","):
        raise UserError("The file's default model is one that it denies. Nothing was changed.")
    return settings


def differing(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """What changes, and to what."""
    return {name: value for name, value in after.items() if value != before.get(name, "")}


def line(name: str, before: str, after: str) -> Sentence:
    """How one setting changes."""
    return Sentence(
        "`{name}`: {before} → {after}", name=name, before=_said(before), after=_said(after)
    )


def _said(value: str) -> Sentence | str:
    return f"`{_short(value)}`" if value else Sentence("as at first")


def _short(text: str) -> str:
    text = " ".join(text.replace("`", "'").split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


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
    }
    return checks.get(name, lambda: _may_post(guild, value))()


def _may_post(guild: discord.Guild, channel_id: str) -> bool:
    """Whether it is the id of a channel of this server that the bot may post in."""
    if not (channel_id.isascii() and channel_id.isdecimal()):
        return False
    channel: Any = guild.get_channel(int(channel_id))
    return isinstance(channel, discord.TextChannel) and not lacking(
        channel.permissions_for(guild.me), channel
    )
