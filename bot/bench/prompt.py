"""`python -m bot.bench prompt`: how the time to read a prompt grows with its length.

Every kind of text in `KINDS` is read at doubling lengths, with the limit on its length lifted; one
that is refused is timed up to its refusal. The last line printed is one JSON object.
"""

from __future__ import annotations

import functools
import json
import math
import time
import timeit
from collections.abc import Mapping
from types import MappingProxyType

from bot.errors import PromptError
from bot.prompt.canonical import canonical
from bot.prompt.grammar import parse
from bot.prompt.permutations import expand

LENGTHS = tuple(1000 * 2**power for power in range(7))
"""Characters."""
MAX_RATIO = 2.0
ROUNDS = 7
"""The quickest of so many readings counts."""

KINDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "words": ("", "a red cat "),
        "one word": ("", "x"),
        "weights": ("cat", " dog::2 cat::-.5"),
        "long weight": ("cat ::", "1"),
        "colons": ("cat ", ": :"),
        "list": ("cat --no ", "red cars, "),
        "many lists": ("cat", " --no red"),
        "unknown parameters": ("cat", " --nothing"),
        "a long name": ("cat --", "n"),
        "dashes in words": ("cat", " –a—b―c--d"),
        "spaces": ("cat", " \n"),
        "japanese": ("", "赤い猫、"),
        "japanese dashes": ("猫", "－－犬"),
        "unseen": ("👩", "\u200d\u202e\u200d👩"),
        "escapes": ("", r"\{a\, b\} "),
        "braces": ("", "{a}"),
        "choices": ("{a", ", b"),
        "more than can be counted": ("", "{a, b}"),
        "open braces": ("", "{a "),
        "links": ("", "https://a.example/1.png "),
        "late links": ("cat ", "https"),
        "backslashes": ("", "\\"),
        "quotation marks": ("cat --style ", "“"),
    }
)
"""Name → how such a text begins, and what is repeated after it."""


def text_of(kind: str, length: int) -> str:
    """A text of `length` characters."""
    begin, repeated = KINDS[kind]
    return (begin + repeated * (length // len(repeated) + 1))[:length]


def read(text: str) -> None:
    """Takes braces apart, reads what comes of it and prints that; a refusal ends it quietly."""
    try:
        for one in expand(text):
            canonical(parse(one, most_characters=len(text)))
    except PromptError:
        pass


def quickest_s(kind: str) -> dict[int, float]:
    """Processor time by length. The lengths take turns, so that a busy machine is so to all."""
    times_s = dict.fromkeys(LENGTHS, math.inf)
    for _ in range(ROUNDS):
        for length in LENGTHS:
            work = functools.partial(read, text_of(kind, length))
            # `timeit` keeps the garbage collector out of it.
            time_s = timeit.timeit(work, timer=time.process_time, number=1)
            times_s[length] = min(times_s[length], time_s)
    return times_s


def growth(times_s: Mapping[int, float]) -> float:
    """Time per character at the longest ÷ at the shortest of the upper half; 1 is linear.

    times_s: by length in characters.
    """
    lengths = sorted(times_s)
    first, last = lengths[len(lengths) // 2], lengths[-1]
    return (times_s[last] / last) / (times_s[first] / first)


def main() -> int:
    """1 where some kind of text takes more than `MAX_RATIO`, else 0."""
    print(f"{'milliseconds at':25}", *(f"{length:>8}" for length in LENGTHS), "   ratio")
    ratios = {}
    for kind in KINDS:
        times_s = quickest_s(kind)
        ratios[kind] = growth(times_s)
        shown = (f"{1000 * time_s:8.2f}" for time_s in times_s.values())
        print(f"{kind:25}", *shown, f"{ratios[kind]:8.2f}")
    worst = max(ratios, key=lambda kind: ratios[kind])
    print(json.dumps({"ratio": round(ratios[worst], 3), "worst": worst, "lengths": LENGTHS}))
    return int(ratios[worst] > MAX_RATIO)
