"""What is kept of one member: handed out to them as files, or erased."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.credits import quotas, statement
from bot.jobs import deletions, records
from bot.jobs.deletions import Deletions
from bot.jobs.records import Delivery, JobRow, Outcome
from bot.moderation.verdicts import forget_words
from bot.pictures import grid, metadata
from bot.pictures.store import PictureStore
from bot.storage.database import Database
from bot.storage.tables import (
    accounts,
    batches,
    favourites,
    films,
    images,
    inputs,
    jobs,
    messages,
    picture_hashes,
    preferences,
    redemptions,
    texts,
    verdicts,
)

MOST_PARTS = 40
"""Of one export; the newest pictures come first."""
_HEAD_BYTES = 64 * 1024
"""Kept free in each part, for the archive's own lists."""
_ROWS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One archive of an export."""

    data: bytes
    pictures: int
    left_out: bool = False
    """Whether there is more, which no part has: it is the last one that may be sent."""


class Privacy:
    """Reads and erases what belongs to one member, in all servers."""

    def __init__(
        self, *, database: Database, store: PictureStore, now_ms: Callable[[], int]
    ) -> None:
        self._database = database
        self._store = store
        self._now_ms = now_ms
        self.deletions = Deletions(database=database, store=store)

    async def export(self, user_id: int, limit_bytes: int) -> AsyncIterator[Part]:
        """Everything as zip archives of at most `limit_bytes`, one after the other.

        The first has the lists: jobs, credits and settings. Then come the pictures, the member's
        own jobs' and those that they sent, the newest first.
        """
        async with self._database.read() as connection:
            first = await _lists(connection, user_id)
            files = await _files(connection, user_id)
        room = limit_bytes - _HEAD_BYTES
        parts, names, size, pictures = 1, dict[str, bytes](), 0, 0
        for name, data in first.items():
            names[name] = data
            size += len(data)
        if size > room:  # lists are packed well; pictures are not packed at all
            yield Part(data=await asyncio.to_thread(_packed, names), pictures=0)
            parts, names, size = parts + 1, {}, 0
        for stem, sha256, suffix in files:
            name = f"{stem}{suffix}"
            try:
                data = await asyncio.to_thread(self._store.load, sha256, suffix=suffix)
            except FileNotFoundError:
                continue
            if len(data) > room and suffix == ".png":
                extension, data = await asyncio.to_thread(_smaller, data, room)
                name = f"{stem}.{extension}"
            if len(data) > room:
                continue
            if size + len(data) > room:
                last = parts == MOST_PARTS
                yield Part(
                    data=await asyncio.to_thread(_packed, names), pictures=pictures, left_out=last
                )
                if last:
                    return
                parts, names, size, pictures = parts + 1, {}, 0, 0
            names[name] = data
            size += len(data) + 2 * len(name) + 200
            pictures += 1
        yield Part(data=await asyncio.to_thread(_packed, names), pictures=pictures)

    async def open_jobs(self, user_id: int) -> list[JobRow]:
        """What must be cancelled before the rest can be erased."""
        async with self._database.read() as connection:
            return await records.open_of(connection, user_id)

    async def erase(self, user_id: int) -> int:
        """Prompts, pictures, settings and marks are gone; lines of the ledger name nobody.

        Returns how many jobs it was. The messages that show them are `deletions`' to delete.

        Open jobs stay, with what they need. What remains beside them is what protects others: that
        the member was here and what they spent lately, so that neither a trial nor a quota is had
        twice, and their strikes, without words.
        """
        async with self._database.write(long=True) as connection:
            await quotas.keep_spent(connection, user_id, self._now_ms())
            ids = list(
                await connection.scalars(
                    select(jobs.c.id).where(
                        jobs.c.user_id == user_id, jobs.c.outcome != Outcome.OPEN
                    )
                )
            )
            shown, hashes = await _shown_batches(connection, user_id), set[tuple[str, str]]()
            for some in _some(ids):
                rows = await connection.execute(
                    select(messages.c.channel_id, messages.c.message_id).where(
                        messages.c.job_id.in_(some)
                    )
                )
                shown += [(row.channel_id, row.message_id) for row in rows]
                hashes |= await _erase_jobs(connection, some)
            shown += await forget_words(connection, user_id)
            await _erase_member(connection, user_id, self._now_ms())
            await deletions.owe(connection, files=hashes, messages=shown)
        await self.deletions.delete_files()
        return len(ids)


async def _erase_jobs(connection: AsyncConnection, ids: Sequence[str]) -> set[tuple[str, str]]:
    """Empty the jobs; the hashes and suffixes of files that may be in use elsewhere."""
    hashes = set[tuple[str, str]]()
    for table, suffix in ((images, ".png"), (inputs, ".png"), (films, ".webp")):
        found = await connection.scalars(select(table.c.sha256).where(table.c.job_id.in_(ids)))
        hashes |= {(sha256, suffix) for sha256 in found}
    for table in (images, inputs, films, texts, picture_hashes, favourites):
        await connection.execute(delete(table).where(table.c.job_id.in_(ids)))
    await connection.execute(
        update(jobs)
        .where(jobs.c.id.in_(ids))
        .values(
            prompt="",
            title="",
            stored="",
            resolved="{}",
            notes="",
            reason="",
            user_id=0,
            channel_id=0,
            delivery=Delivery.KEPT,
        )
    )
    return hashes


def _are_over(user_id: int) -> ColumnElement[bool]:
    """Which batches are the member's, and have no open job."""
    return and_(
        batches.c.user_id == user_id,
        ~select(jobs.c.id)
        .where(jobs.c.batch_id == batches.c.id, jobs.c.outcome == Outcome.OPEN)
        .exists(),
    )


