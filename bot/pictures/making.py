"""How a picture was made, whoever made it: the data that `metadata` writes and reads."""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_WORDS = 16_000
"""Characters of one text that are written or read; no prompt of ours is as long."""
MAX_PARAMETERS = 100
_MAX_NAME = 64
_MAX_DEPTH = 3
"""How deep lists in a parameter's value may stand in each other."""
_MAX_ITEMS = 50
_LINKS = re.compile(
    r"(?:[-–—]{1,2}[A-Za-z]{1,32}\s+)?"
    r"(?:<?(?:https?://|(?:[\w-]{1,63}\.){0,3}discord(?:app)?\.(?:com|net|gg)/)[^\s<>]+>?\s*)+",
    re.IGNORECASE,
)
"""Links, with the parameter that they alone are the value of."""
_MENTIONS = re.compile(
    r"<(?:@[!&]?|#|/[^<>:]{1,100}:|a?:\w{1,32}:)\d{1,20}>|(?<!\d)\d{17,20}(?!\d)"
)
"""Members, roles, channels, commands and emoji of a server, and bare ids of Discord."""


class Program(enum.StrEnum):
    """What a picture says that it was made with."""

    DARKROOM = "Darkroom"
    A1111 = "Automatic1111"
    """Or one of the many that write as it does."""
    COMFYUI = "ComfyUI"


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """What is known of a picture's making. Read from a file it is a claim: anybody can write it."""

    program: Program
    prompt: str = ""
    """As its author typed it, in the program's own grammar."""
    negative: str = ""
    model: str = ""
    seed: int | None = None
    steps: int | None = None
    guidance: float | None = None
    scheduler: str = ""
    width_px: int | None = None
    height_px: int | None = None
    job_id: str = ""
    """Of a picture of Darkroom's."""
    picture: int | None = None
    """Which of the job's pictures, from 1; None: all of them."""
    canonical: str = ""
    """Of Darkroom: the prompt on one line with long names, see `prompt.canonical`."""
    words: str = ""
    """Of Darkroom: what the model was given to draw, the style of its house included."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Every other one by its name: of Darkroom as in `prompt.resolved`, of others as they wrote."""


def scrubbed(words: str) -> str:
    """The words without what leads to a person or a place: links, mentions, ids of Discord.

    A link to an attachment names the channel that it was posted in.
    """
    encodable = words.encode("utf-8", "replace").decode().replace("\0", "")
    return re.sub(r"  +", " ", _MENTIONS.sub("", _LINKS.sub("", encodable))).strip()


def scrubbed_value(value: Any) -> Any:  # noqa: ANN401 - any parameter's value
    """The same for a value of a parameter; a list loses the items that were nothing else."""
    match value:
        case str():
            return scrubbed(value)
        case list() | tuple():
            kept = [(item, scrubbed_value(item)) for item in value]
            return [clean for item, clean in kept if clean or not item]
        case _:
            return value


# What may be taken over from a file that anybody wrote.


def words_of(value: Any) -> str:  # noqa: ANN401 - anything that a file holds
    """The text, cut to what is read; empty where it is none."""
    return value[:MAX_WORDS] if isinstance(value, str) else ""


def whole(value: Any, most: int = 2**64) -> int | None:  # noqa: ANN401 - as above
    """The number, where it is one from 0 to `most`; a text of one counts."""
    number = decimal(value)
    if number is None or not 0 <= number <= most:
        return None
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)  # a float has not the digits of a 64-bit seed
    return int(value) if isinstance(value, int) else int(number)


def decimal(value: Any) -> float | None:  # noqa: ANN401 - as above
    """The finite number, where it is one; a text of one counts."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and len(value) > _MAX_NAME:
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def plain(values: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    """The parameters in a mapping whose values are simple enough to be handed on."""
    if not isinstance(values, dict):
        return {}
    found: dict[str, Any] = {}
    for name, value in list(values.items())[:MAX_PARAMETERS]:
        if isinstance(name, str) and len(name) <= _MAX_NAME and _is_simple(value, _MAX_DEPTH):
            found[name] = value[:MAX_WORDS] if isinstance(value, str) else value
    return found


def _is_simple(value: Any, depth: int) -> bool:  # noqa: ANN401 - as above
    match value:
        case None | bool() | str():
            return True
        case int() | float():
            return decimal(value) is not None
        case list():
            few = depth > 0 and len(value) <= _MAX_ITEMS
            return few and all(_is_simple(item, depth - 1) for item in value)
        case _:
            return False
