"""Errors of the engine, of single jobs and of the catalogue; sentences for members."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self


class Sentence(str):
    """A text for a member that remembers its template and values, so that it can be translated.

    `Sentence("You have {count} jobs.", count=3)` is the text "You have 3 jobs."; without values the
    template is the text, braces included. Values may be sentences themselves. A `str` method
    returns a plain `str`, which cannot be translated any more.
    """

    __slots__ = ("template", "values")

    template: str
    """The English text with named places, which is also the key of its translation."""
    values: dict[str, Any]
    """What stands in the places, by name."""

    def __new__(cls, template: str, /, **values: Any) -> Self:  # noqa: ANN401 - anything printable
        self = super().__new__(cls, template.format(**values) if values else template)
        self.template, self.values = template, values
        return self

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        """The arguments that make it again after a copy or pickling."""
        return (self.template,), self.values

    def said(self, translate: Callable[[str], str]) -> str:
        """The text with `translate` applied to its template and to those of its values."""
        values = {
            name: value.said(translate) if isinstance(value, Sentence) else value
            for name, value in self.values.items()
        }
        template = translate(self.template)
        return template.format(**values) if values else template


ANOTHER_SEED = Sentence("try another seed")
LOAD_IN_FLOAT32 = Sentence("the operator should load it in float32")


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
