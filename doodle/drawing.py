"""Draws scenes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING

import skia

from doodle.pen import Pen
from doodle.places import PLACES, Place
from doodle.styles import STYLES, Group, cover
from doodle.subjects import FLYING, SUBJECTS, SWIMMING, TALL
from doodle.words import COLOURS

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from doodle.scenes import Scene

SIZES: dict[str, tuple[float, float]] = {  # share of the frame that a thing fills
    "small": (0.3, 0.38),
    "medium": (0.46, 0.62),
    "large": (0.68, 0.8),
}
RELATIONS = ("beside", "on", "in front of")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where a thing stands: the middle of its foot, and its largest side, in heights of frames."""

    x: float
    foot: float
    side: float
    flies: bool = False


def draw(scene: Scene, *, seed: int, size: tuple[int, int] = (256, 256)) -> Image.Image:
    """Draw a scene as RGB of (width, height) pixels; the same seed gives the same picture."""
    groups, rng = _groups(scene, seed, size)
    return STYLES[scene.style](groups, size, rng)


def draw_with_cover(
    scene: Scene, *, seed: int, size: tuple[int, int] = (256, 256)
) -> tuple[Image.Image, np.ndarray]:
    """Draw a scene, and return with it how much of each area of 8 by 8 pixels its things cover.

    (height / 8, width / 8) uint8, 255 for the whole area. What stands in front is left out. The
    sun and the moon of a sky count as things, as captions name them.
    """
    groups, rng = _groups(scene, seed, size)
    return STYLES[scene.style](groups, size, rng), cover(groups, (size[0] // 8, size[1] // 8))


def _groups(scene: Scene, seed: int, size: tuple[int, int]) -> tuple[list[Group], Random]:
    """Return all that is drawn, the farthest first, and the chance that the style goes on with."""
    rng = Random(f"{seed} {scene.words()}")
    wide = size[0] / size[1]
    place = PLACES[scene.place](wide, rng, scene.sky)
    identity = skia.Matrix()
    groups = [
        Group(shapes=place.back.shapes, matrix=identity, subject=False),
        *_things(scene, place, wide, rng),
        Group(shapes=place.front.shapes, matrix=identity, subject=False),
    ]
    return groups, rng


def _things(scene: Scene, place: Place, wide: float, rng: Random) -> list[Group]:
    """Return everything that stands in the scene, the farthest first."""
    if scene.relation is not None:
        return _two(scene, place, wide, rng)
    kind = scene.subject
    if scene.count == 1:
        spots = [_alone(scene, place, wide, rng)]
    else:
        spots = _several(scene, place, wide, rng)
    mirrored = rng.random() < 0.5
    return [_thing(kind, scene.colour, spot, place, rng, mirrored=mirrored) for spot in spots]


def _alone(scene: Scene, place: Place, wide: float, rng: Random) -> Spot:
    share = rng.uniform(*SIZES[scene.size])
    if scene.style == "pixel":  # a thing of ten large pixels could be anything
        share = 0.24 + 0.76 * share
    side = min(1.0, wide * 1.08) * share
    slack = max(0.0, (wide - side) / 2)
    x = wide / 2 + rng.uniform(-0.7, 0.7) * slack
    if _flies(scene.subject, place, rng):
        middle = rng.uniform(0.42, 0.56)
        return Spot(x=x, foot=min(0.97, middle + side / 2), side=side, flies=True)
    low = min(place.ground + rng.uniform(0.02, 0.12), 0.95)
    return Spot(x=x, foot=min(0.97, max(low, side + 0.05)), side=side)


def _several(scene: Scene, place: Place, wide: float, rng: Random) -> list[Spot]:
    """Two or three things side by side, or one behind two; none hides another."""
    count = scene.count
    flies = _flies(scene.subject, place, rng)
    if wide < 0.9 or (count == 3 and wide < 1.2):
        side = 0.45 * wide if wide < 0.9 else 0.34
        low, back = 0.94, side * (1.05 if flies else 0.72)
        xs = (0.27, 0.73) if count == 2 else (0.5, 0.25, 0.75)
        rows = [(x, low - back * (i == 0)) for i, x in enumerate(xs)]
        if rng.random() < 0.5:
            rows = [(1 - x, y) for x, y in rows]
        spots = [Spot(x=wide * x, foot=y, side=side, flies=flies) for x, y in rows]
        return sorted(spots, key=lambda spot: spot.foot)
    side = min(0.52, wide * 0.84 / count)
    low = 0.9 if not flies else 0.72
    spots = []
    for i in range(count):
        near = rng.uniform(-0.05, 0.04)
        x = wide * 0.04 + wide * 0.92 * (i + 0.5) / count + rng.uniform(-0.02, 0.02)
        spots.append(
            Spot(x=x, foot=low + near, side=side * (1 + near) * rng.uniform(0.9, 1.0), flies=flies)
        )
    return sorted(spots, key=lambda spot: spot.foot)


def _two(scene: Scene, place: Place, wide: float, rng: Random) -> list[Group]:
    """Two kinds of things: beside, on, or in front of each other."""
    first, second = scene.subject, scene.second
    fit = min(1.0, wide)
    large = 1.18 if second in TALL and first not in TALL else 1.0
    left = rng.choice((-1, 1))
    match scene.relation:
        case "beside":
            low = min(0.92, max(place.ground + 0.1, 0.8)) + rng.uniform(-0.02, 0.03)
            step, side = min(0.3, wide * 0.25), min(0.52, wide * 0.47)
            spots = (
                Spot(x=wide / 2 + left * step, foot=low, side=side),
                Spot(x=wide / 2 - left * step, foot=low - 0.02, side=side * large),
            )
        case "on":
            side = min(0.42, wide * 0.56)
            low = rng.uniform(0.91, 0.96)
            x = wide / 2 + rng.uniform(-0.1, 0.1) * fit
            spots = (
                Spot(x=x, foot=0.0, side=side, flies=True),
                Spot(x=x, foot=low, side=side * 1.1),
            )
        case _:
            low = rng.uniform(0.9, 0.96)
            spots = (
                Spot(x=wide / 2 + left * 0.15 * fit, foot=low, side=0.42 * fit),
                Spot(x=wide / 2 - left * 0.12 * fit, foot=low - 0.1, side=0.66 * fit),
            )
    behind = _thing(second, scene.second_colour, spots[1], place, rng)
    near = spots[0]
    if scene.relation == "on":
        near = replace(near, foot=_top(behind) + 0.02)
    front = _thing(first, scene.colour, near, place, rng)
    return [behind, front]


def _flies(subject: str, place: Place, rng: Random) -> bool:
    return subject in FLYING or place.floats or (subject == "bird" and rng.random() < 0.3)


def _thing(
    subject: str,
    colour: str,
    spot: Spot,
    place: Place,
    rng: Random,
    *,
    mirrored: bool | None = None,
) -> Group:
    """Draw a subject so that its bounds meet the spot."""
    pen = Pen(body=_shade(COLOURS[colour], rng))
    SUBJECTS[subject](pen, rng)
    box = skia.Rect(0, 0, 0, 0)
    for shape in pen.shapes:
        box.join(shape.path.computeTightBounds())
    scale = spot.side / max(box.width(), box.height())
    mirrored = rng.random() < 0.5 if mirrored is None else mirrored
    flip = -1 if mirrored else 1
    matrix = skia.Matrix()
    matrix.preTranslate(spot.x, spot.foot)
    matrix.preScale(scale * flip, scale)
    matrix.preTranslate(-box.centerX(), -box.bottom())
    half = box.width() * scale / 2
    floating = spot.flies or subject in SWIMMING
    shadow = None if floating else (spot.x, spot.foot - 0.008, half * 0.86, 0.02 + half * 0.07)
    return Group(shapes=pen.shapes, matrix=matrix, scale=scale, tint=place.tint, shadow=shadow)


def _shade(rgb: tuple[int, int, int], rng: Random) -> tuple[int, int, int]:
    """Return the colour a little lighter, darker or warmer."""
    lift = rng.uniform(-10, 10)
    return tuple(max(0, min(255, round(v + lift + rng.uniform(-7, 7)))) for v in rgb)


def _top(group: Group) -> float:
    """Return the highest point of a thing over its middle, in the frame."""
    box = skia.Rect(0, 0, 0, 0)
    for shape in group.shapes:
        if shape.width is None:
            box.join(group.matrix.mapRect(shape.path.computeTightBounds()))
    return box.top()
