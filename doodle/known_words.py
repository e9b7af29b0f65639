"""`vocabulary.json` of the model: what it draws, and every word that it was trained on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from doodle.captions import FILLERS, OPENINGS, plural
from doodle.scenes import PLAIN_SIZE
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
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from doodle.scenes import Vocabulary

FILE = "vocabulary.json"

Words = tuple[tuple[str, ...], tuple[str, ...]]  # English, Japanese


def known_words(vocabulary: Vocabulary) -> dict[str, dict[str, list[str]] | list[str]]:
    """Return `draws`, the plainest word for every subject by language, and `knows`, all words.

    Words without effect that captions may end in are known too: nobody asks for a picture of them.
    """
    subjects = [SUBJECT_WORDS[name] for name in vocabulary.subjects]
    sizes = [name for name in vocabulary.sizes if name != PLAIN_SIZE]
    counts = [count for count in vocabulary.counts if count > 1]
    said = [
        *subjects,
        *_of(COLOUR_WORDS, vocabulary.colours),
        *_of(SIZE_WORDS, sizes),
        *_of(COUNT_WORDS, counts),
        *_of(RELATION_WORDS, vocabulary.relations),
        *_of(PLACE_WORDS, vocabulary.places),
        *_of(STYLE_WORDS, vocabulary.styles),
    ]
    plurals = [plural(noun) for english, _ in subjects for noun in english] if counts else []
    knows = [word for both in said for words in both for word in words]
    knows += [*plurals, *(opening.strip() for opening in OPENINGS), *FILLERS]
    return {
        "draws": {
            "en": [english[0] for english, _ in subjects],
            "ja": [japanese[0] for _, japanese in subjects],
        },
        "knows": [word for word in dict.fromkeys(knows) if word],
    }


def save(vocabulary: Vocabulary, folder: Path) -> None:
    """Write the file into the model's folder."""
    text = json.dumps(known_words(vocabulary), indent=1, ensure_ascii=False)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")


def _of(
    table: Mapping[str, Words] | Mapping[int, Words], names: Iterable[str | int]
) -> list[Words]:
    return [table[name] for name in dict.fromkeys(names)]
