"""Text → `Prompt`: Midjourney's grammar. Pure, no I/O.

Image links first, then text, then parameters; nothing after them. An em-dash counts as `--`.
`a::2 b::-.5` weighs parts. What a parameter *does* is `brief.py`'s business; here it is only read
and held to its range.
"""

from __future__ import annotations

import difflib
import itertools
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from bot.errors import PromptError

MAX_PROMPT_CHARACTERS = 4000
MAX_LINKS = 5
"""As many pictures as /blend takes."""
MAX_ASPECT = 14.0
"""The longer side over the shorter."""

_QUOTED_CHARACTERS = 80
_FLAG = re.compile(r"(?:(?<=\s)|^)(?:--|—)(?=[A-Za-z])")
_NAME = re.compile(r"[A-Za-z]+")
_WEIGHT = re.compile(r"::([+-]?(?:\d+\.?\d*|\.\d+))?(?!:)")
_LINK = re.compile(r"<?(https?://[^\s<>]+)>?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of the text; the weights of all parts together sum to 1."""

    text: str
    weight: float = 1.0


Value = int | float | str | bool | tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a member asked for, in the member's terms."""

    source: str
    """The text as it was typed, without surrounding white space."""
    images: tuple[str, ...] = ()
    """Links of pictures, in the order given."""
    parts: tuple[Part, ...] = ()
    avoid: tuple[str, ...] = ()
    """The items of `--no`."""
    flags: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))
    """Every other parameter by its long name, such as {"ar": (3, 2), "seed": 7}."""

    @property
    def text(self) -> str:
        """The words alone, weights left out."""
        return " ".join(part.text for part in self.parts)


class _BadValueError(ValueError):
    """A parameter's value is not of its form; the text says what is."""


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(raw: str) -> int:
        if not re.fullmatch(r"[+-]?\d{1,12}", raw) or not low <= int(raw) <= high:
            raise _BadValueError(f"takes a whole number from {low} to {high}")
        return int(raw)

    return read


def _number(low: float, high: float) -> Callable[[str], float]:
    def read(raw: str) -> float:
        if not re.fullmatch(r"[+-]?(?:\d{1,9}\.?\d{0,9}|\.\d{1,9})", raw):
            raise _BadValueError(f"takes a number from {low:g} to {high:g}")
        if not low <= float(raw) <= high:
            raise _BadValueError(f"takes a number from {low:g} to {high:g}")
        return float(raw)

    return read


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(raw: str) -> str:
        if raw.lower() not in choices:
            raise _BadValueError(f"takes one of {', '.join(choices)}")
        return raw.lower()

    return read


def _aspect(raw: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,5})[:x/](\d{1,5})", raw)
    if match is None:
        raise _BadValueError("takes two whole numbers, such as 3:2")
    width, height = int(match[1]), int(match[2])
    if width == 0 or height == 0:
        raise _BadValueError("takes two whole numbers above 0, such as 3:2")
    if max(width, height) / min(width, height) > MAX_ASPECT:
        raise _BadValueError(f"may be at most {MAX_ASPECT:g}:1 or 1:{MAX_ASPECT:g}")
    shared = math.gcd(width, height)
    return width // shared, height // shared


def _quality(raw: str) -> float:
    value = _number(0.25, 4)(raw)
    if value not in (0.25, 0.5, 1, 2, 4):
        raise _BadValueError("takes one of .25, .5, 1, 2, 4")
    return value


def _word(raw: str) -> str:
    if not raw:
        raise _BadValueError("needs a value")
    return raw


_SWITCH = None
"""A parameter that takes no value."""

FLAGS: Mapping[str, Callable[[str], Value] | None] = MappingProxyType(
    {
        "ar": _aspect,
        "chaos": _whole(0, 100),
        "stylize": _whole(0, 1000),
        "weird": _whole(0, 3000),
        "exp": _whole(0, 100),
        "quality": _quality,
        "seed": _whole(0, 2**32 - 1),
        "stop": _whole(10, 100),
        "repeat": _whole(2, 40),
        "tile": _SWITCH,
        "raw": _SWITCH,
        "style": _word,
        "iw": _number(0, 3),
        "sref": _word,
        "sw": _whole(0, 1000),
        "sv": _word,
        "cref": _word,
        "cw": _whole(0, 100),
        "oref": _word,
        "ow": _whole(1, 1000),
        "profile": _word,
        "version": _word,
        "niji": _word,
        "draft": _SWITCH,
        "hd": _SWITCH,
        "sd": _SWITCH,
        "video": _SWITCH,
        "motion": _one_of("low", "high"),
        "loop": _SWITCH,
        "end": _word,
        "bs": _whole(1, 4),
        "fast": _SWITCH,
        "relax": _SWITCH,
        "turbo": _SWITCH,
        "stealth": _SWITCH,
        "public": _SWITCH,
    }
)
"""Long name → reader of its value."""

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "aspect": "ar",
        "c": "chaos",
        "s": "stylize",
        "w": "weird",
        "q": "quality",
        "r": "repeat",
        "p": "profile",
        "v": "version",
    }
)

_MAY_BE_BARE = frozenset({"niji", "profile"})
_MANY_WORDS = frozenset({"no", "sref", "cref", "oref"})


