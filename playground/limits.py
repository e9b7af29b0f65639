"""The limits that Discord sets: rate limits, edits of old messages, repeated nonces."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from playground.simcord_bridge import Clock

GLOBAL_PER_S = 50
NONCE_LIFE = timedelta(minutes=5)
NONCE_LENGTH = 25
OLD_MESSAGE = timedelta(hours=1)
OLD_EDITS = 3
OLD_EDITS_WINDOW_S = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """At most `limit` requests in each window of `window_s` seconds, per major parameter."""

    name: str
    method: str
    path: re.Pattern[str]  # its first group is the major parameter
    limit: int
    window_s: float


def _rule(name: str, method: str, path: str, limit: int, window_s: float) -> Rule:
    pattern = re.compile(path + r"\Z")
    return Rule(name=name, method=method, path=pattern, limit=limit, window_s=window_s)


RULES = (
    _rule("send", "POST", r"/channels/(\d+)/messages", 5, 5.0),
    _rule("edit", "PATCH", r"/channels/(\d+)/messages/\d+", 5, 5.0),
    _rule("delete", "DELETE", r"/channels/(\d+)/messages/\d+", 5, 1.0),
    _rule("react", "PUT", r"/channels/(\d+)/messages/\d+/reactions/[^/]+/@me", 1, 0.25),
    _rule("webhook-send", "POST", r"/webhooks/\d+/([^/]+)", 5, 2.0),
    _rule("webhook-edit", "PATCH", r"/webhooks/\d+/([^/]+)/messages/[^/]+", 5, 2.0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a request is allowed, and the headers that say how many more are."""

    headers: dict[str, str]
    retry_after_s: float | None = None  # None: it is allowed
    is_global: bool = False


@dataclass(slots=True)
class _Window:
    ends: datetime
    used: int = 0


@dataclass(slots=True)
class RateLimits:
    """Counts requests by route and channel, as Discord's headers describe it."""

    clock: Clock
    rules: tuple[Rule, ...] = RULES
    global_per_s: int = GLOBAL_PER_S
    _windows: dict[tuple[str, str], _Window] = field(default_factory=dict)

    def check(self, method: str, path: str) -> Verdict:
        """Count one request; whether it is allowed."""
        if path.startswith("/interactions/"):  # a first response has no limit
            return Verdict(headers={})
        if not path.startswith("/webhooks/"):
            wait_s = self._take("global", "", self.global_per_s, 1.0)[1]
            if wait_s is not None:
                return Verdict(headers={}, retry_after_s=wait_s, is_global=True)
        for rule in self.rules:
            match = rule.path.match(path)
            if rule.method == method and match is not None:
                return self._verdict(rule, match.group(1))
        return Verdict(headers={})

    def _verdict(self, rule: Rule, major: str) -> Verdict:
        window, wait_s = self._take(rule.name, major, rule.limit, rule.window_s)
        reset_after_s = max(0.0, (window.ends - self.clock.now()).total_seconds())
        headers = {
            "X-RateLimit-Limit": str(rule.limit),
            "X-RateLimit-Remaining": str(max(0, rule.limit - window.used)),
            "X-RateLimit-Reset": f"{window.ends.timestamp():.3f}",
            "X-RateLimit-Reset-After": f"{reset_after_s:.3f}",
            "X-RateLimit-Bucket": rule.name,
        }
        return Verdict(headers=headers, retry_after_s=wait_s)

    def _take(
        self, name: str, major: str, limit: int, window_s: float
    ) -> tuple[_Window, float | None]:
        now = self.clock.now()
        window = self._windows.get((name, major))
        if window is None or window.ends <= now:
            self._forget(now)
            window = _Window(now + timedelta(seconds=window_s))
            self._windows[name, major] = window
        if window.used >= limit:
            return window, (window.ends - now).total_seconds()
        window.used += 1
        return window, None

    def _forget(self, now: datetime) -> None:
        if len(self._windows) > 1000:
            self._windows = {k: w for k, w in self._windows.items() if w.ends > now}


@dataclass(slots=True)
class OldEdits:
    """Allows three edits in six seconds to a channel's messages older than an hour (30046)."""

    clock: Clock
    _edits: dict[int, deque[datetime]] = field(default_factory=dict)

    def check(self, channel_id: int, written: datetime) -> float | None:
        """Count one edit of a message; the seconds to wait if it is not allowed now."""
        now = self.clock.now()
        if now - written <= OLD_MESSAGE:
            return None
        edits = self._edits.setdefault(channel_id, deque())
        while edits and (now - edits[0]).total_seconds() >= OLD_EDITS_WINDOW_S:
            edits.popleft()
        if len(edits) >= OLD_EDITS:
            return OLD_EDITS_WINDOW_S - (now - edits[0]).total_seconds()
        edits.append(now)
        return None


@dataclass(slots=True)
class Nonces:
    """Remembers for some minutes which message an enforced nonce created."""

    clock: Clock
    _created: dict[tuple[int, str], tuple[datetime, int]] = field(default_factory=dict)

    def recall(self, channel_id: int, nonce: str) -> int | None:
        """The id of the message that this nonce created in this channel in the last minutes."""
        now = self.clock.now()
        self._created = {k: v for k, v in self._created.items() if now - v[0] < NONCE_LIFE}
        created = self._created.get((channel_id, nonce))
        return None if created is None else created[1]

    def remember(self, channel_id: int, nonce: str, message_id: int) -> None:
        """Note that this nonce created this message."""
        self._created[channel_id, nonce] = (self.clock.now(), message_id)
