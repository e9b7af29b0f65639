"""Calendar days and months, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

DAY, MONTH = "day", "month"
PERIODS = (DAY, MONTH)


def month_of(now_ms: int) -> int:
    """The calendar month, such as 202611."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    return now.year * 100 + now.month


def began_ms(period: str, now_ms: int) -> int:
    """When the day or month began, in milliseconds since 1970."""
    return int(_began(period, now_ms).timestamp() * 1000)


def ends_s(period: str, now_ms: int) -> int:
    """When the next day or month begins, in seconds since 1970."""
    longest = timedelta(days=32 if period == MONTH else 1)
    began = _began(period, now_ms) + longest
    return int((began.replace(day=1) if period == MONTH else began).timestamp())


def _began(period: str, now_ms: int) -> datetime:
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    day = 1 if period == MONTH else now.day
    return now.replace(day=day, hour=0, minute=0, second=0, microsecond=0)
