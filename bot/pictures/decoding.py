"""Members' pictures are decoded by another process, which is killed where that takes too long."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

from bot.errors import InvalidPicture
from bot.pictures import decoder, uploads

TIME_LIMIT_S = 10.0
"""For one picture, of whatever kind; 6000 × 6000 px take about one second."""
_MOST_ANSWER_BYTES = 64 * 2**20
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
"""What the process gets to know: not the bot's token."""


class Decoding:
    """One process at the most; it is started with the first picture. Calls block."""

    def __init__(self, time_limit_s: float = TIME_LIMIT_S) -> None:
        self._time_limit_s = time_limit_s
        self._process: subprocess.Popen[bytes] | None = None
        self._end: Callable[[], object] = lambda: None
        """Ends the process; called too when this object goes."""
        self._one_at_a_time = threading.Lock()

    def clean(self, data: bytes) -> bytes:
        """As `uploads.clean`; InvalidPicture too where it takes too long or crashes."""
        uploads.check_length(data)
        with self._one_at_a_time:
            word, answer = self._ask(data)
        if word == b"png":
            return answer
        why, width, height = word.decode().split(",")
        raise uploads.refusal(decoder.UnreadableError(why, int(width), int(height)))

    def close(self) -> None:
        """End the process, if there is one; a later picture starts another."""
        self._process = None
        self._end()

    def _ask(self, data: bytes) -> tuple[bytes, bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = _started()
            self._end = weakref.finalize(self, _ended, self._process)
        process = self._process
        timer = threading.Timer(self._time_limit_s, process.kill)
        timer.start()
        try:
            decoder.send(cast("BinaryIO", process.stdin), b"decode", data)
            return decoder.receive(cast("BinaryIO", process.stdout), _MOST_ANSWER_BYTES)
        except (OSError, EOFError, ValueError):
            self.close()
            raise InvalidPicture(
                "This picture takes too long to read; save it again as a plain PNG or JPEG and "
                "send it anew."
            ) from None
        finally:
            timer.cancel()


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for stream in (process.stdin, process.stdout):
        assert stream is not None
        with contextlib.suppress(OSError):  # what could not be sent to it is still to be written
            stream.close()
    process.wait()


def _started() -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own file, by our own Python
        [sys.executable, "-P", str(Path(decoder.__file__))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        start_new_session=os.name != "nt",  # Ctrl-C is the bot's to take
    )
