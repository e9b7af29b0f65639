"""The words of a draw job, translated before it waits its turn: on a thread of its own.

The device thread never waits for it, and a job whose words cannot be translated is drawn with them
as they are.
"""

from __future__ import annotations

import logging
import re
import threading
import unicodedata
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from engine.catalogue import ModelSpec
from engine.errors import JobError, Sentence, sentence_of
from engine.families import Role
from engine.messages import DrawJob, DrawnWords, Finished, WeightedText

if TYPE_CHECKING:
    from engine.models.translator import Translator

MOST_PIECES = 24
"""Texts between commas that are translated for one job."""
MOST_CHARACTERS = 500
"""Of one translated piece."""
REMEMBERED = 1000
"""Texts whose translation is kept."""
_COMMAS = re.compile("([,，]\\s*)")
_REPEATED = re.compile(r"\b(\w+)(?:\W+\1\b){4}", re.IGNORECASE)
log = logging.getLogger(__name__)

Translate = Callable[[Sequence[str]], Sequence[str]]
"""Texts → the same texts in English."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """What became of the words of a job."""

    drawn: DrawnWords
    note: Sentence | None = None
    """Why they are drawn as they were."""

    def job(self, job: DrawJob) -> DrawJob:
        """The job with the words that are drawn."""
        words = self.drawn
        return replace(
            job,
            prompt=words.prompt,
            negative=words.negative,
            looks=words.looks,
            towards=words.towards,
            translate="",
        )

    def added_to(self, finished: Finished) -> Finished:
        """The end of the job, which tells what was drawn."""
        notes = (*finished.notes, *([self.note] if self.note else []))
        return replace(finished, drawn=finished.drawn or self.drawn, notes=notes)


class _UntranslatedError(Exception):
    """The argument is a sentence that says why."""


def translated(job: DrawJob, translate: Translate) -> Translation:
    """The words of the job in English, or as they were where that fails; raises nothing.

    Only pieces between commas that hold letters of other scripts are translated, so that English
    words beside them, among them those of the house style, stay as they are.
    """
    prompts = (job.prompt, job.towards, *(look.prompt for look in job.looks))
    texts = (*(part.text for prompt in prompts for part in prompt), job.negative)
    pieces = [piece for text in texts for piece in _COMMAS.split(text)]
    wanted = list(dict.fromkeys(filter(_is_foreign, pieces)))
    try:
        found = dict(zip(wanted, _english(wanted, translate), strict=True))
    except _UntranslatedError as error:
        return Translation(
            drawn=DrawnWords(
                prompt=job.prompt, negative=job.negative, looks=job.looks, towards=job.towards
            ),
            note=Sentence(
                "The words could not be translated, so they were drawn as they are. {why}",
                why=sentence_of(error),
            ),
        )

    def said(text: str) -> str:
        return "".join(found.get(piece, piece) for piece in _COMMAS.split(text))

    def parts(prompt: tuple[WeightedText, ...]) -> tuple[WeightedText, ...]:
        return tuple(replace(part, text=said(part.text)) for part in prompt)

    return Translation(
        drawn=DrawnWords(
            prompt=parts(job.prompt),
            negative=said(job.negative),
            looks=tuple(replace(look, prompt=parts(look.prompt)) for look in job.looks),
            towards=parts(job.towards),
        )
    )


def _english(texts: Sequence[str], translate: Translate) -> list[str]:
    if not texts:
        return []
    if len(texts) > MOST_PIECES:
        raise _UntranslatedError(
            Sentence(
                "They are {count} pieces between commas; at most {most} are translated.",
                count=len(texts),
                most=MOST_PIECES,
            )
        )
    try:
        said = [_clean(text) for text in translate(texts)]
    except JobError as error:
        raise _UntranslatedError(sentence_of(error)) from error
    except BaseException as error:  # Rust panics too
        log.error("A translation failed.", exc_info=error)  # noqa: TRY400
        raise _UntranslatedError(Sentence("The operator's log says why.")) from error
    if len(said) != len(texts) or not all(map(_is_sound, said)):
        raise _UntranslatedError(Sentence("The translation made no sense."))
    return said


def _clean(text: str) -> str:
    """One line of what can be seen, without a sentence's full stop."""
    visible = "".join(each if each.isprintable() else " " for each in text)
    return " ".join(visible.split()).rstrip(" .")


