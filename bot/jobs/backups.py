"""Copies of the database with a list of the pictures they speak of, and the way back.

Pictures never change and are named by the SHA-256 of their bytes, so that any copy of their folder
will do. The list beside a copy, `FILE.pictures`, is in the form of `sha256sum`: in the folder of
the pictures `sha256sum --check` reads it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.errors import StartError
from bot.pictures.store import PictureStore, name_of
from bot.storage.database import ASIDE, Database, copy_sqlite, known_revision

log = logging.getLogger(__name__)

NAME = "darkroom-%Y%m%dT%H%M%SZ.db"
"""Of a scheduled copy, by UTC."""
_SCHEDULED = "darkroom-????????T??????Z.db"
_LIST = ".pictures"
_LINE = re.compile(r"([0-9a-f]{64}) [ *]([0-9a-f]{2})/([0-9a-f]{64})(\.png|\.webp)")
_NEW = ".new"
"""At the end of what is not whole yet."""
_BESIDE = ("-wal", "-shm", "-journal")
"""SQLite's own files beside a database: beside another one they would change it."""
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_FILES = """
SELECT sha256, '.png' FROM images UNION SELECT sha256, '.png' FROM inputs
UNION SELECT sha256, '.webp' FROM films ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """How many pictures a copy speaks of."""

    there: int
    missing: int
    """Deleted by retention, or lost."""


def back_up(source: Path, target: Path, store: PictureStore) -> Counted:
    """Copy a live SQLite database to `target`, with the list of its pictures beside it.

    Each of the two is whole at any time; where it cannot be done, both are as before, and
    StartError, OSError or sqlite3.Error says why. Blocks.
    """
    if not source.exists():
        raise StartError(f"There is no database at {source}; see DATA_DIR.")
    if target.exists() and target.samefile(source):
        raise StartError(f"{target} is the database itself; name another file for the copy.")
    copy, listed = (target.with_name(target.name + each + _NEW) for each in ("", _LIST))
    _clear(copy)
    try:
        copy_sqlite(source, copy)
        with contextlib.closing(sqlite3.connect(copy)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")  # it is one file, and may be read-only
            counted = _list(connection, listed, store)
        for file in (copy, listed):
            _sync(file)
        _clear(target, ends=_BESIDE)
        copy.replace(target)
        listed.replace(list_of(target))
    finally:
        _clear(copy)
        listed.unlink(missing_ok=True)
    _sync(target.parent)
    return counted


def back_up_by_schedule(
    source: Path, folder: Path, store: PictureStore, *, every_s: float, kept: int, now_s: float
) -> Path | None:
    """A copy in `folder`, where the newest is `every_s` old; the oldest beyond `kept` go.

    Those of the future, by a clock that ran ahead, count as the oldest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f"{_SCHEDULED}*{_NEW}*"):
        left.unlink(missing_ok=True)  # of a process that was killed while it copied
    target = folder / time.strftime(NAME, time.gmtime(now_s))
    ages_s = {file: now_s - file.stat().st_mtime for file in folder.glob(_SCHEDULED)}
    # Those of the future are left out: a clock that was set back must not stop the copies.
    if any(0 <= age_s < every_s for age_s in ages_s.values()):
        return None
    back_up(source, target, store)
    ages_s.pop(target, None)
    newest_first = sorted(ages_s, key=lambda file: (ages_s[file] < 0, ages_s[file]))
    for old in newest_first[kept - 1 :]:
        _clear(old)
        list_of(old).unlink(missing_ok=True)
    return target


async def restore(
    database: Database, source: Path, store: PictureStore, *, from_: PictureStore | None
) -> str:
    """Let the copy take the database's place, which is put aside; what was done, in words.

    from_: other pictures, from which those that are missing are brought. StartError where a bot
    runs on the database, or the copy is none of ours.
    """
    if database.path is None:
        raise StartError("This restores SQLite; for PostgreSQL use pg_restore or psql.")
    _examine(source, database.path)
    try:
        await database.lock()
        return _restore(database.path, source, store, from_)
    finally:
        await database.close()


def list_of(copy: Path) -> Path:
    """The list of the pictures beside a copy."""
    return copy.with_name(copy.name + _LIST)


def _restore(path: Path, source: Path, store: PictureStore, from_: PictureStore | None) -> str:
    fresh = path.with_name(path.name + _NEW)
    _clear(fresh)
    try:
        copy_sqlite(source, fresh)
        _sync(fresh)
        counted, brought = _bring(source, store, from_)
        aside = _put_aside(path)
        _sync(path.parent)
        fresh.replace(path)
    finally:
        _clear(fresh)
    try:
        _sync(path.parent)
    except OSError as error:  # it is done all the same
        log.warning("%s may not be on the disk yet: %s", path, error)
    said = [f"{path} is what {source} holds."]
    if aside:
        said.append(f"What was there is {' and '.join(map(str, aside))} now.")
    if from_ is not None:
        said.append(f"{brought} pictures were brought from {from_.folder}.")
    if counted is None:
        said.append(f"There is no {list_of(source)}: nobody looked for the pictures.")
    elif counted.missing:
        said.append(
            f"{counted.missing} of {counted.there + counted.missing} pictures are missing or "
            f"damaged in {store.folder}; their members are told so where they go on from them."
        )
    else:
        said.append(f"All {counted.there} pictures are there.")
    return " ".join(said)


