"""Which files were made here: by their bytes, or by how they look where they were saved anew.

A file's metadata proves nothing and is not asked. Every file that is stored or posted is noted in
`picture_hashes`; a picture that was recompressed or resized is found by its fingerprint.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image
from sqlalchemy import Row, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.jobs import modes, records
from bot.jobs.records import JobRow
from bot.pictures import fingerprint, uploads
from bot.pictures.fingerprint import Fingerprint
from bot.pictures.store import name_of
from bot.storage.database import Database, own_insert
from bot.storage.tables import picture_hashes

MOST_BITS_APART = 7
"""Of the shapes of a picture and its recompressed or resized copy. Split into four bands of 16
bits, one band of the two differs in at most one bit, so that the index finds every such pair."""
MOST_TONES_APART = 2.5
"""Of their colours. Measured on 500 pictures of 128 px that doodle drew, four for each prompt: of
124,750 pairs 7 lie within both limits, one of them of two prompts; of copies in JPEG or WebP of
quality 50 and more, or at 50 to 200 % of their size, all do; of those that are both, 498 of 500 or
more.
"""
Clean = Callable[[bytes, int], Awaitable[bytes]]
"""(a file, the id of who sent it) → a plain PNG, as `uploads.clean`."""

_MOST_CANDIDATES = 50_000
"""Looked at for one picture; where so many look alike, the answer says little."""
_BANDS = tuple(picture_hashes.c[f"band_{number}"] for number in (1, 2, 3, 4))
_BAND_BITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One file that was made here."""

    job_id: str
    sha256: str
    position: int | None = None
    """Which picture of the job, from 1; None: a grid or a film of all of them."""
    looks: Fingerprint | None = None
    """Of its first frame, which is what an upload of it becomes; None for one with no shapes."""

    @classmethod
    def of(cls, job_id: str, data: bytes, position: int | None) -> Made:
        """The file with its fingerprint; it blocks."""
        with Image.open(io.BytesIO(data)) as picture:
            looks = fingerprint.of(picture)
        return cls(job_id=job_id, sha256=name_of(data), position=position, looks=looks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a file comes from."""

    row: JobRow
    position: int | None
    """As `Made.position`."""
    unchanged: bool
    """The bytes are the same; else it only looks the same."""


async def add(connection: AsyncConnection, made: Sequence[Made]) -> None:
    """Note the files; what is known already stays as it is."""
    if made:
        await connection.execute(
            own_insert(connection, picture_hashes).on_conflict_do_nothing(),
            [
                {
                    "job_id": each.job_id,
                    "sha256": each.sha256,
                    "position": each.position,
                    **_columns(each.looks),
                }
                for each in made
            ],
        )


class Provenance:
    """Notes what is posted, and knows it again."""

    def __init__(self, database: Database, clean: Clean | None = None) -> None:
        """clean: None: this process does it."""
        self._database = database
        self._clean = clean or _clean_here

    async def posted(self, job_id: str, data: bytes, *, position: int | None) -> None:
        """Note a file before it is posted: what is out there is then known."""
        made = await asyncio.to_thread(Made.of, job_id, data, position)
        async with self._database.write() as connection:
            await add(connection, (made,))

    async def origin(self, data: bytes, member: int = 0) -> Origin | None:
        """The job that made the file or what it looks like; None: no job here.

        InvalidPicture where it is not known and no picture either.
        """
        sha256 = await asyncio.to_thread(name_of, data)
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(picture_hashes)
                .where(picture_hashes.c.sha256 == sha256)
                .order_by(picture_hashes.c.position)
                .limit(1)
            )
            same = rows.one_or_none()
            if same is not None:
                return await _origin(connection, same, unchanged=True)
        looks = await asyncio.to_thread(_looks_of, await self._clean(data, member))
        if looks is None:
            return None
        async with self._database.read() as connection:
            similar = (
                await connection.execute(
                    select(picture_hashes).where(_near(looks)).limit(_MOST_CANDIDATES)
                )
            ).all()
            nearest = await asyncio.to_thread(_nearest, looks, similar)
            return await _origin(connection, nearest, unchanged=False) if nearest else None


def parameters_of(row: JobRow) -> Mapping[str, Any]:
    """Every parameter of the job's prompt, see `prompt.resolved`."""
    found: dict[str, Any] = json.loads(row.resolved).get("prompt", {})
    return found


def is_stealthy(row: JobRow) -> bool:
    """Whether nobody but its owner may learn what the job was asked for."""
    return modes.of(row).stealth


async def _origin(connection: AsyncConnection, found: Row[Any], *, unchanged: bool) -> Origin:
    row = await records.get(connection, found.job_id)
    assert row is not None  # a foreign key
    return Origin(row=row, position=found.position, unchanged=unchanged)


async def _clean_here(data: bytes, _member: int) -> bytes:
    return await asyncio.to_thread(uploads.clean, data)


def _looks_of(clean: bytes) -> Fingerprint | None:
    with Image.open(io.BytesIO(clean)) as picture:
        return fingerprint.of(picture)


# Fingerprints in the table.


def _columns(looks: Fingerprint | None) -> dict[str, Any]:
    if looks is None:
        return {**{column.name: None for column in _BANDS}, "colours": None}
    bands = {column.name: band for column, band in zip(_BANDS, _split(looks), strict=True)}
    return {**bands, "colours": looks.colours}


def _split(looks: Fingerprint) -> list[int]:
    """The four bands of its shapes."""
    mask = (1 << _BAND_BITS) - 1
    return [looks.shapes >> (_BAND_BITS * place) & mask for place in range(len(_BANDS))]


def _joined(found: Row[Any]) -> Fingerprint:
    bands = (found.band_1, found.band_2, found.band_3, found.band_4)
    shapes = sum(band << (_BAND_BITS * place) for place, band in enumerate(bands))
    return Fingerprint(shapes=shapes, colours=found.colours)


def _near(looks: Fingerprint) -> Any:  # noqa: ANN401 - an SQL condition
    """A band is the same, or differs in one bit."""
    pairs = zip(_BANDS, _split(looks), strict=True)
    return or_(*(column.in_([*_one_bit_off(band)]) for column, band in pairs))


def _one_bit_off(band: int) -> Iterator[int]:
    yield band
    for bit in range(_BAND_BITS):
        yield band ^ 1 << bit


def _nearest(looks: Fingerprint, similar: Sequence[Row[Any]]) -> Row[Any] | None:
    """The one that looks most like it, a single picture before a grid; None: none does."""
    near: list[tuple[float, bool, int]] = []
    for place, found in enumerate(similar):
        other = _joined(found)
        bits = looks.bits_apart(other)
        if bits <= MOST_BITS_APART and (tones := looks.tones_apart(other)) <= MOST_TONES_APART:
            near.append((tones, found.position is None, place))
    return similar[min(near)[-1]] if near else None
