"""Refusals: what a person is told when Discord does not allow something."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from simcord.backend.errors import BackendError, SetupError


class Refused(Exception):
    """Discord would not let the person do that; the text says why."""


@contextmanager
def plain_refusals() -> Iterator[None]:
    """Turn an error of simcord, inside the `with` block, into a Refused of one sentence."""
    try:
        yield
    except (SetupError, BackendError) as error:
        text = error.message if isinstance(error, BackendError) else str(error)
        raise Refused(text if text.endswith(".") else text + ".") from error
