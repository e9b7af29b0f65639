"""Errors of a database say what is wrong, and nothing of what stands in its rows.

They are logged, and a log is read by others than the members. PostgreSQL adds the whole row to an
error ("DETAIL:  Failing row contains …"), and its driver the value that it could not send.
"""

from __future__ import annotations

import re

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

_VALUES = re.compile(r"(\nDETAIL:|(?<=invalid input for query argument) ).*", re.DOTALL)


def hide_values(engine: Engine) -> None:
    """Take the values of rows out of the errors that come from it, also as their causes."""

    @event.listens_for(engine, "handle_error")
    def on_error(context: ExceptionContext) -> None:
        known = set[int]()
        errors = [context.sqlalchemy_exception, context.original_exception]
        while errors:
            error = errors.pop()
            if error is None or id(error) in known:
                continue
            known.add(id(error))
            error.args = tuple(_without_values(each) for each in error.args)
            if isinstance(getattr(error, "detail", None), str):  # asyncpg's, beside its message
                error.detail = None  # type: ignore[attr-defined]
            errors += [error.__cause__, error.__context__]


def _without_values(text: object) -> object:
    return _VALUES.sub("", text) if isinstance(text, str) else text
