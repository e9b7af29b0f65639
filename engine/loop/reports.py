"""What the device thread reports: progress, previews, films, positions, finished pictures."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace

from engine.device.faults import log_failure
from engine.loop.failures import explain
from engine.loop.rows import Row, Work
from engine.messages import DrawJob, Event, Failed, Finished, Picture, Progress, Queued
from engine.models.preview import RoughPixels
from engine.pictures.crops import blend
from engine.pictures.encoded import to_png, to_preview

PROGRESS_INTERVAL_S = 0.25
log = logging.getLogger(__name__)


class Reports:
    """Events are gathered and posted once a turn; pictures are encoded in the pool."""

    def __init__(
        self,
        *,
        post: Callable[[Sequence[Event]], None],
        pool: Executor,
        clock: Callable[[], float],
        preview_interval_s: float,
    ) -> None:
        self._post, self._pool, self._clock = post, pool, clock
        self._preview_interval_s = preview_interval_s
        self._progress_interval_s = min(PROGRESS_INTERVAL_S, preview_interval_s)
        self._events: list[Event] = []
        self._positions: dict[str, int] = {}
        self._order: Sequence[str] = ()
        """The order of the waiting jobs as last reported."""
        self._loading: Mapping[str, str] = {}
        """The titles that were last reported with it."""

    def tell(self, event: Event) -> None:
        """Add an event to those that are posted at the end of the turn."""
        self._events.append(event)

    def stepped(self, rows: Sequence[Row]) -> None:
        """After a tick: keep frames of films, report progress, draw previews from time to time."""
        for row in rows:
            self._film(row)
        for work in {id(row.work): row.work for row in rows}.values():
            self._progress(work)

    def solo(self, work: Work, done: int, total: int) -> None:
        """Report the progress of a job that has the device to itself."""
        self.tell(Progress(job_id=work.job.id, done=done, total=total))

    def queued(self, order: Sequence[str], loading: Mapping[str, str]) -> Mapping[str, int]:
        """Report every position that changed; returns the positions of all waiting jobs.

        loading: for jobs whose model is being loaded, its title; that is reported too.
        """
        if order is self._order and loading == self._loading:
            return self._positions
        before, self._order, self._loading = self._loading, order, loading
        for position, job_id in enumerate(order):
            title = loading.get(job_id, "")
            if self._positions.get(job_id) != position or before.get(job_id, "") != title:
                self.tell(Queued(job_id=job_id, position=position, loading=title))
        self._positions = {job_id: position for position, job_id in enumerate(order)}
        return self._positions

    def finished(self, work: Work) -> None:
        """Encode and post a drawing whose pictures are all decoded, each on a thread of its own."""
        job = work.job
        assert isinstance(job, DrawJob)
        # The pool takes them up in this order, so that what posts them waits for none that has not
        # begun.
        files = [
            self._pool.submit(to_png, pixels)
            for _, (pixels, _) in (sorted(work.pictures.items()) if job.enlarge == 1 else ())
        ]
        self._pool.submit(self._post_finished, work, files)

    def flush(self) -> None:
        """Post what was gathered."""
        if self._events:
            self._post(self._events)
            self._events = []

    def _film(self, row: Row) -> None:
        job = row.work.job
        frames = job.film_frames if isinstance(job, DrawJob) and job.enlarge == 1 else 0
        if row.step * frames // row.total > (row.step - 1) * frames // row.total:
            with log_failure("A frame of a film could not be drawn."):
                row.film.append(row.model.preview.draw(row.clean()))

    def _progress(self, work: Work) -> None:
        """Report progress not too often, and draw previews only for jobs whose events are read."""
        now_s = self._clock()
        if (
            not work.has_reader
            or work.ended
            or now_s - work.progress_sent_s < self._progress_interval_s
        ):
            return
        if work.done == work.total:
            return
        work.progress_sent_s = now_s
        event = Progress(job_id=work.job.id, done=work.done, total=work.total)
        job = work.job
        shown = isinstance(job, DrawJob) and job.previews and job.enlarge == 1
        if (
            isinstance(job, DrawJob)
            and shown
            and now_s - work.previews_sent_s >= self._preview_interval_s
        ):
            work.previews_sent_s = now_s
            with log_failure("Previews could not be drawn."):
                rough = [row.model.preview.draw(row.clean()) for row in work.rows]
                side_px = max(job.width_px, job.height_px)
                self._pool.submit(self._post_previews, event, rough, side_px)
                return
        self.tell(event)

    def _post_previews(self, event: Progress, rough: Sequence[RoughPixels], side_px: int) -> None:
        with log_failure("Previews could not be shown."):
            previews = tuple(to_preview(draw(), side_px) for draw in rough)
            self._post([replace(event, previews=previews)])

    def _post_finished(self, work: Work, files: Sequence[Future[bytes]]) -> None:
        try:
            self._post([self._finished(work, [file.result() for file in files])])
        except Exception as error:
            reason, kind = explain(error)
            log.error("The pictures of job %s cannot be encoded.", work.job.id, exc_info=error)  # noqa: TRY400
            self._post([Failed(job_id=work.job.id, reason=reason, kind=kind)])
        finally:
            work.let_go()

    def _finished(self, work: Work, files: Sequence[bytes]) -> Finished:
        job = work.job
        assert isinstance(job, DrawJob)
        drawn = work.pictures
        if job.enlarge > 1:
            size = (job.width_px * job.enlarge, job.height_px * job.enlarge)
            scores = [score for _, score in drawn.values() if score is not None]
            blended = blend({index: pixels for index, (pixels, _) in drawn.items()}, size)
            drawn = {0: (blended, max(scores, default=None))}
            files = [to_png(blended)]
        pictures = tuple(
            Picture(
                png=file,
                seed=job.seed_of(index),
                width_px=pixels.shape[1],
                height_px=pixels.shape[0],
                safety_score=score,
            )
            for file, (index, (pixels, score)) in zip(files, sorted(drawn.items()), strict=True)
        )
        films = tuple(
            tuple(to_preview(draw()) for draw in row.film) for row in work.rows if row.film
        )
        return Finished(
            job_id=job.id,
            pictures=pictures,
            notes=tuple(dict.fromkeys(work.notes)),
            input_scores=work.input_scores,
            drawn=work.drawn,
            gpu_s=work.gpu_s,
            films=films,
        )
