"""Text as its reader sees it: one spelling for what looks the same, and the tricks undone. Pure.

A `Reading` is a text as one row of folded letters with single spaces between words. Kana are
hiragana in it, Latin letters are small ones without marks, and characters that look like another
are that other one (NFKC; Unicode's confusables, UTS #39; the letter that a character's name tells).
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from confusable_homoglyphs.confusables import confusables_data

from bot.moderation.upside_down import turned_back

WORD, KATAKANA, HIRAGANA, OPEN, GAP = "w", "k", "h", "c", " "
"""What a folded character is: of a script with spaces between words, or a digit; kana; of a script
without words' bounds, such as kanji; no letter."""
MOST_CHARACTERS = 8000
"""Of a text, as far as it is read: more than a prompt may have."""
_LEET: Mapping[str, str] = MappingProxyType(
    dict(zip("013456789@$!|+€£¥", "oieasgtbgasiltely", strict=True))
)
_NAMED = re.compile(
    r".*\b(?:LATIN|REGIONAL INDICATOR)\b.*\b(?:LETTER|CAPITAL|SYMBOL) ([A-Z])(?: WITH .*)?"
)
_MASKS = frozenset("*#%?•●○＊")
_SPELLED_LATIN, _SPELLED_OPEN = 3, 2
"""Single characters in a row, with gaps between, that are read as one word."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a text."""

    letters: str
    """Folded, no letter twice in a row; single spaces between words, at the beginning and end."""
    kinds: str
    """What each of them is."""
    counts: Sequence[int]
    """How often each of them stands there."""
    spelled: bool = False
    """Whether its words were put together from single characters, so that their bounds are lost."""


@dataclass(frozen=True, slots=True)
class _Cell:
    """One character."""

    letter: str
    kind: str


def readings(text: str) -> tuple[Reading, ...]:
    """The ways to read the text, the plain one first."""
    cells = _cells(text[:MOST_CHARACTERS])
    plain = _words(cells)
    found: dict[tuple[bool, str], Reading] = {}

    def add(words: list[list[_Cell]], *, spelled: bool = False) -> None:
        key = spelled, " ".join("".join(cell.letter for cell in word) for word in words)
        if words and key not in found:
            found[key] = _reading(words, spelled=spelled)

    add(plain)
    add(_words(_without_inner_punctuation(cells)))
    unleeted = [_unleet(cells, one) for one in "il"] if _has_leet(cells) else []
    leet = [_words(each) for each in unleeted]
    for each in unleeted:
        add(_words(each))
        add(_words(_without_inner_punctuation(each)))
    for words in (plain, *leet):
        add(_spelled(words), spelled=True)
        add(_pairs(words))
    add(_words(_lookalike_kana(cells)))
    for turned in turned_back(text[:MOST_CHARACTERS]):
        add(_words(_cells(turned)))
    return tuple(found.values())


def folded(phrase: str) -> Reading:
    """A rule's phrase as its letters are looked for, without spaces around; of no letters: empty.

    What is not a letter or a digit only separates.
    """
    read = _reading(_words(_cells(phrase[:MOST_CHARACTERS])))
    return Reading(read.letters[1:-1], read.kinds[1:-1], read.counts[1:-1])


def masked(text: str) -> tuple[str, ...]:
    """Words of four letters or more of which some are hidden, such as n*de; each hidden one is a
    space.
    """
    found = []
    for word in unicodedata.normalize("NFKC", text[:MOST_CHARACTERS]).split():
        core = word.strip(".,;:!()[]\"'")
        hidden = sum(mark in _MASKS for mark in core)
        if not 0 < hidden <= len(core) / 2 or len(core) < 4:
            continue
        letters = "".join(" " if mark in _MASKS else _letter(mark) for mark in core)
        if len(letters) == len(core) and letters[0] != " ":
            found.append(letters)
    return tuple(found[:20])


# Characters.


def _cells(text: str) -> list[_Cell]:
    cells: list[_Cell] = []
    for character in unicodedata.normalize("NFKC", text):
        if unicodedata.category(character) in ("Cf", "Mn", "Me"):
            # Joiners, marks of direction and loose accents; but tags spell invisible words.
            if not (tag := _letter(character)):
                continue
            cells.append(_Cell(tag, WORD))
            continue
        kind = _kind(character)
        if character in "ーｰ" and cells and cells[-1].kind in (KATAKANA, HIRAGANA):
            kind = cells[-1].kind
        if kind in (KATAKANA, HIRAGANA):
            cells.append(_Cell(_kana(character), kind))
        elif kind == OPEN:
            cells.append(_Cell(character, kind))
        elif letters := _letter(character):
            cells.extend(_Cell(letter, WORD) for letter in letters)
        else:
            cells.append(_Cell(character, GAP))
    return cells


def _kind(character: str) -> str:
    code = ord(character)
    if 0x3041 <= code <= 0x309F:
        return HIRAGANA
    if 0x30A1 <= code <= 0x30FF and character != "・":
        return KATAKANA
    if code == 0x3005 or 0x3400 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF:
        return OPEN
    if 0x20000 <= code <= 0x3FFFF or 0x0E01 <= code <= 0x0EFF or 0x1000 <= code <= 0x109F:
        return OPEN  # more kanji; Thai, Lao and Burmese, which have no spaces between words either
    return WORD if character.isalnum() else GAP


