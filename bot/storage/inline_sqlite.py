"""SQLite for the writer: statements are done where they are asked for, without another thread.

A short statement on a local file takes some microseconds; to hand it to a thread and back takes a
hundred, several times a statement. What may wait for the disk or for another process is done in a
thread all the same: the begin and the end of a transaction, and all of one that is known to be long
(see `writer`). SQLAlchemy finds this dialect by its address, `sqlite+inline:///FILE`.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from typing import Any, Self

from sqlalchemy import URL, AsyncAdaptedQueuePool, Pool
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.interfaces import ConnectArgsType, ExecutionContext
from sqlalchemy.util import await_only

_INLINE_S = 0.01


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


class InlineConnection(sqlite3.Connection):
    """Its statements are done at once, or in a thread as long as it is `long`."""

    long = False
    inline_s = 0.0
    """What its statements took since others last had their turn."""

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
        return arguments, {**options, "factory": InlineConnection, "isolation_level": None}

    def do_execute(
        self,
        cursor: Any,  # noqa: ANN401 - a `_Cursor`
        statement: str,
        parameters: Any,  # noqa: ANN401 - in SQLAlchemy's own type
        context: ExecutionContext | None = None,  # noqa: ARG002
    ) -> None:
        _do(cursor.connection, cursor.execute, statement, parameters)

    def do_executemany(
        self,
        cursor: Any,  # noqa: ANN401
        statement: str,
        parameters: Any,  # noqa: ANN401
        context: ExecutionContext | None = None,  # noqa: ARG002
    ) -> None:
        _do(cursor.connection, cursor.executemany, statement, parameters)

    def do_execute_no_params(
        self,
        cursor: Any,  # noqa: ANN401
        statement: str,
        context: ExecutionContext | None = None,  # noqa: ARG002
    ) -> None:
        _do(cursor.connection, cursor.execute, statement)


def _do(connection: InlineConnection, work: Callable[..., object], *arguments: object) -> None:
    if connection.long:
        await_only(in_thread(None, work, *arguments))
        return
    # Awaited in any case: SQLAlchemy refuses a statement of asyncio that awaits nothing.
    await_only(_let_others(connection))
    began_s = time.perf_counter()
    work(*arguments)
    connection.inline_s += time.perf_counter() - began_s


async def _let_others(connection: InlineConnection) -> None:
    """A transaction of many statements does not keep the event loop for all of them."""
    if connection.inline_s > _INLINE_S:
        connection.inline_s = 0.0
        await asyncio.sleep(0)


async def in_thread(
    executor: Executor | None, work: Callable[..., object], *arguments: object
) -> None:
    """Do it in a thread; it has ended when this returns, also where this is cancelled."""
    done = asyncio.get_running_loop().run_in_executor(executor, work, *arguments)
    try:
        await asyncio.shield(done)
    except asyncio.CancelledError:
        while not done.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({done})
        if not done.cancelled():
            done.exception()  # it is known now
        raise


NAME = "sqlite+inline"
registry.register("sqlite.inline", __name__, InlineSQLite.__name__)
