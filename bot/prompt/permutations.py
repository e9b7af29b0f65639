r"""`{red, blue} cat` → `red cat` and `blue cat`. Pure.

Braces may stand anywhere, in words, weights and parameters, and in each other; `\{`, `\}` and `\,`
are plain characters. How many prompts come out is counted before any is made.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bot.errors import PromptError
from bot.prompt.characters import BRACES_AND_COMMAS, COMMAS, folded, plain
from bot.prompt.grammar import Prompt, check_length, parse
from engine import Sentence

DEFAULT_LIMIT = 40
MAX_DEPTH = 10
"""How many braces may be open at once."""

_NO_MACROS: Mapping[str, str] = MappingProxyType({})
_COUNTED = 10**12
"""More prompts than these are not counted exactly."""
_SIGN = re.compile(rf"[\\＼]?[{BRACES_AND_COMMAS}]")
_ESCAPED_COMMA = re.compile(rf"(?<![\\＼])[\\＼](?=[{COMMAS}])")
"""The backslash before a comma; behind another backslash it has to stay."""

Slice = tuple[int, int]
"""Start and end in the source."""
Row = list["Slice | Group"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """`{…}` at one place."""

    start: int
    """Index of the opening brace."""
    end: int
    """Index after the closing one."""
    options: list[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """One of the prompts that a text stands for."""

    source: str
    slices: tuple[Slice, ...]
    """What of the source it is made of."""
    groups: tuple[Slice, ...]
    """Where braces open and close in the source, inner ones first."""

    @property
    def text(self) -> str:
        return "".join(self.source[start:end] for start, end in self.slices)

    def blamed(self, error: PromptError) -> PromptError:
        """A refusal of `text.strip()` as one of the source; braces are marked whole or not."""
        skipped = len(self.text) - len(self.text.lstrip())
        start = self._source_place(error.start + skipped, 0)
        end = max(self._source_place(error.end + skipped, 1), start) if error.token else start
        for opened, closed in self.groups:
            apart = end <= opened or closed <= start
            inside = opened < start and end < closed
            if not (apart or inside):
                start, end = min(start, opened), max(end, closed)
        sentence, token = error.sentence, self.source[start:end]
        return PromptError(sentence, token=token, start=start, command=self.source)

    def _source_place(self, place: int, side: int) -> int:
        """side: 0 for the first character of something, 1 for the end of it."""
        end = 0
        for start, end in self.slices:
            if place < end - start + side:
                return start + place
            place -= end - start
        return end


def expand(text: str, limit: int = DEFAULT_LIMIT) -> tuple[str, ...]:
    """The prompts that `text` stands for, the last braces' options changing first.

    They have no braces but escaped ones, and are what `parse` takes. PromptError where there would
    be more than `limit` (1 or more), where a brace lacks its partner or stands too deep.
    """
    return tuple(expansion.text for expansion in expansions(plain(text).strip(), limit))


def parse_all(
    text: str,
    limit: int = DEFAULT_LIMIT,
    *,
    beside: int = 0,
    macros: Mapping[str, str] = _NO_MACROS,
    suffix: str = "",
) -> tuple[Prompt, ...]:
    """`parse` of every prompt that `text` stands for; a refusal marks and hands back `text`."""
    source = plain(text).strip()
    check_length(source)
    prompts = []
    for expansion in expansions(source, limit):
        try:
            prompts.append(parse(expansion.text, beside=beside, macros=macros, suffix=suffix))
        except PromptError as error:
            raise expansion.blamed(error) from None
    return tuple(prompts)


def expansions(source: str, limit: int) -> Iterator[Expansion]:
    """As `expand`, of a text that is plain and has no white space around it."""
    row, groups = _read(source)
    count = _count(row)
    if count > limit:
        raise _too_many(source, row, count, limit)
    for slices in _combined(row):
        yield Expansion(source=source, slices=slices, groups=groups)


def _read(source: str) -> tuple[Row, tuple[Slice, ...]]:
    """The source taken apart, and where its braces open and close, inner ones first."""
    reading = folded(source)
    row: Row = []
    groups: list[Slice] = []
    around: list[tuple[Row, list[Row], int]] = []  # the rows that a brace interrupted
    options: list[Row] = []
    opened, text_at = 0, 0
    for match in _SIGN.finditer(reading):
        sign = match[0]
        if len(sign) == 2 or (sign not in "{}" and not around):
            continue
        row.append((text_at, match.start()))
        text_at = match.end()
        if sign == "{":
            if len(around) == MAX_DEPTH:
                raise _refuse(
                    source,
                    *match.span(),
                    Sentence(
                        "Braces may stand {most} deep in each other at the most; "
                        "take some apart, or type \\{{ for a plain brace.",
                        most=MAX_DEPTH,
                    ),
                )
            around.append((row, options, opened))
            row, options, opened = [], [], match.start()
        elif sign == "}":
            if not around:
                raise _refuse(
                    source,
                    *match.span(),
                    Sentence("No { stands before this }; add one, or type \\} for a plain brace."),
                )
            options.append(_as_option(source, row))
            _check_options(source, opened, match.end(), options)
            group = Group(start=opened, end=match.end(), options=options)
            groups.append((group.start, group.end))
            row, options, opened = around.pop()
            row.append(group)
        else:
            options.append(_as_option(source, row))
            row = []
    if around:
        raise _refuse(
            source,
            opened,
            opened + 1,
            Sentence("No } stands after this {; add one, or type \\{ for a plain brace."),
        )
    row.append((text_at, len(source)))
    return row, tuple(groups)


def _as_option(source: str, row: Row) -> Row:
    """A row between braces or commas: no white space at its ends, no backslash before commas."""
    trimmed: Row = []
    for place, piece in enumerate(row):
        if isinstance(piece, Group):
            trimmed.append(piece)
            continue
        start, end = piece
        if place == 0:
            start = end - len(source[start:end].lstrip())
        if place == len(row) - 1:
            end = start + len(source[start:end].rstrip())
        for backslash in _ESCAPED_COMMA.finditer(source, start, end):
            trimmed.append((start, backslash.start()))
            start = backslash.end()
        trimmed.append((start, end))
    return trimmed


def _check_options(source: str, start: int, end: int, options: list[Row]) -> None:
    if len(options) == 1 and not source[start + 1 : end - 1].strip():
        raise _refuse(
            source,
            start,
            end,
            Sentence("Between { and } stands what to choose from, such as {red, blue}."),
        )


def _count(row: Row) -> int:
    """How many prompts a row makes; no more than one above `_COUNTED`."""
    total = 1
    for piece in row:
        if isinstance(piece, Group):
            total = min(total * sum(map(_count, piece.options)), _COUNTED + 1)
    return total


def _too_many(source: str, row: Row, count: int, limit: int) -> PromptError:
    groups = [piece for piece in row if isinstance(piece, Group)]
    if count > _COUNTED:
        sentence = Sentence(
            "These permutations make more than {count} prompts; you may have {limit} at once. "
            "Leave some choices out.",
            count=_COUNTED,
            limit=limit,
        )
    else:
        sentence = Sentence(
            "These permutations make {count} prompts; you may have {limit} at once. "
            "Leave some choices out.",
            count=count,
            limit=limit,
        )
    return _refuse(source, groups[0].start, groups[-1].end, sentence)


def _combined(row: Row) -> Iterator[tuple[Slice, ...]]:
    """Every choice of one option a brace, as the slices of the source that it keeps."""
    choices: list[list[tuple[Slice, ...]]] = []
    for piece in row:
        if isinstance(piece, Group):
            choices.append([chosen for option in piece.options for chosen in _combined(option)])
        else:
            choices.append([(piece,)])
    for chosen in itertools.product(*choices):
        yield tuple(itertools.chain.from_iterable(chosen))


def _refuse(source: str, start: int, end: int, sentence: Sentence) -> PromptError:
    return PromptError(sentence, token=source[start:end], start=start, command=source)
