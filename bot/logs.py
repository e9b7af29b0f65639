"""The log: on the terminal, and in a file that is begun anew when it is full; plain or JSON."""

from __future__ import annotations

import copy
import json
import logging
import logging.handlers
import re
from pathlib import Path

_JOB = re.compile(r"\bjob ([a-z2-7]{16})\b")
_FILE_BYTES = 10_000_000
_OLD_FILES = 5
_HIDDEN = "[hidden]"
_ACTING = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters but the tab, ends of lines, marks of direction, halves of characters."""


def plain() -> logging.Formatter:
    """A line for people."""
    formatter = logging.Formatter("{asctime} {levelname:<8} {name} {message}", style="{")
    formatter.default_msec_format = None
    return formatter


class Json(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and job and exception if there are."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname,
            "logger": record.name,
            "message": message,
        }
        if job := _JOB.search(message):
            line["job"] = job[1]
        if record.exc_text:
            line["exception"] = record.exc_text
        elif record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class Discreet(logging.Formatter):
    """Another formatter, whose lines are what they seem, without a secret, wherever it may stand.

    A message is one line; an exception's lines are set in. Characters that move a terminal's cursor
    or turn the direction of text are written out, as members choose names and prompts.
    """

    def __init__(self, other: logging.Formatter, secret: str) -> None:
        super().__init__()
        self._other, self._secret = other, secret

    def format(self, record: logging.LogRecord) -> str:
        shown = copy.copy(record)
        shown.msg, shown.args = _written_out(record.getMessage()), None
        if record.exc_info:
            said = self.formatException(record.exc_info)
            shown.exc_text = "\n".join(f"  {_written_out(each)}" for each in said.split("\n"))
            shown.exc_info = None
        line = self._other.format(shown)
        return line.replace(self._secret, _HIDDEN) if self._secret else line


def _written_out(text: str) -> str:
    r"""The text on one line: what acts in it as `\x1b` or `\u202e`."""
    return _ACTING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def rotating(file: Path, formatter: logging.Formatter) -> logging.Handler:
    """Writes to the file, 10 MB, and keeps five older ones beside it. OSError where it cannot."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(
        file, maxBytes=_FILE_BYTES, backupCount=_OLD_FILES, encoding="utf-8"
    )
    handler.setFormatter(formatter)
    return handler
