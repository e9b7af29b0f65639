"""One writer connection, readers beside it; migrated at start; one process per database.

SQLite is the embedded default: WAL, `synchronous=FULL`, foreign keys on, and every write
transaction begins with BEGIN IMMEDIATE, so that it never finds itself locked out half way.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from alembic import command as alembic
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock, Timeout
from sqlalchemy import (
    Connection,
    Engine,
    Table,
    event,
    exists,
    inspect,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

import migrations
from bot.errors import DatabaseInUse, StartError, Tone, UserError
from bot.storage import inline_sqlite
from bot.storage.error_texts import hide_values
from bot.storage.tables import metadata
from bot.storage.writer import Writer
from engine import Sentence

if TYPE_CHECKING:
    from sqlalchemy.pool import QueuePool

log = logging.getLogger(__name__)

T = TypeVar("T")
READERS = 4
CLOSE_S = 10
"""The longest that `close` waits for transactions that are under way."""
POSTGRES_LOCK_KEY = 0x6461726B726F6F6D
"""An advisory lock of its own: "darkroom" in ASCII."""
ASIDE = ".before-restore-"
"""In the name of a database whose place a copy took."""
_LAST_PORT = 65535
_UNOPENED = (SQLAlchemyError, OSError, TypeError)
"""TypeError: asyncpg's for an option in the address that it does not know."""


class DatabaseBusy(UserError, SQLAlchemyError):
    """A transaction could not begin: others hold the database, or it is away. Nothing is written.

    A refusal that members read; who catches errors of the database catches it as well.
    """

    title = Sentence("Wait a moment")
    tone = Tone.YELLOW

    def __init__(self, cause: Exception) -> None:
        super().__init__(
            Sentence(
                "Darkroom's database does not answer just now, so this was not done and nothing "
                "was charged. Try again in a minute; if it stays so, tell who runs this bot."
            )
        )
        self._cause = cause

    def __str__(self) -> str:
        """For the log, in one line; members read `sentence`."""
        lines = str(self._cause).splitlines() or [type(self._cause).__name__]
        return lines[0]


