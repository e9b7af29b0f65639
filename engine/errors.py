"""Errors of the engine, of single jobs and of the catalogue; sentences for members."""

from __future__ import annotations

import functools
import gettext
from collections.abc import Iterable, Mapping
from typing import Any, Self


class Sentence(str):
    """A text for a member that remembers its template and values, so that it can be translated.

    `Sentence("You have {count} jobs.", count=3)` is the text "You have 3 jobs."; without values the
    template is the text, braces included. Values may be sentences themselves. A `str` method
    returns a plain `str`, which cannot be translated any more.
    """

    __slots__ = ("many", "template", "values")

    template: str
    """The English text with named places, which is also the key of its translation."""
    many: str | None
    """The English template for any number but 1; None: there is one template for all numbers."""
    values: dict[str, Any]
    """What stands in the places, by name."""

    def __new__(cls, template: str, /, **values: Any) -> Self:  # noqa: ANN401 - anything printable
        return cls.of(template, None, values)

    @classmethod
    def plural(cls, one: str, many: str, /, *, count: int, **values: Any) -> Self:  # noqa: ANN401
        """`one` where `count` is 1, else `many`; both templates may name {count}.

        `Sentence.plural("{count} picture", "{count} pictures", count=2)` is "2 pictures". Another
        language chooses among as many forms as it has.
        """
        return cls.of(one, many, {"count": count, **values})

    @staticmethod
    def listed(items: Iterable[str]) -> str:
        """One or more items as each language lists them, in English with commas."""
        return functools.reduce(
            lambda some, more: Sentence("{some}, {more}", some=some, more=more), items
        )

    @classmethod
    def of(cls, template: str, many: str | None, values: Mapping[str, Any]) -> Self:
        """The sentence of these parts, such as those of another sentence."""
        self = super().__new__(cls, _said(template, many, values, _ENGLISH))
        self.template, self.many, self.values = template, many, dict(values)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """What makes it again after a copy or pickling."""
        return type(self).of, (self.template, self.many, self.values)

    def said(self, language: gettext.NullTranslations) -> str:
        """The text in a language, its values that are sentences too."""
        values = {
            name: value.said(language) if isinstance(value, Sentence) else value
            for name, value in self.values.items()
        }
        return _said(self.template, self.many, values, language)


_ENGLISH = gettext.NullTranslations()


def _said(
    template: str, many: str | None, values: Mapping[str, Any], language: gettext.NullTranslations
) -> str:
    if not template:  # gettext's key of a catalogue's own description
        return ""
    if many is not None:
        template = language.ngettext(template, many, values["count"])
    else:
        template = language.gettext(template)
    return template.format(**values) if values else template


ANOTHER_SEED = Sentence("try another seed")
LOAD_IN_FLOAT32 = Sentence("the operator should load it in float32")


INTERNAL = Sentence("Something broke inside the engine; the operator's log says what.")
"""For the member, of what nobody foresaw."""


def sentence_of(error: BaseException) -> Sentence:
    """The sentence that an error was raised with; `str(error)` would lose template and values."""
    given = error.args[0] if error.args else ""
    return given if isinstance(given, Sentence) else Sentence(str(error))


class EngineError(Exception):
    """The engine cannot do this; the text is one sentence for the operator."""


class EngineClosed(EngineError):
    """The engine was closed before the job ended: its row stays open and runs again."""


class EngineLost(EngineError):
    """The device is lost until the process starts anew: rows stay open and run again."""


class CatalogueError(EngineError):
    """The catalogue is wrong; the text names the file, the entry and the field."""


class JobError(Exception):
    """One job cannot be drawn; its argument is the sentence for the member."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(sentence)


class BrokenModelError(JobError):
    """The files of a model are missing or damaged; the text is for members and operator alike."""


class NotFiniteError(JobError):
    """The model made NaN; `advice` ends the sentence."""

    def __init__(self, advice: Sentence = ANOTHER_SEED) -> None:
        super().__init__(
            Sentence(
                "The model made numbers that are no picture (NaN); {advice}.",
                advice=advice,
            )
        )


class NotYetError(Exception):
    """The job cannot begin while another model is being loaded; try again next turn."""


def first_line(error: BaseException) -> str:
    """The first line of a library's error, short enough for a sentence of ours."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".:")
