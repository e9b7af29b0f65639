"""A prompt → how much each of its words matters to the model, and shorter prompts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import engine
from bot.errors import UserError
from bot.jobs.kinds.kind import Context, Kind, Said, Suggestions, Written
from bot.jobs.records import Role, TextRow
from bot.prompt import brief, grammar
from bot.prompt.canonical import canonical
from bot.prompt.characters import escaped
from bot.prompt.markdown import harmless_line
from engine import Sentence

WEAK = 0.1
"""A word that weighs less than this share of the heaviest one is struck through."""
HEAVY = 0.8
"""One above this share is bold."""
SHARES = (1.0, 0.8, 0.6, 0.45, 0.3)
"""Of the words that are not struck, how many each of the shorter prompts keeps, the heaviest."""
_STRUCK_CHARACTERS = 700
"""Of the words, with their Markdown, as far as they are shown."""
_SHOWN_CHARACTERS = 150
"""Of each shorter prompt."""


def suggested(said: Said) -> Suggestions:
    """Shorter and shorter prompts, each with fewer of the heaviest words, in their order."""
    links = said.resolved.get("links", ())
    texts = (" ".join([*links, *map(escaped, words)]) for words in shorter(said.texts))
    return Suggestions(texts=tuple(texts), parameters=said.resolved.get("parameters", ""))


def shorter(texts: Sequence[TextRow]) -> list[list[str]]:
    """At most five lists of words, none with all of them, no two with as many."""
    heaviest_first = sorted(texts, key=lambda row: (-row.weight, row.position))
    strong = len([row for row in texts if not _is_weak(row, texts)])
    most = min(strong, len(texts) - 1)
    counts = dict.fromkeys(max(round(share * most), 1) for share in SHARES if most)
    return [
        [row.text for row in sorted(heaviest_first[:count], key=lambda row: row.position)]
        for count in counts
    ]


def struck(said: Said) -> str:
    """The words in a row, the weak ones struck through, the heavy ones bold; then the prompts."""
    words, length = [], 0
    for row in said.texts:
        marked = _marked(row, said.texts)
        length += len(marked) + 1
        if length > _STRUCK_CHARACTERS:
            words.append("…")
            break
        words.append(marked)
    prompts = suggested(said).prompts
    lines = [
        f"{number}. {harmless_line(prompt, _SHOWN_CHARACTERS)}"
        for number, prompt in enumerate(prompts, 1)
    ]
    return "\n".join([" ".join(words), *lines])


def _marked(row: TextRow, texts: Sequence[TextRow]) -> str:
    word = harmless_line(row.text, _SHOWN_CHARACTERS)
    if _is_weak(row, texts):
        return f"~~{word}~~"
    return f"**{word}**" if row.weight > HEAVY * _heaviest(texts) else word


def _is_weak(row: TextRow, texts: Sequence[TextRow]) -> bool:
    return row.weight < WEAK * _heaviest(texts)


def _heaviest(texts: Sequence[TextRow]) -> float:
    return max((row.weight for row in texts), default=0.0)


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
        words = len(prompt.text.split())
        if not 2 <= words <= engine.MOST_WEIGHED_WORDS:
            raise UserError(
                Sentence.plural(
                    "This prompt has {count} word; 2 to {most} can be weighed.",
                    "This prompt has {count} words; 2 to {most} can be weighed.",
                    count=words,
                    most=engine.MOST_WEIGHED_WORDS,
                ),
                command=self.text,
            )
        notes: tuple[Sentence, ...] = ()
        if any(part.written != 1 for part in prompt.parts) or len(prompt.parts) > 1:
            notes = (Sentence("The shorter prompts are without the weights (::) of this one."),)
        bare = dataclasses.replace(prompt, images=(), parts=())
        return Written(
            job=engine.WordWeightsJob(
                id=context.job_id, owner=context.owner, model=model.name, text=prompt.text
            ),
            model=model,
            notes=notes,
            resolved={
                "links": [escaped(link) for link in prompt.images],
                "parameters": canonical(bare),
            },
        )
