"""A file on its way from a person to the bot."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that a person attaches."""

    filename: str
    data: bytes
