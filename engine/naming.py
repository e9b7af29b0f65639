"""Words for pictures that are mixed, for models that cannot look at pictures.

Mixed latents that are denoised without words become neither the one thing nor the other. So the
catalogue's describer first says what the pictures show, and that is drawn.
"""

from __future__ import annotations

from dataclasses import replace

from engine.messages import DescribeJob, DrawJob, DrawnWords, Look, WeightedText


def by_weight(job: DrawJob) -> list[int]:
    """The places of a job's pictures, the one that counts most first."""
    return sorted(range(len(job.inputs)), key=lambda place: -job.inputs[place].weight)


def question(job: DrawJob) -> DescribeJob:
    """What the describer is asked; the place that it names is that of the first picture."""
    first, *others = (job.inputs[place].data for place in by_weight(job))
    return DescribeJob(
        id=job.id,
        owner=job.owner,
        picture=first,
        together=tuple(others),
        suggestions=1,
        lane=job.lane,
        running_cap=job.running_cap,
    )


def led(job: DrawJob, found: str) -> DrawJob:
    """The job with the words that were found before its own, such as those of a style."""

    def behind(parts: tuple[WeightedText, ...]) -> tuple[WeightedText, ...]:
        return tuple(
            replace(part, text=", ".join(filter(None, (found, part.text))))
            if part.weight > 0
            else part
            for part in parts
        )

    return replace(
        job,
        prompt=behind(job.prompt or (WeightedText(text=""),)),
        looks=tuple(Look(prompt=behind(look.prompt), weight=look.weight) for look in job.looks),
        name_inputs=False,
    )


def drawn_words(job: DrawJob, found: str) -> DrawnWords:
    """The words of a job that is led by what was found, for its member to read."""
    return DrawnWords(
        prompt=job.prompt,
        negative=job.negative,
        looks=job.looks,
        towards=job.towards,
        found=found,
    )
