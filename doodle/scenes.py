"""A scene: the words for what a picture shows. Nothing here draws."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

from doodle.words import NATURAL, SKIES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

HELD_OUT_ONE_IN = 10
TRIES = 1000  # to find a second thing
PLAIN_SIZE = "medium"
MUTUAL = "beside"  # the relation in which either of two things may be named first
SQUARE = (256, 256)
WIDE = ((384, 256), (256, 384), (448, 256), (256, 448))
"""3:2, 2:3, 16:9, 9:16, as near as multiples of 64 come: width and height of pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a picture shows. `relation`, `second` and `second_colour` come together or not."""

    subject: str
    colour: str
    place: str
    style: str
    size: str = PLAIN_SIZE
    sky: str = ""  # what the sky shows: the moon, the sun, clouds or a rainbow
    count: int = 1
    relation: str | None = None  # how the subject stands to the second one
    second: str | None = None
    second_colour: str | None = None

    def words(self) -> str:
        """Return the four words that decide whether the scene is kept out of training."""
        return f"{self.subject} {self.colour} {self.place} {self.style}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The part of the scenes that a recipe covers."""

    subjects: tuple[str, ...]
    colours: tuple[str, ...]
    places: tuple[str, ...]
    styles: tuple[str, ...]
    sizes: tuple[str, ...] = (PLAIN_SIZE,)
    counts: tuple[int, ...] = (1,)
    relations: tuple[str, ...] = ()

    def held_out(self) -> list[Scene]:
        """Return every combination of the four words that training never sees."""
        return [scene for scene in self.combinations() if is_held_out(scene)]

    def sample(self, rng: Random) -> Scene:
        """Return a random scene that training may use; four in ten show several things."""
        scene = replace(self._single(rng), size=rng.choice(self.sizes))
        several = rng.random()
        if several < 0.17 and len(self.counts) > 1:
            count = rng.choice([count for count in self.counts if count > 1])
            return replace(scene, count=count, size=PLAIN_SIZE)
        if several < 0.4 and self.relations:
            return self.related(scene, rng)
        return scene

    def related(self, scene: Scene, rng: Random) -> Scene:
        """Return the scene with a second subject beside, below or behind it.

        Or the scene itself, where all others that could stand there are held out.
        """
        for _ in range(TRIES):
            other = self._single(rng)
            second = replace(scene, subject=other.subject, colour=other.colour)
            if second.subject != scene.subject and not is_held_out(second):
                return replace(
                    scene,
                    size=PLAIN_SIZE,
                    relation=rng.choice(self.relations),
                    second=second.subject,
                    second_colour=second.colour,
                )
        return scene

    def _single(self, rng: Random) -> Scene:
        while True:
            subject, place = rng.choice(self.subjects), rng.choice(self.places)
            natural = [colour for colour in NATURAL.get(subject, ()) if colour in self.colours]
            colours = natural if natural and rng.random() < 0.15 else self.colours
            scene = Scene(
                subject=subject,
                colour=rng.choice(colours),
                place=place,
                style=rng.choice(self.styles),
                sky=rng.choice(SKIES.get(place, ("",))),
            )
            if not is_held_out(scene):
                return scene

    def combinations(self) -> Iterator[Scene]:
        """Go through every combination of the four words."""
        for words in product(self.subjects, self.colours, self.places, self.styles):
            yield Scene(**dict(zip(("subject", "colour", "place", "style"), words, strict=True)))


def is_held_out(scene: Scene) -> bool:
    """Tell whether a combination is kept out of all training: a fixed hash of its four words."""
    return hashlib.sha256(scene.words().encode()).digest()[0] % HELD_OUT_ONE_IN == 0
