"""Follows accepted jobs: from the engine's queue to a recorded end, over restarts and stops."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

import engine
from bot import locale
from bot.errors import NotFound, PromptError
from bot.jobs import codec, provenance, records, seen
from bot.jobs.batches import BatchRow
from bot.jobs.begun import Begun
from bot.jobs.codec import StoredJobError
from bot.jobs.engine_client import EngineClient
from bot.jobs.halts import EVERYWHERE, Halts
from bot.jobs.kinds import KINDS, morph
from bot.jobs.orders import Accepted
from bot.jobs.provenance import Made
from bot.jobs.records import ImageRow, JobRow, MessageRow, Outcome, Result, Role, TextRow
from bot.jobs.suspects import ALONE_AFTER, Suspects
from bot.moderation.moderation import Moderation, Ordered
from bot.moderation.phrases import Level
from bot.moderation.policy import Policy
from bot.pictures import grid, metadata
from bot.pictures.making import Making
from bot.pictures.store import PictureStore, name_of
from bot.prompt import grammar, words
from bot.prompt.canonical import canonical
from bot.storage.audit import Action, Audit
from bot.storage.database import Database
from engine import Sentence, sentence_of

log = logging.getLogger(__name__)

T = TypeVar("T")
_RECORDING_S = 5.0
"""What a stop leaves for writing down how its last jobs ended."""


class Outbox(Protocol):
    """Where members are told about their jobs."""

    def show(self, row: JobRow, event: engine.Event, *, blurred: bool = False) -> None:
        """Show progress; returns at once, the latest event wins. blurred: its previews."""

    def owe(self, job_id: str) -> None:
        """The job has just ended: post how; returns at once."""

    def resume(self) -> None:
        """Post what an earlier process still owes; returns at once."""


class Runner:
    """Owns every accepted job until its end is recorded."""

    def __init__(
        self,
        *,
        database: Database,
        engine_client: EngineClient,
        store: PictureStore,
        begun: Begun,
        policy: Policy,
        moderation: Moderation,
        outbox: Outbox,
        halts: Halts,
        audit: Audit,
        now_ms: Callable[[], int],
    ) -> None:
        self.lost = asyncio.Event()
        """Set once the device is lost: the process must exit and be started anew."""
        self._database = database
        self._engine = engine_client
        self._store = store
        self._begun = begun
        self._policy = policy
        self._moderation = moderation
        self._outbox = outbox
        self._halts = halts
        self._audit = audit
        self._now_ms = now_ms
        self._following: dict[str, asyncio.Task[None]] = {}
        self._cancelled: set[str] = set()
        """Jobs that were cancelled here and may not have reached the engine yet."""
        self._suspects = Suspects()
        self._held: dict[str, tuple[JobRow, engine.Job]] = {}
        """Jobs whose queue is paused."""
        self._rows: dict[str, JobRow] = {}
        """Jobs that are with the engine."""
        self._withdrawn: set[str] = set()
        """Jobs that were taken out of the engine's queue because theirs was paused."""

    def start(self, accepted: Accepted, *, message_id: int | None) -> None:
        """Send the job on its way; `message_id` is the message that shows its progress."""
        self._track(accepted.row.id, self._begin(accepted.row, accepted.job, message_id))

    async def cancel(self, row: JobRow) -> None:
        """Cancel the job; NotFound if it has ended. What is promised is on record first."""
        if not await self._end(row, Outcome.CANCELLED, Sentence("Cancelled.")):
            raise NotFound("This picture is not being drawn any more.")
        self._stop(row)

    async def cancel_batch(self, batch: BatchRow) -> int:
        """Cancel every open job of the batch, all at once; how many; NotFound if there are none."""

        async def end_all(connection: AsyncConnection) -> list[JobRow]:
            rows = await records.of_batch(connection, batch.id)
            return await self._cancel_all(connection, rows, Sentence("Cancelled."))

        ended = await self._written(batch, end_all)
        self._told_of(ended)
        return len(ended)

    async def cancel_many(self, rows: Sequence[JobRow], action: Action) -> int:
        """Cancel those of the jobs that are still open, all at once, for who manages their queue.

        Returns how many; NotFound if there are none. action: what the audit says of it.
        """

        async def end_all(connection: AsyncConnection) -> list[JobRow]:
            said = Sentence("Cancelled by who manages the queue.")
            ended = await self._cancel_all(connection, rows, said)
            if ended:
                await self._audit.write(connection, action)
            return ended

        ended = await self._database.written(end_all, f"{len(rows)} jobs")
        self._told_of(ended)
        return len(ended)

    async def _cancel_all(
        self, connection: AsyncConnection, rows: Sequence[JobRow], reason: Sentence
    ) -> list[JobRow]:
        """Those of the jobs that were open."""
        return [
            row
            for row in rows
            if await records.fail(
                connection,
                row.id,
                Outcome.CANCELLED,
                _uncharged(reason, row.locale),
                now_ms=self._now_ms(),
            )
        ]

    def _told_of(self, ended: Sequence[JobRow]) -> None:
        if not ended:
            raise NotFound("Nothing of this is being drawn any more.")
        for row in ended:
            self._stop(row)
            self._outbox.owe(row.id)

    def _stop(self, row: JobRow) -> None:
        """Let go of a job that is cancelled on record."""
        if self._held.pop(row.id, None) is None:
            self._cancelled.add(row.id)
            self._engine.cancel(row.id)

    def halt(self, guild_id: int) -> None:
        """Do what `halts` says now of the server's jobs, or of all where it is `EVERYWHERE`.

        Those that run go on; those that wait in a paused queue leave the engine until it goes on.
        """
        for job_id in self._engine.status().queued:
            row = self._rows.get(job_id)
            if row is not None and self._is_of(row, guild_id) and self._is_paused(row):
                self._withdrawn.add(job_id)
                self._engine.cancel(job_id)
        for job_id, (row, job) in tuple(self._held.items()):
            if self._is_of(row, guild_id) and not self._is_paused(row):
                del self._held[job_id]
                self._track(job_id, self._follow(row, job))

    def _is_of(self, row: JobRow, guild_id: int) -> bool:
        return guild_id in (EVERYWHERE, row.guild_id)

    def _is_paused(self, row: JobRow) -> bool:
        return self._halts.is_paused(row.guild_id)

    async def recover(self) -> None:
        """Run open jobs again and deliver what is owed, with no second ping.

        To be called once, before the first order: what is open then is an earlier process's.
        """
        await self._count_begun()
        async with self._database.read() as connection:
            rows = await records.unfinished(connection)
        self._outbox.resume()
        if rows:
            log.info("recovering %d open jobs", len(rows))
            self._suspects.expect(
                row.id for row in rows if ALONE_AFTER <= row.attempts < records.MAX_ATTEMPTS
            )
            self._track("recovery", self._resume(rows))

    async def _count_begun(self) -> None:
        """Count the attempts that an earlier process began and did not live to count."""
        left = await asyncio.to_thread(self._begun.left)

        async def count(connection: AsyncConnection) -> None:
            for job_id, attempt in left.items():
                await records.begun(connection, job_id, attempt)

        if left:
            await self._database.written(count, f"{len(left)} attempts")
            for job_id, attempt in left.items():
                await asyncio.to_thread(self._begun.forget, job_id, attempt)

    async def drain(self, timeout_s: float) -> None:
        """Let running jobs finish for so long, leave queued ones open.

        A second call finds little left to do and does no harm.
        """
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + timeout_s
        await self._engine.close(drain_s=timeout_s)
        if self._following:
            left_s = max(deadline_s - loop.time(), 0)
            await asyncio.wait(self._following.values(), timeout=left_s + _RECORDING_S)

    def _track(self, job_id: str, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work, name=f"job {job_id}")
        self._following[job_id] = task
        task.add_done_callback(self._untrack)

    def _untrack(self, task: asyncio.Task[None]) -> None:
        self._cancelled -= {id_ for id_, other in self._following.items() if other == task}
        self._following = {id_: other for id_, other in self._following.items() if other != task}
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s broke off; it goes on after a restart", task.get_name(), exc_info=error)

    async def _resume(self, rows: Sequence[JobRow]) -> None:
        """Send open jobs on their way again, in the order in which they were accepted."""
        for row in rows:
            if row.attempts >= records.MAX_ATTEMPTS:
                self._track(row.id, self._give_up(row))
                continue
            try:
                job = await asyncio.to_thread(
                    codec.load, row.stored, row.stored_version, self._store.load
                )
            except Exception as error:  # noqa: BLE001 - it ends its own job and stops no other
                self._track(row.id, self._fail_for(row, error))
                self._let_go_on_after(row)
            else:
                self._track(row.id, self._follow(row, job))

    async def _begin(self, row: JobRow, job: engine.Job, message_id: int | None) -> None:
        if message_id is not None:
            shown = MessageRow(
                message_id=message_id,
                channel_id=row.channel_id,
                job_id=row.id,
                role=Role.PROGRESS,
            )
            row = dataclasses.replace(row, progress_message_id=message_id)
            await self._written(row, lambda connection: records.show(connection, shown))
        await self._follow(row, job)

    async def _follow(self, row: JobRow, job: engine.Job) -> None:
        """Follow one job to its end, or until its queue is paused."""
        if not self._suspects.admits(row, job):
            return
        try:
            await self._follow_now(row, job)
        finally:
            self._let_go_on_after(row)

    def _let_go_on_after(self, row: JobRow) -> None:
        """Let jobs run that waited for the end of this one, if any did."""
        for waiting, job in self._suspects.over(row.id):
            self._track(waiting.id, self._follow(waiting, job))

    async def _follow_now(self, row: JobRow, job: engine.Job) -> None:
        while row.id not in self._cancelled:
            if self._is_paused(row):
                self._held[row.id] = row, job
                return
            self._rows[row.id] = row
            try:
                await self._follow_once(row, job)
            finally:
                del self._rows[row.id]
            if not self.lost.is_set():  # else it may be what lost the device
                await asyncio.to_thread(self._begun.forget, row.id, row.attempts + 1)
            if row.id not in self._withdrawn:
                return
            self._withdrawn.discard(row.id)

    async def _follow_once(self, row: JobRow, job: engine.Job) -> None:
        """Follow one job from the engine's queue to its end; nothing it meets goes further.

        It may also be taken out of that queue, see `halt`.
        """
        counted = False
        job_id, attempt = row.id, row.attempts + 1
        try:
            async for event in self._engine.run(job, lambda: self._begun.write(job_id, attempt)):
                if row.id in self._cancelled:
                    return
                if self._has_left(row, event):
                    break
                counted = await self._count(row, event, counted=counted)
                row = await self._take(row, job, event)
            else:
                return
            if counted:  # it had just begun
                await self._interrupt(row)
        except engine.EngineLost:
            log.exception("job %s: the device is lost; the job stays open", row.id)
            self.lost.set()
        except engine.EngineClosed:
            if counted:
                await self._interrupt(row)
        except Exception as error:  # noqa: BLE001 - told, and logged where it is ours
            self._engine.cancel(row.id)  # nobody would hear of its end
            self._withdrawn.discard(row.id)
            await self._fail_for(row, error)

    def _has_left(self, row: JobRow, event: engine.Event) -> bool:
        """Whether the event tells that the job is out of the engine's queue, to wait here."""
        if row.id not in self._withdrawn:
            return False
        if isinstance(event, engine.Finished | engine.Failed):
            self._withdrawn.discard(row.id)  # it was quicker
        return isinstance(event, engine.Cancelled)

    async def _count(self, row: JobRow, event: engine.Event, *, counted: bool) -> bool:
        """Count an attempt while the job is translated or drawn; what only waits stops no process.

        counted: whether this run of the job is counted; returns the same after the event.
        """
        match event:
            case engine.Translating() | engine.Started() if not counted:
                await self._written(row, lambda connection: records.begin(connection, row.id))
                await asyncio.to_thread(self._begun.forget, row.id, row.attempts + 1)
                return True
            case engine.Queued() if counted:
                await self._interrupt(row)
                return False
            case engine.GivenBack():
                return False  # that try stays counted, and the next one will be
            case _:
                return counted

    async def _fail_for(self, row: JobRow, error: Exception) -> None:
        """End the job with what the error means to the member."""
        match error:
            case StoredJobError() | ValueError(args=[Sentence(), *_]):
                reason = sentence_of(error)
            case FileNotFoundError():
                reason = Sentence("The picture this was to start from is gone; send it again.")
            case _:
                log.error("job %s failed inside Darkroom", row.id, exc_info=error)
                reason = Sentence("Something broke inside Darkroom; its operator can see what.")
        await self._fail(row, reason)

    async def _take(self, row: JobRow, job: engine.Job, event: engine.Event) -> JobRow:
        """Do what the event asks for; the job as it is on record after it."""
        match event:
            case engine.Finished():
                await asyncio.shield(self._finish(row, job, event))
            case engine.Failed():
                log.warning("job %s failed (%s): %s", row.id, event.kind, event.reason)
                await self._fail(row, event.reason)
            case engine.Cancelled():
                await asyncio.shield(self._end(row, Outcome.CANCELLED, Sentence("Cancelled.")))
            case engine.Progress():
                checked = self._policy.blurs_previews(self._model_of(job))
                self._outbox.show(row, event, blurred=checked or seen.is_spoiler(row))
            case engine.Named(drawn=drawn):
                return await self._judged(row, drawn)
            case engine.GivenBack():
                await self._try_again(row)
            case engine.Queued() | engine.Translating() | engine.Started():
                self._outbox.show(row, event)
        return row

    async def _judged(self, row: JobRow, drawn: engine.DrawnWords) -> JobRow:
        """Read the words that were found for a job's pictures, before it is drawn with them: they
        may be refused, or cover what it draws. The job as it is on record after it.
        """
        text = " ".join(part.text for part in drawn.prompt)
        hits = await self._moderation.met_by(row.guild_id, text, adult=seen.may_be_adult(row))
        levels = {hit.rule.level for hit in hits}
        resolved = seen.with_found(row, drawn.found, spoiler=Level.SPOILER in levels)
        blocked = Level.BLOCK in levels
        if resolved == row.resolved and not blocked:  # an earlier try found the same
            return row

        reason = Sentence(
            "What these pictures show breaks this server's rules of words; other pictures may pass."
        )

        async def judge(connection: AsyncConnection) -> bool:
            if not await records.resolve(connection, row.id, resolved):
                return False
            await self._moderation.log_met(connection, hits, _ordered(row))
            if blocked:
                said = _uncharged(reason, row.locale)
                now_ms = self._now_ms()
                await records.fail(connection, row.id, Outcome.FAILED, said, now_ms=now_ms)
            return True

        is_open = await self._written(row, judge)
        if blocked:
            self._cancelled.add(row.id)
            self._engine.cancel(row.id)
            if is_open:
                self._outbox.owe(row.id)
        return dataclasses.replace(row, resolved=resolved)

    async def _try_again(self, row: JobRow) -> None:
        """Let a job wait for another machine, unless its tries, those before a restart too, are
        used up.
        """
        async with self._database.read() as connection:
            now = await records.get(connection, row.id)
        if now is not None and now.attempts >= records.MAX_ATTEMPTS:
            self._cancelled.add(row.id)
            self._engine.cancel(row.id)
            await self._give_up(now)

    async def _finish(self, row: JobRow, job: engine.Job, event: engine.Finished) -> None:
        """Files to disk first, then one transaction, then the outbox."""
        adult = seen.may_be_adult(row)
        verdict = self._policy.check_result(
            event.pictures, self._model_of(job), inputs=event.input_scores, adult=adult
        )
        # A picture that is covered is posted as some colours; a film of those says nothing.
        film = event.pictures and not verdict.shown and KINDS[row.kind].animates
        if verdict.of_inputs or film:
            assert verdict.reason is not None
            await self._withhold(row, of_inputs=verdict.of_inputs)
            await self._end(row, Outcome.FAILED, verdict.reason)
            return
        event, told = await self._with_shown_texts(row, event)
        if told is not None and not event.texts:
            await self._end(row, Outcome.FAILED, told)
            return
        turn = _turn(row, job, verdict.shown)  # of the words as they were ordered
        job, stored, drawn_as = _as_drawn(job, event.drawn)
        result, made = await self._store_result(row, job, event, verdict.shown)
        added = [*event.notes, *filter(None, (drawn_as, verdict.reason, turn, told))]
        notes = (row.notes, *(locale.translated(note, row.locale) for note in added))

        async def finish(connection: AsyncConnection) -> bool:
            ended = await records.finish(
                connection,
                row.id,
                result,
                share=len(verdict.shown) / len(event.pictures) if event.pictures else 1.0,
                notes="\n".join(filter(None, notes)),
                now_ms=self._now_ms(),
                stored=stored,
                gpu_ms=round(event.gpu_s * 1000),
            )
            if ended:
                await provenance.add(connection, made)
                if verdict.reason is not None:
                    await self._moderation.log_withheld(connection, _ordered(row))
            return ended

        if await self._written(row, finish):
            self._outbox.owe(row.id)
            return
        # It was cancelled while the files were written: no job knows of them.
        for picture in result.pictures:
            await self._delete_unused(picture.sha256, ".png")
        if result.film is not None:
            await self._delete_unused(result.film, ".webp")

    async def _delete_unused(self, sha256: str, suffix: str) -> None:
        """Delete the file if no job started from it or made it."""
        async with self._database.read() as connection:
            used = await records.is_referenced(connection, sha256)
        if not used:
            await asyncio.to_thread(self._store.delete, sha256, suffix=suffix)

    async def _withhold(self, row: JobRow, *, of_inputs: bool) -> None:
        """Write it down; the pictures that the job started from are forgotten if it is these."""

        async def log_it(connection: AsyncConnection) -> list[str]:
            await self._moderation.log_withheld(connection, _ordered(row), of_inputs=of_inputs)
            return await records.forget_inputs(connection, row.id) if of_inputs else []

        for sha256 in await self._written(row, log_it):
            await self._delete_unused(sha256, ".png")

    async def _store_result(
        self, row: JobRow, job: engine.Job, event: engine.Finished, shown: tuple[int, ...]
    ) -> tuple[Result, list[Made]]:
        """Keep what may be shown of a result; what may not is on the disk only as some colours."""
        if KINDS[row.kind].animates:
            return await self._store_film(row, job, event, shown)
        pictures, made = [], []
        for position, picture in enumerate(event.pictures, 1):
            blurred = position - 1 not in shown
            if blurred:
                signed = await asyncio.to_thread(grid.blurred, picture.png)
            else:
                making = _making(row, job, picture, position)
                signed = await asyncio.to_thread(metadata.sign, picture.png, making)
                made.append(await asyncio.to_thread(Made.of, row.id, signed, position))
            pictures.append(
                ImageRow(
                    job_id=row.id,
                    position=position,
                    sha256=await self._keep(row, signed),
                    seed=picture.seed,
                    width_px=picture.width_px,
                    height_px=picture.height_px,
                    blurred=blurred,
                )
            )
        film = None
        frames = []
        if len(event.films) == len(event.pictures):  # else it is not known whose frames they are
            frames = [event.films[index] for index in shown]
        if shortest := min(map(len, frames), default=0):
            frames = [each[:shortest] for each in frames]
            if KINDS[row.kind].ends_with_picture:
                frames = [
                    (*each, event.pictures[index].png)
                    for each, index in zip(frames, shown, strict=True)
                ]
            making = _making(row, job, event.pictures[shown[0]], None)
            webp = await asyncio.to_thread(grid.film, frames, making)
            film = await self._keep(row, webp, suffix=".webp")
            made.append(await asyncio.to_thread(Made.of, row.id, webp, None))
        weights = event.weights or (1.0,) * len(event.texts)
        texts = tuple(
            TextRow(job_id=row.id, position=position, text=text, weight=weight)
            for position, (text, weight) in enumerate(zip(event.texts, weights, strict=True), 1)
        )
        return Result(pictures=tuple(pictures), texts=texts, film=film), made

    async def _keep(self, row: JobRow, data: bytes, *, suffix: str = ".png") -> str:
        """Keep a file of the job, tried again for as long as the disk refuses; its SHA-256.

        A disk that is full is the operator's to mend, and costs no member what was drawn.
        """
        for wait_s in itertools.chain(self._database.write_again_after_s, itertools.repeat(60.0)):
            try:
                return await asyncio.to_thread(self._store.store, data, suffix=suffix)
            except OSError as error:
                log.error("job %s: a file cannot be written, tried again: %s", row.id, error)  # noqa: TRY400 - no traceback each time
            await asyncio.sleep(wait_s)
        raise AssertionError("the chain has no end")

    async def _with_shown_texts(
        self, row: JobRow, event: engine.Finished
    ) -> tuple[engine.Finished, Sentence | None]:
        """The end without suggested prompts that would be refused, and what is said of these."""
        if not KINDS[row.kind].shows_input:
            return event, None
        kept = [
            text
            for text in event.texts
            if not await self._moderation.is_refused(
                row.guild_id, text, adult=seen.may_be_adult(row)
            )
        ]
        if len(kept) == len(event.texts):
            return event, None
        said = Sentence("Suggestions that break this server's rules of words are left out.")
        return dataclasses.replace(event, texts=tuple(kept), weights=()), said

    async def _store_film(
        self, row: JobRow, job: engine.Job, event: engine.Finished, shown: tuple[int, ...]
    ) -> tuple[Result, list[Made]]:
        """Keep the film whose frames the pictures are."""
        frames = [event.pictures[index].png for index in shown]
        making = _making(row, job, event.pictures[shown[0]], None)
        webp = await asyncio.to_thread(grid.film, [frames], making)
        film = await self._keep(row, webp, suffix=".webp")
        made = await asyncio.to_thread(Made.of, row.id, webp, None)
        return Result(film=film), [made]

    def _model_of(self, job: engine.Job) -> engine.ModelInfo | None:
        """The one that it names, or else, of what has a checker, the one with the strictest."""
        models = self._engine.models()
        if isinstance(job, engine.DrawJob):
            return next((info for info in models if info.name == job.model), None)
        checked = [info for info in models if info.safety_threshold is not None]
        return min(checked, key=lambda info: info.safety_threshold or 0.0, default=None)

    async def _fail(self, row: JobRow, reason: str) -> None:
        await asyncio.shield(self._end(row, Outcome.FAILED, reason))

    async def _end(self, row: JobRow, outcome: Outcome, reason: str) -> bool:
        """Record how the job ended with nothing to show; False if it had ended already."""
        said = _uncharged(reason, row.locale)
        if await self._written(
            row,
            lambda connection: records.fail(
                connection, row.id, outcome, said, now_ms=self._now_ms()
            ),
        ):
            self._outbox.owe(row.id)
            return True
        return False

    async def _give_up(self, row: JobRow) -> None:
        log.error("job %s stopped the process %d times; it is given up", row.id, row.attempts)
        await self._fail(
            row,
            Sentence(
                "Darkroom stopped {times} times while drawing this, so it was given up.",
                times=row.attempts,
            ),
        )

    async def _interrupt(self, row: JobRow) -> None:
        await self._written(row, lambda connection: records.interrupt(connection, row.id))

    async def _written(
        self, row: JobRow | BatchRow, work: Callable[[AsyncConnection], Coroutine[None, None, T]]
    ) -> T:
        """What `work` returns, however long the database is busy."""
        return await self._database.written(work, f"job {row.id}")


