"""`python -m bot.bench describe`: whether descriptions of doodle's pictures name what they show.

Prompts with a colour, a subject and a place are drawn once each, their pictures are saved anew as
JPEG, so that no metadata is left, and described as `/describe` does. A description is right where
it has the prompt's word; the pictures themselves are not looked at, so that a picture that doodle
drew wrongly counts against it.

- subject, colour: the share of pictures whose first description names it; above 0.8.
- any_subject, any_colour: the same of the four together.
- different: the share of pictures with four different descriptions.

The last line printed is one JSON object; the exit status is 1 where one of the first two fails.
"""

from __future__ import annotations

import asyncio
import io
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from PIL import Image

import engine
from bot.bench.flags import AT_ONCE, COLOURS, MODEL, PLACES, ROOT, SUBJECTS
from bot.jobs.kinds.describe import SUGGESTIONS
from bot.prompt import brief, grammar
from bot.prompt.markdown import as_words

LEAST = 0.8
_ALIKE = {"bunny": "rabbit", "kitten": "cat"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One prompt."""

    subject: str
    colour: str
    text: str
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What was said of its picture."""

    asked: Asked
    texts: tuple[str, ...]


def prompts(count: int) -> list[Asked]:
    """Subjects, colours and places in turn; their numbers have no divisor that all three share."""
    asked = []
    for number in range(count):
        subject = SUBJECTS[number % len(SUBJECTS)]
        colour = COLOURS[number % len(COLOURS)]
        text = f"a {colour} {subject} {PLACES[number % len(PLACES)]}"
        asked.append(Asked(subject=subject, colour=colour, text=text, seed=1000 * number + 1))
    return asked


def bare(picture: bytes) -> bytes:
    """The picture as JPEG, without any metadata."""
    saved = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        image.convert("RGB").save(saved, "JPEG", quality=90)
    return saved.getvalue()


def figures(described: Sequence[Described]) -> dict[str, float]:
    """All shares."""

    def share(word: str, first: int) -> float:
        return statistics.mean(
            any(names(text, getattr(each.asked, word)) for text in each.texts[:first])
            for each in described
        )

    return {
        "subject": share("subject", 1),
        "colour": share("colour", 1),
        "any_subject": share("subject", SUGGESTIONS),
        "any_colour": share("colour", SUGGESTIONS),
        "different": statistics.mean(len({*each.texts}) == SUGGESTIONS for each in described),
    }


def names(text: str, word: str) -> bool:
    """Whether a description has the word, or one for the same."""
    return word in {_ALIKE.get(each, each) for each in text.replace(",", " ").split()}


async def measure(count: int, steps: int | None) -> list[Described]:
    """What is said of so many pictures."""
    specs = engine.load_catalogue(ROOT / "models.toml")
    own = [spec for spec in specs if spec.info.installed]
    drawing = engine.Engine(own, owner_cap=AT_ONCE)
    room = asyncio.Semaphore(AT_ONCE)
    await drawing.start()
    model = next(spec.info for spec in specs if spec.info.name == MODEL)

    async def end_of(job: engine.Job) -> engine.Finished:
        *_, end = [event async for event in drawing.run(job)]
        if not isinstance(end, engine.Finished):
            raise TypeError(f"{job.id} ended with {end}")
        return end

    async def one(number: int, asked: Asked) -> Described:
        text = f"{asked.text} --seed {asked.seed}" + (f" --steps {steps}" if steps else "")
        written = brief.write(
            grammar.parse(text), model, job_id=f"draw {number}", owner="bench", seed=0
        )
        async with room:
            drawn = await end_of(replace(written.job, images=1, previews=False))
            [picture] = drawn.pictures
            said = await end_of(
                engine.DescribeJob(
                    id=f"describe {number}",
                    owner="bench",
                    picture=bare(picture.png),
                    suggestions=SUGGESTIONS,
                )
            )
        print(f"{asked.text}: {said.texts[0]}", file=sys.stderr, flush=True)
        return Described(asked=asked, texts=tuple(map(as_words, said.texts)))

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(one(number, asked)) for number, asked in enumerate(prompts(count))
            ]
        return [task.result() for task in tasks]
    finally:
        await drawing.close()


def main(count: int, steps: int | None) -> int:
    """Print the figures and, last, the JSON object; the exit status."""
    found = figures(asyncio.run(measure(count, steps)))
    for name, value in found.items():
        print(f"{name:12} {value:.3f}")
    rounded = {name: round(value, 4) for name, value in found.items()}
    print(json.dumps({"pictures": count, "steps": steps, **rounded}))
    return 0 if min(found["subject"], found["colour"]) >= LEAST else 1
