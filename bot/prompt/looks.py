"""The words of a style around a member's words: the model's own, a named one, a code's. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import engine
from bot.prompt import style_codes
from bot.prompt.characters import shortened
from bot.prompt.grammar import Prompt
from bot.prompt.refusing import refused
from bot.prompt.values import RANDOM, is_link, reference
from engine import Sentence

RAW = "raw"
MOST = 2.0
"""The weight of a style at `--stylize 1000` or `--sw 1000`."""
_MIDJOURNEYS = frozenset({"cute", "expressive", "original", "scenic"})
"""Names of Midjourney's styles; others, such as 4a, have a digit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dressed:
    """A prompt with the words of its styles."""

    texts: tuple[engine.WeightedText, ...]
    looks: tuple[engine.Look, ...] = ()
    codes: tuple[engine.StyleCode, ...] = ()


def weight_of(value: int) -> float:
    """`--stylize` or `--sw`, 0…1000, as the weight of a style: 1 at 100, `MOST` at 1000."""
    return value / 100 if value <= 100 else 1 + (MOST - 1) * (value - 100) / 900


def style_of(prompt: Prompt, model: engine.ModelInfo) -> engine.Preset | None:
    """What `--style` names; None where it names none, raw, or one of Midjourney's.

    PromptError where it names one that the model does not have.
    """
    name = prompt.parameters.style
    if name is None or name.casefold() == RAW:
        return None
    for preset in model.styles:
        if preset.name.casefold() == name.casefold():
            return preset
    if name.casefold() in _MIDJOURNEYS or any(map(str.isdigit, name)):
        return None
    if model.styles:
        sentence = Sentence(
            "{title} has no style “{name}”. Choose one of: {styles}.",
            title=model.title,
            name=shortened(name),
            styles=", ".join([*(preset.name for preset in model.styles), RAW]),
        )
    else:
        sentence = Sentence(
            "{title} has no named styles; leave --style out, or take --style raw.",
            title=model.title,
        )
    raise refused(prompt, "style", sentence)


def is_raw(prompt: Prompt) -> bool:
    """Whether the prompt wants no style of the model's."""
    asked = prompt.parameters
    return asked.raw or (asked.style or "").casefold() == RAW


def drawn_references(prompt: Prompt, *, seed: int) -> tuple[str, ...]:
    """What stands after `--sref`, each `random` as a code that comes from the picture's seed."""
    words = []
    for place, word in enumerate(prompt.parameters.sref):
        name, _ = reference(word)
        drawn = f"{style_codes.drawn(seed, place)}{word.removeprefix(RANDOM)}"
        words.append(drawn if name == RANDOM else word)
    return tuple(words)


def codes_of(prompt: Prompt, *, seed: int) -> tuple[engine.StyleCode, ...]:
    """The codes after `--sref`, their weights adding up to 1; see `drawn_references`."""
    typed = map(reference, drawn_references(prompt, seed=seed))
    found = [(int(name), weight) for name, weight in typed if not is_link(name)]
    total = sum(weight for _, weight in found)
    return tuple(engine.StyleCode(code=code, weight=weight / total) for code, weight in found)


def dress(
    prompt: Prompt,
    model: engine.ModelInfo,
    style: engine.Preset | None,
    codes: Sequence[engine.StyleCode],
) -> Dressed:
    """The prompt's parts with the words of its styles, each as strong as it was asked for.

    A style of weight 1 is part of the texts, as if it had been typed. Of one that is weaker or
    stronger the texts know nothing: a look says how they would read with it. A model that cannot
    `vary` knows only all or nothing.
    """
    asked = prompt.parameters
    texts = tuple(engine.WeightedText(text=part.text, weight=part.weight) for part in prompt.parts)
    house = (
        (model.prompt_prefix, model.prompt_suffix)
        if style is None
        else (style.prefix, style.suffix)
    )
    said = ", ".join(style_codes.words(code.code, model.code_words) for code in codes)
    styles = [
        (*(house if texts else ("", "")), 0.0 if is_raw(prompt) else weight_of(asked.stylize)),
        ("", said, weight_of(asked.sw)),
    ]
    varies = "vary" in model.operations
    mixed = []
    for prefix, suffix, weight in styles:
        if weight == 0 or not (prefix or suffix):
            continue
        if weight == 1 or not varies:
            texts = _around(texts, prefix, suffix)
        else:
            mixed.append((prefix, suffix, weight))
    return Dressed(
        texts=texts,
        looks=tuple(
            engine.Look(prompt=_around(texts, prefix, suffix), weight=weight)
            for prefix, suffix, weight in mixed
        ),
        codes=tuple(
            dataclasses.replace(code, weight=code.weight * weight_of(asked.sw))
            for code in codes
            if varies and asked.sw
        ),
    )


def _around(
    texts: Sequence[engine.WeightedText], prefix: str, suffix: str
) -> tuple[engine.WeightedText, ...]:
    """A prompt with words around its first part that is wanted: of weight above 0."""
    dressed = list(texts or (engine.WeightedText(text=""),))
    at = next(place for place, part in enumerate(dressed) if part.weight > 0)
    text = ", ".join(piece for piece in (prefix, dressed[at].text, suffix) if piece)
    dressed[at] = dataclasses.replace(dressed[at], text=text)
    return tuple(dressed)
