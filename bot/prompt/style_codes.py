"""Style codes: a number after `--sref` → words of a style, always the same. Pure.

A code takes one word of each list: those of the model where its catalogue entry has some, else
these here. The numbers come from SHA-256, so that a code means the same on every machine and in
every year; an engine job keeps the words themselves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import engine

LISTS: tuple[tuple[str, ...], ...] = (
    (
        *("oil painting", "watercolour", "gouache", "ink drawing", "charcoal drawing", "pastel"),
        *("linocut", "woodblock print", "risograph", "screen print", "engraving", "collage"),
        *("pixel art", "flat vector illustration", "comic book art", "storybook illustration"),
        *("claymation", "papercraft", "stained glass", "mosaic", "embroidery", "3D render"),
        *("film photograph", "studio photograph", "polaroid", "long exposure photograph"),
    ),
    (
        *("muted earth colours", "pastel colours", "black and white", "sepia", "neon colours"),
        *("teal and orange", "deep blue and gold", "red and black", "candy colours"),
        *("autumn colours", "cold blue tones", "warm amber tones", "faded colours"),
        *("jewel tones", "monochrome green", "pink and turquoise"),
    ),
    (
        *("soft diffuse light", "hard shadows", "golden hour", "moonlight", "candlelight"),
        *("backlight", "neon light", "fog", "overcast light", "dramatic chiaroscuro"),
        *("high key", "low key"),
    ),
    (
        *("minimalist", "ornate", "grainy", "smooth", "rough brush strokes", "fine lines"),
        *("bold outlines", "geometric shapes", "dreamlike", "surreal", "retro", "futuristic"),
        *("art nouveau", "art deco", "ukiyo-e", "bauhaus", "baroque", "impressionist"),
    ),
)


def words(code: int, lists: Sequence[Sequence[str]] = ()) -> str:
    """The words of a code, with commas. lists: the model's; none: `LISTS`."""
    digest = hashlib.sha256(f"style {code}".encode()).digest()
    chosen = []
    for place, offered in enumerate(lists or LISTS):
        at = 4 * (place % 8)
        chosen.append(offered[int.from_bytes(digest[at : at + 4], "big") % len(offered)])
    return ", ".join(chosen)


def drawn(seed: int, place: int = 0) -> int:
    """A code for `--sref random`, from the seed of the order's pictures."""
    digest = hashlib.sha256(f"random style {seed} {place}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % (engine.MAX_SEED + 1)
