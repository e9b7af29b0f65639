"""`describe.json` of the pair: the words and the sentence with which it describes a picture."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING

from doodle.words import COLOUR_WORDS, PLACE_WORDS, STYLE_WORDS, SUBJECT_WORDS

if TYPE_CHECKING:
    from pathlib import Path

    from doodle.scenes import Vocabulary

FILE = "describe.json"
SENTENCE = "{a} {colour} {subject} {place}, {style}"  # the commonest form of a caption


def wording(vocabulary: Vocabulary) -> dict[str, list[str] | str]:
    """Return the plainest English word for everything in the vocabulary, and the sentence."""
    kinds = {
        "subjects": SUBJECT_WORDS,
        "colours": COLOUR_WORDS,
        "places": PLACE_WORDS,
        "styles": STYLE_WORDS,
    }
    plainest = {
        kind: [words[name][0][0] for name in getattr(vocabulary, kind)]
        for kind, words in kinds.items()
    }
    return {**plainest, "sentence": SENTENCE}


def sentences(vocabulary: Vocabulary) -> dict[tuple[str, str, str, str], str]:
    """Return every description of a picture, by (subject, colour, place, style)."""
    said = wording(vocabulary)
    kinds = [
        list(zip(getattr(vocabulary, kind), said[kind], strict=True))
        for kind in ("subjects", "colours", "places", "styles")
    ]
    found = {}
    for words in itertools.product(*kinds):
        names, (subject, colour, place, style) = zip(*words, strict=True)
        found[names] = SENTENCE.format(
            a="an" if colour[0] in "aeiou" else "a",
            subject=subject,
            colour=colour,
            place=place,
            style=style,
        )
    return found


def save(vocabulary: Vocabulary, folder: Path) -> None:
    """Write the file into the pair's folder."""
    text = json.dumps(wording(vocabulary), indent=2, ensure_ascii=False)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")
