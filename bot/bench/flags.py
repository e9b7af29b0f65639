"""`python -m bot.bench flags`: whether flags do to doodle's pictures what they say.

Prompts of doodle's own words are drawn four times each, through the prompt's grammar, its brief and
one engine. What the pictures show is seen by doodle's judge and its CLIP pair, in a process of
their own: the bot imports no torch. Distances are 1 − cosine of the pair's embeddings.

- chaos: the mean distance between the four pictures of a prompt rises at 0, 50, 100, while the
  share of pictures in which the judge sees the prompt's subject stays above 0.8 of that at 0.
- stylize: the mean cosine between pictures and the words of their style rises at 0, 100, 500, 1000;
  prompts take the two named styles of the catalogue in turn.
- sref: prompts of five subjects under four codes. `between` is the mean distance between pictures
  of one prompt and seed under two codes; it is above `seeds`, the mean distance between two seeds
  under one code. `agree` is the mean cosine between two subjects' shifts under one code, a shift
  being the mean embedding with the code minus that without; it is above `disagree`, the same of
  two subjects under different codes.

The last line printed is one JSON object; the exit status is 1 where one of these fails.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import operator
import statistics
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import engine
from bot.prompt import brief, grammar
from bot.prompt.brief import GRID_IMAGES

ROOT = Path(__file__).parents[2]
MODEL = "doodle"
SUBJECTS = (
    *("cat", "fox", "rabbit", "owl", "fish", "butterfly", "flower", "mushroom", "tree", "house"),
    *("castle", "car", "boat", "rocket", "balloon", "apple", "umbrella", "star", "heart"),
)
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "white", "black")
PLACES = (
    *("in a meadow", "at night", "at sunset", "in the snow", "in a forest", "by the sea"),
    *("in the rain", "in a city"),
)
CHAOS = (0, 50, 100)
STYLIZE = (0, 100, 500, 1000)
CODES = (1, 2, 3, 4)
CODED_SUBJECTS = 5
AT_ONCE = 8
"""Jobs in the engine, so that their rows share passes."""

Vector = Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One prompt."""

    subject: str
    text: str
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is seen in the pictures, by (setting, prompt, picture)."""

    subjects: Mapping[tuple[str, int, int], str]
    pictures: Mapping[tuple[str, int, int], Vector]
    texts: Mapping[str, Vector]

    def of(self, setting: str, prompt: int) -> list[Vector]:
        """The pictures of one grid."""
        return [self.pictures[setting, prompt, index] for index in range(GRID_IMAGES)]


def prompts(count: int) -> list[Asked]:
    """Subjects in turn: bare, with a colour, with a place, with both."""
    asked = []
    for number in range(count):
        subject = SUBJECTS[number % len(SUBJECTS)]
        colour = f"{COLOURS[number // 2 % len(COLOURS)]} " if number % 2 else ""
        place = f" {PLACES[(number + number // 4) % len(PLACES)]}" if number // 2 % 2 else ""
        text = f"a {colour}{subject}{place}"
        asked.append(Asked(subject=subject, text=text, seed=1000 * number + 1))
    return asked


def settings(asked: Sequence[Asked], styles: Sequence[str]) -> dict[str, list[str]]:
    """The flags of each prompt in each setting; empty: the setting leaves the prompt out."""
    style = [styles[number % len(styles)] for number in range(len(asked))]
    coded = [each.subject in SUBJECTS[:CODED_SUBJECTS] for each in asked]
    return {
        "plain": ["--raw"] * len(asked),
        **{f"chaos {c}": [f"--raw --chaos {c}"] * len(asked) for c in CHAOS if c},
        **{
            f"stylize {s}": [f"--style {name} --stylize {s}" for name in style]
            for s in STYLIZE
            if s
        },
        **{f"sref {c}": [f"--raw --sref {c}" if on else "" for on in coded] for c in CODES},
    }


async def draw(
    asked: Sequence[Asked],
    flags: Mapping[str, Sequence[str]],
    spec: engine.ModelSpec,
    folder: Path,
    steps: int | None,
) -> None:
    """Write `setting.prompt.picture.png` for every picture into the folder."""
    drawing = engine.Engine([spec], owner_cap=AT_ONCE)
    room = asyncio.Semaphore(AT_ONCE)
    await drawing.start()

    async def grid(setting: str, number: int, added: str) -> None:
        each = asked[number]
        text = f"{each.text} {added} --seed {each.seed}"
        if steps is not None:
            text += f" --steps {steps}"
        written = brief.write(
            grammar.parse(text), spec.info, job_id=f"{setting} {number}", owner="bench", seed=0
        )
        async with room:
            *_, end = [event async for event in drawing.run(replace(written.job, previews=False))]
        if not isinstance(end, engine.Finished):
            raise TypeError(f"{text} ended with {end}")
        for index, picture in enumerate(end.pictures):
            (folder / f"{setting}.{number}.{index}.png").write_bytes(picture.png)
        print(f"{text}", file=sys.stderr, flush=True)

    try:
        async with asyncio.TaskGroup() as grids:
            for setting, texts in flags.items():
                for number, added in enumerate(texts):
                    if added:
                        grids.create_task(grid(setting, number, added))
    finally:
        await drawing.close()


async def look(folder: Path, texts: Iterable[str]) -> Seen:
    """What doodle's judge and pair see in the folder's pictures."""
    texts = tuple(texts)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "doodle", "look", str(folder)),
        *(word for text in texts for word in ("--text", text)),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("doodle could not look at the pictures")
    found = json.loads(output.splitlines()[-1])
    names = [name.split(".") for name in found["files"]]
    keys = [(setting, int(number), int(index)) for setting, number, index in names]
    return Seen(
        subjects=dict(zip(keys, found["subjects"], strict=True)),
        pictures=dict(zip(keys, found["pictures"], strict=True)),
        texts=dict(zip(texts, found["texts"], strict=True)),
    )


def chaos(asked: Sequence[Asked], seen: Seen) -> dict[str, float]:
    """Distances within grids, and the share of right subjects, by chaos."""
    figures = {}
    for value in CHAOS:
        setting = f"chaos {value}" if value else "plain"
        grids = [seen.of(setting, number) for number in range(len(asked))]
        right = [
            seen.subjects[setting, number, index] == each.subject
            for number, each in enumerate(asked)
            for index in range(GRID_IMAGES)
        ]
        figures[f"chaos_{value}_distance"] = statistics.mean(map(spread, grids))
        figures[f"chaos_{value}_subject"] = statistics.mean(right)
    return figures


def stylize(asked: Sequence[Asked], seen: Seen, words: Sequence[str]) -> dict[str, float]:
    """Cosine to the style's words, by stylize."""
    figures = {}
    for value in STYLIZE:
        setting = f"stylize {value}" if value else "plain"
        figures[f"stylize_{value}"] = statistics.mean(
            cosine(picture, seen.texts[words[number % len(words)]])
            for number in range(len(asked))
            for picture in seen.of(setting, number)
        )
    return figures


