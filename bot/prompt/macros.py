"""A member's own parameters: `--mine` stands for a text such as `--ar 3:2 --s 250`. Pure.

Where they are kept is not known here.
"""

from __future__ import annotations

import bisect
from collections.abc import Container, Mapping
from dataclasses import dataclass

from bot.errors import PromptError
from bot.prompt import dashes
from bot.prompt.characters import BRACES, plain, shortened
from bot.prompt.flags import BY_NAME
from engine import Sentence

MAX_MACROS = 20
"""Of one member."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """One place at which a macro stood."""

    name: str
    text: str
    """What the macro stands for."""
    typed: tuple[int, int]
    """Start and end of `--name` in the typed text."""
    put: tuple[int, int]
    """Start and end of `text` in the expanded text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expanded:
    """A typed text, and the same with the texts of macros in their places."""

    typed: str
    text: str
    replacements: tuple[Replacement, ...] = ()

    def typed_span(self, start: int, end: int) -> tuple[int, int]:
        """Where the characters from `start` to `end` of `text` come from in `typed`.

        What a macro brought comes from the macro's name.
        """
        return self._typed_place(start, 0), self._typed_place(end, 1)

    def blamed(self, error: PromptError) -> PromptError:
        """A refusal of `text` as one of `typed`, which says where a macro is at fault."""
        start, end = self.typed_span(error.start, error.end)
        touched = (
            one for one in self.replacements if one.put[0] < error.end and error.start < one.put[1]
        )
        macro = next(touched, None)
        sentence = error.sentence
        if macro is not None:
            sentence = Sentence(
                "--{name} stands for “{text}” here. {problem}",
                name=macro.name,
                text=shortened(macro.text),
                problem=sentence,
            )
        return PromptError(sentence, token=self.typed[start:end], start=start, command=self.typed)

    def _typed_place(self, place: int, side: int) -> int:
        """side: 0 for the first character of something, 1 for the end of it."""
        last = place - side  # the character that is looked for
        before = bisect.bisect_right(self.replacements, last, key=lambda one: one.put[0])
        if before == 0:
            return place
        one = self.replacements[before - 1]
        if last < one.put[1]:
            return one.typed[side]
        return place + one.typed[1] - one.put[1]


def names(macros: Mapping[str, str]) -> dict[str, str]:
    """The macros by their names in small letters; a parameter's own name goes before a macro's."""
    small = {name.lower(): plain(text).strip() for name, text in macros.items()}
    return {name: text for name, text in small.items() if name not in BY_NAME}


def put_in(source: str, macros: Mapping[str, str]) -> Expanded:
    """`source` with every `--name` of `macros` replaced by its text.

    macros: at most `MAX_MACROS`. PromptError where there are more, or where a text that is used
    holds a macro or a brace.
    """
    if len(macros) > MAX_MACROS:
        raise PromptError(
            Sentence(
                "You may have {most} parameters of your own; these are {count}. Delete some.",
                most=MAX_MACROS,
                count=len(macros),
            ),
            token="",
            start=0,
            command=source,
        )
    own = names(macros)
    if not own:
        return Expanded(typed=source, text=source)
    pieces: list[str] = []
    replacements: list[Replacement] = []
    read, length = 0, 0
    for start in dashes.find(source, own.keys() | BY_NAME.keys()):
        text = own.get(start.name.lower())
        if text is None:
            continue
        _check(source, start, text, own)
        before = source[read : start.start]
        length += len(before)
        put = (length, length + len(text))
        replacements.append(
            Replacement(name=start.name, text=text, typed=(start.start, start.end), put=put)
        )
        pieces += (before, text)
        read, length = start.end, put[1]
    return Expanded(
        typed=source, text="".join((*pieces, source[read:])), replacements=tuple(replacements)
    )


def _check(source: str, start: dashes.Start, text: str, own: Container[str]) -> None:
    """PromptError where the text of a macro holds what it may not."""
    inner = [found for found in dashes.find(text, own) if found.name.lower() in own]
    if inner:
        sentence = Sentence(
            "--{name} stands for “{text}”, but your own parameters cannot hold each other: "
            "write out --{inner} in it.",
            name=start.name,
            text=shortened(text),
            inner=inner[0].name,
        )
    elif BRACES.search(text):
        sentence = Sentence(
            "--{name} stands for “{text}”, but {{ }} cannot be part of your own parameters: "
            "type it in the prompt, or \\{{ for a brace.",
            name=start.name,
            text=shortened(text),
        )
    else:
        return
    raise PromptError(
        sentence, token=source[start.start : start.end], start=start.start, command=source
    )
