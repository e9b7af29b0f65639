"""Phrases that are looked for in prompts. Plain ones, with `*` for any letters. Pure.

A phrase is found where its words stand as words: Scunthorpe and ピエロ pass. A `*` at an end takes
that bound away, one inside stands for letters of the same word. Kanji have no bounds. There are no
regular expressions: the time is that of a few searches for each phrase, and how many places are
looked at has a bound, whatever the phrases and the text are.
"""

from __future__ import annotations

import enum
import itertools
import operator
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from bot.errors import UserError
from bot.moderation.folding import (
    GAP,
    HIRAGANA,
    KATAKANA,
    OPEN,
    WORD,
    Reading,
    folded,
    masked,
    readings,
)
from engine import Sentence

MOST_CHARACTERS = 100
"""Of a phrase."""
_MOST_STARS = 4
_PARTICLES = frozenset("のをがはにでともへやな")
"""Hiragana that stand between words."""
_WINDOW = 20
"""Letters that a `*` inside a phrase stands for at most."""
MOST_PLACES = 50_000
"""Places of a phrase's letters that are looked at more closely, in all texts together. Ordinary
texts and rules have a few thousand."""
_SPELLED_LETTERS = 4
"""Shorter phrases must be all of what was spelled out."""
_MASKED_LETTERS = 4


class Level(enum.StrEnum):
    """What a phrase does."""

    BLOCK = "block"
    """The order is refused."""
    WARN = "warn"
    """It is taken, and the member is told."""
    SPOILER = "spoiler"
    """It is taken, and what it draws is hidden until somebody clicks."""
    ALLOW = "allow"
    """What it covers is never found by another phrase."""
    BESIDE = "beside"
    """Refused where the same text has a phrase of adult content too. Of the starter list alone."""


class Category(enum.StrEnum):
    """What a phrase is about."""

    ADULT = "adult"
    GORE = "gore"
    PEOPLE = "people"
    ARTISTS = "artists"
    MINORS = "minors"
    """Sexualised minors; no server can switch it off."""
    CUSTOM = "custom"
    """A server's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A phrase and what it does."""

    phrase: str
    """As it was written."""
    level: Level
    category: Category = Category.CUSTOM


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A rule that a text meets."""

    rule: Rule
    start: int
    end: int
    reading: int
    """Which of the text's readings; the places are those in its letters. −1: a masked word."""


@dataclass(frozen=True, slots=True)
class _Phrase:
    """A rule, ready to be looked for."""

    rule: Rule
    pieces: tuple[Reading, ...]
    """What stands between its `*`."""
    open_left: bool
    open_right: bool
    letters: str = field(default="")
    """As it is written in full, where it is one Latin word without `*`."""


