"""What a person is told when a chat window would not let them."""

from __future__ import annotations

from dataclasses import dataclass

from simcord.backend.errors import BackendError, SetupError


class Refused(Exception):
    """A person could not do that in a chat window; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that a person attaches."""

    filename: str
    data: bytes


class plainly:  # noqa: N801 - reads as a word in `with`
    """Turns simcord's refusals into one sentence for the person."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, SetupError | BackendError):
            text = error.message if isinstance(error, BackendError) else str(error)
            raise Refused(text if text.endswith(".") else text + ".") from error
