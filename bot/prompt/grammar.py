"""Text → `Prompt`: Midjourney's grammar. Pure, no I/O.

Links of pictures first, then words, then parameters; nothing after them. `a::2 b::-.5` weighs
parts. What counts as `--` and which other characters count as the grammar's, `dashes.py` and
`characters.py` say; what parameters there are, `flags.py` says; what they *do* is `brief.py`'s
business; here they are only read and held to their range. `{a, b}` is taken apart before, by
`permutations.py`.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from bot.errors import PromptError
from bot.prompt import dashes
from bot.prompt.characters import BRACES, folded, one_line, plain, shortened, unescaped, unquoted
from bot.prompt.flags import BY_NAME, Flag, Parameters
from bot.prompt.links import LINK, MASKED
from bot.prompt.macros import Expanded, names, put_in
from bot.prompt.values import BadValueError, Value
from engine import Sentence

MAX_PROMPT_CHARACTERS = 4000
MAX_LINKS = 5
"""As many pictures as /blend takes."""
MAX_WEIGHT = 1_000_000
"""Weights of parts lie within ± this."""
MAX_PARTS = 39
"""One fewer than the engine's, which counts what is left out too."""
MAX_SHARE = 1000
"""A part's weight over the sum of all lies within ± this; the engine's limit."""

_NO_MACROS: Mapping[str, str] = MappingProxyType({})
_LONGEST_TYPO = 20
"""Characters of an unknown name for which a known one is suggested."""
_WEIGHT = re.compile(r":{2,}(?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+))?")
_NO_NUMBER = re.compile(r"[+-]|(?:nan|inf|infinity)(?!\w)", re.IGNORECASE)
"""What cannot follow a `::` without a number."""
_MORE_NUMBER = re.compile("[A-Za-z0-9_.%+:–—―\ufe0f-]|[,，][0-9]")
"""What cannot follow the number of a `::`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of the text."""

    text: str
    weight: float = 1.0
    """What the engine takes; those of all parts together sum to 1."""
    written: float = 1.0
    """As typed; 1 where it was not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One parameter as it was typed, with its value."""

    name: str
    """The parameter's long name."""
    typed: str
    """Its name as it was typed, without dashes."""
    start: int
    """Index of its first dash in `Prompt.source`."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a member asked for, in the member's terms."""

    source: str
    """The text as it was typed, without surrounding white space and what cannot be seen."""
    images: tuple[str, ...] = ()
    """Links of pictures, in the order given."""
    parts: tuple[Part, ...] = ()
    parameters: Parameters = field(default_factory=Parameters)
    segments: tuple[Segment, ...] = ()
    """Where the parameters stand in `source`, in the order given; one that a macro brought stands
    where the macro does, one of a suffix nowhere."""
    added: tuple[Segment, ...] = ()
    """Those of a suffix that act; they stand in it."""

    @property
    def text(self) -> str:
        """The words alone, weights left out."""
        return " ".join(part.text for part in self.parts)


def parse(
    text: str,
    *,
    beside: int = 0,
    macros: Mapping[str, str] = _NO_MACROS,
    suffix: str = "",
    most_characters: int = MAX_PROMPT_CHARACTERS,
) -> Prompt:
    """The prompt in `text`; PromptError names the bad token, its place and what would be right.

    Places count in `plain(text).strip()`, which is also what the error hands back as its command.
    beside: pictures that come with the text in another way; with one, words may be missing.
    macros: the member's own parameters, without dashes, and what each stands for.
    suffix: parameters that act where the text does not say otherwise.
    """
    source = plain(text).strip()
    check_length(source, most_characters)
    expanded = put_in(source, macros)
    check_length(expanded.text, most_characters, command=source)
    try:
        prompt = _read(expanded.text, beside=beside, own=names(macros))
    except PromptError as error:
        raise expanded.blamed(error) from None
    parameters, added = _with_suffix(source, prompt.parameters, plain(suffix).strip())
    return dataclasses.replace(
        prompt,
        source=source,
        parameters=parameters,
        added=added,
        segments=tuple(_typed(expanded, segment) for segment in prompt.segments),
    )


