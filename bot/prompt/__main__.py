"""`python -m bot.prompt "a {red, blue} cat --ar 3:2"`: what the grammar reads in a prompt.

Prints a JSON list with one object for each prompt that the text stands for, or on standard error
what a member would read. Exit code: 0, or 2 where the text is refused.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any

from bot.errors import PromptError
from bot.prompt.canonical import canonical
from bot.prompt.flags import BY_NAME
from bot.prompt.grammar import Prompt
from bot.prompt.permutations import parse_all


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) != 1:
        print('usage: python -m bot.prompt "a {red, blue} cat --ar 3:2"', file=sys.stderr)
        return 2
    try:
        prompts = parse_all(given[0])
    except PromptError as error:
        print(refused(error), file=sys.stderr)
        return 2
    unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    print(json.dumps([as_json(prompt) for prompt in prompts], indent=2, ensure_ascii=not unicode))
    return 0


def as_json(prompt: Prompt) -> dict[str, Any]:
    """What was given in the prompt, and its canonical text; weights as written."""
    parameters = {
        name: _value(name, getattr(prompt.parameters, name))
        for name in prompt.parameters.given
        if name != "no"
    }
    return {
        "images": list(prompt.images),
        "parts": [{"text": part.text, "weight": _number(part.written)} for part in prompt.parts],
        "no": list(prompt.parameters.no),
        "parameters": parameters,
        "canonical": canonical(prompt),
    }


def refused(error: PromptError) -> str:
    """Title and sentence, then the whole text back with its bad token marked from below."""
    lines = [error.title, error.sentence, ""]
    at = 0
    for line in error.command.split("\n"):
        lines.append(line)
        start, end = max(error.start - at, 0), min(error.end - at, len(line))
        if start < end:
            lines.append(" " * _columns(line[:start]) + "^" * max(_columns(line[start:end]), 1))
        at += len(line) + 1
    return "\n".join(lines).rstrip()


def _value(name: str, value: Any) -> Any:  # noqa: ANN401 - any parameter's value
    if value == "" and BY_NAME[name].bare:
        return True
    if isinstance(value, tuple):
        return [_value(name, item) for item in value]
    return _number(value) if isinstance(value, float) else value


def _number(number: float) -> int | float:
    return int(number) if number.is_integer() else number


def _columns(text: str) -> int:
    """How wide a terminal shows it: two columns for a character of East Asia."""
    widths = {"W": 2, "F": 2}
    return sum(
        0
        if unicodedata.combining(character)
        else widths.get(unicodedata.east_asian_width(character), 1)
        for character in text
    )


if __name__ == "__main__":
    sys.exit(main())
