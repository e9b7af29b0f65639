"""Captions: the ways in which people would ask for a scene, in English and in Japanese.

`caption` is what training reads: whole sentences, a few words, or words between commas, in any
order, with parts left unsaid. `english` and `japanese` name every part, for evaluation.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

from doodle.words import (
    COLOUR_WORDS,
    COUNT_WORDS,
    FILLERS,
    NATURAL,
    OPENINGS,
    PLACE_TAGS,
    PLACE_WORDS,
    RELATION_WORDS,
    SEVERAL_WORDS,
    SIZE_WORDS,
    SKY_WORDS,
    STYLE_WORDS,
    SUBJECT_WORDS,
)

if TYPE_CHECKING:
    from random import Random

    from doodle.scenes import Scene

JAPANESE_SHARE = 0.25
PLAIN_STYLE = "flat"  # what is drawn when a prompt asks for no style
SAME_PLURAL = ("fish", "sheep", "deer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Which parts of a scene a caption names.

    Without `thing` it names no subject, and with it no number and no second one: such words follow
    `--no`, and a model that never read them alone does not know what to leave out.
    """

    thing: bool = True
    colour: bool = True
    place: bool = True
    style: bool = True
    size: bool = True
    count: bool = True
    sky: bool = False


ALL = Said()
THING_UNSAID = 0.08  # share of the captions


def caption(scene: Scene, rng: Random) -> str:
    """Return one of the many ways to ask for this scene; often a part is left out."""
    return said_as(scene, what_is_said(scene, rng), rng)


def what_is_said(scene: Scene, rng: Random) -> Said:
    """Choose which parts to name. A colour goes unsaid mostly where it is the natural one."""
    if rng.random() < THING_UNSAID:
        return _without_thing(scene, rng)
    natural = scene.colour in NATURAL.get(scene.subject, ())
    return Said(
        colour=rng.random() > (0.45 if natural else 0.05),
        place=rng.random() > 0.2,
        style=rng.random() < 0.4 if scene.style == PLAIN_STYLE else rng.random() > 0.03,
        size=rng.random() > 0.15,
        sky=bool(scene.sky) and rng.random() < 0.6,
    )


def _without_thing(scene: Scene, rng: Random) -> Said:
    parts = ["colour", "place", "style", *(["sky"] * 3 if scene.sky else [])]
    named = rng.sample(parts, rng.choice((1, 1, 1, 2)))
    return Said(
        thing=False,
        colour="colour" in named,
        place="place" in named,
        style="style" in named,
        size=False,
        count=False,
        sky="sky" in named,
    )


def said_as(scene: Scene, said: Said, rng: Random) -> str:
    """Return a caption that names these parts, in one of the two languages."""
    if not said.thing:
        return without_thing(scene, said, rng)
    if rng.random() < JAPANESE_SHARE:
        return _filled(japanese(scene, rng, said), "、", rng)
    form = rng.random()
    if form < 0.65:
        text = english(scene, rng, said)
    elif form < 0.85:
        text = tags(scene, rng, said)
    else:
        text = clauses(scene, rng, said)
    return _filled(text, ", ", rng)


def english(scene: Scene, rng: Random, said: Said = ALL) -> str:
    """Return an English phrase, as `a red cat in the snow, watercolour`."""
    thing = _things(scene, rng, said)
    opened = rng.random() < 0.2
    where = [rng.choice(PLACE_WORDS[scene.place][0])] if said.place else []
    if said.sky:
        where.append(rng.choice(SKY_WORDS[scene.sky][0]))
    rng.shuffle(where)
    if opened:
        thing = f"{rng.choice(OPENINGS)} {thing}"
    place = " ".join(where)
    after = f"{thing} {place}".strip()
    text = rng.choice((after, after, f"{thing}, {place}", f"{place}, {thing}",
                       f"{place} {thing}")) if place else thing  # fmt: skip
    if not said.style:
        return text
    look = rng.choice(STYLE_WORDS[scene.style][0])
    of = f"{after}, {look}" if opened else f"{look} of {after}"
    return rng.choice((f"{text}, {look}", f"{text}, {look}", f"{text} {look}", f"{look}, {text}",
                       of, f"{text} in {look} style"))  # fmt: skip


