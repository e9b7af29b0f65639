"""A prompt → how much each of its words matters to the model, and shorter prompts."""

from __future__ import annotations

import dataclasses
import string
from dataclasses import dataclass
from typing import ClassVar

import engine
from bot.errors import UserError
from bot.jobs.kinds.kind import Context, Kind, Said, Suggestions, Written
from bot.jobs.records import Role, TextRow
from bot.prompt import brief, grammar, words
from bot.prompt.canonical import canonical
from bot.prompt.characters import escaped
from bot.prompt.markdown import harmless_line
from bot.prompt.resolved import as_json
from engine import Sentence

WEAK = 0.1
"""A word that weighs less than this share of the heaviest one is struck through."""
HEAVY = 0.8
"""One above this share is bold."""
PROMPTS = 5
FEWEST = 0.3
"""Of the words that are not struck, the share that the shortest prompt keeps, the heaviest."""
_PUNCTUATION = string.punctuation + "“”‘’…、。，"
_STRUCK_CHARACTERS = 700
"""Of the words, with their Markdown, as far as they are shown."""
_SHOWN_CHARACTERS = 150
"""Of each shorter prompt."""


def suggested(said: Said) -> Suggestions:
    """Shorter and shorter prompts, each with fewer of the heaviest words, in their order."""
    links = said.resolved.get("links", ())
    texts = (" ".join([*links, *map(escaped, kept)]).rstrip(",、，") for kept in shorter(said))
    return Suggestions(texts=tuple(texts), parameters=said.resolved.get("parameters", ""))


def shorter(said: Said) -> list[list[str]]:
    """At most five lists of words, none with all of them, no two with as many."""
    strong = [row for row in said.texts if not _is_weak(row, said)]
    heaviest_first = sorted(strong, key=lambda row: (-row.weight, row.position))
    most = min(len(strong), len(said.texts) - 1)
    least = max(min(round(FEWEST * most), most - PROMPTS + 1), 1)
    steps = PROMPTS - 1
    counts = dict.fromkeys(
        round(most - (most - least) * step / steps) for step in range(PROMPTS) if most
    )
    return [
        [row.text for row in sorted(heaviest_first[:count], key=lambda row: row.position)]
        for count in counts
    ]


def struck(said: Said) -> str:
    """The words in a row, the weak ones struck through, the heavy ones bold; then the prompts."""
    shown, length = [], 0
    for row in said.texts:
        marked = _marked(row, said)
        length += len(marked) + 1
        if length > _STRUCK_CHARACTERS:
            shown.append("…")
            break
        shown.append(marked)
    prompts = suggested(said).prompts
    lines = [
        f"{number}. {harmless_line(prompt, _SHOWN_CHARACTERS)}"
        for number, prompt in enumerate(prompts, 1)
    ]
    return "\n".join([" ".join(shown), *lines])


def _marked(row: TextRow, said: Said) -> str:
    word = harmless_line(row.text, _SHOWN_CHARACTERS)
    if _is_weak(row, said):
        return f"~~{word}~~"
    return f"**{word}**" if row.weight > HEAVY * _heaviest(said) else word


def _is_weak(row: TextRow, said: Said) -> bool:
    """Whether the model hardly heeds the word, or does not know it.

    Random letters change an embedding as much as words do: only a vocabulary tells them apart.
    """
    return _is_unknown(row, said) or row.weight < WEAK * _heaviest(said)


def _is_unknown(row: TextRow, said: Said) -> bool:
    return row.text.strip(_PUNCTUATION).casefold() in said.resolved.get("unknown", ())


def _heaviest(said: Said) -> float:
    known = (row.weight for row in said.texts if not _is_unknown(row, said))
    return max(known, default=0.0)


SHORTENED = Kind(follow_ups={Role.TEXT: ("imagine_suggestion",)}, suggest=suggested, say=struck)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shorten:
    """Word weights of a prompt as typed."""

    kind: ClassVar[str] = "shorten"
    title: ClassVar[str] = Sentence("Shortened")
    parent_id: ClassVar[None] = None

    text: str

    def write(self, context: Context) -> Written:
        prompt = grammar.parse(self.text)
        model = brief.choose_model(prompt, context.models, default=context.default_model)
        count = len(prompt.text.split())
        if not 2 <= count <= engine.MOST_WEIGHED_WORDS:
            raise UserError(
                Sentence.plural(
                    "This prompt has {count} word; 2 to {most} can be weighed.",
                    "This prompt has {count} words; 2 to {most} can be weighed.",
                    count=count,
                    most=engine.MOST_WEIGHED_WORDS,
                ),
                command=self.text,
            )
        notes: tuple[Sentence, ...] = ()
        if any(part.written != 1 for part in prompt.parts) or len(prompt.parts) > 1:
            notes = (Sentence("The shorter prompts are without the weights (::) of this one."),)
        unknown = words.unknown(prompt.text, model)
        if unknown:
            notes += words.notes(prompt, model, context.models)
        bare = dataclasses.replace(prompt, images=(), parts=())
        return Written(
            job=engine.WordWeightsJob(
                id=context.job_id, owner=context.owner, model=model.name, text=prompt.text
            ),
            model=model,
            notes=notes,
            resolved={
                "prompt": as_json(prompt),
                "links": [escaped(link) for link in prompt.images],
                "parameters": canonical(bare),
                "unknown": [word.casefold() for word in unknown],
            },
        )
