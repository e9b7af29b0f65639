"""Turns the line that a person types into a slash command and its options."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simcord import interactions
from simcord.enums import OptionType

from playground.refusal import Refused
from playground.upload import Upload

ALIKE = 0.6
"""The share of letters in common from which a wrong name is taken for a slip."""

_YES, _NO = {"true", "yes", "on"}, {"false", "no", "off"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedCommand:
    """A slash command and its options, read from a line."""

    command: str  # "imagine" or "credits grant"
    options: dict[str, Any]


def parse(
    line: str,
    commands: Sequence[dict[str, Any]],
    *,
    files: Mapping[str, Upload] | None = None,
    find: Callable[[str], int | None] = lambda _: None,
) -> ParsedCommand:
    """Read "/command option: value option: value …".

    commands: those the bot registered. files: attachments by option. find: returns the id that
    "@dora" or "#general" means, or None. Where a command has one option, its name may be left out.
    Refused says what was not understood.
    """
    name, leaf, rest = _command(line, commands)
    declared = {option["name"]: option for option in leaf.get("options") or []}
    options: dict[str, Any] = dict(files or {})
    for key in options:
        if declared.get(key, {}).get("type") != OptionType.ATTACHMENT:
            raise Refused(_takes_no_file(name, key, declared))
    for key, text in _texts(name, rest, declared).items():
        options[key] = _value(name, declared[key], text, find)
    for key, option in declared.items():
        if option.get("required") and key not in options:
            raise Refused(_needs(name, option))
    return ParsedCommand(command=name, options=options)


def command_name(line: str) -> str:
    """The first word after the slash; Refused if the line is no command."""
    match = re.match(r"/([^\s/]+)", line.strip())
    if match is None:
        raise Refused('A command starts with a slash, for instance "/imagine prompt: a red cat".')
    return match.group(1)


def _takes_no_file(name: str, key: str, declared: Mapping[str, Mapping[str, Any]]) -> str:
    files = [each for each, option in declared.items() if option["type"] == OptionType.ATTACHMENT]
    known = f"its files are called {', '.join(files)}" if files else "it takes no files"
    return f"/{name} takes no attachment called {key!r}; {known}."


def _needs(name: str, option: Mapping[str, Any]) -> str:
    if option["type"] == OptionType.ATTACHMENT:
        return f"/{name} needs a file as its {option['name']}."
    return f'/{name} needs its {option["name"]}, for instance "/{name} {option["name"]}: …".'


def _command(line: str, commands: Sequence[dict[str, Any]]) -> tuple[str, dict[str, Any], str]:
    """The longest command the line starts with, its description, and the text after it."""
    first = command_name(line)
    typed = line.strip()[1:]
    leaves = {
        " ".join(path): leaf
        for command in commands
        for path, leaf in interactions.command_leaves(command)
    }
    for name in sorted(leaves, key=len, reverse=True):
        match = re.match(r"\s+".join(map(re.escape, name.split())) + r"(?:\s+|\Z)", typed)
        if match is not None:
            return name, leaves[name], typed[match.end() :]
    known = ", ".join(f"/{name}" for name in sorted(leaves)) or "none yet"
    meant = _nearest(typed, leaves)
    hint = f"did you mean /{meant}? There" if meant else "there"
    raise Refused(f"There is no command /{first}; {hint} are: {known}.")


def _nearest(typed: str, names: Iterable[str]) -> str | None:
    """The name that resembles the first words typed most; None if none does."""
    words = typed.split()

    def likeness(name: str) -> float:
        text = " ".join(words[: len(name.split())])
        return difflib.SequenceMatcher(None, name, text).ratio()

    best = max(names, key=likeness, default=None)
    return best if best is not None and likeness(best) >= ALIKE else None


def _texts(name: str, rest: str, declared: Mapping[str, Any]) -> dict[str, str]:
    """Each option's text: from the end of its name to the name of the next option."""
    marks: list[tuple[int, int, str]] = []
    for key in declared:
        match = re.search(rf"(?:^|\s){re.escape(key)}:", rest)
        if match is not None:
            marks.append((match.start(), match.end(), key))
    marks.sort()
    before = rest[: marks[0][0]].strip() if marks else rest.strip()
    if before:
        if not marks and len(declared) == 1:
            return {next(iter(declared)): before}
        names = ", ".join(f"{key}:" for key in declared) or "none"
        raise Refused(f"/{name} does not understand {before!r}; its options are {names}.")
    if not marks:
        return {}
    ends = [start for start, _, _ in marks[1:]] + [len(rest)]
    return {key: rest[at:end].strip() for (_, at, key), end in zip(marks, ends, strict=True)}


def _value(name: str, option: dict[str, Any], text: str, find: Callable[[str], int | None]) -> Any:  # noqa: ANN401 - what the option's type says
    for choice in option.get("choices") or []:
        if text in (choice["name"], str(choice["value"])):
            return choice["value"]
    kind = option["type"]
    problem = Refused(f"/{name}: {option['name']}: cannot be {text!r}.")
    try:
        match kind:
            case OptionType.STRING:
                return text
            case OptionType.INTEGER:
                return int(text)
            case OptionType.NUMBER:
                return float(text)
    except ValueError:
        raise problem from None
    if kind == OptionType.BOOLEAN and text.lower() in _YES | _NO:
        return text.lower() in _YES
    if kind == OptionType.ATTACHMENT:
        raise Refused(f"/{name}: attach a file for {option['name']!r} instead of typing one.")
    number = find(text)
    if number is None:
        raise problem
    return str(number)