def _examine(source: Path, path: Path) -> None:
    """StartError where it is no whole database of a Darkroom as new as this one or older, or where
    a line of its list names no picture.

    path: the database whose place it is to take.
    """
    if path.exists() and source.exists() and source.samefile(path):
        raise StartError(f"{source} is the database itself; name a copy of it.")
    if not source.is_file():
        raise StartError(f"There is no copy at {source}.")
    try:
        with contextlib.closing(sqlite3.connect(source)) as connection:
            [(found,)] = connection.execute("PRAGMA quick_check(1)").fetchall()
            [(revision,)] = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    except (sqlite3.Error, ValueError) as error:
        raise StartError(f"{source} is no copy of Darkroom's database: {error}.") from None
    if found != "ok":
        raise StartError(f"{source} is damaged: {found}.")
    known_revision(revision)
    with contextlib.suppress(FileNotFoundError):
        for _ in _listed(list_of(source)):
            pass


def _put_aside(path: Path) -> list[Path]:
    """Keep the database under another name, with what belongs to it; which files that are now.

    One that can be opened keeps its own name too, until another takes it: a process that is killed
    here leaves it as it was.
    """
    whole = _is_one_file(path)
    ends = [end for end in ("", *_BESIDE) if path.with_name(path.name + end).exists()]
    number = 1
    while any(
        path.with_name(f"{path.name}{ASIDE}{number}{end}").exists() for end in ("", *_BESIDE)
    ):
        number += 1
    aside = path.with_name(f"{path.name}{ASIDE}{number}")
    if whole:
        _keep_too(path, aside)
        ends.remove("")
    # The database itself goes first: where it is missing, a start refuses and tells why.
    for end in ends:
        path.with_name(path.name + end).rename(aside.with_name(aside.name + end))
    return [aside.with_name(aside.name + end) for end in (*([""] if whole else []), *ends)]


def _is_one_file(path: Path) -> bool:
    """Bring all that was committed into the database's own file, as far as it can be opened.

    StartError where another program has it open.
    """
    try:
        if not path.stat().st_size:  # SQLite would delete what stands beside an empty one
            return False
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            [(mode,)] = connection.execute("PRAGMA journal_mode=DELETE").fetchall()
    except FileNotFoundError:
        return False
    except sqlite3.Error as error:
        if error.sqlite_errorcode & 0xFF in _BUSY:
            mode = "another program's"
        else:
            log.warning("%s cannot be opened and is put aside as it is: %s", path, error)
            return False
    if mode != "delete":
        raise StartError(f"Another program has {path} open; end it first.")
    return True


def _keep_too(path: Path, aside: Path) -> None:
    """Give the file a second name; a copy, where the disk's format knows no such names."""
    try:
        aside.hardlink_to(path)
    except OSError:
        half = aside.with_name(aside.name + _NEW)
        try:
            shutil.copy2(path, half)
            _sync(half)
            half.replace(aside)
        finally:
            half.unlink(missing_ok=True)


def _clear(file: Path, *, ends: Iterable[str] = ("", *_BESIDE)) -> None:
    """Delete a database of no use any more, with SQLite's own files."""
    for end in ends:
        file.with_name(file.name + end).unlink(missing_ok=True)


def _bring(
    source: Path, store: PictureStore, from_: PictureStore | None
) -> tuple[Counted | None, int]:
    """Count the copy's pictures and copy those that are missing; how many were copied.

    What is damaged, by a power cut say, counts as missing.
    """
    there = missing = brought = 0
    try:
        for sha256, suffix in _listed(list_of(source)):
            if _load(store, sha256, suffix) is not None:
                there += 1
            elif from_ is not None and (data := _load(from_, sha256, suffix)) is not None:
                store.delete(sha256, suffix=suffix)  # what is damaged, or nothing
                store.store(data, suffix=suffix)
                there, brought = there + 1, brought + 1
            else:
                missing += 1
    except FileNotFoundError:
        return None, 0
    return Counted(there=there, missing=missing), brought


def _listed(file: Path) -> Iterator[tuple[str, str]]:
    """Which pictures it lists; it may have been written by anybody."""
    with file.open(encoding="ascii", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            found = _LINE.fullmatch(line.rstrip("\n"))
            if found is None or found[1] != found[3] or found[1][:2] != found[2]:
                raise StartError(f"{file}, line {number}, names no picture.")
            yield found[1], found[4]


def _load(store: PictureStore, sha256: str, suffix: str) -> bytes | None:
    """The picture, where it is there and is what its name says."""
    try:
        data = store.load(sha256, suffix=suffix)
    except OSError as error:
        if not isinstance(error, FileNotFoundError):
            log.warning("%s in %s cannot be read: %s", sha256, store.folder, error)
        return None
    if name_of(data) != sha256:
        log.warning("%s in %s is damaged: it is not what its name says", sha256, store.folder)
        return None
    return data


def _list(connection: sqlite3.Connection, target: Path, store: PictureStore) -> Counted:
    there = missing = 0
    with target.open("w", encoding="ascii") as lines:
        for sha256, suffix in connection.execute(_FILES):
            if store.has(sha256, suffix=suffix):
                there += 1
                lines.write(f"{sha256}  {sha256[:2]}/{sha256}{suffix}\n")
            else:
                missing += 1
    return Counted(there=there, missing=missing)


def _sync(file: Path) -> None:
    """Bring a file, or the names in a folder, onto the disk."""
    if os.name == "nt" and file.is_dir():
        return
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
