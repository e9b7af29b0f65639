"""The use cases, with no Discord in them: accept, follow the engine, finish, recover.

What the studio owes members goes through an `Outbox`, which posts it.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

import engine
from bot.credits import ledger, pricing
from bot.errors import Draining, NotAllowed, NotFound, QueueFull, UserError
from bot.jobs import codec as stored
from bot.jobs import records as jobs
from bot.jobs.records import Delivery, ImageRow, JobRow, Kind, NewJob, Outcome
from bot.pictures import store as gallery
from bot.prompt import brief
from bot.prompt import grammar as prompt
from bot.storage.database import Database

log = logging.getLogger(__name__)

_ID_BYTES = 10
_ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_RECORDING_S = 5.0
"""What a stop leaves for writing down how its last jobs ended."""


class Drawer(Protocol):
    """What the studio asks of an engine; `engine.Engine` and `engine.FakeEngine` both have it."""

    def run(self, job: engine.Job) -> AsyncIterator[engine.Event]: ...
    def cancel(self, job_id: str) -> bool: ...
    def status(self) -> engine.EngineStatus: ...
    def models(self) -> tuple[engine.ModelInfo, ...]: ...
    async def close(self, *, drain_s: float = 0) -> None: ...


class Outbox(Protocol):
    """Where a job's events go."""

    def show(self, row: JobRow, event: engine.Event) -> None:
        """Show progress; returns at once, the latest event wins."""

    async def deliver(self, row: JobRow, *, again: bool) -> None:
        """Post how the job ended; `again`: an earlier process may have posted it already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one member may have at once, and get for nothing."""

    running: int = 3
    """Jobs of one member that run at the same time; the engine's queue holds to it."""
    queued: int = 10
    """Jobs of one member that wait beside those."""
    trial: int = 2500
    """A new account's credits, in 1/100."""
    allotment: int = 100_000
    """What the managers of a guild may grant before the owner raises it, in 1/100 credit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a member asks for, and where."""

    guild_id: int
    """0 in direct messages."""
    channel_id: int
    user_id: int
    text: str
    """The prompt as typed."""
    kind: Kind = Kind.IMAGINE
    title: str = ""
    parent_id: str | None = None
    inputs: tuple[bytes, ...] = ()
    """Cleaned pictures (`gallery.clean`) to start from."""
    strength: float | None = None
    """0 keeps the pictures, 1 ignores them; None: as the prompt says."""
    keep_seed: bool = True
    """Whether a seed that the prompt names counts."""

    def with_inputs(self, inputs: tuple[bytes, ...]) -> Order:
        return dataclasses.replace(self, inputs=inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What an earlier job started from."""

    pictures: tuple[bytes, ...]
    strength: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A job that is paid for and will end exactly once."""

    row: JobRow
    job: engine.DrawJob


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberInfo:
    """What /info tells a member."""

    balance: ledger.Balance
    open: tuple[JobRow, ...]


class Studio:
    """Owns every accepted job from its acceptance to the outbox."""

    def __init__(
        self,
        *,
        database: Database,
        drawer: Drawer,
        pictures: gallery.Gallery,
        outbox: Outbox,
        limits: Limits = Limits(),
        now_s: Callable[[], float] = time.time,
        new_seed: Callable[[], int] = lambda: secrets.randbelow(engine.MAX_SEED + 1),
        new_id: Callable[[], str] | None = None,
    ) -> None:
        self.drawer = drawer
        self.lost = asyncio.Event()
        """Set once the device is lost: the process must exit and be started anew."""
        self._database = database
        self._pictures = pictures
        self._outbox = outbox
        self._limits = limits
        self._now_s = now_s
        self._new_seed = new_seed
        self._new_id = new_id or _random_id
        self._following: dict[str, asyncio.Task[None]] = {}
        self._storing = asyncio.Lock()
        self._draining = False

    # Taking orders.

    async def expect(self, order: Order, pictures: int) -> None:
        """Refuse now what `accept` would refuse once so many pictures are fetched for it."""
        self._refuse_if_draining(order)
        placeholders = dataclasses.replace(order, inputs=(b"",) * pictures)
        written = self._write(placeholders)
        with _giving_back(order.text):
            async with self._database.write() as connection:
                await self._refuse_if_full(connection, order.user_id)
                account_id = await self._account(connection, order.guild_id, order.user_id)
                await ledger.require(
                    connection, account_id, pricing.price(written.job, written.model)
                )

    async def accept(self, order: Order) -> Accepted:
        """Read, price and store the order in one transaction; a UserError leaves nothing behind."""
        self._refuse_if_draining(order)
        written = self._write(order)
        if not order.inputs:
            return Accepted(row=await self._store(order, written, ()), job=written.job)
        async with self._storing:
            hashes = tuple([await asyncio.to_thread(self._pictures.store, i) for i in order.inputs])
            try:
                return Accepted(row=await self._store(order, written, hashes), job=written.job)
            except BaseException:
                await self._forget(hashes)
                raise

    def start(self, accepted: Accepted, *, message_id: int | None) -> None:
        """Send the job on its way; `message_id` is the message that shows its progress."""
        self._spawn(accepted.row, accepted.job, message_id)

    async def cancel_shown(self, message_id: int, *, user_id: int) -> None:
        """Cancel one's own job that a message shows; NotFound or NotAllowed otherwise."""
        async with self._database.read() as connection:
            row = await jobs.shown_by(connection, message_id)
        if row is None:
            raise NotFound("This message shows no picture that is being drawn.")
        if row.user_id != user_id:
            raise NotAllowed("This is another member's picture; only they can cancel it.")
        if row.outcome is not Outcome.OPEN or not self.drawer.cancel(row.id):
            raise NotFound("This picture is not being drawn any more.")

    # Looking things up.

    async def job(self, job_id: str) -> JobRow:
        async with self._database.read() as connection:
            row = await jobs.get(connection, job_id)
        if row is None:
            raise NotFound("This picture is not known here; it may be from another server's bot.")
        return row

    async def last_job(self, *, user_id: int, channel_id: int) -> JobRow:
        """The member's newest finished job in the channel."""
        async with self._database.read() as connection:
            row = await jobs.last_finished(connection, user_id=user_id, channel_id=channel_id)
        if row is None:
            raise NotFound("You have no finished picture in this channel yet; try /imagine first.")
        return row

    async def picture(self, job_id: str, position: int) -> tuple[ImageRow, bytes]:
        """Picture `position` (from 1) of a finished job, as it is stored."""
        async with self._database.read() as connection:
            rows = await jobs.pictures(connection, job_id)
        found = next((image for image in rows if image.position == position), None)
        if found is None:
            raise NotFound(f"This job has no picture {position}.")
        try:
            return found, await asyncio.to_thread(self._pictures.load, found.sha256)
        except FileNotFoundError:
            raise NotFound(
                "This picture was deleted from the disk. Press 🔄 to draw the prompt again."
            ) from None

    async def inputs(self, job_id: str) -> Inputs:
        """The pictures and the strength that the job started with; none for plain text to image."""
        row = await self.job(job_id)
        try:
            job = await asyncio.to_thread(self._restore, row)
        except FileNotFoundError:
            raise NotFound("The picture this started from is gone; send it again.") from None
        except stored.StoredJobError as error:
            raise NotFound(str(error)) from None
        pictures = tuple(picture.data for picture in job.inputs)
        guided = not pictures or (job.init_use is engine.InitUse.PROMPT and len(pictures) == 1)
        return Inputs(pictures=pictures, strength=None if guided else job.strength)

    async def member(self, *, guild_id: int, user_id: int) -> MemberInfo:
        async with self._database.write() as connection:
            account_id = await self._account(connection, guild_id, user_id)
            return MemberInfo(
                balance=await ledger.balance(connection, account_id),
                open=tuple(await jobs.open_of(connection, user_id)),
            )

    # Money.

    async def grant(
        self, *, guild_id: int, user_id: int, amount: int, actor_id: int, by_owner: bool
    ) -> int:
        """Give `amount` (1/100 credit) to a member; returns what is then available to them.

        Who manages the guild gives from its allotment; the bot's owner gives freely.
        """
        async with self._database.write() as connection:
            await ledger.open_allotment(connection, guild_id, self._limits.allotment)
            account_id = await self._account(connection, guild_id, user_id)
            await ledger.grant(
                connection,
                account_id=account_id,
                amount=amount,
                actor_id=actor_id,
                now_ms=self._now_ms(),
                allotment_of=None if by_owner else guild_id,
            )
            return (await ledger.balance(connection, account_id)).available

    async def allot(self, *, guild_id: int, amount: int) -> None:
        """Set what the managers of the guild may still grant, in 1/100 credit."""
        async with self._database.write() as connection:
            await ledger.allot(connection, guild_id, amount)

    # Life of the process.

    async def recover(self) -> None:
        """Run open jobs again and deliver what is owed, with no second ping.

        To be called once, before the first order: what is open then is an earlier process's.
        """
        async with self._database.read() as connection:
            owed = await jobs.undelivered(connection)
            open_rows = await jobs.unfinished(connection)
        for row in owed:
            self._track(row.id, self._outbox.deliver(row, again=True))
        for row in open_rows:
            if row.attempts >= jobs.MAX_ATTEMPTS:
                self._track(row.id, self._give_up(row))
            else:
                self._spawn(row, None, row.progress_message_id)
        if owed or open_rows:
            log.info("recovered %d open and %d undelivered jobs", len(open_rows), len(owed))

    async def drain(self, timeout_s: float) -> None:
        """Take nothing new, let running jobs finish for so long, leave queued ones open.

        A second call finds little left to do and does no harm.
        """
        self._draining = True
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + timeout_s
        await self.drawer.close(drain_s=timeout_s)
        if self._following:
            left_s = max(deadline_s - loop.time(), 0)
            await asyncio.wait(self._following.values(), timeout=left_s + _RECORDING_S)

    # One job.

    def _spawn(self, row: JobRow, job: engine.DrawJob | None, message_id: int | None) -> None:
        self._track(row.id, self._follow(row, job, message_id))

    def _track(self, job_id: str, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work, name=f"job {job_id}")
        self._following[job_id] = task
        task.add_done_callback(self._untrack)

    def _untrack(self, task: asyncio.Task[None]) -> None:
        self._following = {id_: other for id_, other in self._following.items() if other != task}
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s broke off; it goes on after a restart", task.get_name(), exc_info=error)

    async def _follow(
        self, row: JobRow, job: engine.DrawJob | None, message_id: int | None
    ) -> None:
        """Follow one job from the engine's queue to the outbox; nothing it meets goes further."""
        started = False
        try:
            if message_id is not None and message_id != row.progress_message_id:
                row = await self._attach(row, message_id)
            if job is None:
                job = await asyncio.to_thread(self._restore, row)
            async for event in self.drawer.run(job):
                started = started or isinstance(event, engine.Started)
                await self._take(row, job, event)
        except engine.EngineLost:
            log.exception("job %s: the device is lost; the job stays open", row.id)
            self.lost.set()
        except engine.EngineClosed:
            if started:
                await self._interrupt(row)
        except (ValueError, stored.StoredJobError) as error:
            await self._end(row, Outcome.FAILED, str(error))
        except FileNotFoundError:
            await self._end(
                row, Outcome.FAILED, "The picture this was to start from is gone; send it again."
            )
        except Exception:
            log.exception("job %s failed inside Darkroom", row.id)
            await self._end(
                row, Outcome.FAILED, "Something broke inside Darkroom; its operator can see what."
            )

    async def _take(self, row: JobRow, job: engine.DrawJob, event: engine.Event) -> None:
        match event:
            case engine.Finished():
                await asyncio.shield(self._finish(row, job, event))
            case engine.Failed():
                log.warning("job %s failed (%s): %s", row.id, event.kind, event.reason)
                await self._end(row, Outcome.FAILED, event.reason)
            case engine.Cancelled():
                await self._end(row, Outcome.CANCELLED, "Cancelled.")
            case engine.Started():
                async with self._database.write() as connection:
                    await jobs.begin(connection, row.id)
                self._outbox.show(row, event)
            case engine.Queued() | engine.Progress():
                self._outbox.show(row, event)

    async def _finish(self, row: JobRow, job: engine.DrawJob, event: engine.Finished) -> None:
        """Pictures to disk first, then one transaction, then the outbox."""
        rows = []
        for position, picture in enumerate(event.pictures, 1):
            signed = await asyncio.to_thread(
                gallery.sign, picture.png, parameters(row, job, picture)
            )
            rows.append(
                ImageRow(
                    job_id=row.id,
                    position=position,
                    sha256=await asyncio.to_thread(self._pictures.store, signed),
                    seed=picture.seed,
                    width_px=picture.width_px,
                    height_px=picture.height_px,
                )
            )
        notes = "\n".join(note for note in (row.notes, *event.notes) if note)
        async with self._database.write() as connection:
            await jobs.finish(connection, row.id, rows, notes=notes, now_ms=self._now_ms())
        await self._deliver(row.id)

    async def _end(self, row: JobRow, outcome: Outcome, reason: str) -> None:
        await asyncio.shield(self._record_end(row, outcome, reason))

    async def _record_end(self, row: JobRow, outcome: Outcome, reason: str) -> None:
        reason += " Nothing was charged."
        async with self._database.write() as connection:
            await jobs.fail(connection, row.id, outcome, reason, now_ms=self._now_ms())
        await self._deliver(row.id)

    async def _deliver(self, job_id: str) -> None:
        row = await self.job(job_id)
        if row.delivery is Delivery.PENDING:
            await self._outbox.deliver(row, again=False)

    async def _give_up(self, row: JobRow) -> None:
        log.error("job %s stopped the process %d times; it is given up", row.id, row.attempts)
        await self._end(
            row,
            Outcome.FAILED,
            f"Darkroom stopped {row.attempts} times while drawing this, so it was given up.",
        )

    async def _interrupt(self, row: JobRow) -> None:
        async with self._database.write() as connection:
            await jobs.interrupt(connection, row.id)

    async def _attach(self, row: JobRow, message_id: int) -> JobRow:
        async with self._database.write() as connection:
            await jobs.attach_message(connection, row.id, message_id)
        return await self.job(row.id)

    def _restore(self, row: JobRow) -> engine.DrawJob:
        pictures = {sha256: self._pictures.load(sha256) for sha256 in stored.hashes(row.stored)}
        return stored.load(row.stored, row.stored_version, pictures)

    def _write(self, order: Order) -> brief.Brief:
        wanted = prompt.parse(order.text, beside=len(order.inputs))
        return brief.write(
            wanted,
            brief.choose_model(wanted, self.drawer.models()),
            job_id=self._new_id(),
            owner=str(order.user_id),
            seed=self._new_seed(),
            inputs=order.inputs,
            strength=order.strength,
            keep_seed=order.keep_seed,
        )

    async def _store(self, order: Order, written: brief.Brief, hashes: tuple[str, ...]) -> JobRow:
        new = NewJob(
            id=written.job.id,
            guild_id=order.guild_id,
            channel_id=order.channel_id,
            user_id=order.user_id,
            kind=order.kind,
            title=order.title,
            prompt=order.text,
            parent_id=order.parent_id,
            stored_version=stored.VERSION,
            stored=stored.dump(written.job, hashes),
            notes="\n".join(written.notes),
            input_hashes=hashes,
        )
        price = pricing.price(written.job, written.model)
        with _giving_back(order.text):
            async with self._database.write() as connection:
                await self._refuse_if_full(connection, order.user_id)
                account_id = await self._account(connection, order.guild_id, order.user_id)
                await jobs.accept(
                    connection, new, account_id=account_id, price=price, now_ms=self._now_ms()
                )
                row = await jobs.get(connection, new.id)
        assert row is not None
        return row

    async def _forget(self, hashes: tuple[str, ...]) -> None:
        """Delete pictures that were stored for an order that was then refused."""
        async with self._database.read() as connection:
            unused = [sha for sha in hashes if not await jobs.is_referenced(connection, sha)]
        for sha256 in unused:
            await asyncio.to_thread(self._pictures.delete, sha256)

    def _refuse_if_draining(self, order: Order) -> None:
        if self._draining:
            raise Draining(
                "Darkroom is about to restart; send this again in a minute.", command=order.text
            )

    async def _refuse_if_full(self, connection: AsyncConnection, user_id: int) -> None:
        waiting = await jobs.open_count(connection, user_id)
        if waiting >= self._limits.running + self._limits.queued:
            raise QueueFull(
                f"You have {waiting} pictures waiting, which is the most. "
                f"Send this again when one of them is done."
            )

    async def _account(self, connection: AsyncConnection, guild_id: int, user_id: int) -> int:
        return await ledger.account(
            connection,
            guild_id=guild_id,
            user_id=user_id,
            trial=self._limits.trial,
            now_ms=self._now_ms(),
        )

    def _now_ms(self) -> int:
        return int(self._now_s() * 1000)


def parameters(row: JobRow, job: engine.DrawJob, picture: engine.Picture) -> str:
    """What goes inside a picture's file, in the form that other programs of the field read."""
    words = " ".join(part.text for part in job.prompt)
    lines = [words]
    if job.negative:
        lines.append(f"Negative prompt: {job.negative}")
    lines.append(
        f"Steps: {job.steps}, Sampler: {job.scheduler or 'default'}, CFG scale: {job.guidance:g}, "
        f"Seed: {picture.seed}, Size: {picture.width_px}x{picture.height_px}, Model: {job.model}, "
        f"Job: {row.id}"
    )
    return "\n".join(lines)


@contextlib.contextmanager
def _giving_back(text: str) -> Iterator[None]:
    """Let refusals carry the member's text."""
    try:
        yield
    except UserError as refusal:
        refusal.command = refusal.command or text
        raise


def _random_id() -> str:
    number = secrets.randbits(_ID_BYTES * 8)
    return "".join(_ID_ALPHABET[(number >> shift) & 31] for shift in range(0, _ID_BYTES * 8, 5))
