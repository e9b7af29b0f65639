"""/morph: from one text or picture to another, as a film or as a grid of four steps between."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import engine
from bot.errors import UserError
from bot.jobs.kinds import draw
from bot.jobs.kinds.describe import aspect_of
from bot.jobs.kinds.kind import Context, Kind, Written
from bot.jobs.records import Role
from bot.prompt import grammar
from bot.prompt.markdown import harmless_line
from engine import Sentence

FEWEST_FRAMES, MOST_FRAMES = 2, 60
CROSS = (0.35, 0.45, 0.55, 0.65)
"""How far the pictures of a cross have gone."""
_HALF = 0.5
STRENGTH = 0.55
"""Between pictures: 0 keeps their mix, 1 ignores it."""
CROSSED = dataclasses.replace(draw.DRAWN, rewords=False, asks_first=True)
"""Its prompt is two texts."""
MORPHED = Kind(follow_ups={Role.FILM: ("reroll",)}, animates=True, asks_first=True)
_NAMED_CHARACTERS = 60


def turn(job: engine.DrawJob, shown: Sequence[int]) -> Sentence | None:
    """Which frame is the first that is nearer to the end of the way, and to which words.

    shown: the places of the frames in the job. The embeddings of two texts, and two pictures, are
    mixed on a straight line, so that the nearer one changes half way.
    """
    number = next((at for at, index in enumerate(shown, 1) if job.shares[index] > _HALF), 0)
    if number <= 1:
        return None
    count = len(shown)
    if not job.towards:
        return Sentence(
            "Frame {number} of {count} is the first that is nearer to the second picture.",
            number=number,
            count=count,
        )
    before, after = _words(job.prompt), _words(job.towards)
    if before == after:
        return None
    return Sentence(
        "Frame {number} of {count} is the first whose words are nearer to “{after}” than to "
        "“{before}”.",
        number=number,
        count=count,
        after=_named(after, before),
        before=_named(before, after),
    )


def _words(parts: Sequence[engine.WeightedText]) -> list[str]:
    return " ".join(part.text for part in parts).split()


def _named(words: Sequence[str], others: Sequence[str]) -> str:
    """The words that the others have not, or all of them."""
    own = [word for word in words if word not in others]
    return harmless_line(" ".join(own or words), _NAMED_CHARACTERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Morph:
    """Pictures of one noise, each a step on the way."""

    title: ClassVar[str] = Sentence("Morph")
    parent_id: ClassVar[None] = None

    words: tuple[str, ...] = ()
    """Two texts, or none."""
    pictures: tuple[bytes, ...] = ()
    """Two, where there are no texts."""
    frames: int = 24
    crosses: bool = False
    """Whether it is a grid."""

    @property
    def kind(self) -> str:
        return "cross" if self.crosses else "morph"

    @property
    def text(self) -> str:
        return " → ".join(self.words)

    def write(self, context: Context) -> Written:
        if not FEWEST_FRAMES <= self.frames <= MOST_FRAMES:
            raise UserError(
                Sentence(
                    "A morph has {fewest} to {most} frames, not {frames}.",
                    fewest=FEWEST_FRAMES,
                    most=MOST_FRAMES,
                    frames=self.frames,
                )
            )
        written = self._between_texts(context) if self.words else self._between_pictures(context)
        last = self.frames - 1
        shares = CROSS if self.crosses else tuple(frame / last for frame in range(self.frames))
        assert isinstance(written.job, engine.DrawJob)
        job = dataclasses.replace(written.job, images=len(shares), shares=shares)
        return dataclasses.replace(written, job=job)

    def _between_texts(self, context: Context) -> Written:
        first, second = self.words
        asked = grammar.parse(second)
        if asked.parameters.given or asked.images or grammar.parse(first).images:
            raise UserError(
                "A morph takes words; write parameters after the first text only, and leave links "
                "out.",
                command=self.text,
            )
        written = draw.from_text(first, context)
        assert written.model is not None
        other = draw.from_text(second, context, model=written.model.name)
        assert isinstance(written.job, engine.DrawJob)
        assert isinstance(other.job, engine.DrawJob)
        job = dataclasses.replace(
            written.job,
            towards=other.job.prompt,
            translate=written.job.translate or other.job.translate,
        )
        notes = tuple(dict.fromkeys((*written.notes, *other.notes)))
        return dataclasses.replace(written, job=job, notes=notes)

    def _between_pictures(self, context: Context) -> Written:
        text = f"--ar {aspect_of(self.pictures[0])}"
        written = draw.from_text(text, context, pictures=self.pictures, strength=STRENGTH)
        assert isinstance(written.job, engine.DrawJob)
        job = dataclasses.replace(written.job, init_use=engine.InitUse.MIX)
        return dataclasses.replace(written, job=job)
