"""`Prompt` → the one text that says the same. Pure."""

from __future__ import annotations

from bot.prompt.characters import escaped, folded
from bot.prompt.flags import BY_NAME
from bot.prompt.grammar import Part, Prompt
from bot.prompt.values import number_text


def canonical(prompt: Prompt) -> str:
    """The prompt on one line: long names, ASCII dashes and colons, one space between words.

    `parse` reads the same prompt from it, source and segments apart, and `canonical` of that is
    the same text. Parameters keep the order in which they were given. It may be a little longer
    than what was typed, so that the longest prompts may print as more than the limit.
    """
    pieces = [escaped(link) for link in prompt.images]
    last = len(prompt.parts) - 1
    pieces += [_part(part, is_last=place == last) for place, part in enumerate(prompt.parts)]
    for name in prompt.parameters.given:
        pieces.append(escaped(BY_NAME[name].write(getattr(prompt.parameters, name))))
    return " ".join(pieces)


def _part(part: Part, *, is_last: bool) -> str:
    text = escaped(part.text)
    weight = "" if part.written == 1 else number_text(part.written)
    if is_last and not weight:
        return text
    # A colon that ends the words would be taken for one of the weight's.
    space = " " if folded(part.text).endswith(":") else ""
    return f"{text}{space}::{weight}"
