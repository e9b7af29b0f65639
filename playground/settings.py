"""How the playground is started: the variables PLAYGROUND_PORT, DATA_DIR and DISCORD_OPENAPI."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import darkroom

DEFAULT_PORT = 8080
DEFAULT_DATA_DIR = Path("data/playground")
ENV_FILE = Path(".env")


class BadSetting(Exception):
    """A variable with a value that cannot be used; the text names both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the playground is started."""

    port: int  # 0 takes a free one
    data_dir: Path
    openapi: Path | None = None  # Discord's API description, to which requests are compared
    command: Sequence[str] | None = None  # the bot's, default `python -m bot`


def load(environment: Mapping[str, str] = os.environ, env_file: Path = ENV_FILE) -> Settings:
    """Read the settings; BadSetting says in one sentence which variable is wrong.

    An empty value counts as unset. PLAYGROUND_PORT may also stand in `.env`; the environment comes
    first. DATA_DIR and DISCORD_OPENAPI come from the environment alone: the DATA_DIR in `.env`
    belongs to the real bot, and the playground must not change the real bot's data.
    """
    return Settings(
        port=_port(environment.get("PLAYGROUND_PORT") or _from_file(env_file, "PLAYGROUND_PORT")),
        data_dir=Path(environment.get("DATA_DIR") or DEFAULT_DATA_DIR),
        openapi=_openapi(environment.get("DISCORD_OPENAPI")),
    )


def _from_file(env_file: Path, name: str) -> str | None:
    return darkroom.env_values(env_file).get(name)


def _port(text: str | None) -> int:
    if not text:
        return DEFAULT_PORT
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= 65535):
        raise BadSetting(f"PLAYGROUND_PORT must be a port from 0 to 65535, not {text!r}.")
    return int(text)


def _openapi(text: str | None) -> Path | None:
    if not text:
        return None
    if not Path(text).is_file():
        raise BadSetting(f"DISCORD_OPENAPI names no file: {text}. Unset it or correct it.")
    return Path(text)
