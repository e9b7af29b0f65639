"""Text → `Prompt`: Midjourney's grammar. Pure, no I/O.

Links of pictures first, then words, then parameters; nothing after them. An em-dash counts as
`--`. `a::2 b::-.5` weighs parts. What parameters there are, `flags.py` says; what they *do* is
`brief.py`'s business; here they are only read and held to their range.
"""

from __future__ import annotations

import difflib
import itertools
import math
import re
from dataclasses import dataclass, field
from typing import Any

from bot.errors import PromptError
from bot.prompt.flags import BY_NAME, Flag, Parameters
from bot.prompt.values import BadValueError, Value
from engine import Sentence

MAX_PROMPT_CHARACTERS = 4000
MAX_LINKS = 5
"""As many pictures as /blend takes."""
LINK = re.compile(r"<?(https?://[^\s<>]+)>?", re.IGNORECASE)
"""A link in a text; group 1 is the link without the < > that hide its preview."""

_QUOTED_CHARACTERS = 80
_DASHES = re.compile(r"(?<!\S)(?P<dashes>--|—|––|–\s–(?!\S))(?P<typed>\S*)")
"""What starts a parameter, at the start of a word only; two en-dashes are what a keyboard makes of
a `--` that stands alone."""
_WEIGHT = re.compile(r"::([+-]?(?:\d+\.?\d*|\.\d+))?(?!:)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of the text; the weights of all parts together sum to 1."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One parameter as it was typed, with its value."""

    name: str
    """The parameter's long name."""
    start: int
    """Index of its first dash in `Prompt.source`."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a member asked for, in the member's terms."""

    source: str
    """The text as it was typed, without surrounding white space."""
    images: tuple[str, ...] = ()
    """Links of pictures, in the order given."""
    parts: tuple[Part, ...] = ()
    parameters: Parameters = field(default_factory=Parameters)
    segments: tuple[Segment, ...] = ()
    """Where the parameters stand in `source`, in the order given."""

    @property
    def text(self) -> str:
        """The words alone, weights left out."""
        return " ".join(part.text for part in self.parts)


def parse(text: str, *, beside: int = 0) -> Prompt:
    """The prompt in `text`; PromptError names the bad token, its place and what would be right.

    beside: pictures that come with the text in another way; with one, words may be missing.
    """
    source = text.strip()
    if len(source) > MAX_PROMPT_CHARACTERS:
        raise _refuse(
            source,
            MAX_PROMPT_CHARACTERS,
            len(source),
            Sentence(
                "A prompt may have {most} characters; this one has {count}. "
                "Shorten it by {excess}.",
                most=MAX_PROMPT_CHARACTERS,
                count=len(source),
                excess=len(source) - MAX_PROMPT_CHARACTERS,
            ),
        )
    parameters, segments = _read_parameters(source)
    words_end = segments[0].start if segments else len(source)
    links, words_at = _read_links(source, words_end)
    if len(links) > MAX_LINKS:
        raise _refuse(
            source,
            *links[MAX_LINKS].span(1),
            Sentence(
                "A prompt takes {most} pictures at most; this one has {count}.",
                most=MAX_LINKS,
                count=len(links),
            ),
        )
    parts = _read_parts(source, words_at, words_end)
    if not parts and not links and not beside:
        raise _refuse(source, 0, 1, Sentence("Say what to draw: the prompt has no words."))
    if len(links) == 1 and not parts and not beside:
        raise _refuse(
            source,
            *links[0].span(1),
            Sentence("One picture needs some words beside it, or a second picture to blend with."),
        )
    return Prompt(
        source=source,
        images=tuple(link[1] for link in links),
        parts=parts,
        parameters=parameters,
        segments=segments,
    )


def shortened(text: str) -> str:
    """As much of the member's text as a sentence bears."""
    return text if len(text) <= _QUOTED_CHARACTERS else text[: _QUOTED_CHARACTERS - 1] + "…"


def _read_parameters(source: str) -> tuple[Parameters, tuple[Segment, ...]]:
    values: dict[str, Any] = {}
    lists: dict[str, str] = {}  # what was typed so far of the parameters that may be repeated
    segments: list[Segment] = []
    found = [*_DASHES.finditer(source)]
    for match, following in itertools.zip_longest(found, found[1:]):
        end = following.start() if following else len(source)
        flag = _flag_of(source, match)
        segment = Segment(
            name=flag.name, start=match.start(), text=source[match.start() : end].rstrip()
        )
        if flag.name in values and not flag.repeated:
            raise _refuse_segment(
                source, segment, Sentence("--{name} stands twice; keep one.", name=match["typed"])
            )
        raw = source[match.end() : end].strip()
        values[flag.name] = _read_value(source, segment, flag, raw)
        if flag.name in lists:
            raw = f"{lists[flag.name]}, {raw}"
            values[flag.name] = _read_value(source, segment, flag, raw)
        if flag.repeated:
            lists[flag.name] = raw
        segments.append(segment)
    return Parameters(**values, given=tuple(values)), tuple(segments)


def _flag_of(source: str, match: re.Match[str]) -> Flag:
    typed = match["typed"]
    if match["dashes"] not in ("--", "—") or not typed[:1].isalpha():
        raise _refuse(
            source,
            *match.span(),
            Sentence(
                "-- needs a parameter's name right after it, such as --ar 3:2. "
                "For a dash between words, type a single one: -."
            ),
        )
    flag = BY_NAME.get(typed.lower())
    if flag is not None:
        return flag
    near = difflib.get_close_matches(typed.lower(), BY_NAME, n=1)
    if near:
        sentence = Sentence(
            "There is no parameter --{typed}. Did you mean --{near}?",
            typed=shortened(typed),
            near=near[0],
        )
    else:
        sentence = Sentence(
            "There is no parameter --{typed}. See /help for the list.", typed=shortened(typed)
        )
    raise _refuse(source, *match.span(), sentence)


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
    try:
        return flag.read(raw)
    except BadValueError as error:
        if raw:
            sentence = Sentence(
                "--{name} {needs}, not “{value}”.",
                name=flag.name,
                needs=error.needs,
                value=shortened(raw),
            )
        else:
            sentence = Sentence(
                "--{name} {needs}, and has none here.", name=flag.name, needs=error.needs
            )
        raise _refuse_segment(source, segment, sentence) from None


def _read_links(source: str, end: int) -> tuple[list[re.Match[str]], int]:
    """The links before the words, and where these begin."""
    links: list[re.Match[str]] = []
    position = 0
    while True:
        while position < end and source[position].isspace():
            position += 1
        match = LINK.match(source, position, end)
        if match is None:
            return links, position
        links.append(match)
        position = match.end()


def _read_parts(source: str, start: int, end: int) -> tuple[Part, ...]:
    words = source[start:end].rstrip()
    late = LINK.search(words)
    if late:
        raise _refuse(
            source,
            start + late.start(),
            start + late.end(),
            Sentence("Links of pictures come first, before the words."),
        )
    brace = re.search(r"(?<!\\)[{}]", words)
    if brace:
        raise _refuse(
            source,
            start + brace.start(),
            start + brace.end(),
            Sentence(
                "Permutations in { } are not drawn here yet; write one prompt, or \\{ for a brace."
            ),
        )
    pieces = _WEIGHT.split(words.replace("\\{", "{").replace("\\}", "}"))
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
            start,
            start + len(words),
            Sentence(
                "The weights of the parts must add up to more than 0; these give {total:g}.",
                total=total,
            ),
        )
    return tuple(Part(text=text, weight=weight / total) for text, weight in raw_parts)


def _refuse_segment(source: str, segment: Segment, sentence: Sentence) -> PromptError:
    return _refuse(source, segment.start, segment.start + len(segment.text), sentence)


def _refuse(source: str, start: int, end: int, sentence: Sentence) -> PromptError:
    return PromptError(sentence, token=source[start:end], start=start, command=source)