class Database:
    """Connections to one database. `write()` is a transaction, `read()` a snapshot."""

    def __init__(self, url: str, *, named: str = "DATABASE_URL") -> None:
        """named: what the operator gave the address as; errors say it."""
        self._named = named
        try:
            parsed = make_url(url)
        except (ArgumentError, ValueError):  # ValueError: the port is no number
            raise StartError(
                f"{named} is not a database address; use sqlite+aiosqlite:///FILE or "
                "postgresql+asyncpg://USER@HOST/NAME."
            ) from None
        if parsed.port is not None and not 0 < parsed.port <= _LAST_PORT:
            raise StartError(f"The port in {named} must be from 1 to {_LAST_PORT}.")
        self.url, self.name = url, parsed.database
        self.dialect = parsed.get_backend_name()
        if parsed.drivername not in ("sqlite+aiosqlite", "postgresql+asyncpg"):
            raise StartError(
                f"{named} begins with {parsed.drivername}; Darkroom runs on sqlite+aiosqlite "
                f"and postgresql+asyncpg."
            )
        self.path = Path(parsed.database) if self.dialect == "sqlite" and parsed.database else None
        self.write_again_after_s: tuple[float, ...] = (1, 5, 20)
        """The first waits between tries of `written`; then a minute."""
        self._closed = False
        self._writing: set[asyncio.Task[Any] | None] = set()
        """The tasks that are in a `write()`."""
        ping = self.dialect == "postgresql"  # a server may restart and drop what was connected
        try:
            # Errors are logged, and must not bring members' prompts into the log.
            self._writer, self._readers, self._quick = (
                create_async_engine(
                    address,
                    pool_size=size,
                    max_overflow=0,
                    pool_pre_ping=ping,
                    hide_parameters=True,
                )
                for address, size in (
                    (_inline(parsed), 1),
                    (parsed, READERS),
                    (_inline(parsed), READERS),
                )
            )
        except ModuleNotFoundError as error:
            raise StartError(
                f"{named} needs {error.name}; install it with: {sys.executable} -m pip install "
                f'-c constraints.txt -e ".[postgres]"'
            ) from None
        self._engines = (self._writer, self._readers, self._quick)
        for each in self._engines:
            hide_values(each.sync_engine)
        self._turns = Writer(self._writer) if self.dialect == "sqlite" else None
        if self.dialect == "sqlite":
            for each in self._engines:
                _prepare_sqlite(each.sync_engine)
            for each in (self._readers, self._quick):
                event.listen(each.sync_engine, "begin", _begin)
        self._file_lock: FileLock | None = None
        self._lock_connection: AsyncConnection | None = None

    @contextlib.asynccontextmanager
    async def write(self, *, long: bool = False) -> AsyncIterator[AsyncConnection]:
        """The writer connection inside one transaction; committed on leaving, else rolled back.

        Await nothing in it but statements: SQLite commits several together (see `writer`), which
        wait for each other. long: a statement of it may take more than some milliseconds; it is the
        first of its commit, so that `read()` meanwhile sees all that was written before.
        DatabaseBusy: it could not begin. RuntimeError: within another of the same task, for whose
        end it would wait.
        """
        self._refuse_if_closed()
        task = asyncio.current_task()
        if task in self._writing:
            raise RuntimeError("a write() within a write() would wait for itself: pass connection")
        turns = self._turns
        begun = self._writer.begin() if turns is None else turns.transaction(long=long)
        self._writing.add(task)
        try:
            async with _begun(begun) as connection:
                yield connection
        finally:
            self._writing.discard(task)

    @contextlib.asynccontextmanager
    async def read(self, *, short: bool = False) -> AsyncIterator[AsyncConnection]:
        """A connection inside a transaction that changes nothing.

        short: each statement finds a few rows by an index. On SQLite it is done at once then, as to
        hand it to a thread and back takes several times as long; await nothing else in it.
        DatabaseBusy: it could not begin.
        """
        self._refuse_if_closed()
        async with _begun((self._quick if short else self._readers).begin()) as connection:
            yield connection

    async def written(
        self, work: Callable[[AsyncConnection], Coroutine[None, None, T]], what: str
    ) -> T:
        """What `work` returns, in one transaction; tried again for as long as the database is busy.

        A full disk or a server that restarts is the operator's to mend, and costs no member what
        was promised. what: names it in the log.
        """
        for wait_s in itertools.chain(self.write_again_after_s, itertools.repeat(60.0)):
            try:
                async with self.write() as connection:
                    return await work(connection)
            except (DatabaseBusy, OperationalError, InterfaceError, OSError) as error:
                log.warning("%s: the database is busy, tried again: %s", what, error)
            await asyncio.sleep(wait_s)
        raise AssertionError("the chain has no end")

    async def start(self, *, migrate: bool = True, empty: bool = False) -> None:
        """Lock, back up and migrate; StartError says in one sentence what stands in the way.

        migrate: False refuses a database of an earlier Darkroom. empty: refuse one that holds
        anything.
        """
        try:
            await self._lock()
            self._refuse_half_restored()
            if not migrate:
                await self._refuse_earlier()
            if empty:
                await self._refuse_filled()
            await self._migrate()
        except _UNOPENED as error:
            raise self._unopened(error) from error

    async def start_beside(self) -> None:
        """Begin without the lock, where another process has it; StartError as `start`.

        For a write that does no harm beside a running bot, and only on a database of this revision.
        """
        try:
            await self._refuse_earlier()
        except _UNOPENED as error:
            raise self._unopened(error) from error

    async def look(self) -> str:
        """How the database stands, in words: nothing is locked, migrated or made. StartError where
        a start would refuse it.
        """
        if self.path is not None and not self.path.exists():
            self._refuse_half_restored()
            folder = next(each for each in self.path.absolute().parents if each.exists())
            if not folder.is_dir() or not os.access(folder, os.W_OK):
                raise StartError(f"The database cannot be made: {folder} cannot be written.")
            return f"none yet; the first start makes {self.path}"
        try:
            async with self._readers.connect() as connection:
                current = await connection.run_sync(_current_revision)
        except _UNOPENED as error:
            raise self._unopened(error) from error
        script = ScriptDirectory.from_config(migration_config())
        head = script.get_current_head()
        if current is None:
            return "empty; the first start makes its tables"
        if current == head:
            return f"ready, revision {head}"
        _refuse_unknown(current, script)
        return f"of revision {current}; the next start brings it to {head}, and copies it first"

    def _unopened(self, error: Exception) -> StartError:
        cause = error.__cause__ or error
        lines = str(cause).splitlines() or [type(cause).__name__]  # a timeout says nothing
        if self.path is None:
            where = f"The database at {self._named}"
        else:
            where = f"The database {self.path} (see DATA_DIR and {self._named})"
        return StartError(f"{where} cannot be opened: {lines[0].rstrip('.')}.")

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise RuntimeError("the database is closed; its lock may be another process's now")

    async def close(self) -> None:
        """Refuse new work, wait a little for what is under way, close all; last, give the lock."""
        self._closed = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._all_returned(), CLOSE_S)
        if self._lock_connection is not None:
            await self._lock_connection.close()
            self._lock_connection = None
        if self._turns is not None:
            await self._turns.close()
        for each in self._engines:
            await each.dispose()
        if self._file_lock is not None:
            self._file_lock.release()
            self._file_lock = None

    async def _all_returned(self) -> None:
        """Until nothing but the lock is in use: a connection given back later would stay open, and
        its transaction would end when the database is another process's.
        """
        pools = [cast("QueuePool", each.pool) for each in self._engines]
        kept = int(self._lock_connection is not None)
        while (  # noqa: ASYNC110 - a pool tells nobody
            sum(pool.checkedout() for pool in pools) > kept
            or (self._turns is not None and self._turns.busy)
        ):
            await asyncio.sleep(0.01)

    async def lock(self) -> None:
        """Keep every other Darkroom off the database without opening it; `close` ends that."""
        await self._lock()

    async def keeps_lock(self) -> bool:
        """Whether no other process is on the database; to be asked now and then.

        PostgreSQL forgets a lock with its connection, when the server restarts say. It is taken
        again then; False if another process was faster.
        """
        if self.path is not None:
            return True
        held = self._lock_connection
        if held is not None:
            try:
                await held.scalar(text("SELECT 1"))
                await held.commit()
            except (SQLAlchemyError, OSError) as error:
                log.warning("the connection that holds the database's lock is lost: %s", error)
                self._lock_connection = None
                with contextlib.suppress(SQLAlchemyError, OSError):
                    await held.invalidate()
                    await held.close()
            else:
                return True
        try:
            await self._lock()
        except StartError:
            return False
        except (SQLAlchemyError, OSError) as error:
            log.warning("the database's lock could not be taken again yet: %s", error)
        return True

    async def _lock(self) -> None:
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file_lock = FileLock(self.path.with_name(self.path.name + ".lock"))
            try:
                self._file_lock.acquire(timeout=0)
            except Timeout:
                self._file_lock = None
                raise DatabaseInUse(
                    f"Another Darkroom already runs on {self.path}; stop it first, or give this "
                    f"one its own DATA_DIR."
                ) from None
            return
        self._lock_connection = await self._readers.connect()
        taken = await self._lock_connection.scalar(
            text("SELECT pg_try_advisory_lock(:key)"), {"key": POSTGRES_LOCK_KEY}
        )
        await self._lock_connection.commit()
        if not taken:
            await self._lock_connection.close()
            self._lock_connection = None
            raise DatabaseInUse(
                f"Another Darkroom already runs on the database at {self._named}; stop it first."
            )

    async def _refuse_earlier(self) -> None:
        async with self._writer.connect() as connection:
            current = await connection.run_sync(_current_revision)
        head = ScriptDirectory.from_config(migration_config()).get_current_head()
        if current != head:
            raise StartError(
                f"The database is of revision {current}, this Darkroom of {head}: start the bot "
                "once with it, and stop it again."
            )

    def _refuse_half_restored(self) -> None:
        """An empty database in the place of one that was put aside would serve members with
        nothing.
        """
        if self.path is None or self.path.exists() or not self.path.parent.is_dir():
            return
        begin = self.path.name + ASIDE
        aside = sorted(each.name for each in self.path.parent.iterdir())
        if found := [name for name in aside if name.startswith(begin)]:
            raise StartError(
                f"There is no {self.path}, but {found[-1]} beside it: a restore was not finished. "
                f"Restore the copy again, or, to begin with an empty database, move "
                f"{begin}* away."
            )

    async def _refuse_filled(self) -> None:
        async with self._readers.connect() as connection:
            names = await connection.run_sync(lambda raw: inspect(raw).get_table_names())
            for name in names:
                if name == "alembic_version":
                    continue
                ours = metadata.tables.get(name)
                if ours is None or await connection.scalar(select(exists(ours.select()))):
                    raise StartError(
                        f"The database {self.name} is not empty (its table {name}); make a new one."
                    )

    async def _migrate(self) -> None:
        async with self._writer.connect() as connection:
            current = await connection.run_sync(_current_revision)
            await connection.rollback()
        script = ScriptDirectory.from_config(migration_config())
        head = script.get_current_head()
        if current == head:
            return
        if current is not None:
            _refuse_unknown(current, script)
            if self.path is not None:
                copy_sqlite(self.path, self.path.with_name(f"{self.path.name}.before-{head}"))
        async with self.write(long=True) as connection:
            await connection.run_sync(_upgrade)


