"""English sentences → the language of a member or a server.

What is shown in private is said in the member's language, what stands in a channel in the server's.
"""

from __future__ import annotations

import gettext
from collections.abc import Mapping
from types import MappingProxyType

from bot.locale import catalogue
from engine import Sentence

DEFAULT = "en"

LANGUAGES: Mapping[str, gettext.NullTranslations] = MappingProxyType(
    {locale: catalogue.compiled(catalogue.read(locale)) for locale in catalogue.LOCALES}
)
"""By locale. English needs none: it is what the code says."""


def supported(discord_locale: str) -> str:
    """The locale whose sentences suit Discord's, such as "en-GB"; English where there is none."""
    language = discord_locale.split("-", maxsplit=1)[0].lower()
    return language if language in LANGUAGES else DEFAULT


def translated(text: str, locale: str) -> str:
    """The text in the language; what is no `Sentence`, or has no translation, stays as it is."""
    if not isinstance(text, Sentence) or locale not in LANGUAGES:
        return text
    return text.said(LANGUAGES[locale])
