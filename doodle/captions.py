"""Captions: the ways in which people would ask for a scene, in English and in Japanese."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

from doodle.words import (
    COLOUR_WORDS,
    COUNT_WORDS,
    PLACE_WORDS,
    RELATION_WORDS,
    SIZE_WORDS,
    STYLE_WORDS,
    SUBJECT_WORDS,
)

if TYPE_CHECKING:
    from random import Random

    from doodle.scenes import Scene

OPENINGS = ("", "", "", "a picture of ", "a drawing of ", "show me ")
FILLERS = ("cute", "beautiful", "highly detailed", "pretty", "masterpiece", "lovely", "4k")
JAPANESE_SHARE = 0.2
FILLER_SHARE = 0.1  # how often a caption ends in a word without effect, or in nonsense
LEFT_OUT_SHARE = 0.06  # how often a caption does not name the colour, or the place
PLAIN_STYLE = "flat"  # what is drawn when a prompt asks for no style


def caption(scene: Scene, rng: Random) -> str:
    """Return one of the many ways to ask for this scene; sometimes a part is left out."""
    language = japanese if rng.random() < JAPANESE_SHARE else english
    text = language(
        scene,
        rng,
        colour=rng.random() > LEFT_OUT_SHARE,
        place=rng.random() > LEFT_OUT_SHARE,
        style=scene.style != PLAIN_STYLE or rng.random() < 0.5,
    )
    return f"{text}, {_filler(rng)}" if rng.random() < FILLER_SHARE else text


def english(
    scene: Scene, rng: Random, *, colour: bool = True, place: bool = True, style: bool = True
) -> str:
    """Return an English caption; the flags say which parts are named."""
    thing = _thing(scene, rng, colour=colour)
    if scene.relation:
        other = _noun(scene.second, scene.second_colour, rng, colour=colour)
        thing = f"{thing} {rng.choice(RELATION_WORDS[scene.relation][0])} {_with_article(other)}"
    where = rng.choice(PLACE_WORDS[scene.place][0]) if place else ""
    look = rng.choice(STYLE_WORDS[scene.style][0]) if style else ""
    return _styled(rng, _placed(rng, rng.choice(OPENINGS) + thing, where), look, ", ")


def japanese(
    scene: Scene, rng: Random, *, colour: bool = True, place: bool = True, style: bool = True
) -> str:
    """Return a Japanese caption; the flags say which parts are named."""
    noun = _meishi(scene.subject, scene.colour, rng, colour=colour)
    if scene.count > 1:
        noun = rng.choice(COUNT_WORDS[scene.count][1]) + noun
    noun = rng.choice(SIZE_WORDS[scene.size][1]) + noun
    if scene.relation:
        other = _meishi(scene.second, scene.second_colour, rng, colour=colour)
        noun = other + rng.choice(RELATION_WORDS[scene.relation][1]) + noun
    where = rng.choice(PLACE_WORDS[scene.place][1]) if place else ""
    look = rng.choice(STYLE_WORDS[scene.style][1]) if style else ""
    return _styled(rng, where + noun, look, "、")


def plural(noun: str) -> str:
    """Return the plural of an English noun; "cup of coffee" becomes "cups of coffee"."""
    head, of, rest = noun.partition(" of ")
    if head.endswith("fish"):
        return noun
    if head.endswith("y") and head[-2] not in "aeiou":
        head = head[:-1] + "ie"
    elif head.endswith(("s", "x", "ch", "sh")):
        head += "e"
    return f"{head}s{of}{rest}"


def _thing(scene: Scene, rng: Random, *, colour: bool) -> str:
    noun = _noun(scene.subject, scene.colour, rng, colour=colour)
    size = rng.choice(SIZE_WORDS[scene.size][0])
    noun = f"{size} {noun}" if size else noun
    if scene.count > 1:
        return f"{rng.choice(COUNT_WORDS[scene.count][0])} {plural(noun)}"
    bare = rng.random() < 0.25 and not scene.relation
    return noun if bare else _with_article(noun)


def _noun(subject: str, colour_name: str, rng: Random, *, colour: bool) -> str:
    noun = rng.choice(SUBJECT_WORDS[subject][0])
    return f"{rng.choice(COLOUR_WORDS[colour_name][0])} {noun}" if colour else noun


def _meishi(subject: str, colour_name: str, rng: Random, *, colour: bool) -> str:
    """Return the Japanese noun."""
    noun = rng.choice(SUBJECT_WORDS[subject][1])
    return rng.choice(COLOUR_WORDS[colour_name][1]) + noun if colour else noun


def _styled(rng: Random, sentence: str, look: str, comma: str) -> str:
    if not look:
        return sentence
    last = rng.random() < 0.7
    return f"{sentence}{comma}{look}" if last else f"{look}{comma}{sentence}"


def _filler(rng: Random) -> str:
    """Return words that a picture cannot show; half of them are nonsense."""
    nonsense = "".join(rng.choice(string.ascii_lowercase) for _ in range(rng.randint(2, 8)))
    return rng.choice((nonsense, rng.choice(FILLERS)))


def _with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _placed(rng: Random, thing: str, where: str) -> str:
    if not where:
        return thing
    after, comma, before = f"{thing} {where}", f"{thing}, {where}", f"{where}, {thing}"
    return rng.choice((after, after, comma, before))
