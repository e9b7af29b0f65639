"""SQLite for the writer: statements are done where they are asked for, without another thread.

A short statement on a local file takes some microseconds; to hand it to a thread and back takes a
hundred, several times a statement. What may wait for the disk or for another process is done in a
thread all the same: the begin and the end of a transaction (see `writer`). SQLAlchemy finds this
dialect by its address, `sqlite+inline:///FILE`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any, Self

from sqlalchemy import URL, AsyncAdaptedQueuePool, Pool
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.interfaces import ConnectArgsType, ExecutionContext
from sqlalchemy.util import await_only


class _Cursor(sqlite3.Cursor):
    """All rows are read at once, as later statements may change what is read."""

    _rows: list[Any]

    def execute(self, sql: str, parameters: Any = (), /) -> Self:  # noqa: ANN401 - sqlite3's own
        super().execute(sql, parameters)
        self._rows = super().fetchall() if self.description else []
        self._rows.reverse()
        return self

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Self:
        super().executemany(sql, parameters)
        self._rows = []
        return self

    def fetchone(self) -> Any:  # noqa: ANN401 - sqlite3's own type
        return self._rows.pop() if self._rows else None

    def fetchmany(self, size: int | None = 1) -> list[Any]:
        return [self._rows.pop() for _ in range(min(size or 1, len(self._rows)))]

    def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows[::-1], []
        return rows

    async def _async_soft_close(self) -> None:
        """What SQLAlchemy asks of a cursor of asyncio: rows stay, and nothing else is open."""


class _Connection(sqlite3.Connection):
    def cursor(self, factory: Any = _Cursor) -> Any:  # noqa: ANN401 - as sqlite3 has it
        return super().cursor(factory)


class InlineSQLite(SQLiteDialect_pysqlite):
    """Python's sqlite3 under SQLAlchemy's asyncio: awaiting a statement never leaves the task."""

    driver = "inline"
    supports_statement_cache = True
    is_async = True

    @classmethod
    def get_pool_class(cls, url: URL) -> type[Pool]:  # noqa: ARG003 - SQLAlchemy's signature
        return AsyncAdaptedQueuePool

    def create_connect_args(self, url: URL) -> ConnectArgsType:
        arguments, options = super().create_connect_args(url)
        return arguments, {**options, "factory": _Connection, "isolation_level": None}

    def do_execute(
        self,
        cursor: Any,  # noqa: ANN401 - a `_Cursor`
        statement: str,
        parameters: Any,  # noqa: ANN401 - in SQLAlchemy's own type
        context: ExecutionContext | None = None,  # noqa: ARG002
    ) -> None:
        await_only(_nothing())
        cursor.execute(statement, parameters)

    def do_executemany(
        self,
        cursor: Any,  # noqa: ANN401
        statement: str,
        parameters: Any,  # noqa: ANN401
        context: ExecutionContext | None = None,  # noqa: ARG002
    ) -> None:
        await_only(_nothing())
        cursor.executemany(statement, parameters)

    def do_execute_no_params(
        self,
        cursor: Any,  # noqa: ANN401
        statement: str,
        context: ExecutionContext | None = None,  # noqa: ARG002
    ) -> None:
        await_only(_nothing())
        cursor.execute(statement)


async def _nothing() -> None:
    """SQLAlchemy refuses a statement of asyncio that awaits nothing at all."""


NAME = "sqlite+inline"
registry.register("sqlite.inline", __name__, InlineSQLite.__name__)
