"""An engine without torch: instant pictures, and every step under a test's control."""

from __future__ import annotations

import asyncio
import hashlib
import io
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from engine import naming
from engine.catalogue import ModelSpec
from engine.errors import (
    EngineClosed,
    EngineError,
    EngineLost,
    JobError,
    Sentence,
    sentence_of,
)
from engine.families import FAMILIES
from engine.messages import (
    Cancelled,
    DescribeJob,
    DrawJob,
    DrawnWords,
    End,
    EngineStatus,
    Event,
    Failed,
    FailureKind,
    Finished,
    Job,
    ModelInfo,
    Named,
    Picture,
    Progress,
    Queued,
    Started,
    Translating,
    UpscaleJob,
    WeightedText,
    WordWeightsJob,
)
from engine.pictures.encoded import Inputs, prepare
from engine.scheduler_table import names_for
from engine.stream import Stream
from engine.translation import Translation, translated
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
        operations=FAMILIES["sd"].operations,
        schedulers=names_for(flow=False),
        licence="MIT",
        may_sell=True,
        languages=("en", "ja"),
        names_inputs=True,
        source="doodle/weights",
    ),
    place=Path("doodle/weights"),
)


FAKE_PAIR = replace(
    FAKE_MODEL, info=replace(FAKE_MODEL.info, name="pair", title="Pair", aliases=(), family="clip")
)


COLOURS = ("red", "blue", "green", "golden")
SUBJECTS = ("cat", "boat", "castle", "fox")
PLACES = ("at night", "by the sea", "in the snow")


@dataclass(slots=True)
class _Run:
    job: Job
    stream: Stream
    inputs: Inputs
    total: int
    """Evaluations of the whole job."""
    done: int = -1
    """−1: waiting; 0: started; … total: drawn."""
    begins: Callable[[], None] = lambda: None
    failure: Failed | None = None
    translation: Translation | None = None
    """Of its words, where they were to be translated."""
    drawn: DrawnWords | None = None
    """The words that were found for its pictures, with its own."""
    _drawings: list[Image.Image] = field(default_factory=list)

    def drawings(self) -> list[Image.Image]:
        """What is drawn of each picture of a draw job, made once."""
        if isinstance(self.job, DrawJob) and not self._drawings:
            images = range(self.job.images)
            self._drawings = [_drawing(self.job, self.inputs, index) for index in images]
        return self._drawings

    @property
    def waits(self) -> bool:
        return self.done < 0


