"""The languages members read: English in the code, the others in a gettext catalogue each."""

from bot.locale.translation import DEFAULT, LANGUAGES, supported, translated

__all__ = ["DEFAULT", "LANGUAGES", "supported", "translated"]