def parse(text: str, *, beside: int = 0) -> Prompt:
    """The prompt in `text`; PromptError names the bad token, its place and what would be right.

    beside: pictures that come with the text in another way; with one, words may be missing.
    """
    source = text.strip()
    if len(source) > MAX_PROMPT_CHARACTERS:
        raise _refuse(
            source,
            source[MAX_PROMPT_CHARACTERS:],
            f"A prompt may have {MAX_PROMPT_CHARACTERS} characters; this one has {len(source)}. "
            f"Shorten it by {len(source) - MAX_PROMPT_CHARACTERS}.",
        )
    flags_at = [match.start() for match in _FLAG.finditer(source)]
    words = source[: flags_at[0]] if flags_at else source
    avoid, flags = _read_flags(source, flags_at)
    images, rest_at = _read_links(words)
    if len(images) > MAX_LINKS:
        raise _refuse(
            source,
            images[MAX_LINKS],
            f"A prompt takes {MAX_LINKS} pictures at most; this one has {len(images)}.",
            source.find(images[MAX_LINKS]),
        )
    parts = _read_parts(source, words[rest_at:])
    if not parts and not images and not beside:
        raise _refuse(source, source[:1], "Say what to draw: the prompt has no words.")
    if len(images) == 1 and not parts and not beside:
        raise _refuse(
            source,
            images[0],
            "One picture needs some words beside it, or a second picture to blend with.",
        )
    return Prompt(
        source=source,
        images=images,
        parts=parts,
        avoid=avoid,
        flags=MappingProxyType(flags),
    )


def _read_flags(source: str, starts: list[int]) -> tuple[tuple[str, ...], dict[str, Value]]:
    flags: dict[str, Value] = {}
    avoid: list[str] = []
    for start, end in itertools.pairwise([*starts, len(source)]):
        segment = source[start:end].rstrip()
        name_match = _NAME.search(segment)
        assert name_match is not None  # _FLAG looks ahead for a letter
        typed = name_match[0]
        raw = segment[name_match.end() :]
        if raw and not raw[0].isspace():
            raise _refuse(source, segment, _unknown(segment.lstrip("-— ").split()[0]), start)
        raw = raw.strip()
        name = ALIASES.get(typed.lower(), typed.lower())
        if name == "no":
            items = [item.strip() for item in raw.split(",") if item.strip()]
            if not items:
                raise _refuse(
                    source, segment, "--no needs a list, such as --no text, people.", start
                )
            avoid += items
        elif name not in FLAGS:
            raise _refuse(source, segment.split()[0], _unknown(typed), start)
        elif name in flags:
            raise _refuse(source, segment, f"--{typed} stands twice; keep one.", start)
        else:
            flags[name] = _read_value(source, segment, start, name, raw)
    return tuple(avoid), flags


def _read_value(source: str, segment: str, start: int, name: str, raw: str) -> Value:
    reader = FLAGS[name]
    values = raw.split()
    if reader is None or (name in _MAY_BE_BARE and not values):
        if values:
            raise _refuse(source, raw, _text_after(raw), start + segment.rindex(raw))
        return True
    if len(values) > 1 and name not in _MANY_WORDS:
        extra = " ".join(values[1:])
        raise _refuse(source, extra, _text_after(extra), max(source.find(extra, start), start))
    try:
        return reader(raw)
    except _BadValueError as error:
        got = f"not “{_brief(raw)}”" if raw else "and has none here"
        raise _refuse(source, segment, f"--{name} {error}, {got}.", start) from None


def _read_links(words: str) -> tuple[tuple[str, ...], int]:
    links: list[str] = []
    position = 0
    while True:
        start = position + len(words[position:]) - len(words[position:].lstrip())
        match = _LINK.match(words, start)
        if match is None:
            return tuple(links), position
        links.append(match[1])
        position = match.end()


def _read_parts(source: str, words: str) -> tuple[Part, ...]:
    late = _LINK.search(words)
    if late:
        raise _refuse(
            source, late[0], "Links of pictures come first, before the words.", source.find(late[0])
        )
    brace = re.search(r"(?<!\\)[{}]", words)
    if brace:
        raise _refuse(
            source,
            brace[0],
            "Permutations in { } are not drawn here yet; write one prompt, or \\{ for a brace.",
            source.find(brace[0]),
        )
    words = words.replace("\\{", "{").replace("\\}", "}")
    pieces = _WEIGHT.split(words)
    raw_parts = [
        (piece.strip(), float(weight) if weight else 1.0)
        for piece, weight in zip(pieces[::2], [*pieces[1::2], None], strict=True)
        if piece.strip()
    ]
    if not raw_parts:
        return ()
    total = sum(weight for _, weight in raw_parts)
    if not math.isfinite(total) or total <= 0:
        raise _refuse(
            source,
            words.strip(),
            f"The weights of the parts must add up to more than 0; these give {total:g}.",
            max(source.find(words.strip()), 0),
        )
    return tuple(Part(text=text, weight=weight / total) for text, weight in raw_parts)


def _brief(text: str) -> str:
    """As much of the member's text as a sentence bears."""
    return text if len(text) <= _QUOTED_CHARACTERS else text[: _QUOTED_CHARACTERS - 1] + "…"


def _unknown(typed: str) -> str:
    known = [*FLAGS, *ALIASES, "no"]
    near = difflib.get_close_matches(typed.lower(), known, n=1)
    hint = f" Did you mean --{near[0]}?" if near else " See /help for the list."
    return f"There is no parameter --{_brief(typed)}.{hint}"


def _text_after(extra: str) -> str:
    return f"“{_brief(extra)}” stands after a parameter; put all words before the first --."


def _refuse(source: str, token: str, sentence: str, start: int = 0) -> PromptError:
    return PromptError(sentence, token=token, start=start, command=source)