_SMALL_KANA = str.maketrans("ぁぃぅぇぉっゃゅょゎ", "あいうえおつやゆよわ")


def _kana(character: str) -> str:
    """As hiragana of the large size."""
    code = ord(character)
    if 0x30A1 <= code <= 0x30F6:
        character = chr(code - 0x60)
    return character.translate(_SMALL_KANA)


@cache
def _letter(character: str) -> str:
    """A letter as small Latin ones where it looks like them, else as it is; empty: it is none."""
    if character.isascii():
        return character.casefold() if character.isalnum() else ""
    base = "".join(
        part
        for part in unicodedata.normalize("NFKD", character)
        if unicodedata.category(part) not in ("Mn", "Me")
    )
    if len(base) == 1 and base.isascii() and base.isalnum():
        return base.casefold()
    for alike in confusables_data.get(base or character, ()):
        other = str(alike["c"])
        if len(other) == 1 and other.isascii() and other.isalpha():
            return other.casefold()
    if named := _NAMED.fullmatch(unicodedata.name(character, "")):
        return named[1].casefold()
    small = base.casefold()
    return small if small and small.isalnum() else ""


@cache
def _as_kana(character: str) -> str:
    """The katakana that a kanji looks like, such as 工 for エ; empty: none."""
    for alike in confusables_data.get(character, ()):
        other = str(alike["c"])
        if len(other) == 1 and _kind(other) == KATAKANA:
            return other
    return ""


# Words.


def _words(cells: Iterable[_Cell]) -> list[list[_Cell]]:
    """Cells without their gaps; Latin letters and kanji stand in words of their own."""
    words: list[list[_Cell]] = []
    before = GAP
    for cell in cells:
        if cell.kind != GAP:
            if before == GAP or (before == WORD) != (cell.kind == WORD):
                words.append([])
            words[-1].append(cell)
        before = cell.kind
    return words


def _without_inner_punctuation(cells: Sequence[_Cell]) -> Iterable[_Cell]:
    """nu-de and nu..de as nude; what has white space at a side separates as before."""
    inside, held = False, list[_Cell]()
    for cell in cells:
        if cell.kind == GAP and not cell.letter.isspace() and inside:
            held.append(cell)
            continue
        if cell.kind != WORD:
            yield from held
        held = []
        inside = cell.kind == WORD
        yield cell


def _has_leet(cells: Iterable[_Cell]) -> bool:
    return any(cell.letter in _LEET for cell in cells)


def _unleet(cells: Sequence[_Cell], one: str) -> list[_Cell]:
    """Digits and signs that stand for letters, as those letters. one: what 1 stands for."""
    read: list[_Cell] = []
    word: list[_Cell] = []

    def end() -> None:
        if any(cell.letter.isalpha() for cell in word) or len(word) == 1:
            for cell in word:
                letter = one if cell.letter == "1" else _LEET.get(cell.letter)
                read.append(cell if letter is None else _Cell(letter, WORD))
        else:
            read.extend(word)
        word.clear()

    for cell in cells:
        if cell.letter.isspace():
            end()
            read.append(cell)
        else:
            word.append(cell)
    end()
    return read


def _spelled(words: Sequence[list[_Cell]]) -> list[list[_Cell]]:
    """Words that are put together from single characters: n u d e."""
    found: list[list[_Cell]] = []
    run: list[_Cell] = []
    for word in (*words, []):
        if len(word) == 1 and (not run or (run[0].kind == WORD) == (word[0].kind == WORD)):
            run.append(word[0])
            continue
        if len(run) >= (_SPELLED_LATIN if run and run[0].kind == WORD else _SPELLED_OPEN):
            found.append(run)
        run = [word[0]] if len(word) == 1 else []
    return found


def _pairs(words: Sequence[list[_Cell]]) -> list[list[_Cell]]:
    """Words of which one letter was split off: n ude. Letters that are words stay as they are."""
    return [
        [*one, *other]
        for one, other in itertools.pairwise(words)
        if min(len(one), len(other)) == 1 < max(len(one), len(other))
        and {one[0].kind, other[0].kind} == {WORD}
        and (one if len(one) == 1 else other)[0].letter not in "aio0123456789"
    ]


def _lookalike_kana(cells: Sequence[_Cell]) -> list[_Cell]:
    """Kanji that look like katakana as these, where no other kanji stands before them."""
    read: list[_Cell] = []
    before = GAP
    for cell in cells:
        kana = _as_kana(cell.letter) if cell.kind == OPEN and before != OPEN else ""
        read.append(_Cell(_kana(kana), KATAKANA) if kana else cell)
        before = read[-1].kind
    return read


def _reading(words: Sequence[Sequence[_Cell]], *, spelled: bool = False) -> Reading:
    letters, kinds, counts = [" "], [GAP], [1]
    for word in words:
        for cell in word:
            if letters[-1] == cell.letter:
                counts[-1] += 1
                continue
            letters.append(cell.letter)
            kinds.append(cell.kind)
            counts.append(1)
        letters.append(" ")
        kinds.append(GAP)
        counts.append(1)
    return Reading("".join(letters), "".join(kinds), tuple(counts), spelled)
