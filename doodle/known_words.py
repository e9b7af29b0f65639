"""The words beside the weights: what the bot and the pair may say of pictures.

`vocabulary.json` lists what the model draws and every word that it was trained on, `describe.json`
the words and the sentence with which the pair describes a picture.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from doodle.captions import plural
from doodle.words import (
    COLOUR_WORDS,
    COUNT_WORDS,
    FILLERS,
    OPENINGS,
    PLACE_TAGS,
    PLACE_WORDS,
    RELATION_WORDS,
    SEVERAL_WORDS,
    SIZE_WORDS,
    SKIES,
    SKY_WORDS,
    STYLE_WORDS,
    SUBJECT_WORDS,
)

if TYPE_CHECKING:
    from pathlib import Path

    from doodle.scenes import Vocabulary

VOCABULARY, DESCRIBE = "vocabulary.json", "describe.json"
SENTENCE = "{a} {colour} {subject} {place}, {style}"  # the commonest form of a caption
KINDS = {  # of the sentence's words, and what a scene has of each
    "subjects": "subject",
    "colours": "colour",
    "places": "place",
    "styles": "style",
}


def known_words(vocabulary: Vocabulary) -> dict[str, dict[str, list[str]] | list[str]]:
    """Return `draws`, the plainest word for every subject by language, and `knows`, all words.

    Words without effect that captions are full of are known too: nobody asks for a picture of them.
    """
    subjects = [SUBJECT_WORDS[name] for name in vocabulary.subjects]
    skies = {sky for place in vocabulary.places for sky in SKIES.get(place, ()) if sky}
    said = [
        *subjects,
        *(COLOUR_WORDS[name] for name in vocabulary.colours),
        *(SIZE_WORDS[name] for name in dict.fromkeys(vocabulary.sizes)),
        *(COUNT_WORDS[count] for count in vocabulary.counts if count > 1),
        *([SEVERAL_WORDS] if len(vocabulary.counts) > 1 else []),
        *(RELATION_WORDS[name] for name in vocabulary.relations),
        *(PLACE_WORDS[name] for name in vocabulary.places),
        *(PLACE_TAGS[name] for name in vocabulary.places),
        *(SKY_WORDS[name] for name in sorted(skies)),
        *(STYLE_WORDS[name] for name in vocabulary.styles),
    ]
    knows = [word for both in said for words in both for word in words]
    knows += [plural(noun) for english, _ in subjects for noun in english]
    knows += [*sorted(skies), *OPENINGS, *FILLERS]
    knows += ["and", "behind", "the", "one", "that is", "that are", "which is", "which are"]
    knows += ["style", "background", "in the style of", "drawn as", "coloured", "with"]
    return {
        "draws": {
            "en": [english[0] for english, _ in subjects],
            "ja": [japanese[0] for _, japanese in subjects],
        },
        "knows": [word for word in dict.fromkeys(knows) if word],
    }


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


def sentence(subject: str, colour: str, place: str, style: str) -> str:
    """Return the sentence of these words."""
    article = "an" if colour[0] in "aeiou" else "a"
    return SENTENCE.format(a=article, subject=subject, colour=colour, place=place, style=style)


def save(vocabulary: Vocabulary, folder: Path) -> None:
    """Write the words that the model knows into its folder."""
    _write(known_words(vocabulary), folder / VOCABULARY)


def save_wording(vocabulary: Vocabulary, folder: Path) -> None:
    """Write the words that the pair describes with into its folder."""
    _write(wording(vocabulary), folder / DESCRIBE)


def _write(content: dict, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