def check_length(
    source: str, most: int = MAX_PROMPT_CHARACTERS, *, command: str | None = None
) -> None:
    """PromptError where `source` has more than `most` characters.

    command: the typed text, where `source` is what became of it.
    """
    if len(source) <= most:
        return
    sentence = Sentence(
        "A prompt may have {most} characters; this one has {count}. Shorten it by {excess}.",
        most=most,
        count=len(source),
        excess=len(source) - most,
    )
    if command is None:
        raise _refuse(source, most, len(source), sentence)
    raise _refuse(command, 0, 0, sentence)


def _read(source: str, *, beside: int, own: Iterable[str]) -> Prompt:
    """A text whose macros are put in; own: their names, to be suggested."""
    brace = BRACES.search(source)
    if brace:
        raise _refuse(
            source,
            *brace.span(),
            Sentence(
                "Permutations in { } are for /imagine; write one prompt here, or \\{ for a brace."
            ),
        )
    parameters, segments = _read_parameters(source, own)
    words_end = segments[0].start if segments else len(source)
    links, words_at = _read_links(source, words_end)
    if len(links) > MAX_LINKS:
        raise _refuse(
            source,
            *_target(links[MAX_LINKS])[1],
            Sentence(
                "A prompt takes {most} pictures at most; this one has {count}.",
                most=MAX_LINKS,
                count=len(links),
            ),
        )
    parts = _read_parts(source, words_at, words_end)
    if not parts and not links and not beside:
        raise _refuse(source, 0, 0, Sentence("Say what to draw: the prompt has no words."))
    if len(links) == 1 and not parts and not beside:
        raise _refuse(
            source,
            *_target(links[0])[1],
            Sentence("One picture needs some words beside it, or a second picture to blend with."),
        )
    return Prompt(
        source=source,
        images=tuple(unescaped(_target(link)[0]) for link in links),
        parts=parts,
        parameters=parameters,
        segments=segments,
    )


def _typed(expanded: Expanded, segment: Segment) -> Segment:
    """A parameter of the expanded text, where it stands in the typed one."""
    if not expanded.replacements:
        return segment
    start, end = expanded.typed_span(segment.start, segment.start + len(segment.text))
    return dataclasses.replace(segment, start=start, text=expanded.typed[start:end])


def _with_suffix(
    source: str, typed: Parameters, suffix: str
) -> tuple[Parameters, tuple[Segment, ...]]:
    """The parameters of the prompt, with those of the suffix that it has nothing against; and these
    as they stand there.
    """
    if not suffix:
        return typed, ()
    try:
        brace = BRACES.search(suffix)
        if brace:
            raise _refuse(suffix, *brace.span(), Sentence("It cannot hold permutations in { }."))
        added, segments = _read_parameters(suffix)
        if segments[0].start if segments else suffix:
            raise _refuse(suffix, 0, 0, Sentence("It can hold parameters only, such as --ar 3:2."))
    except PromptError as error:
        sentence = Sentence(
            "Your suffix “{suffix}” cannot be added. {problem}",
            suffix=shortened(suffix),
            problem=error.sentence,
        )
        raise _refuse(source, 0, 0, sentence) from None
    groups = {BY_NAME[name].group for name in typed.given} - {""}
    new = {
        name: getattr(added, name)
        for name in added.given
        if name not in typed.given and BY_NAME[name].group not in groups
    }
    whole = dataclasses.replace(typed, **new, given=(*typed.given, *new))
    return whole, tuple(segment for segment in segments if segment.name in new)


def _read_parameters(
    source: str, own: Iterable[str] = ()
) -> tuple[Parameters, tuple[Segment, ...]]:
    values: dict[str, Any] = {}
    repeated: dict[str, list[tuple[Segment, str]]] = {}
    segments: list[Segment] = []
    found = dashes.find(source, BY_NAME)
    for begin, following in itertools.zip_longest(found, found[1:]):
        end = following.start if following else len(source)
        flag = _flag_of(source, begin, own)
        text = source[begin.start : end].rstrip()
        segment = Segment(name=flag.name, typed=begin.name, start=begin.start, text=text)
        if flag.name in values and not flag.repeated:
            raise _refuse_segment(
                source, segment, Sentence("--{name} stands twice; keep one.", name=begin.name)
            )
        raw = source[begin.end : end].strip()
        values[flag.name] = _read_value(source, segment, flag, raw)
        if flag.repeated:
            repeated.setdefault(flag.name, []).append((segment, raw))
        segments.append(segment)
    for name, several in repeated.items():
        values[name] = _read_several(source, BY_NAME[name], several)
    return Parameters(**values, given=tuple(values)), tuple(segments)