class FakeEngine:
    """`Engine`'s interface on the event loop alone; it does every kind of job.

    Pictures depend on (prompt, seed) only; with a mask they are drawn over the first input there.
    Jobs advance by themselves, one evaluation each turn of the loop, or after `pause()` only by
    `step()`. At most `capacity` jobs run, the others are queued in order of arrival.

    safety_scores: of the pictures of each drawing, by index; pictures beyond them have none.
    translations: of words in other languages; of all others no sense is made.
    previews_every: so many evaluations.
    """

    def __init__(
        self,
        models: Sequence[ModelSpec] = (FAKE_MODEL, FAKE_PAIR),
        *,
        capacity: int = 4,
        safety_scores: Sequence[float | None] = (),
        translations: Mapping[str, str] | None = None,
        previews_every: int = 1,
    ) -> None:
        self._models = {spec.info.name: spec for spec in models}
        self._capacity = capacity
        self._previews_every = previews_every
        self._translations = dict(translations or {})
        self._runs: dict[str, _Run] = {}
        self._paused = False
        self._closed = False
        self._lost = ""
        self._next_failure: tuple[Sentence, FailureKind] | None = None
        self._turns = 0
        self.safety_scores = tuple(safety_scores)
        self.input_scores: tuple[float, ...] = ()
        """Of the pictures that drawings start from. A test may change them between jobs."""
        self.hangs = False
        """A test may let it hang: its jobs stand still, and so do its turns."""
        self.jobs: list[Job] = []
        """Every job that was accepted, in order."""
        self.ends: list[End] = []
        """Every End event that was sent, in order."""

    async def start(self) -> None:
        """Nothing to start."""

    def check(self, job: Job) -> None:
        """As `Engine.check`."""
        check(job, self._models)

    def run(self, job: Job, begins: Callable[[], None] = lambda: None) -> Stream:
        """As `Engine.run`."""
        if self._lost:
            raise EngineLost(self._lost)
        if self._closed:
            raise EngineClosed("The engine is closed.")
        check(job, self._models)
        if job.id in self._runs:
            raise ValueError(Sentence("The job {job} is already running.", job=job.id))
        self.jobs.append(job)
        run = _Run(job, Stream(), Inputs(), total=_evaluations(job), begins=begins)
        if isinstance(job, DrawJob) and job.translate:
            begins()
            run.stream.put(Translating(job_id=job.id))
            run.translation = translated(job, self._translate)
            run.job = job = run.translation.job(job)
        try:
            guides = isinstance(job, DrawJob) and self._models[job.model].ip_adapter is not None
            run.inputs = prepare(job, guides=guides)
            if isinstance(job, DrawJob) and job.name_inputs:
                (found,) = _descriptions(run.inputs.pictures[0], 1, ())
                run.job = job = naming.led(job, found)
                run.drawn = naming.drawn_words(job, found)
            _check_words(job)
        except JobError as error:
            reason = sentence_of(error)
            run.failure = Failed(job_id=job.id, reason=reason, kind=FailureKind.BAD_INPUT)
        if self._next_failure is not None:
            reason, kind = self._next_failure
            run.failure = Failed(job_id=job.id, reason=reason, kind=kind)
            self._next_failure = None
        self._runs[job.id] = run
        self._say_positions()
        if not self._paused:
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
        if not self.hangs:
            self._turns += 1
        return EngineStatus(
            turns=self._turns,
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
        """As `Engine.close`; draining takes no time here unless the jobs are paused."""
        self._closed = True
        if drain_s > 0 and not self._paused:
            for run in [run for run in self._runs.values() if not run.waits]:
                while run.job.id in self._runs:
                    self._advance(run)
        self._fail_all(EngineClosed("The engine was closed before the job ended."))

    # The script of a test.

    def pause(self) -> None:
        """From now on jobs advance only by `step`."""
        self._paused = True

    def resume(self) -> None:
        """Jobs advance by themselves again."""
        self._paused = False
        asyncio.get_running_loop().call_soon(self._advance_by_itself)

    hold, release = pause, resume
    """Earlier names, which tests of the bot still use."""

    def step(self, evaluations: int = 1) -> None:
        """Let every running job do so many evaluations; a queued one starts where there is room."""
        for _ in range(evaluations):
            for run in tuple(self._runs.values()):
                self._advance(run)

    def fail_next(
        self, reason: str = "It broke.", kind: FailureKind = FailureKind.INTERNAL
    ) -> None:
        """The next job that is accepted will fail instead of finishing."""
        self._next_failure = (Sentence(reason), kind)

    def lose(self, reason: str = "The device is lost.") -> None:
        """As if the device were lost: open streams raise EngineLost."""
        self._lost = reason
        self._fail_all(EngineLost(reason))

    def _advance_by_itself(self) -> None:
        if self._paused or not self._runs:
            return
        self.step()
        asyncio.get_running_loop().call_soon(self._advance_by_itself)

    def _advance(self, run: _Run) -> None:
        running = sum(not other.waits for other in self._runs.values())
        full = run.waits and running >= self._capacity
        if self.hangs or full or run.job.id not in self._runs:
            return
        run.done += 1
        job_id = run.job.id
        if run.done == 0:
            run.begins()
            run.stream.put(Started(job_id=job_id))
            if run.drawn is not None:
                run.stream.put(Named(job_id=job_id, drawn=run.drawn))
            self._say_positions()
        elif run.failure is not None:
            self._end(run, run.failure)
        else:
            shows = run.done % self._previews_every == 0
            previews = _previews(run) if shows else ()
            run.stream.put(
                Progress(job_id=job_id, done=run.done, total=run.total, previews=previews)
            )
            if run.done >= run.total:
                self._end(run, _finish(run, self.safety_scores, self.input_scores))

    def _translate(self, texts: Sequence[str]) -> list[str]:
        return [self._translations.get(text, "") for text in texts]

    def _end(self, run: _Run, end: End) -> None:
        if isinstance(end, Finished):
            end = replace(end, drawn=run.drawn)
            end = run.translation.added_to(end) if run.translation is not None else end
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


def _check_words(job: Job) -> None:
    if isinstance(job, WordWeightsJob) and not job.text.split():
        raise JobError(Sentence("The prompt has no words that can be weighed."))


def _previews(run: _Run) -> tuple[bytes, ...]:
    if not isinstance(run.job, DrawJob) or not run.job.previews:
        return ()
    return tuple(_preview(drawing, run.done / run.total) for drawing in run.drawings())


def _preview(picture: Image.Image, share: float) -> bytes:
    small = picture.resize((32, 32))
    grey = Image.new("RGB", small.size, (128, 128, 128))
    buffer = io.BytesIO()
    Image.blend(grey, small, share).save(buffer, "JPEG")
    return buffer.getvalue()


def _finish(
    run: _Run, safety_scores: Sequence[float | None], input_scores: tuple[float, ...]
) -> Finished:
    job, inputs = run.job, run.inputs
    match job:
        case DrawJob():
            drawings = run.drawings()
            scores = (*safety_scores, *(None,) * job.images)
            pictures = tuple(
                replace(_picture(drawing, job.seed_of(index)), safety_score=scores[index])
                for index, drawing in enumerate(drawings)
            )
            films = tuple(_film(drawing, job.film_frames) for drawing in drawings)
            return Finished(
                job_id=job.id,
                pictures=pictures,
                films=films if job.film_frames else (),
                notes=inputs.notes,
                input_scores=input_scores if job.inputs or job.style_inputs else (),
            )
        case UpscaleJob(factor=factor):
            (small,) = inputs.pictures
            large = small.resize((small.width * factor, small.height * factor))
            return Finished(
                job_id=job.id, pictures=(_picture(large, 0),), input_scores=input_scores
            )
        case DescribeJob(suggestions=suggestions):
            texts = _descriptions(inputs.pictures[0], suggestions, job.without)
            weights = tuple(1 / (1 + place) for place in range(suggestions))
            return Finished(
                job_id=job.id,
                texts=texts,
                weights=weights,
                notes=inputs.notes,
                input_scores=input_scores,
            )
        case WordWeightsJob(text=text):
            words = tuple(text.split())
            weights = tuple(len(word) / max(map(len, words)) for word in words)
            return Finished(job_id=job.id, texts=words, weights=weights)


def _film(drawing: Image.Image, frames: int) -> tuple[bytes, ...]:
    return tuple(_preview(drawing, (frame + 1) / frames) for frame in range(frames))


def _descriptions(picture: Image.Image, count: int, without: Sequence[str]) -> tuple[str, ...]:
    """Texts of which no two are equal; which come first depends on the picture."""
    said = [
        f"a {colour} {subject} {place}"
        for colour, subject, place in itertools.product(COLOURS, SUBJECTS, PLACES)
    ]
    first = int.from_bytes(hashlib.sha256(picture.tobytes()).digest()[:4], "big")
    ranked = [said[(first + 5 * place) % len(said)] for place in range(len(said))]
    return tuple([text for text in ranked if text not in without][:count])


def _drawing(job: DrawJob, inputs: Inputs, index: int) -> Image.Image:
    """What is drawn: all of the picture, or the white part of the mask over the input."""
    sketch = _sketch(job, job.prompt, index)
    if job.towards:
        return Image.blend(sketch, _sketch(job, job.towards, index), job.shares[index])
    if job.shares:
        one, other = inputs.pictures
        return Image.blend(one, other, job.shares[index])
    if inputs.mask is None:
        return sketch
    if inputs.kept is not None:
        return Image.fromarray(inputs.kept.over(np.asarray(sketch)))
    return Image.composite(sketch, inputs.pictures[0], inputs.mask)


def _sketch(job: DrawJob, prompt: Sequence[WeightedText], index: int) -> Image.Image:
    """Bands and discs whose colours and places come from the hash of (prompt, seed)."""
    text = "|".join(f"{part.text}:{part.weight}" for part in prompt)
    digest = hashlib.sha256(f"{text}|{job.seed_of(index)}".encode()).digest()
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
