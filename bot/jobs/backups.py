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
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.errors import StartError
from bot.pictures.store import PictureStore, name_of
from bot.storage.database import Database, copy_sqlite, known_revision

log = logging.getLogger(__name__)

NAME = "darkroom-%Y%m%dT%H%M%SZ.db"
"""Of a scheduled copy, by UTC."""
_SCHEDULED = "darkroom-????????T??????Z.db"
_LIST = ".pictures"
_LINE = re.compile(r"([0-9a-f]{64})  ([0-9a-f]{2})/([0-9a-f]{64})(\.png|\.webp)")
_NEW = ".new"
"""At the end of what is not whole yet."""
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
    try:
        copy_sqlite(source, copy)
        with contextlib.closing(sqlite3.connect(copy)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")  # it is one file, and may be read-only
            counted = _list(connection, listed, store)
        for file in (copy, listed):
            _sync(file)
        copy.replace(target)
        listed.replace(list_of(target))
    finally:
        for file in (copy, listed):
            file.unlink(missing_ok=True)
    _sync(target.parent)
    return counted


def back_up_by_schedule(
    source: Path, folder: Path, store: PictureStore, *, every_s: float, kept: int, now_s: float
) -> Path | None:
    """A copy in `folder`, where the newest is `every_s` old; the oldest beyond `kept` go."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / time.strftime(NAME, time.gmtime(now_s))
    ages_s = {file: now_s - file.stat().st_mtime for file in folder.glob(_SCHEDULED)}
    # Those of the future are left out: a clock that was set back must not stop the copies.
    if any(0 <= age_s < every_s for age_s in ages_s.values()):
        return None
    back_up(source, target, store)
    ages_s.pop(target, None)
    for old in sorted(ages_s, key=ages_s.__getitem__)[kept - 1 :]:
        old.unlink()
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
    try:
        copy_sqlite(source, fresh)
        _sync(fresh)
        aside = _put_aside(path)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    _sync(path.parent)
    said = [f"{path} is what {source} holds."]
    if aside is not None:
        said.append(f"What was there is {aside} now.")
    counted, brought = _bring(source, store, from_)
    if from_ is not None:
        said.append(f"{brought} pictures were brought from {from_.folder}.")
    if counted is None:
        said.append(f"There is no {list_of(source)}: nobody looked for the pictures.")
    elif counted.missing:
        said.append(
            f"{counted.missing} of {counted.there + counted.missing} pictures are missing in "
            f"{store.folder}; their members are told so where they go on from them."
        )
    else:
        said.append(f"All {counted.there} pictures are there.")
    return " ".join(said)


def _examine(source: Path, path: Path) -> None:
    """StartError where it is no whole database of a Darkroom as new as this one or older.

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


def _put_aside(path: Path) -> Path | None:
    """Rename the database, with what belongs to it; None: there was none."""
    if not path.exists():
        return None
    number = 1
    while (aside := path.with_name(f"{path.name}.before-restore-{number}")).exists():
        number += 1
    for end in ("-wal", "-shm", ""):
        file = path.with_name(path.name + end)
        if file.exists():
            file.rename(aside.with_name(aside.name + end))
    return aside


def _bring(
    source: Path, store: PictureStore, from_: PictureStore | None
) -> tuple[Counted | None, int]:
    """Count the copy's pictures and copy those that are missing; how many were copied."""
    there = missing = brought = 0
    try:
        for sha256, suffix in _listed(list_of(source)):
            if store.has(sha256, suffix=suffix):
                there += 1
            elif from_ is not None and _copy(from_, store, sha256, suffix):
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
            found = _LINE.fullmatch(line.rstrip("\n"))
            if found is None or found[1] != found[3] or found[1][:2] != found[2]:
                raise StartError(f"{file}, line {number}, names no picture.")
            yield found[1], found[4]


def _copy(source: PictureStore, target: PictureStore, sha256: str, suffix: str) -> bool:
    """Whether the picture is there and is what its name says; then it is copied."""
    try:
        data = source.load(sha256, suffix=suffix)
    except OSError:
        return False
    if name_of(data) != sha256:
        log.warning("%s in %s is not what its name says; left out", sha256, source.folder)
        return False
    target.store(data, suffix=suffix)
    return True


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