def _is_sound(text: str) -> bool:
    """Whether a text can be a translation: words in Latin letters, not too many, none stuttered."""
    return (
        any(map(str.isalpha, text))
        and not _is_foreign(text)
        and len(text) <= MOST_CHARACTERS
        and _REPEATED.search(text) is None
    )


def _is_foreign(text: str) -> bool:
    """Whether there is a letter of another script than the Latin one."""
    return not text.isascii() and any(
        each.isalpha() and "LATIN" not in unicodedata.name(each, "")
        for each in unicodedata.normalize("NFKC", text)
    )


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A job whose words are to be translated, and whom to tell."""

    job: DrawJob
    begin: Callable[[], object]
    end: Callable[[Translation], object]


class Translations:
    """Translates one job at a time, of each owner in turn.

    A model is loaded when it is first needed, and kept, as are the last texts.
    """

    def __init__(self, specs: Iterable[ModelSpec]) -> None:
        self._specs = {
            language: spec
            for spec in reversed([spec for spec in specs if spec.family.role is Role.TRANSLATE])
            for language in spec.info.languages
        }
        """By the language that they read; of several the catalogue's first."""
        self._models: dict[str, Translator] = {}
        self._said: OrderedDict[tuple[str, str], str] = OrderedDict()
        """Language and text → its translation where that made sense, the last used last."""
        self._waiting: OrderedDict[str, deque[_Waiting]] = OrderedDict()
        """By owner; the first owner is next."""
        self._lock = threading.Lock()
        """Held while `_waiting` is read or changed."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="translator")

    def submit(
        self, job: DrawJob, begin: Callable[[], object], end: Callable[[Translation], object]
    ) -> None:
        """Translate a job's words; both functions are called on the translator's thread."""
        with self._lock:
            self._waiting.setdefault(job.owner, deque()).append(_Waiting(job, begin, end))
        self._thread.submit(self._run)

    def cancel(self, job_id: str) -> None:
        """Forget a job that still waits; one that is being translated goes on to its end."""
        with self._lock:
            for owner, waiting in list(self._waiting.items()):
                left = deque(each for each in waiting if each.job.id != job_id)
                if left:
                    self._waiting[owner] = left
                else:
                    del self._waiting[owner]

    def close(self) -> None:
        """Wait for the translation that has begun, and begin no other."""
        self._thread.shutdown(cancel_futures=True)

    def _next(self) -> _Waiting | None:
        """The first job of the owner whose turn it is; None where all were cancelled."""
        with self._lock:
            if not self._waiting:
                return None
            owner, waiting = self._waiting.popitem(last=False)
            found = waiting.popleft()
            if waiting:
                self._waiting[owner] = waiting
            return found

    def _run(self) -> None:
        found = self._next()
        if found is not None:
            job = found.job
            found.begin()
            found.end(translated(job, lambda texts: self._translate(texts, job.translate)))

    def _translate(self, texts: Sequence[str], language: str) -> list[str]:
        spec = self._specs.get(language)
        if spec is None:
            raise JobError(Sentence("No translation model for their language is installed."))
        new = [text for text in texts if (language, text) not in self._said]
        found = {text: self._said[language, text] for text in texts if text not in new}
        if new:
            model = self._models.get(spec.info.name)
            if model is None:
                model = self._models[spec.info.name] = self._load(spec)
            found.update(zip(new, model.translate(new, language), strict=True))
        for text in texts:
            if _is_sound(_clean(found[text])):
                self._said[language, text] = found[text]
                self._said.move_to_end((language, text))
        while len(self._said) > REMEMBERED:
            self._said.popitem(last=False)
        return [found[text] for text in texts]

    def _load(self, spec: ModelSpec) -> Translator:
        import torch  # noqa: PLC0415 - seconds, and only on this thread

        from engine.models import loading  # noqa: PLC0415

        found = loading.load(spec, torch.device("cpu"), torch.float32)
        log.info("Loaded %s.", spec.info.name)
        return cast("Translator", found)