def _read_several(source: str, flag: Flag, several: list[tuple[Segment, str]]) -> Value:
    """The values of a parameter that stands several times, as one list; each alone is right."""
    raws = [unescaped(raw) for _, raw in several]
    try:
        return flag.read(", ".join(raws))
    except BadValueError:
        for count, (segment, raw) in enumerate(several, 1):
            # The first with which it goes wrong; at most one more than the list may have.
            _read_value(source, segment, flag, ", ".join((*raws[: count - 1], raw)))
        raise


def _flag_of(source: str, begin: dashes.Start, own: Iterable[str]) -> Flag:
    typed = begin.name
    if not typed[:1].isalpha():
        raise _refuse(
            source,
            begin.start,
            begin.end,
            Sentence(
                "-- needs a parameter's name right after it, such as --ar 3:2. "
                "For a dash between words, type a single one: -."
            ),
        )
    flag = BY_NAME.get(typed.lower())
    if flag is not None:
        return flag
    near = _nearest(typed.lower(), own)
    if near:
        sentence = Sentence(
            "There is no parameter --{typed}. Did you mean --{near}?",
            typed=shortened(typed),
            near=near,
        )
    else:
        sentence = Sentence(
            "There is no parameter --{typed}. See /help for the list.", typed=shortened(typed)
        )
    raise _refuse(source, begin.start, begin.end, sentence)


