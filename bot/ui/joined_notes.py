"""Notes of several grids that say the same of different things, said once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine import Sentence

LISTED = 8
"""Different things that a joined note names."""
_LISTS = frozenset({"words", "flags"})
"""Places in notes where a list stands."""
_LIST = "{some}, {more}"
"""The template of `Sentence.listed`."""
_TAILS = {"{words} and {count} more": "words", "{things} and more": "things"}
"""How a list ends that names not all, and the place of what it names."""


def joined(notes: Iterable[Sentence]) -> list[Sentence]:
    """Notes of one template that differ in one list as one note; the others as they are."""
    kinds: dict[str, list[Sentence]] = {}
    for note in dict.fromkeys(notes):
        kinds.setdefault(note.template, []).append(note)
    return [note for alike in kinds.values() for note in _one(alike)]


def _one(alike: Sequence[Sentence]) -> Sequence[Sentence]:
    first = alike[0]
    differing = [
        name for name in first.values if len({str(note.values[name]) for note in alike}) > 1
    ]
    if len(differing) != 1 or differing[0] not in _LISTS or first.many is not None:
        return alike
    [name] = differing
    things: dict[str, None] = {}
    whole = True
    for note in alike:
        more, said_all = _things(note.values[name])
        things.update(dict.fromkeys(more))
        whole = whole and said_all
    named = Sentence.listed(list(things)[:LISTED])
    if not whole or len(things) > LISTED:
        named = Sentence("{things} and more", things=named)
    return [Sentence.of(first.template, None, {**first.values, name: named})]


def _things(value: object) -> tuple[list[str], bool]:
    """What a list names, and whether that is all of it; of what is no list, itself."""
    if not isinstance(value, Sentence):
        return [str(value)], True
    if value.template == _LIST:
        some, all_of_some = _things(value.values["some"])
        more, all_of_more = _things(value.values["more"])
        return [*some, *more], all_of_some and all_of_more
    if value.template in _TAILS:
        return _things(value.values[_TAILS[value.template]])[0], False
    return [value], True