def tags(scene: Scene, rng: Random, said: Said = ALL) -> str:
    """Return words between commas in any order, as `neon, night, red cat`."""
    words = [_things(scene, rng, said)]
    if said.place:
        words.append(rng.choice((*PLACE_TAGS[scene.place][0], *PLACE_WORDS[scene.place][0])))
    if said.sky:
        words.append(rng.choice((scene.sky, *SKY_WORDS[scene.sky][0])))
    if said.style:
        words.append(rng.choice(STYLE_WORDS[scene.style][0]))
    rng.shuffle(words)
    return rng.choice((", ", ", ", " ", ",")).join(words)


def clauses(scene: Scene, rng: Random, said: Said = ALL) -> str:
    """Return a longer sentence, as `a cat that is red, the place is a forest`."""
    noun = _number(scene, rng.choice(SUBJECT_WORDS[scene.subject][0]), "", rng, said)
    if scene.relation:
        return english(scene, rng, said)
    many = scene.count > 1
    parts = [noun]
    if said.colour:
        colour = rng.choice(COLOUR_WORDS[scene.colour][0])
        is_ = "are" if many else "is"
        parts[0] += rng.choice((f" that {is_} {colour}", f" in {colour}", f" which {is_} {colour}",
                                f", {colour}", f", coloured {colour}"))  # fmt: skip
    if said.size and scene.size != "medium":
        parts[0] += f", {rng.choice(SIZE_WORDS[scene.size][0])}"
    if said.place:
        parts.append(rng.choice((
            rng.choice(PLACE_WORDS[scene.place][0]),
            f"with {rng.choice(PLACE_TAGS[scene.place][0])} in the background",
            f"{rng.choice(PLACE_TAGS[scene.place][0])} background",
        )))  # fmt: skip
    if said.sky:
        parts.append(rng.choice(SKY_WORDS[scene.sky][0]))
    if said.style:
        look = rng.choice(STYLE_WORDS[scene.style][0])
        parts.append(rng.choice((look, f"drawn as {look}", f"in the style of {look}")))
    return rng.choice((", ", " ")).join(parts)


def japanese(scene: Scene, rng: Random, said: Said = ALL) -> str:
    """Return a Japanese caption, as `夜の赤い猫、ネオン`."""
    noun = _meishi(scene.subject, scene.colour, rng, colour=said.colour)
    if scene.count > 1 and said.count:
        noun = rng.choice((*COUNT_WORDS[scene.count][1], *COUNT_WORDS[scene.count][1],
                           rng.choice(SEVERAL_WORDS[1]))) + noun  # fmt: skip
    if said.size:
        noun = rng.choice(SIZE_WORDS[scene.size][1]) + noun
    if scene.relation:
        other = _meishi(scene.second, scene.second_colour, rng, colour=said.colour)
        noun = other + rng.choice(RELATION_WORDS[scene.relation][1]) + noun
    if said.sky:
        noun = rng.choice(SKY_WORDS[scene.sky][1]) + noun
    words = [noun]
    if said.place and rng.random() < 0.7:
        words[0] = rng.choice(PLACE_WORDS[scene.place][1]) + noun
    elif said.place:
        words.append(rng.choice(PLACE_TAGS[scene.place][1]))
    if said.style:
        look = rng.choice(STYLE_WORDS[scene.style][1])
        if rng.random() < 0.3:
            words[0] = f"{look}の{words[0]}"
        else:
            words.append(look)
    rng.shuffle(words)
    return rng.choice(("、", "、", " ", "")).join(words)


