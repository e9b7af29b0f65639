"""What one order draws: `{a, b}` and `--repeat` → one prompt for each grid. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.errors import PromptError
from bot.prompt import permutations
from bot.prompt.brief import GRID_IMAGES
from bot.prompt.characters import plain
from bot.prompt.grammar import Prompt, check_length, parse
from bot.prompt.permutations import Expansion
from bot.prompt.written_out import NO_MACROS, rewritten, written_out
from engine import MAX_SEED, Sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Grids:
    """What one text orders."""

    prompts: tuple[str, ...]
    """Of each grid its prompt, without braces and without --repeat."""
    seeds_apart: bool
    """Whether a prompt with --seed is repeated, see `read`."""


def read(
    text: str,
    limit: int,
    *,
    macros: Mapping[str, str] = NO_MACROS,
    suffixes: Sequence[str] = (),
) -> Grids:
    """The grids that `text` orders, 1 … `limit`; PromptError, marked in `text`, where it cannot.

    macros, suffixes: the member's own, as `written_out` takes them; in the prompts they are
    written out.

    Repetitions of a prompt with --seed have seeds of their own, four apart because a grid's
    pictures have four in a row: the same pictures several times are nobody's wish, and this way
    the order still draws the same when it is sent again.
    """
    source = plain(text).strip()
    check_length(source)
    found: list[tuple[Expansion, Prompt]] = []
    for expansion in permutations.expansions(source, limit):
        try:
            written = written_out(expansion.text, macros=macros, suffixes=suffixes)
            found.append((expansion, parse(written)))
        except PromptError as error:
            raise expansion.blamed(error) from None
    count = sum(prompt.parameters.repeat or 1 for _, prompt in found)
    if count > limit:
        raise _too_many(found, count, limit)
    return Grids(
        prompts=tuple(each for _, prompt in found for each in _repeated(prompt)),
        seeds_apart=any(
            prompt.parameters.repeat is not None and prompt.parameters.seed is not None
            for _, prompt in found
        ),
    )


def _repeated(prompt: Prompt) -> list[str]:
    asked = prompt.parameters
    if asked.repeat is None:
        return [prompt.source]
    texts = []
    for repetition in range(asked.repeat):
        written = {"repeat": ""}
        if asked.seed is not None:
            seed = (asked.seed + GRID_IMAGES * repetition) % (MAX_SEED + 1)
            written["seed"] = f"--seed {seed}"
        texts.append(rewritten(prompt, written))
    return texts


def _too_many(found: list[tuple[Expansion, Prompt]], count: int, limit: int) -> PromptError:
    sentence = Sentence(
        "This orders {count} grids; you may order {limit} at once. Lower --repeat.",
        count=count,
        limit=limit,
    )
    expansion, prompt = max(found, key=lambda each: each[1].parameters.repeat or 0)
    segment = next(segment for segment in prompt.segments if segment.name == "repeat")
    token, start = segment.text, segment.start
    if expansion.text.strip()[start:].find(token) != 0:  # the member's own parameters brought it
        token, start = "", 0
    return expansion.blamed(PromptError(sentence, token=token, start=start, command=prompt.source))
