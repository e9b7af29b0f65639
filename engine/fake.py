"""An engine without torch: instant pictures, and every step under a test's control."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image, ImageDraw

from engine.catalogue import ModelSpec
from engine.errors import EngineClosed, EngineError, EngineLost
from engine.messages import (
    Cancelled,
    DescribeJob,
    DrawJob,
    End,
    EngineStatus,
    Event,
    Failed,
    FailureKind,
    Finished,
    Job,
    ModelInfo,
    Picture,
    Progress,
    Queued,
    Started,
    UpscaleJob,
    WordWeightsJob,
)
from engine.stream import Stream
from engine.validation import check

FAKE_MODEL = ModelSpec(
    info=ModelInfo(
        name="doodle",
        title="Doodle",
        aliases=("doodle",),
        family="sd",
        width_px=128,
        height_px=128,
        size_step_px=16,
        min_side_px=64,
        max_side_px=1024,
        max_pixels=1024 * 1024,
        steps=4,
        guidance=4.0,
        scheduler="",
        operations=frozenset(
            {"text", "image", "mask", "mix", "tile", "lora", "weights", "negative"}
        ),
        licence="MIT",
        may_sell=True,
        source="doodle/weights",
    ),
    place=Path("doodle/weights"),
)


FAKE_PAIR = replace(
    FAKE_MODEL, info=replace(FAKE_MODEL.info, name="pair", title="Pair", aliases=(), family="clip")
)


@dataclass(slots=True)
class _Run:
    job: Job
    stream: Stream
    total: int
    """Evaluations of the whole job."""
    done: int = -1
    """−1: waiting; 0: started; … total: drawn."""
    failure: Failed | None = None

    @property
    def waits(self) -> bool:
        return self.done < 0


class FakeEngine:
    """`Engine`'s interface on the event loop alone; pictures depend on (prompt, seed) only.

    By itself each job advances one evaluation each turn of the loop. After `hold()` jobs advance
    only by `step()`. At most `capacity` jobs run, the others are queued in order of arrival.
    """

    def __init__(
        self, models: Sequence[ModelSpec] = (FAKE_MODEL, FAKE_PAIR), *, capacity: int = 4
    ) -> None:
        self._models = {spec.info.name: spec for spec in models}
        self._capacity = capacity
        self._runs: dict[str, _Run] = {}
        self._held = False
        self._closed = False
        self._lost = ""
        self._next_failure: tuple[str, FailureKind] | None = None
        self.jobs: list[Job] = []
        """Every job that was accepted, in order."""
        self.ends: list[End] = []
        """Every End event that was sent, in order."""

    async def start(self) -> None:
        """Nothing to start."""

    def run(self, job: Job) -> Stream:
        """As `Engine.run`."""
        if self._lost:
            raise EngineLost(self._lost)
        if self._closed:
            raise EngineClosed("The engine is closed.")
        check(job, self._models)
        if job.id in self._runs:
            raise ValueError(f"The job {job.id} is already running.")
        self.jobs.append(job)
        run = _Run(job, Stream(), total=_evaluations(job))
        if self._next_failure is not None:
            reason, kind = self._next_failure
            run.failure = Failed(job_id=job.id, reason=reason, kind=kind)
            self._next_failure = None
        self._runs[job.id] = run
        self._say_positions()
        if not self._held:
            asyncio.get_running_loop().call_soon(self._advance_by_itself)
        return run.stream

    def cancel(self, job_id: str) -> bool:
        """As `Engine.cancel`."""
        run = self._runs.get(job_id)
        if run is not None:
            self._end(run, Cancelled(job_id=job_id))
        return run is not None

    def status(self) -> EngineStatus:
        """As `Engine.status`."""
        waiting = tuple(run.job.id for run in self._waiting())
        return EngineStatus(
            device="fake",
            running=tuple(job_id for job_id in self._runs if job_id not in waiting),
            queued=waiting,
            resident_models=tuple(self._models),
            busy_share=1.0 if self._runs else 0.0,
            alive=not self._lost,
            extras={"reason": self._lost} if self._lost else {},
        )

    def models(self) -> tuple[ModelInfo, ...]:
        """As `Engine.models`."""
        return tuple(spec.info for spec in self._models.values() if spec.draws)

    async def close(self, *, drain_s: float = 0) -> None:
        """As `Engine.close`; draining takes no time here unless jobs are held."""
        self._closed = True
        if drain_s > 0 and not self._held:
            for run in [run for run in self._runs.values() if not run.waits]:
                while run.job.id in self._runs:
                    self._advance(run)
        self._fail_all(EngineClosed("The engine was closed before the job ended."))

    # The script of a test.

    def hold(self) -> None:
        """From now on jobs advance only by `step`."""
        self._held = True

    def release(self) -> None:
        """Jobs advance by themselves again."""
        self._held = False
        asyncio.get_running_loop().call_soon(self._advance_by_itself)

    def step(self, evaluations: int = 1) -> None:
        """Let every running job do so many evaluations; a queued one starts where there is room."""
        for _ in range(evaluations):
            for run in tuple(self._runs.values()):
                self._advance(run)

    def fail_next(
        self, reason: str = "It broke.", kind: FailureKind = FailureKind.INTERNAL
    ) -> None:
        """The next job that is accepted will fail instead of finishing."""
        self._next_failure = (reason, kind)

    def lose(self, reason: str = "The device is lost.") -> None:
        """As if the device were lost: open streams raise EngineLost."""
        self._lost = reason
        self._fail_all(EngineLost(reason))

    def _advance_by_itself(self) -> None:
        if self._held or not self._runs:
            return
        self.step()
        asyncio.get_running_loop().call_soon(self._advance_by_itself)

    def _advance(self, run: _Run) -> None:
        running = sum(not other.waits for other in self._runs.values())
        if run.job.id not in self._runs or (run.waits and running >= self._capacity):
            return
        run.done += 1
        job_id = run.job.id
        if run.done == 0:
            run.stream.put(Started(job_id=job_id))
            self._say_positions()
        elif run.failure is not None:
            self._end(run, run.failure)
        else:
            previews = _previews(run.job, run.done / run.total)
            run.stream.put(
                Progress(job_id=job_id, done=run.done, total=run.total, previews=previews)
            )
            if run.done >= run.total:
                self._end(run, _finish(run.job))

    def _end(self, run: _Run, end: End) -> None:
        del self._runs[run.job.id]
        self.ends.append(end)
        run.stream.put(end)
        self._say_positions()

    def _fail_all(self, error: EngineError) -> None:
        for run in self._runs.values():
            run.stream.fail(error)
        self._runs.clear()

    def _waiting(self) -> list[_Run]:
        return [run for run in self._runs.values() if run.waits]

    def _say_positions(self) -> None:
        for position, run in enumerate(self._waiting()):
            event: Event = Queued(job_id=run.job.id, position=position)
            run.stream.put(event)


def _evaluations(job: Job) -> int:
    return job.steps * job.images if isinstance(job, DrawJob) else 1


def _previews(job: Job, share: float) -> tuple[bytes, ...]:
    if not isinstance(job, DrawJob) or not job.previews:
        return ()
    return tuple(_preview(_sketch(job, index), share) for index in range(job.images))


def _preview(picture: Image.Image, share: float) -> bytes:
    small = picture.resize((32, 32))
    grey = Image.new("RGB", small.size, (128, 128, 128))
    buffer = io.BytesIO()
    Image.blend(grey, small, share).save(buffer, "JPEG")
    return buffer.getvalue()


def _finish(job: Job) -> Finished:
    match job:
        case DrawJob():
            pictures = tuple(
                _picture(_sketch(job, index), (job.seed + index) % 2**32)
                for index in range(job.images)
            )
            frames = tuple(
                _preview(_sketch(job, 0), (frame + 1) / job.film_frames)
                for frame in range(job.film_frames)
            )
            films = (frames,) * job.images if frames else ()
            return Finished(job_id=job.id, pictures=pictures, films=films)
        case UpscaleJob(picture=data, factor=factor):
            with Image.open(io.BytesIO(data)) as source:
                small = source.convert("RGB")
            large = small.resize((small.width * factor, small.height * factor))
            return Finished(job_id=job.id, pictures=(_picture(large, 0),))
        case DescribeJob(suggestions=suggestions):
            texts = tuple(f"a picture, suggestion {n + 1}" for n in range(suggestions))
            return Finished(job_id=job.id, texts=texts, weights=(1.0,) * suggestions)
        case WordWeightsJob(text=text):
            words = tuple(text.split())
            weights = tuple(len(word) / max(map(len, words)) for word in words)
            return Finished(job_id=job.id, texts=words, weights=weights)


def _sketch(job: DrawJob, index: int) -> Image.Image:
    """Bands and discs whose colours and places come from the hash of (prompt, seed)."""
    seed = (job.seed + index) % 2**32
    text = "|".join(f"{part.text}:{part.weight}" for part in job.prompt)
    digest = hashlib.sha256(f"{text}|{seed}".encode()).digest()
    width, height = job.width_px * job.enlarge, job.height_px * job.enlarge
    picture = Image.new("RGB", (width, height), tuple(digest[:3]))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, height * 2 // 3, width, height), tuple(digest[3:6]))
    for disc in range(3):
        x, y, size = digest[6 + 6 * disc : 9 + 6 * disc]
        centre = (x * width // 255, y * height // 255)
        radius = width // 16 + size * width // 1024
        draw.circle(centre, radius, tuple(digest[9 + 6 * disc : 12 + 6 * disc]))
    return picture


def _picture(image: Image.Image, seed: int) -> Picture:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return Picture(png=buffer.getvalue(), seed=seed, width_px=image.width, height_px=image.height)