async def _shown_batches(connection: AsyncConnection, user_id: int) -> list[tuple[int, int]]:
    """(channel id, message id) of the messages that list the member's batches."""
    rows = await connection.execute(
        select(batches.c.channel_id, batches.c.message_id).where(
            _are_over(user_id), batches.c.message_id.is_not(None)
        )
    )
    return [(row.channel_id, row.message_id) for row in rows]


async def _erase_member(connection: AsyncConnection, user_id: int, now_ms: int) -> None:
    await connection.execute(delete(favourites).where(favourites.c.user_id == user_id))
    await connection.execute(delete(preferences).where(preferences.c.user_id == user_id))
    await connection.execute(
        update(batches)
        .where(_are_over(user_id))
        .values(prompt="", user_id=0, delivery=Delivery.KEPT)
    )
    open_accounts = select(jobs.c.account_id).where(
        jobs.c.user_id == user_id, jobs.c.outcome == Outcome.OPEN
    )
    own = await connection.execute(
        select(accounts).where(accounts.c.user_id == user_id, accounts.c.id.not_in(open_accounts))
    )
    for account in own.all():
        await connection.execute(
            update(accounts).where(accounts.c.id == account.id).values(user_id=-account.id)
        )
        # An empty one in its place: what one gets once, or once a month, is not got again.
        new = await connection.scalar(
            insert(accounts)
            .values(
                guild_id=account.guild_id,
                user_id=user_id,
                created_ms=now_ms,
                refilled_month=account.refilled_month,
                refilled=account.refilled,
                trial_due_ms=None,
            )
            .returning(accounts.c.id)
        )
        codes = await connection.scalars(
            select(redemptions.c.code_id).where(redemptions.c.account_id == account.id)
        )
        for code_id in codes.all():
            await connection.execute(
                insert(redemptions).values(code_id=code_id, account_id=new, created_ms=now_ms)
            )


# An export.


async def _lists(connection: AsyncConnection, user_id: int) -> dict[str, bytes]:
    """What is kept of the member in words, by the names of its files."""
    rows = (
        await connection.execute(
            select(
                jobs.c.id,
                jobs.c.created_ms,
                jobs.c.ended_ms,
                jobs.c.guild_id,
                jobs.c.channel_id,
                jobs.c.kind,
                jobs.c.prompt,
                jobs.c.outcome,
                jobs.c.reason,
                jobs.c.resolved,
            )
            .where(jobs.c.user_id == user_id)
            .order_by(jobs.c.created_ms)
        )
    ).all()
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(
        ("job", "ordered", "ended", "server", "channel", "kind", "prompt", "outcome", "reason")
    )
    for row in rows:
        writer.writerow(
            (
                row.id,
                _time(row.created_ms),
                _time(row.ended_ms),
                row.guild_id,
                row.channel_id,
                row.kind,
                statement.cell(row.prompt),
                row.outcome,
                statement.cell(row.reason),
            )
        )
    found = {
        "jobs.csv": b"\xef\xbb\xbf" + table.getvalue().encode(errors="replace"),
        "parameters.json": _json({row.id: json.loads(row.resolved) for row in rows}),
    }
    own = await connection.execute(
        select(accounts.c.id, accounts.c.guild_id).where(accounts.c.user_id == user_id)
    )
    for account in own.all():
        found[f"credits-{account.guild_id}.csv"] = await statement.as_csv(connection, account.id)
    settings = await connection.execute(
        select(preferences.c.name, preferences.c.value).where(preferences.c.user_id == user_id)
    )
    found["settings.json"] = _json({row.name: row.value for row in settings})
    refused = await connection.execute(
        select(
            verdicts.c.created_ms, verdicts.c.guild_id, verdicts.c.category, verdicts.c.prompt
        ).where(verdicts.c.user_id == user_id)
    )
    found["refused.json"] = _json(
        [
            {
                "at": _time(row.created_ms),
                "server": row.guild_id,
                "category": row.category,
                "prompt": row.prompt,
            }
            for row in refused
        ]
    )
    return found


async def _files(connection: AsyncConnection, user_id: int) -> list[tuple[str, str, str]]:
    """(name without suffix, SHA-256, suffix) of the member's pictures, the newest jobs' first."""
    files = []
    for table, folder, suffix in (
        (images, "pictures", ".png"),
        (films, "pictures", ".webp"),
        (inputs, "sent", ".png"),
    ):
        position = table.c.position if "position" in table.c else jobs.c.kind
        rows = await connection.execute(
            select(jobs.c.id, jobs.c.created_ms, table.c.sha256, position.label("place"))
            .join(jobs, jobs.c.id == table.c.job_id)
            .where(jobs.c.user_id == user_id)
        )
        files += [
            (row.created_ms, f"{folder}/{row.id}_{row.place}", row.sha256, suffix) for row in rows
        ]
    files.sort(key=lambda file: (-file[0], file[1]))
    seen, once = set[str](), []
    for _, name, sha256, suffix in files:
        if sha256 not in seen:
            once.append((name, sha256, suffix))
        seen.add(sha256)
    return once


def _packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            words = name.endswith((".csv", ".json"))
            method = zipfile.ZIP_DEFLATED if words else zipfile.ZIP_STORED
            archive.writestr(name, data, compress_type=method)
    return buffer.getvalue()


def _smaller(png: bytes, room: int) -> tuple[str, bytes]:
    return grid.within(grid.grid([png]), room, metadata.read(png))


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode(errors="replace")


def _time(at_ms: int | None) -> str:
    return "" if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()


def _some(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _ROWS):
        yield ids[start : start + _ROWS]