class Phrases:
    """Rules that are looked for together."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._phrases = [_compiled(rule) for rule in rules]
        self._allowed = [each for each in self._phrases if each.rule.level is Level.ALLOW]
        self._others = [each for each in self._phrases if each.rule.level is not Level.ALLOW]

    def __len__(self) -> int:
        return len(self._phrases)

    def hits(self, *texts: str) -> tuple[Hit, ...]:
        """The rules that any of the texts meets, each once, the strictest level first.

        Where the texts have more than `MOST_PLACES`, the rest is not trusted: phrases of which
        only the letters are there count as found, and nothing more is allowed.
        """
        found: dict[Rule, Hit] = {}
        look, look_allowed = _Look(), _Look()
        for text in filter(None, texts):
            for place, reading in enumerate(readings(text)):
                allowed = _Allowed(self._allowed, reading, look_allowed)
                self._look(reading, place, found, look, allowed)
            for word in masked(text):
                for phrase in self._others:
                    if phrase.rule not in found and _fits_mask(phrase.letters, word):
                        found[phrase.rule] = Hit(rule=phrase.rule, start=0, end=0, reading=-1)
        order = list(Level)
        return tuple(sorted(found.values(), key=lambda hit: order.index(hit.rule.level)))

    def _look(
        self,
        reading: Reading,
        place: int,
        found: dict[Rule, Hit],
        look: _Look,
        allowed: _Allowed,
    ) -> None:
        """Add what is found in the reading. place: its number."""
        for phrase in self._others:
            if phrase.rule in found:
                continue
            # No server lets sexualised minors pass.
            minors = phrase.rule.category is Category.MINORS
            for start, end in look.places(phrase, reading):
                if not allowed.covers(start, end, of_servers=not minors):
                    found[phrase.rule] = Hit(rule=phrase.rule, start=start, end=end, reading=place)
                    break


class _Allowed:
    """What the allowed phrases cover of a reading; nothing is looked for until that is asked."""

    def __init__(self, phrases: Sequence[_Phrase], reading: Reading, look: _Look) -> None:
        self._phrases, self._reading, self._look = phrases, reading, look
        self._reaches: dict[bool, list[int]] = {}

    def covers(self, start: int, end: int, *, of_servers: bool) -> bool:
        """Whether one allowed phrase covers it all. of_servers: those of a server's own count."""
        if not self._reaches:
            self._find()
        return end <= self._reaches[of_servers][start]

    def _find(self) -> None:
        """For each place, how far the phrases reach that begin there or before."""
        reaches = {whose: [0] * len(self._reading.letters) for whose in (True, False)}
        for phrase in self._phrases:
            own = phrase.rule.category is Category.CUSTOM
            for start, end in self._look.places(phrase, self._reading, doubted=False):
                for reach in reaches.values() if not own else (reaches[True],):
                    reach[start] = max(reach[start], end)
        self._reaches = {
            whose: list(itertools.accumulate(reach, max)) for whose, reach in reaches.items()
        }


def key_of(phrase: str) -> str:
    """The same for phrases that find the same; a UserError where it finds nothing or too much."""
    compiled = _compiled(Rule(phrase=phrase, level=Level.BLOCK))
    pieces = "*".join(
        "".join(letter * count for letter, count in zip(each.letters, each.counts, strict=True))
        for each in compiled.pieces
    )
    kinds = "".join(
        each.kinds[:1] for each in compiled.pieces
    )  # はだか and ハダカ have other bounds
    return f"{'*' * compiled.open_left}{pieces}{'*' * compiled.open_right} {kinds}"


def _compiled(rule: Rule) -> _Phrase:
    phrase = rule.phrase.strip()
    if len(phrase) > MOST_CHARACTERS:
        raise UserError(
            Sentence(
                "A phrase has at most {most} characters; this one has {count}.",
                most=MOST_CHARACTERS,
                count=len(phrase),
            )
        )
    parts = phrase.replace("＊", "*").split("*")
    if len(parts) - 1 > _MOST_STARS:
        raise UserError(Sentence("A phrase has at most {most} of *.", most=_MOST_STARS))
    pieces = tuple(read for part in parts if (read := folded(part)).letters)
    letters = sum(sum(each.counts) for each in pieces)
    # A single kanji may be a word; one letter, or two before a star, are found everywhere.
    least = 1 if not _is_latin(pieces) else 2 if len(parts) == 1 else 3
    if letters < least:
        raise UserError(
            Sentence(
                "`{phrase}` has too few letters to be looked for; give a word, or three letters or "
                "more with a *.",
                phrase=phrase.replace("`", ""),
            )
        )
    whole = ""
    if len(parts) == 1 and _is_latin(pieces) and GAP not in pieces[0].kinds:
        read = pieces[0]
        whole = "".join(
            letter * count for letter, count in zip(read.letters, read.counts, strict=True)
        )
    return _Phrase(rule, pieces, parts[0] == "", parts[-1] == "", whole)


def _is_latin(pieces: Sequence[Reading]) -> bool:
    return all(kind in (WORD, GAP) for each in pieces for kind in each.kinds)


