"""How people would ask for a scene, in English and in Japanese."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

from doodle.words import COLOUR_WORDS, PLACE_WORDS, STYLE_WORDS, SUBJECT_WORDS

if TYPE_CHECKING:
    from random import Random

    from doodle.scenes import Scene

OPENINGS = ("", "", "", "a picture of ", "a drawing of ", "show me ")
FILLERS = ("cute", "beautiful", "highly detailed", "pretty", "masterpiece", "lovely", "4k", "tiny")
JAPANESE_SHARE = 0.2
FILLER_SHARE = 0.1  # how often a caption ends in words that say nothing, or in no word at all
LEFT_OUT_SHARE = 0.06  # how often a caption does not name the colour, or the place
PLAIN_STYLE = "flat"  # what is drawn when a prompt asks for no style


def caption(scene: Scene, rng: Random) -> str:
    """Return one of the many ways to ask for this scene; sometimes a part goes unsaid."""
    language = japanese if rng.random() < JAPANESE_SHARE else english
    text = language(
        scene,
        rng,
        colour=rng.random() > LEFT_OUT_SHARE,
        place=rng.random() > LEFT_OUT_SHARE,
        style=scene.style != PLAIN_STYLE or rng.random() < 0.5,  # noqa: PLR2004 - a coin
    )
    return f"{text}, {_filler(rng)}" if rng.random() < FILLER_SHARE else text


def english(
    scene: Scene, rng: Random, *, colour: bool = True, place: bool = True, style: bool = True
) -> str:
    """Return an English caption; the flags say which parts are named."""
    subject = rng.choice(SUBJECT_WORDS[scene.subject][0])
    noun = f"{rng.choice(COLOUR_WORDS[scene.colour][0])} {subject}" if colour else subject
    where = rng.choice(PLACE_WORDS[scene.place][0]) if place else ""
    look = rng.choice(STYLE_WORDS[scene.style][0]) if style else ""
    thing = noun if rng.random() < 0.25 else _with_article(noun)  # noqa: PLR2004 - a tag, at times
    sentence = _joined(rng, rng.choice(OPENINGS) + thing, where)
    if not look:
        return sentence
    return f"{sentence}, {look}" if rng.random() < 0.7 else f"{look}, {sentence}"  # noqa: PLR2004


def japanese(
    scene: Scene, rng: Random, *, colour: bool = True, place: bool = True, style: bool = True
) -> str:
    """Return a Japanese caption; the flags say which parts are named."""
    subject = rng.choice(SUBJECT_WORDS[scene.subject][1])
    noun = rng.choice(COLOUR_WORDS[scene.colour][1]) + subject if colour else subject
    where = rng.choice(PLACE_WORDS[scene.place][1]) if place else ""
    look = rng.choice(STYLE_WORDS[scene.style][1]) if style else ""
    sentence = where + noun
    if not look:
        return sentence
    return f"{sentence}、{look}" if rng.random() < 0.7 else f"{look}、{sentence}"  # noqa: PLR2004


def _filler(rng: Random) -> str:
    """Return words that a picture cannot show; half of them are nonsense."""
    nonsense = "".join(rng.choice(string.ascii_lowercase) for _ in range(rng.randint(2, 8)))
    return rng.choice((nonsense, rng.choice(FILLERS)))


def _with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _joined(rng: Random, thing: str, where: str) -> str:
    if not where:
        return thing
    return rng.choice(
        (f"{thing} {where}", f"{thing} {where}", f"{thing}, {where}", f"{where}, {thing}")
    )