@contextlib.asynccontextmanager
async def _begun(
    transaction: AbstractAsyncContextManager[AsyncConnection],
) -> AsyncIterator[AsyncConnection]:
    """The transaction; DatabaseBusy where it cannot begin."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            connection = await stack.enter_async_context(transaction)
        except (SQLAlchemyError, OSError) as error:
            if type(error) is DatabaseError:  # SQLite's word for a file that is damaged
                raise
            raise DatabaseBusy(error) from error
        yield connection


def known_revision(revision: str) -> None:
    """StartError where a newer Darkroom has made it so."""
    _refuse_unknown(revision, ScriptDirectory.from_config(migration_config()))


def _refuse_unknown(revision: str, script: ScriptDirectory) -> None:
    if revision not in {known.revision for known in script.walk_revisions()}:
        raise StartError(
            f"The database is of revision {revision}, which this Darkroom does not know: it was "
            f"used by a newer one. Update Darkroom, or bring back an older copy."
        )


def own_insert(connection: AsyncConnection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """The dialect's own INSERT, which knows ON CONFLICT."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def migration_config() -> Config:
    """Alembic's configuration, found beside the code rather than in the working folder."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    return config


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a live SQLite database through its own backup API, as it is at one moment."""
    with (
        contextlib.closing(sqlite3.connect(source)) as live,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        live.backup(copy)


def _current_revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(connection: Connection) -> None:
    config = migration_config()
    config.attributes["connection"] = connection
    alembic.upgrade(config, "head")


def _inline(url: URL) -> URL:
    """Where the writer and short reads connect to: SQLite does statements without a thread then."""
    return url.set(drivername=inline_sqlite.NAME) if url.get_backend_name() == "sqlite" else url


def _prepare_sqlite(engine: Engine) -> None:
    """Take transactions into our own hands: Python's sqlite3 would begin them deferred."""

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:  # noqa: ANN401 - DBAPI's own type
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA busy_timeout=10000")
        cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
