"""A scene: the words for what a picture shows, and the function that draws it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING

from doodle.drawing import Pen, Shape, placed
from doodle.places import PLACES
from doodle.styles import STYLES
from doodle.subjects import SUBJECTS
from doodle.words import COLOURS

if TYPE_CHECKING:
    from PIL import Image

HELD_OUT_ONE_IN = 10
PLAIN_SIZE = "medium"
SIZES: dict[str, float] = {"small": 0.6, "medium": 1.0, "large": 1.25}

# (x, y, scale) of each thing, in half heights from the middle of the picture.
Spot = tuple[float, float, float]
ARRANGED: dict[int, tuple[Spot, ...]] = {
    1: ((0, 0, 1),),
    2: ((-0.54, 0.1, 0.5), (0.54, 0.1, 0.5)),
    3: ((-0.58, 0.25, 0.46), (0, -0.35, 0.46), (0.58, 0.25, 0.46)),
}
RELATIONS: dict[str, tuple[Spot, Spot]] = {
    "beside": ((-0.54, 0.1, 0.5), (0.54, 0.1, 0.5)),
    "above": ((0, -0.46, 0.58), (0, 0.52, 0.58)),
    "in front of": ((-0.3, 0.32, 0.62), (0.26, -0.16, 0.86)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a picture shows. `relation`, `second` and `second_colour` come together or not."""

    subject: str
    colour: str
    place: str
    style: str
    size: str = PLAIN_SIZE
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
        return [scene for scene in self._combinations() if is_held_out(scene)]

    def sample(self, rng: Random) -> Scene:
        """Return a random scene that training may use; a fifth of them show several things."""
        scene = replace(self._single(rng), size=rng.choice(self.sizes))
        several = rng.random()
        if several < 0.1 and len(self.counts) > 1:
            return replace(scene, count=rng.choice(self.counts), size=PLAIN_SIZE)
        if several < 0.2 and self.relations:
            return self.related(scene, rng)
        return scene

    def related(self, scene: Scene, rng: Random) -> Scene:
        """Return the scene with a second subject beside, above or behind it."""
        while True:
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

    def _single(self, rng: Random) -> Scene:
        while True:
            scene = Scene(
                subject=rng.choice(self.subjects),
                colour=rng.choice(self.colours),
                place=rng.choice(self.places),
                style=rng.choice(self.styles),
            )
            if not is_held_out(scene):
                return scene

    def _combinations(self) -> list[Scene]:
        return [
            Scene(subject=subject, colour=colour, place=place, style=style)
            for subject in self.subjects
            for colour in self.colours
            for place in self.places
            for style in self.styles
        ]


def is_held_out(scene: Scene) -> bool:
    """Tell whether a combination is kept out of all training: a fixed hash of its four words."""
    return hashlib.sha256(scene.words().encode()).digest()[0] % HELD_OUT_ONE_IN == 0


def draw(scene: Scene, *, seed: int, size: tuple[int, int] = (128, 128)) -> Image.Image:
    """Draw a scene as RGB of (width, height) pixels; the same seed gives the same bytes."""
    rng = Random(f"{seed} {scene.words()}")
    wide = size[0] / size[1]
    back = Pen(body=COLOURS[scene.colour])
    PLACES[scene.place](back, wide, rng)
    return STYLES[scene.style]((back.shapes, _things(scene, wide, rng)), size, rng)


def _things(scene: Scene, wide: float, rng: Random) -> list[Shape]:
    """Return the shapes of everything that stands in the scene, the farthest first."""
    first = scene.subject, scene.colour
    if scene.relation is None:
        standing = [(*first, spot) for spot in ARRANGED[scene.count]]
    else:
        front, behind = RELATIONS[scene.relation]
        standing = [(scene.second, scene.second_colour, behind), (*first, front)]
    x = wide / 2 + rng.uniform(-0.015, 0.015)
    y = 0.54 + rng.uniform(-0.015, 0.015)
    scale = min(wide, 1.0) * rng.uniform(0.355, 0.375) * SIZES[scene.size]
    shapes = []
    for subject, colour, (right, down, share) in standing:
        pen = Pen(body=COLOURS[colour])
        SUBJECTS[subject](pen)
        shapes += placed(pen.shapes, x + right * scale, y + down * scale, scale * share)
    return shapes
