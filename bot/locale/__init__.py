"""The languages members read."""

from bot.locale.translation import DEFAULT, supported, translated

__all__ = ["DEFAULT", "supported", "translated"]