def sref(asked: Sequence[Asked], seen: Seen) -> dict[str, float]:
    """How much codes differ, and how much one code does the same to several subjects."""
    coded = [n for n, each in enumerate(asked) if each.subject in SUBJECTS[:CODED_SUBJECTS]]
    grids = {code: {n: seen.of(f"sref {code}", n) for n in coded} for code in CODES}
    between = [
        1 - cosine(one, other)
        for a, b in itertools.combinations(CODES, 2)
        for n in coded
        for one, other in zip(grids[a][n], grids[b][n], strict=True)
    ]
    shifts = {
        (code, asked[n].subject): minus(mean(grids[code][n]), mean(seen.of("plain", n)))
        for code in CODES
        for n in coded
    }
    pairs = [
        (a[0] == b[0], cosine(shifts[a], shifts[b]))
        for a, b in itertools.combinations(shifts, 2)
        if a[1] != b[1]
    ]
    return {
        "sref_between": statistics.mean(between),
        "sref_seeds": statistics.mean(spread(g) for of in grids.values() for g in of.values()),
        "sref_agree": statistics.mean(value for same, value in pairs if same),
        "sref_disagree": statistics.mean(value for same, value in pairs if not same),
    }


def bars(figures: Mapping[str, float]) -> dict[str, bool]:
    """Whether each of the flags does what it says."""
    return {
        "chaos_rises": rises([figures[f"chaos_{c}_distance"] for c in CHAOS]),
        "chaos_keeps_the_subject": all(
            figures[f"chaos_{c}_subject"] >= 0.8 * figures["chaos_0_subject"] for c in CHAOS
        ),
        "stylize_rises": rises([figures[f"stylize_{s}"] for s in STYLIZE]),
        "codes_differ_more_than_seeds": figures["sref_between"] > figures["sref_seeds"],
        "a_code_agrees_over_subjects": figures["sref_agree"] > max(figures["sref_disagree"], 0.0),
    }


def rises(values: Sequence[float]) -> bool:
    return all(low < high for low, high in itertools.pairwise(values))


def spread(grid: Sequence[Vector]) -> float:
    """The mean distance between two of the pictures."""
    return statistics.mean(1 - cosine(*pair) for pair in itertools.combinations(grid, 2))


def cosine(one: Vector, other: Vector) -> float:
    lengths = math.hypot(*one) * math.hypot(*other)
    return sum(map(operator.mul, one, other)) / lengths if lengths else 0.0


def mean(vectors: Sequence[Vector]) -> list[float]:
    return [statistics.fmean(values) for values in zip(*vectors, strict=True)]


def minus(one: Vector, other: Vector) -> list[float]:
    return [a - b for a, b in zip(one, other, strict=True)]


async def measure(count: int, steps: int | None) -> dict[str, float]:
    """All figures."""
    specs = engine.load_catalogue(ROOT / "models.toml")
    spec = next(spec for spec in specs if spec.info.name == MODEL)
    styles = spec.info.styles
    asked = prompts(count)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        flags = settings(asked, [style.name for style in styles])
        await draw(asked, flags, spec, folder, steps)
        words = [style.suffix for style in styles]
        seen = await look(folder, dict.fromkeys(words))
    return {**chaos(asked, seen), **stylize(asked, seen, words), **sref(asked, seen)}


def main(count: int, steps: int | None) -> int:
    """Print the table and, last, the JSON object; the exit status."""
    figures = {name: round(value, 4) for name, value in asyncio.run(measure(count, steps)).items()}
    passed = bars(figures)
    for name, value in figures.items():
        print(f"{name:24} {value:8.4f}")
    for name, good in passed.items():
        print(f"{name:32} {'yes' if good else 'NO'}")
    print(json.dumps({"prompts": count, "steps": steps, **figures, **passed}))
    return 0 if all(passed.values()) else 1