def without_thing(scene: Scene, said: Said, rng: Random) -> str:
    """Return words between commas, of which none is a thing: `moon, watercolour` or `月の出た`."""
    language = int(rng.random() < JAPANESE_SHARE)
    words = []
    if said.colour:
        words.append(rng.choice(COLOUR_WORDS[scene.colour][language]))
    if said.place:
        words.append(
            rng.choice((*PLACE_TAGS[scene.place][language], *PLACE_WORDS[scene.place][language]))
        )
    if said.sky:
        tags = () if language else (scene.sky, f"the {scene.sky}")
        words.append(rng.choice((*tags, *SKY_WORDS[scene.sky][language])))
    if said.style:
        words.append(rng.choice(STYLE_WORDS[scene.style][language]))
    rng.shuffle(words)
    return rng.choice(((", ", " "), ("、", ""))[language]).join(words)


def plural(noun: str) -> str:
    """Return the plural of an English noun; "cup of coffee" becomes "cups of coffee"."""
    head, of, rest = noun.partition(" of ")
    if head.endswith(SAME_PLURAL):
        return noun
    if head.endswith("y") and head[-2] not in "aeiou":
        head = head[:-1] + "ie"
    elif head.endswith(("s", "x", "ch", "sh")):
        head += "e"
    return f"{head}s{of}{rest}"


def _things(scene: Scene, rng: Random, said: Said) -> str:
    """Return the subject with all that is said of it, and the second one."""
    adjectives = []
    if said.size and (size := rng.choice(SIZE_WORDS[scene.size][0])):
        adjectives.append(size)
    if said.colour:
        adjectives.append(rng.choice(COLOUR_WORDS[scene.colour][0]))
    noun = rng.choice(SUBJECT_WORDS[scene.subject][0])
    if rng.random() < 0.05 and said.colour and not scene.relation and scene.count == 1:
        return f"{noun} {' '.join(adjectives)}"
    text = _number(scene, noun, " ".join(adjectives), rng, said)
    if scene.relation is None:
        return text
    other = rng.choice(SUBJECT_WORDS[scene.second][0])
    if said.colour:
        other = f"{rng.choice(COLOUR_WORDS[scene.second_colour][0])} {other}"
    other = _with_article(other)
    if scene.relation == "in front of" and rng.random() < 0.4:
        return f"{other} behind {text}"
    if scene.relation == "beside" and rng.random() < 0.2:
        return f"{text} and {other}"
    return f"{text} {rng.choice(RELATION_WORDS[scene.relation][0])} {other}"


def _number(scene: Scene, noun: str, adjectives: str, rng: Random, said: Said) -> str:
    whole = f"{adjectives} {noun}".strip()
    if scene.count > 1:
        many = plural(whole)
        if not said.count or rng.random() < 0.25:
            return rng.choice((many, f"{rng.choice(SEVERAL_WORDS[0])} {many}"))
        return f"{rng.choice((*COUNT_WORDS[scene.count][0], str(scene.count)))} {many}"
    return rng.choice((whole, f"the {whole}", *[_with_article(whole)] * 4, f"one {whole}"))


def _meishi(subject: str, colour_name: str, rng: Random, *, colour: bool) -> str:
    """Return the Japanese noun."""
    noun = rng.choice(SUBJECT_WORDS[subject][1])
    return rng.choice(COLOUR_WORDS[colour_name][1]) + noun if colour else noun


def _filled(text: str, comma: str, rng: Random) -> str:
    """Return the text with words that have no effect before, after or between, or as it is."""
    chance = rng.random()
    if chance < 0.78:
        return text
    words = [_filler(rng) for _ in range(rng.choice((1, 1, 2, 3)))]
    if chance < 0.9 or comma == "、":
        return rng.choice((comma.join([text, *words]), comma.join([*words, text])))
    parts = text.split(" ")
    for word in words:
        parts.insert(rng.randint(0, len(parts)), word)
    return " ".join(parts)


def _filler(rng: Random) -> str:
    """Return a word that a picture cannot show; some are nonsense."""
    nonsense = "".join(rng.choice(string.ascii_lowercase) for _ in range(rng.randint(3, 9)))
    return rng.choice((nonsense, *rng.choices(FILLERS, k=2)))


def _with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