def _nearest(typed: str, own: Iterable[str]) -> str:
    """What may have been meant by an unknown name; empty where nothing is near.

    A known name to which a value is glued, as in `ar3:2` or `seed=7`, comes apart; else the name
    with the fewest slips, at most one for every three letters typed, and one at least.
    """
    if len(typed) > _LONGEST_TYPO:
        return ""
    glued = re.fullmatch(r"([a-z]+)[=:]?([\d.]\S*)", typed)
    if glued and glued[1] in BY_NAME:
        return f"{glued[1]} {glued[2]}"
    most = min(max(len(typed) // 3, 1), len(typed) - 1)
    ranked = [
        (_slips(typed, name), typed[0] != name[0], place, name)
        for place, name in enumerate((*BY_NAME, *own))
    ]
    slips, _, _, name = min(ranked)
    return name if slips <= most else ""


def _slips(typed: str, name: str) -> int:
    """The optimal string alignment distance: letters put in, left out, changed or swapped."""
    before: list[int] = []
    row = list(range(len(name) + 1))
    for i, letter in enumerate(typed, 1):
        before, last, row = row, before, [i]
        for j, other in enumerate(name, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and (letter, other) == (name[j - 2], typed[i - 2]):
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _read_value(source: str, segment: Segment, flag: Flag, raw: str) -> Value:
    if flag.most_words is not None:
        extra = next(itertools.islice(re.finditer(r"\S+", raw), flag.most_words, None), None)
        if extra is not None:
            text = raw[extra.start() :]
            end = segment.start + len(segment.text)
            raise _refuse(
                source,
                end - len(text),
                end,
                Sentence(
                    "“{extra}” stands after a parameter; put all words before the first --.",
                    extra=shortened(text),
                ),
            )
        raw = unquoted(raw)
    raw = unescaped(raw)
    try:
        value = flag.read(raw)
    except BadValueError as error:
        if raw:
            sentence = Sentence(
                "--{name} {needs}, not “{value}”.",
                name=segment.typed,
                needs=error.needs,
                value=shortened(raw),
            )
        else:
            sentence = Sentence(
                "--{name} {needs}, and has none here.", name=segment.typed, needs=error.needs
            )
        raise _refuse_segment(source, segment, sentence) from None
    if len(inside := dashes.find(flag.write(value), BY_NAME)) > 1:
        raise _refuse_segment(source, segment, _needs_space(inside[1]))
    return value


def _read_links(source: str, end: int) -> tuple[list[re.Match[str]], int]:
    """The links before the words, and where these begin."""
    links: list[re.Match[str]] = []
    position = 0
    while True:
        while position < end and source[position].isspace():
            position += 1
        match = LINK.match(source, position, end) or MASKED.match(source, position, end)
        if match is None:
            return links, position
        links.append(match)
        position = match.end()


def _target(link: re.Match[str]) -> tuple[str, tuple[int, int]]:
    """Where a link leads, and its place in the text."""
    group = link.lastindex or 0
    return link[group], link.span(group)


def _read_parts(source: str, start: int, end: int) -> tuple[Part, ...]:
    late = MASKED.search(source, start, end) or LINK.search(source, start, end)
    if late:
        raise _refuse(
            source, *late.span(), Sentence("Links of pictures come first, before the words.")
        )
    texts, numbers, spans, at = [], [], [], start
    reading = folded(source[:end])
    for match in _WEIGHT.finditer(reading, start):
        _check_weight(source, reading, match)
        texts.append(_read_words(source, at, match.start()))
        if not texts[-1]:
            raise _refuse(
                source,
                *match.span(),
                Sentence(
                    "{weight} weighs the words before it, and there are none.",
                    weight=shortened(match[0]),
                ),
            )
        numbers.append(match["number"] or "1")
        spans.append(match.span())
        at = match.end()
    if last := _read_words(source, at, end):
        texts.append(last)
        numbers.append("1")
        spans.append((at, end))
    if len(texts) > MAX_PARTS:
        raise _refuse(
            source,
            *spans[MAX_PARTS],
            Sentence(
                "A prompt may have {most} parts with :: at the most; this one has {count}.",
                most=MAX_PARTS,
                count=len(texts),
            ),
        )
    written = [float(number) for number in numbers]
    exact = [Decimal(repr(weight)) for weight in written]  # 0.1 + 0.2 - 0.3 is not above 0
    total = sum(exact)
    if texts and total <= 0:
        raise _refuse(
            source,
            start,
            start + len(source[start:end].rstrip()),
            Sentence(
                "The weights of the parts must add up to more than 0; these give {total:g}.",
                total=float(total),
            ),
        )
    for weight, span in zip(exact, spans, strict=True):
        if abs(weight) > MAX_SHARE * total:
            raise _refuse(
                source,
                *span,
                Sentence(
                    "A weight may be {most} times the sum of all weights at the most; "
                    "{weight:g} is more, as they add up to {total:g} only.",
                    most=MAX_SHARE,
                    weight=float(weight),
                    total=float(total),
                ),
            )
    return tuple(
        Part(text=text, weight=float(weight / total), written=number)
        for text, weight, number in zip(texts, exact, written, strict=True)
    )


def _check_weight(source: str, reading: str, match: re.Match[str]) -> None:
    """PromptError where the `::` of `match` is none, or has a bad number."""
    number, end = match["number"], match.end()
    bad = _MORE_NUMBER.match(reading, end) if number else _NO_NUMBER.match(reading, end)
    colons = match[0].count(":")
    if colons == 2 and not bad and (not number or abs(float(number)) <= MAX_WEIGHT):
        return
    word = re.compile(r"\S*").match(source, end)
    assert word is not None  # it may be empty
    raise _refuse(
        source,
        match.start(),
        word.end(),
        Sentence(
            "“{weight}” is no weight: after two colons comes a number from {low} to {high}, such "
            "as red::2, and then a space.",
            weight=shortened(source[match.start() : word.end()]),
            low=-MAX_WEIGHT,
            high=MAX_WEIGHT,
        ),
    )


def _read_words(source: str, start: int, end: int) -> str:
    """Words on one line; PromptError where `--name` begins them with no space before it."""
    words = one_line(unescaped(source[start:end]))
    inside = dashes.find(words, BY_NAME)
    if inside:
        begin = start + len(source[start:end]) - len(source[start:end].lstrip())
        raise _refuse(source, begin, begin + inside[0].end, _needs_space(inside[0]))
    return words


def _needs_space(begin: dashes.Start) -> Sentence:
    return Sentence("Put a space before --{name}.", name=shortened(begin.name))


def _refuse_segment(source: str, segment: Segment, sentence: Sentence) -> PromptError:
    return _refuse(source, segment.start, segment.start + len(segment.text), sentence)


def _refuse(source: str, start: int, end: int, sentence: Sentence) -> PromptError:
    return PromptError(sentence, token=source[start:end], start=start, command=source)
