"""Pictures on disk by the SHA-256 of their bytes: those we made and those members sent.

Writing is atomic: a temporary file, fsync, rename. Everything here blocks; the callers run it in a
thread.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
import threading
import time
from pathlib import Path

TEMPORARY = ".new-"
"""How the name of a file begins that is still being written."""
_KEEPING_AGAIN = threading.Lock()
"""A file that is kept again is not deleted for its age at that moment."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


def name_of(data: bytes) -> str:
    """The SHA-256 in hex, by which a file is kept."""
    return hashlib.sha256(data).hexdigest()


class PictureStore:
    """The pictures under one folder, as `ab/abcdef….png` (films: `.webp`)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def store(self, data: bytes, *, suffix: str = ".png") -> str:
        """Keep the file; returns its SHA-256 in hex. Keeping it again changes nothing."""
        sha256 = name_of(data)
        target = self._path(sha256, suffix)
        if _touched(target):
            return sha256
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=TEMPORARY)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _fsync_folder(target.parent)
        return sha256

    def load(self, sha256: str, *, suffix: str = ".png") -> bytes:
        """The picture's bytes; FileNotFoundError if it was deleted."""
        return self._path(sha256, suffix).read_bytes()

    def has(self, sha256: str, *, suffix: str = ".png") -> bool:
        """Whether the file is there."""
        return self._path(sha256, suffix).exists()

    def delete(
        self, sha256: str, *, suffix: str = ".png", unless_since_s: float | None = None
    ) -> None:
        """Forget the file, if it is there.

        unless_since_s: but not where it was kept, or kept again, at that time or after it.
        """
        path = self._path(sha256, suffix)
        with _KEEPING_AGAIN, contextlib.suppress(FileNotFoundError):
            if unless_since_s is None or path.stat().st_mtime < unless_since_s:
                path.unlink()

    def sizes(self) -> dict[str, int]:
        """The bytes of every file, by its SHA-256."""
        found = {}
        for file in self.folder.glob("*/*"):
            if _SHA256.fullmatch(file.stem):
                with contextlib.suppress(FileNotFoundError):  # it has just been deleted
                    found[file.stem] = file.stat().st_size
        return found

    def changed(self) -> dict[tuple[str, str], float]:
        """When each file was last kept, by its SHA-256 and suffix, in seconds since 1970."""
        found = {}
        for file in self.folder.glob("*/*"):
            if _SHA256.fullmatch(file.stem):
                with contextlib.suppress(FileNotFoundError):  # it has just been deleted
                    found[file.stem, file.suffix] = file.stat().st_mtime
        return found

    def clear_temporary(self, older_than_s: float) -> int:
        """Delete what writers that were killed left behind; returns how many files it was."""
        stale = [
            file
            for file in self.folder.glob(f"*/{TEMPORARY}*")
            if time.time() - file.stat().st_mtime > older_than_s
        ]
        for file in stale:
            file.unlink(missing_ok=True)
        return len(stale)

    def _path(self, sha256: str, suffix: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise ValueError(f"not a SHA-256: {sha256!r}")
        return self.folder / sha256[:2] / f"{sha256}{suffix}"


def _touched(file: Path) -> bool:
    """Whether it is there; then it counts as kept now."""
    with _KEEPING_AGAIN:
        try:
            os.utime(file)
        except FileNotFoundError:
            return False
    return True


def _fsync_folder(folder: Path) -> None:
    """Make the rename itself durable; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