class _Look:
    """Looks for phrases, and counts the places that it looks at."""

    def __init__(self) -> None:
        self._left = MOST_PLACES

    def places(
        self, phrase: _Phrase, reading: Reading, *, doubted: bool = True
    ) -> Iterator[tuple[int, int]]:
        """Where the phrase stands, as (start, end) in the reading's letters.

        doubted: after too many places, letters that may be the phrase count as it; else as none.
        """
        first, *rest = phrase.pieces
        for start in self._all(first, reading, 0, len(reading.letters)):
            end = start + len(first.letters)
            if self._left < 0:
                if doubted:
                    yield start, len(reading.letters)  # more than any allowed phrase covers
                return
            if not reading.spelled and not phrase.open_left and not _bound_left(reading, start):
                continue
            if rest:
                end = self._after(rest, reading, end, open_right=phrase.open_right)
                if end < 0:
                    continue
            elif not reading.spelled and not phrase.open_right and not _bound_right(reading, end):
                continue
            if reading.spelled and not _is_enough_spelled(phrase, reading, start, end):
                continue
            yield start, end

    def _all(self, piece: Reading, reading: Reading, start: int, stop: int) -> Iterator[int]:
        """Where the piece's letters stand, each at least as often as in the piece."""
        repeats = any(count > 1 for count in piece.counts)
        at = reading.letters.find(piece.letters, start, stop)
        while at >= 0:
            self._left -= 1
            counts = reading.counts[at : at + len(piece.counts)] if repeats else ()
            if all(map(operator.ge, counts, piece.counts)):
                yield at
            at = reading.letters.find(piece.letters, at + 1, stop)

    def _after(
        self, pieces: Sequence[Reading], reading: Reading, start: int, *, open_right: bool
    ) -> int:
        """Where the pieces end that follow in the same word; −1: they do not."""
        furthest = start + sum(_WINDOW + len(each.letters) for each in pieces)
        if reading.letters.find(pieces[-1].letters, start, furthest) < 0:
            return -1
        ends: Iterator[int] = iter((start,))
        for piece in pieces:
            ends = self._within_reach(piece, reading, ends)
        return next((end for end in ends if open_right or _bound_right(reading, end)), -1)

    def _within_reach(
        self, piece: Reading, reading: Reading, starts: Iterable[int]
    ) -> Iterator[int]:
        """Where the piece ends, after any of the `starts`, which rise; each place once."""
        looked = 0
        for start in starts:
            stop = start + _WINDOW + len(piece.letters)
            space = reading.letters.find(" ", start, stop)
            stop = space if space >= 0 else stop
            for at in self._all(piece, reading, max(start, looked), stop):
                yield at + len(piece.letters)
            looked = max(looked, stop - len(piece.letters) + 1)


def _bound_left(reading: Reading, start: int) -> bool:
    """Whether a word may begin there."""
    kind, before = reading.kinds[start], reading.kinds[start - 1]
    if kind == WORD:
        return before == GAP
    if kind == KATAKANA:
        return before != KATAKANA
    if kind == HIRAGANA:  # after kanji it is how these end: 考えろ
        return before not in (HIRAGANA, OPEN) or reading.letters[start - 1] in _PARTICLES
    return True


def _bound_right(reading: Reading, end: int) -> bool:
    """Whether a word may end there."""
    kind, after = reading.kinds[end - 1], reading.kinds[end]
    if kind == WORD:
        return after == GAP
    if kind == KATAKANA:
        return after != KATAKANA
    if kind == HIRAGANA:
        return after != HIRAGANA or reading.letters[end] in _PARTICLES
    return True


def _is_enough_spelled(phrase: _Phrase, reading: Reading, start: int, end: int) -> bool:
    """Whether what stands in spelled letters is the phrase and not a part of another word."""
    letters = sum(sum(each.counts) for each in phrase.pieces)
    whole = reading.kinds[start - 1] == GAP and reading.kinds[end] == GAP
    return whole or letters >= _SPELLED_LETTERS or reading.kinds[start] == OPEN


def _fits_mask(letters: str, word: str) -> bool:
    """Whether the word is the letters, some of them hidden (spaces)."""
    return (
        len(letters) == len(word) >= _MASKED_LETTERS
        and letters[0] == word[0]
        and all(seen in (" ", letter) for seen, letter in zip(word, letters, strict=True))
    )
