"""What the pictures of a mix show, as words to draw it by, for models that cannot look at pictures.

Mixed latents that are denoised without words become neither the one thing nor the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.errors import Sentence
from engine.messages import DescribeJob, DrawJob, DrawnWords, Failed, Finished, WeightedText

UNNAMED_STRENGTH = 0.7
"""With more, pictures that have no words would hardly be seen in their mix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """What was found out about the pictures of a job."""

    drawn: DrawnWords | None
    """None: they could not be described."""
    note: Sentence | None = None
    """Why not."""
    gpu_s: float = 0.0

    def job(self, job: DrawJob) -> DrawJob:
        """The job as it is drawn."""
        if self.drawn is None:
            strength = min(job.strength, UNNAMED_STRENGTH)
            return replace(job, strength=strength, name_inputs=False)
        return replace(job, prompt=self.drawn.prompt, name_inputs=False)

    def added_to(self, finished: Finished) -> Finished:
        """The end of the job, which tells what was drawn."""
        notes = (*finished.notes, *([self.note] if self.note else []))
        gpu_s = finished.gpu_s + self.gpu_s
        return replace(finished, drawn=self.drawn, notes=notes, gpu_s=gpu_s)


def question(job: DrawJob) -> DescribeJob:
    """The job that finds out what the pictures show; the weightiest says where."""
    first, *others = sorted(job.inputs, key=lambda picture: -picture.weight)
    return DescribeJob(
        id=question_id(job.id),
        owner=job.owner,
        picture=first.data,
        together=tuple(picture.data for picture in others),
        suggestions=1,
        lane=job.lane,
        running_cap=job.running_cap,
    )


def question_id(job_id: str) -> str:
    """The id of the job that finds out what the pictures of another show."""
    return f"{job_id} inputs"


def named(job: DrawJob, end: Finished | Failed) -> Naming:
    """What became of the question: its text goes before the words that the job has."""
    if isinstance(end, Failed):
        return Naming(
            drawn=None,
            note=Sentence(
                "What the pictures show could not be found out, so they were mixed without words."
                " {why}",
                why=end.reason,
            ),
        )
    parts = job.prompt or (WeightedText(text=""),)
    prompt = tuple(
        replace(part, text=", ".join(filter(None, (end.texts[0], part.text))))
        if part.weight > 0
        else part
        for part in parts
    )
    drawn = DrawnWords(prompt=prompt, negative=job.negative, looks=job.looks, towards=job.towards)
    return Naming(drawn=drawn, gpu_s=end.gpu_s)
