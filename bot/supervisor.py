"""What the bot tells systemd, if that started it: it is ready, it is alive, it is about to end.

The protocol is one datagram for each word, see sd_notify(3). Without `NOTIFY_SOCKET` nobody is
told.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

log = logging.getLogger(__name__)


class Supervisor:
    """`Type=notify` in the unit asks for the words, `WatchdogSec` for signs of life."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self.every_s = _watchdog_s(environment) / 2
        """Between two signs of life; 0: none are asked for."""

    def ready(self) -> None:
        """Members are served."""
        self._say("READY=1")

    def alive(self) -> None:
        """To be called from the event loop: one that is stuck stops it."""
        self._say("WATCHDOG=1")

    def stopping(self) -> None:
        """It ends by itself."""
        self._say("STOPPING=1")

    def _say(self, word: str) -> None:
        if not self._address:
            return
        name = self._address
        if name.startswith("@"):  # an address that is no file
            name = "\0" + name[1:]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaking:
                speaking.setblocking(False)
                speaking.connect(name)
                speaking.send(word.encode())
        except OSError as error:
            log.warning("systemd was not told %s: %s", word, error)


def _watchdog_s(environment: Mapping[str, str]) -> float:
    """After how many seconds without a sign of life this process is killed; 0: never."""
    asked = environment.get("WATCHDOG_USEC", "")
    of = environment.get("WATCHDOG_PID", "") or str(os.getpid())
    return int(asked) / 1e6 if asked.isdecimal() and of == str(os.getpid()) else 0.0
