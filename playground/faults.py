"""What goes wrong with Discord, on purpose: which requests of the bot meet which fault."""

from __future__ import annotations

import re
import time
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KINDS = {
    "status": "answers `status` with Discord's error `code`; the request has no effect",
    "rate_limit": "answers 429: too many requests, for `seconds`; with `everywhere` of all routes",
    "slow": "answers as usual, after `seconds`",
    "lost": "does what was asked, and closes the connection without an answer",
    "cut": "closes the connection and does nothing",
    "drop": "closes the gateway's connection, which can be resumed, and answers as usual",
    "forget": "ends the gateway's session, which cannot be resumed, and answers as usual",
    "outage": "from such a request on all of Discord is gone for `seconds`: every request gets "
    "`status`, the gateway's session ends and none begins",
    "unknown_interaction": "answers the first reply to an interaction with 404, code 10062, as if "
    "it came too late",
    "expired_token": "answers what else is done by an interaction's token with 401, code 50027",
    "archive": "closes the thread that the request is about, which a new message opens again",
    "lock": "closes it so that the bot cannot open it",
}
_ALWAYS = {
    "unknown_interaction": {"path": r"^/interactions/", "status": 404, "code": 10062},
    "expired_token": {"path": r"^/webhooks/", "status": 401, "code": 50027},
}
"""Kinds that are `status` for certain requests."""
FOR_EVER = 0


class BadFaults(ValueError):
    """A file of faults that cannot be used; the text says where and why."""


@dataclass(slots=True, kw_only=True)
class Fault:
    """One fault. `kind` is a name of `KINDS`."""

    kind: str
    method: str = ""
    """Of the requests that meet it; empty: any."""
    path: str = ""
    """A regular expression that is found in their path below /api/v10, such as
    `/channels/\\d+/messages$`; empty: any."""
    after: int = 0
    """How many such requests go well first."""
    times: int = 1
    """How many then meet it; 0: all."""
    status: int = 500
    code: int = 0
    seconds: float = 1.0
    everywhere: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise BadFaults(f"there is no fault {self.kind!r}; there are {', '.join(KINDS)}")
        for name, value in _ALWAYS.get(self.kind, {}).items():
            setattr(self, name, value)
        if not 400 <= self.status <= 599:
            raise BadFaults(f"status must be from 400 to 599, not {self.status}")
        if min(self.after, self.times, self.seconds) < 0:
            raise BadFaults("after, times and seconds cannot be below 0")
        try:
            re.compile(self.path)
        except re.error as error:
            raise BadFaults(f"path {self.path!r} is no regular expression: {error}") from None

    def concerns(self, method: str, path: str) -> bool:
        """Whether it is about such a request."""
        return self.method in ("", method) and re.search(self.path, path) is not None


class Faults:
    """Those that are still to come; a test may add some at any time."""

    def __init__(
        self, faults: Iterable[Fault] = (), clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        """clock_s: in seconds, of how long an outage takes."""
        self._faults = list(faults)
        self._clock_s = clock_s
        self._out: Fault | None = None
        """The outage that is under way."""
        self._back_s = 0.0
        self.met: list[tuple[str, str, str]] = []
        """(kind, method, path) of each request that met one."""

    def add(self, kind: str, **options: Any) -> Fault:  # noqa: ANN401 - fields of `Fault`
        """Let requests meet a fault from now on."""
        fault = Fault(kind=kind, **options)
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """All goes well again."""
        self._faults.clear()
        self._out = None

    @property
    def is_out(self) -> bool:
        """Whether all of Discord is gone now."""
        if self._out is not None and self._clock_s() >= self._back_s:
            self._out = None
        return self._out is not None

    def meet(self, method: str, path: str) -> Fault | None:
        """The fault that this request meets; it is counted."""
        if self.is_out:
            return self._out
        for fault in self._faults:
            if not fault.concerns(method, path):
                continue
            if fault.after > 0:
                fault.after -= 1
                continue
            if fault.times != FOR_EVER:
                fault.times -= 1
                if fault.times == 0:
                    self._faults.remove(fault)
            self.met.append((fault.kind, method, path))
            if fault.kind == "outage":
                self._out, self._back_s = fault, self._clock_s() + fault.seconds
            return fault
        return None


def load(file: Path) -> Faults:
    """The faults of a TOML file: a table `[[fault]]` each; BadFaults names the one at fault."""
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8")).get("fault", [])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadFaults(f"{file} cannot be read: {error}") from None
    faults = []
    for number, table in enumerate(found, 1):
        try:
            faults.append(Fault(**table))
        except (BadFaults, TypeError, AttributeError) as error:
            raise BadFaults(f"fault {number} of {file}: {error}") from None
    return Faults(faults)
