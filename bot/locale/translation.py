"""English sentences → the language of a member or a server.

What is shown in private is said in the member's language, what stands in a channel in the server's.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from engine import Sentence

DEFAULT = "en"

CATALOGUES: Mapping[str, Mapping[str, str]] = MappingProxyType({})
"""Locale → template of a sentence → the same template in that language. English needs none."""


def supported(discord_locale: str) -> str:
    """The locale whose sentences suit Discord's, such as "en-GB"; English where there is none."""
    language = discord_locale.split("-", maxsplit=1)[0].lower()
    return language if language in CATALOGUES else DEFAULT


def translated(text: str, locale: str) -> str:
    """The text in the language; what is no `Sentence`, or has no translation, stays as it is."""
    if not isinstance(text, Sentence):
        return text
    catalogue = CATALOGUES.get(locale, {})
    return text.said(lambda template: catalogue.get(template, template))
