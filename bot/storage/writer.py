"""The one writer of a SQLite file: transactions in their order, many of them in one commit.

A commit waits for the disk. Transactions that wait meanwhile are done one after the other, each in
a savepoint of its own, and committed together; each caller goes on only after that COMMIT. One that
raises undoes its own savepoint alone. A COMMIT that fails fails all that were in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import cast

from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.storage.inline_sqlite import InlineConnection, in_thread

TOGETHER = 50
"""The most transactions in one commit: the first of them waits for the last."""


_CLOSED = sqlite3.OperationalError("the database is closed")


class _Turn:
    """One transaction: it waits, has the connection, gives it back, and is committed or undone."""

    __slots__ = ("begun", "ended", "long", "returned")

    def __init__(self, *, long: bool) -> None:
        self.long = long
        loop = asyncio.get_running_loop()
        self.begun: asyncio.Future[AsyncConnection] = loop.create_future()
        self.returned: asyncio.Future[bool] = loop.create_future()
        """Whether what it did is to be kept."""
        self.ended: asyncio.Future[None] = loop.create_future()

    @property
    def is_given(self) -> bool:
        """Whether it had the connection."""
        return self.begun.done() and not self.begun.cancelled() and not self.begun.exception()

    def give_back(self, *, keep: bool) -> None:
        if not self.returned.done():
            self.returned.set_result(keep)

    async def over(self) -> None:
        """Wait for the end, also where the caller is cancelled: it goes on after the commit, for
        what it does then may depend on what others can read.
        """
        cancelled: asyncio.CancelledError | None = None
        while not self.ended.done():
            try:
                await asyncio.wait({self.ended})
            except asyncio.CancelledError as error:
                cancelled = error
        self.ended.exception()  # asyncio logs one that nobody looks at
        if cancelled is not None:
            raise cancelled

    def committed(self) -> None:
        if not self.ended.done():  # else it failed
            self.ended.set_result(None)

    def fail(self, error: Exception) -> None:
        """Tell the caller, by an error of its own, that nothing is written."""
        future = self.ended if self.is_given else self.begun
        if not future.done():
            known = error.orig if isinstance(error, DBAPIError) and error.orig else error
            made = DBAPIError.instance(None, None, known, sqlite3.Error, hide_parameters=True)
            made.__cause__ = known
            future.set_exception(made)


class Writer:
    """Transactions on the one connection of `engine`, whose dialect is `InlineSQLite`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.wait_s = 30.0
        """The longest that a transaction waits for those before it."""
        self._engine = engine
        self._waiting = deque[_Turn]()
        self._working: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "database-writer")
        event.listen(engine.sync_engine, "handle_error", _keep_open)

    @property
    def busy(self) -> bool:
        """Whether a transaction is under way or waits."""
        return self._working is not None

    @contextlib.asynccontextmanager
    async def transaction(self, *, long: bool = False) -> AsyncIterator[AsyncConnection]:
        """The connection, for this caller alone; committed on leaving, undone where that raises.

        long: its statements may take long, so they are done in a thread, and nobody before it waits
        for its commit. PoolTimeout: those before it took too long. DBAPIError: it could not begin,
        or the commit failed; nothing was written then. A caller that is cancelled while it waits
        for the commit goes on when that is over; all or nothing was written then.
        """
        turn = _Turn(long=long)
        self._waiting.append(turn)
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        try:
            yield await self._begun(turn)
        except BaseException:
            turn.give_back(keep=False)
            if turn.is_given:
                await turn.over()
            raise
        turn.give_back(keep=True)
        await turn.over()
        turn.ended.result()

    async def _begun(self, turn: _Turn) -> AsyncConnection:
        try:
            async with asyncio.timeout(self.wait_s):
                return await turn.begun
        except TimeoutError:
            raise PoolTimeout(f"other transactions took all of {self.wait_s:g} s") from None

    async def close(self) -> None:
        """Undo what is still under way; its callers get a DBAPIError."""
        if self._working is not None:
            self._working.cancel()
            await asyncio.wait({self._working})
        self._thread.shutdown()

    async def _work(self) -> None:
        """Transactions until none waits."""
        try:
            while (first := self._next()) is not None:
                await self._together(first)
        finally:
            self._working = None
            for turn in self._waiting:  # none, unless this was cancelled
                turn.fail(_CLOSED)
            self._waiting.clear()

    def _next(self) -> _Turn | None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.begun.done():  # else its caller waits no more
                return turn
        return None

    async def _together(self, turn: _Turn | None) -> None:
        """This transaction and those that wait, in one commit."""
        kept: list[_Turn] = []
        count = 0
        committed = False

        def commit() -> None:
            nonlocal committed
            sqlite.execute("COMMIT")
            committed = True

        try:
            async with self._engine.connect() as connection:
                await connection.begin()  # for SQLAlchemy alone: who is handed it must not commit
                raw = await connection.get_raw_connection()
                sqlite = cast("InlineConnection", raw.driver_connection)
                await in_thread(self._thread, sqlite.execute, "BEGIN IMMEDIATE")
                while turn is not None:
                    await _one(turn, connection, sqlite, kept)
                    count += 1  # of those that are undone too, which take their time as well
                    turn = self._next() if self._goes_on(count) else None
                await in_thread(self._thread, commit)
        except BaseException as error:
            for each in kept if turn is None else [*kept, turn]:
                if not committed:
                    each.fail(error if isinstance(error, Exception) else _CLOSED)
            if not isinstance(error, sqlite3.Error | SQLAlchemyError):
                raise
        finally:
            for each in kept:
                each.committed()

    def _goes_on(self, count: int) -> bool:
        """Whether the next that waits is in the same commit: none waits for a long one."""
        return count < TOGETHER and not (self._waiting and self._waiting[0].long)


def _keep_open(context: ExceptionContext) -> None:
    """Who is cancelled within a statement leaves the connection to the others of the commit.

    SQLAlchemy would close it. No statement is half done then (see `inline_sqlite`).
    """
    if not isinstance(context.original_exception, Exception):
        context.is_disconnect = False


async def _one(
    turn: _Turn, connection: AsyncConnection, sqlite: InlineConnection, kept: list[_Turn]
) -> None:
    """One transaction in a savepoint; it is among `kept` if it is to be committed.

    sqlite3.Error: SQLite has undone all of the commit by itself, for want of space say.
    """
    if turn.begun.done():  # its caller went while the first of the commit began
        return
    sqlite.execute("SAVEPOINT turn")
    sqlite.long = turn.long
    turn.begun.set_result(connection)
    if await turn.returned:
        kept.append(turn)
        _refuse_undone(sqlite)
        sqlite.execute("RELEASE turn")
        return
    try:
        _refuse_undone(sqlite)
        sqlite.execute("ROLLBACK TO turn")
        sqlite.execute("RELEASE turn")
    finally:
        turn.ended.set_result(None)


def _refuse_undone(sqlite: InlineConnection) -> None:
    if not sqlite.in_transaction:
        raise sqlite3.OperationalError(
            "SQLite ended the transaction by itself, as it does where the disk is full"
        )
