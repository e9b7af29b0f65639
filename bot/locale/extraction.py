"""The sentences in the code, and what of them a catalogue lacks."""

from __future__ import annotations

import inspect
import re
import string
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file

from bot import errors

ROOT = Path(__file__).parents[2]
ROOMS = ("bot", "engine")
KEYWORDS: dict[str, tuple[int, ...] | None] = {
    "Sentence": None,
    "plural": (1, 2),
    **{
        name: None  # a refusal may be raised with a constant
        for name, item in vars(errors).items()
        if inspect.isclass(item) and issubclass(item, errors.UserError)
    },
}
"""What stands before a sentence in the code; numbers: of the arguments that are templates."""
_CODE = re.compile(r"`[^`]+`|--[a-z]+|/[a-z]+|[A-Z]+_[A-Z_]+|\\[{}]")
"""What is typed as it stands, in any language: code, parameters, commands, settings."""


def sentences(root: Path = ROOT) -> Catalog:
    """Every sentence of the bot and the engine, with where it stands and no translation."""
    found = Catalog()
    for file in sorted(path for room in ROOMS for path in (root / room).rglob("*.py")):
        for line, templates, _, _ in extract_from_file("python", file, keywords=KEYWORDS):
            key = templates[0] if isinstance(templates, tuple) else templates
            known = found.get(key)
            if known is not None and known.id != templates:
                raise ValueError(f"{file}:{line}: {key!r} stands elsewhere with another plural.")
            found.add(templates, locations=[(str(file.relative_to(root)), line)])
    return found


def updated(catalog: Catalog, found: Catalog) -> Catalog:
    """The catalogue with exactly the sentences found: its own translations, empty where new."""
    new = Catalog(locale=catalog.locale)
    for message in _messages(found):
        known = catalog.get(_key(message))
        if known is not None and known.id == message.id:
            new.add(message.id, known.string, flags=known.flags)
        else:
            new.add(message.id)
    return new


def problems(catalog: Catalog, found: Catalog) -> list[str]:
    """What is wrong with the catalogue, each with the sentence it is about."""
    wanted = {_key(message): message for message in _messages(found)}
    kept = {_key(message): message for message in _messages(catalog)}
    wrong = [f"unused: {key!r}" for key in kept.keys() - wanted.keys()]
    for key, message in wanted.items():
        translation = kept.get(key)
        where = ", ".join(f"{file}:{line}" for file, line in message.locations)
        if translation is None or translation.id != message.id:
            wrong.append(f"missing: {key!r} ({where})")
        elif translation.fuzzy:
            wrong.append(f"fuzzy: {key!r} ({where})")
        elif not all(_forms(translation)):
            wrong.append(f"not translated: {key!r} ({where})")
        else:
            wrong += [f"{fault}: {key!r} ({where})" for fault in _faults(translation)]
    return sorted(wrong)


def _messages(catalog: Catalog) -> Iterator[Message]:
    return (message for message in catalog if message.id)


def _templates(message: Message) -> tuple[str, ...]:
    """Its English: one template, or those for one and for many."""
    return tuple(message.id) if isinstance(message.id, (list, tuple)) else (message.id,)


def _key(message: Message) -> str:
    return _templates(message)[0]


def _forms(message: Message) -> tuple[str, ...]:
    """Its translation, for each plural form of the language."""
    given = message.string
    return tuple(given) if isinstance(given, (list, tuple)) else (given or "",)


def _faults(message: Message) -> Iterator[str]:
    english = _templates(message)[-1]
    values = _values(english)
    for form in _forms(message):
        if values is not None and _values(form) != values:
            yield "other values or formats"
        if sorted(set(_CODE.findall(form))) != sorted(set(_CODE.findall(english))):
            yield "other code"
        if len(form) - len(form.strip()) != len(english) - len(english.strip()):
            yield "other spaces around it"


def _values(template: str) -> set[tuple[str, str, str]] | None:
    """Name, conversion and format of each value.

    None: its braces are only braces.
    """
    try:
        fields = [
            (name, conversion or "", spec or "")
            for _, name, spec, conversion in string.Formatter().parse(template)
            if name is not None
        ]
    except ValueError:
        return None
    return set(fields) if all(name.isidentifier() for name, _, _ in fields) else None
