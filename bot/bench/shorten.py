"""`python -m bot.bench shorten`: whether `/shorten` drops words that mean nothing.

Forty prompts of doodle's own words, with sixty words of random letters planted in them, are
weighed on doodle and shortened as `/shorten` does: with the vocabulary that the catalogue names,
and as for a model that has none, by what the embedding and the tokenizer tell alone.

- dropped: the share of planted words that no shorter prompt has; 0.9 or more.
- kept: the share of colours and subjects that the longest of the shorter prompts has.

The last line printed is one JSON object; the exit status is 1 where too few are dropped.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import string
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import engine
from bot.bench.flags import COLOURS, MODEL, PLACES, ROOT, SUBJECTS
from bot.jobs.kinds.kind import Context, Said
from bot.jobs.kinds.shorten import Shorten, shorter
from bot.jobs.records import TextRow

PROMPTS, PLANTED = 40, 60
LETTERS = (4, 10)
"""Of a planted word, the fewest and the most."""
LEAST = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One prompt."""

    text: str
    planted: tuple[str, ...]
    meant: tuple[str, ...]
    """Its colour and its subject."""


def prompts(seed: int = 0) -> list[Asked]:
    """The first twenty with two planted words, the others with one."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    asked = []
    for number in range(PROMPTS):
        colour, subject = COLOURS[number % len(COLOURS)], SUBJECTS[number % len(SUBJECTS)]
        words = f"a {colour} {subject} {PLACES[number % len(PLACES)]}".split()
        planted = [_letters(chance) for _ in range(1 + (number < PLANTED - PROMPTS))]
        for word in planted:
            words.insert(chance.randint(0, len(words)), word)
        asked.append(Asked(text=" ".join(words), planted=tuple(planted), meant=(colour, subject)))
    return asked


def _letters(chance: random.Random) -> str:
    return "".join(chance.choices(string.ascii_lowercase, k=chance.randint(*LETTERS)))


def figures(weighed: Sequence[tuple[Asked, Said]]) -> dict[str, float]:
    """Both shares."""
    found = [(asked, shorter(said)) for asked, said in weighed]
    return {
        "dropped": statistics.mean(
            not any(word in kept for kept in each)
            for asked, each in found
            for word in asked.planted
        ),
        "kept": statistics.mean(
            bool(each) and word in each[0] for asked, each in found for word in asked.meant
        ),
    }


def without_vocabulary(said: Said) -> Said:
    """The same of a model of which nobody knows which words it has learnt."""
    resolved: Mapping[str, Any] = {**said.resolved, "unknown": []}
    return Said(texts=said.texts, resolved=resolved)


async def measure() -> list[tuple[Asked, Said]]:
    """What is said of all prompts."""
    specs = [
        spec for spec in engine.load_catalogue(ROOT / "models.toml") if spec.info.name == MODEL
    ]
    weighing = engine.Engine(specs, owner_cap=1)
    await weighing.start()
    weighed = []
    try:
        for number, asked in enumerate(prompts()):
            context = Context(
                models=tuple(spec.info for spec in specs),
                default_model=MODEL,
                job_id=str(number),
                owner="bench",
                seed=0,
            )
            written = Shorten(text=asked.text).write(context)
            *_, end = [event async for event in weighing.run(written.job)]
            if not isinstance(end, engine.Finished):
                raise TypeError(f"{asked.text} ended with {end}")
            said = Said(
                texts=[
                    TextRow(job_id=str(number), position=place, text=word, weight=weight)
                    for place, (word, weight) in enumerate(
                        zip(end.texts, end.weights, strict=True), 1
                    )
                ],
                resolved=written.resolved,
            )
            print(f"{asked.text}: {shorter(said)}", file=sys.stderr, flush=True)
            weighed.append((asked, said))
    finally:
        await weighing.close()
    return weighed


def main() -> int:
    """Print the figures and, last, the JSON object; the exit status."""
    weighed = asyncio.run(measure())
    bare = [(asked, without_vocabulary(said)) for asked, said in weighed]
    found = {
        **figures(weighed),
        **{f"{name}_without_vocabulary": value for name, value in figures(bare).items()},
    }
    for name, value in found.items():
        print(f"{name:28} {value:.3f}")
    print(json.dumps({name: round(value, 4) for name, value in found.items()}))
    return 0 if min(found["dropped"], found["dropped_without_vocabulary"]) >= LEAST else 1
