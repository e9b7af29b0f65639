"""Where the parameters of a text begin: what counts as `--`. Pure."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass

from bot.prompt.characters import UNSPACED, folded

_DASHES = re.compile(
    rf"(?:(?<!\S)|(?<=[{UNSPACED}]))(?P<dashes>--|—{{1,2}}|[–―ー]\s?[–―ー]|[–―])(?P<name>\S*)"
)
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa\u30fc]")
_WORD_AFTER = re.compile(r"\s+(?P<name>[^\s–—―-]\S*)(?P<number>\s+[+-]?\.?\d)?")
_AS_TWO_HYPHENS = ("--", "—", "——", "––")


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The dashes of one parameter, and the name that stands right after them."""

    start: int
    """Index of the first dash in the text."""
    end: int
    """Index after the name."""
    name: str
    """As typed, in ASCII where it was in full width; it may be empty or no name at all."""


def find(text: str, known: Container[str]) -> list[Start]:
    """Where parameters begin in `text`, in their order.

    Two hyphens, an em-dash or two en-dashes at the start of a word are the dashes of a parameter
    whatever follows. One en-dash, other dashes, and dashes right after a Japanese or Chinese
    character are so only where one of the names in `known` (small letters) follows directly.
    An em-dash with a space and a word after it stands between words, unless that word is a name
    and a number follows: then it is found, with no name. Right after kana `ーー` is a long
    vowel, unless a name of several letters follows: `かわいいーーw` laughs.
    """
    reading = folded(text)
    found = []
    for match in _DASHES.finditer(reading):
        start, name = match.start(), match["name"]
        after_space = start == 0 or reading[start - 1].isspace()
        if name.lower() in known:
            long_vowel = (
                len(name) == 1
                and set(match["dashes"]) == {"ー"}
                and not after_space
                and _KANA.match(reading, start - 1) is not None
            )
            is_parameter = not long_vowel and (
                after_space or "://" not in _word_before(text, start)
            )
        else:
            dashes = match["dashes"]
            apart = name == "" and re.fullmatch(r"–\s–", dashes) is not None
            prose = (
                name == ""
                and set(dashes) == {"—"}
                and (after := _WORD_AFTER.match(reading, match.end())) is not None
                and not (after["number"] and after["name"].lower() in known)
            )
            is_parameter = after_space and not prose and (dashes in _AS_TWO_HYPHENS or apart)
        if is_parameter:
            found.append(Start(start=start, end=match.end(), name=name))
    return found


def _word_before(text: str, end: int) -> str:
    """What stands before `end` without white space between."""
    start = end
    while start and not text[start - 1].isspace():
        start -= 1
    return text[start:end]