def _making(row: JobRow, job: engine.Job, picture: engine.Picture, position: int | None) -> Making:
    """What the file of the picture will tell of it, see `metadata`; position None: of all."""
    try:
        whole = canonical(grammar.parse(row.prompt, beside=1))
    except PromptError:  # it was read by another version, or has no prompt
        whole = ""
    return metadata.of(
        job,
        picture,
        position=position,
        prompt=row.prompt,
        canonical=whole,
        parameters=provenance.parameters_of(row),
        private=provenance.is_stealthy(row),
    )


def _turn(row: JobRow, job: engine.Job, shown: tuple[int, ...]) -> Sentence | None:
    """Of a film from one thing to another: see `morph.turn`."""
    if not KINDS[row.kind].animates or not isinstance(job, engine.DrawJob):
        return None
    return morph.turn(job, shown)


def _ordered(row: JobRow) -> Ordered:
    return Ordered(
        guild_id=row.guild_id,
        channel_id=row.channel_id,
        user_id=row.user_id,
        prompt=row.prompt,
        job_id=row.id,
        locale=row.member_locale,
    )


def _uncharged(reason: str, language: str) -> str:
    return locale.translated(Sentence("{reason} Nothing was charged.", reason=reason), language)


def _as_drawn(
    job: engine.Job, drawn: engine.DrawnWords | None
) -> tuple[engine.Job, tuple[str, int] | None, Sentence | None]:
    """The job with the words it was drawn with, how that is stored, and what the member reads.

    What is drawn over or anew from it later has the same words, whatever a translation model or a
    describer would say then.
    """
    if drawn is None or not isinstance(job, engine.DrawJob):
        return job, None, None
    done = dataclasses.replace(
        job,
        prompt=drawn.prompt,
        negative=drawn.negative,
        looks=drawn.looks,
        towards=drawn.towards,
        translate="",
        name_inputs=False,
    )
    stored = codec.dump(done, name_of), codec.VERSION
    return done, stored, words.drawn_as(job, drawn)
