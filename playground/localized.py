"""Commands in one language, as Discord shows them to a member who reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def localized(command: Mapping[str, Any], locale: str) -> dict[str, Any]:
    """A command, an option or a choice with its texts in the locale, where the bot gave them.

    The description is replaced. A name stays, as the bot is told it, and stands beside it as
    `name_localized` where it is shown in another form.
    """
    shown = dict(command)
    description = (command.get("description_localizations") or {}).get(locale)
    if description is not None:
        shown["description"] = description
    name = (command.get("name_localizations") or {}).get(locale)
    if name is not None:
        shown["name_localized"] = name
    for part in ("options", "choices"):
        if part in command:
            shown[part] = [localized(each, locale) for each in command[part]]
    return shown
