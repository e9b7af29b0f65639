"""/blend: pictures mixed, with words or without."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import ClassVar

import engine
from bot.errors import InvalidLink, UserError
from bot.jobs.kinds import draw
from bot.jobs.kinds.kind import Context, Written
from bot.prompt import brief, grammar
from bot.prompt.characters import COMMAS
from engine import Sentence

STRENGTH = 0.7
"""0 keeps the mixed pictures, 1 ignores them."""
NAMED_STRENGTH = 0.9
"""Where words are found for what the pictures show, and drawn beside those that were typed: with
less, the mix is in the way of them."""
MOST_WEIGHT = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Blend:
    """Two to five pictures in a shape such as "3:2"."""

    kind: ClassVar[str] = "blend"
    title: ClassVar[str] = Sentence("Blend")
    parent_id: ClassVar[None] = None

    aspect: str
    """Unless the words have --ar."""
    words: str = ""
    weights: tuple[float, ...] = ()
    """Of the pictures; empty: all alike."""
    pictures: tuple[bytes, ...] = ()

    @property
    def text(self) -> str:
        asked = grammar.parse(self.words, beside=2)
        shape = "" if "ar" in asked.parameters.given else f"--ar {self.aspect}"
        return f"{self.words} {shape}".strip()

    def with_pictures(self, pictures: tuple[bytes, ...]) -> Blend:
        return dataclasses.replace(self, pictures=pictures)

    def write(self, context: Context) -> Written:
        asked = grammar.parse(self.words, beside=2)
        if asked.images:
            raise InvalidLink(
                "A blend mixes the pictures that are attached; leave the link out, or use "
                "/imagine.",
                command=self.words,
            )
        written = named(
            draw.from_text(self.text, context, pictures=self.pictures, strength=STRENGTH)
        )
        job = written.job
        assert isinstance(job, engine.DrawJob)
        if self.weights:
            weighed = zip(job.inputs, self.weights, strict=True)
            inputs = tuple(
                dataclasses.replace(each, weight=each.weight * weight) for each, weight in weighed
            )
            job = dataclasses.replace(job, inputs=inputs)
        return dataclasses.replace(written, job=job)


def named(written: Written) -> Written:
    """What was written, with words to be found for its pictures where the model cannot look at them
    and something can.
    """
    job, model = written.job, written.model
    assert isinstance(job, engine.DrawJob)
    assert model is not None
    if job.init_use is not engine.InitUse.MIX or not model.names_inputs:
        return written
    strength = brief.at_least_a_step(NAMED_STRENGTH, job.steps)
    job = dataclasses.replace(job, strength=strength, name_inputs=True)
    return dataclasses.replace(written, job=job)


def weights_of(text: str, pictures: int) -> tuple[float, ...]:
    """`1,2,.5`, one for each picture; nothing: all alike. UserError where it is none of these."""
    if not text.strip():
        return ()
    try:
        weights = tuple(float(each) for each in re.split(f"[{COMMAS}]", text))
    except ValueError:
        weights = ()
    if len(weights) != pictures or not all(0 < weight <= MOST_WEIGHT for weight in weights):
        raise UserError(
            Sentence(
                "The weights need one number for each of the {count} pictures, above 0 and at most "
                "{most:g}, such as 1,2,.5.",
                count=pictures,
                most=MOST_WEIGHT,
            )
        )
    return weights
