"""Which part of a picture is meant, in words or percent: "top left; 40,40,20,20". Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from bot.errors import UserError
from bot.prompt.markdown import harmless_line
from engine import Sentence


class Box(NamedTuple):
    """A rectangle, in percent of the picture."""

    left: float
    top: float
    width: float
    height: float


MOST_BOXES = 20
MOST_CHARACTERS = 400
_SHOWN_CHARACTERS = 60

_ACROSS = {"left": 0, "左": 0, "right": 1, "右": 1}
"""Which end: the first or the last."""
_DOWN = {"top": 0, "upper": 0, "上": 0, "bottom": 1, "lower": 1, "下": 1}
_MIDDLE = frozenset({"centre", "center", "middle", "中央", "真ん中", "中心"})
_SHARES = {
    **dict.fromkeys(("half", "1/2", "半分"), 2),
    **dict.fromkeys(("third", "1/3", "三分の一", "3分の1"), 3),
    **dict.fromkeys(("quarter", "1/4", "四分の一", "4分の1"), 4),
}
_FILLERS = (
    *("the", "of", "picture", "image", "part", "side", "corner", "edge", "in", "at", "area"),
    *("画像", "部分", "あたり", "の方", "側", "隅", "角", "の", "へ", "を"),
)
_WORDS = sorted((*_ACROSS, *_DOWN, *_MIDDLE, *_SHARES, *_FILLERS), key=len, reverse=True)
_WORD = re.compile("|".join(map(re.escape, _WORDS)))
_BREAK = re.compile(r"[;；\n+＋&]|\band\b|\bplus\b|と|および|、(?=\s*[^\d\s])|,(?=\s*[^\d\s.%-])")
_NUMBER = r"(-?\d{1,6}(?:\.\d{1,6})?)\s*%?"
_PERCENT = re.compile(r"\(?\s*" + r"\s*[,、 ]\s*".join([_NUMBER] * 4) + r"\s*\)?")


def boxes_of(text: str) -> tuple[Box, ...]:
    """The areas that a member names, such as "top left; 40,40,20,20"; UserError where none is."""
    if len(text) > MOST_CHARACTERS:
        raise UserError(
            Sentence("An area is named in at most {most} characters.", most=MOST_CHARACTERS)
        )
    folded = unicodedata.normalize("NFKC", text).casefold()
    pieces = [piece.strip(" ,.、。") for piece in _BREAK.split(folded)]
    found = tuple(_box(piece) for piece in pieces if piece)
    if not found:
        raise _not_understood(text)
    if len(found) > MOST_BOXES:
        raise UserError(Sentence("Name at most {most} areas at once.", most=MOST_BOXES))
    return found


def _box(piece: str) -> Box:
    if numbers := _PERCENT.fullmatch(piece):
        return _percent(*map(float, numbers.groups()))
    if _WORD.sub("", piece).strip(" ,.-_、。"):
        raise _not_understood(piece)
    words = _WORD.findall(piece)
    across = {_ACROSS[word] for word in words if word in _ACROSS}
    down = {_DOWN[word] for word in words if word in _DOWN}
    middle = any(word in _MIDDLE for word in words)
    shares = [_SHARES[word] for word in words if word in _SHARES]
    if len(across) > 1 or len(down) > 1 or len(shares) > 1 or not (across or down or middle):
        raise _not_understood(piece)
    part = 100 / (shares[0] if shares else 2)
    if across and down:  # a quarter of the picture is a half of each side
        part = 50 if shares == [4] else part
    left, width = _span(across, part, middle=middle)
    top, height = _span(down, part, middle=middle)
    return Box(left, top, width, height)


def _span(end: set[int], part: float, *, middle: bool) -> tuple[float, float]:
    """(begin, length) along one axis, in percent; end: {0} the first, {1} the last, or neither."""
    if end:
        return (0.0 if 0 in end else 100 - part), part
    return ((100 - part) / 2, part) if middle else (0.0, 100.0)


def _percent(left: float, top: float, width: float, height: float) -> Box:
    inside = left >= 0 and top >= 0 and left + width <= 100 and top + height <= 100
    if not inside or width <= 0 or height <= 0:
        raise UserError(
            Sentence(
                "The area {left:g},{top:g},{width:g},{height:g} is not on the picture: x, y, width "
                "and height are in percent, and end at 100.",
                left=left,
                top=top,
                width=width,
                height=height,
            )
        )
    return Box(left, top, width, height)


def _not_understood(text: str) -> UserError:
    return UserError(
        Sentence(
            "“{text}” names no area. Write such as: top left; bottom half; centre; or x,y,width,"
            "height in percent, such as 40,40,20,20.",
            text=harmless_line(text, _SHOWN_CHARACTERS),
        )
    )
