"""Text that was turned upside down, as it reads when it is turned back. Pure.

Such a text has letters that were made for it, such as ǝ for e, runs backwards, and has usual
letters that are others when they are turned: its u is an n.
"""

from __future__ import annotations

_MADE = dict(zip("ɐɒɔǝəɘɟƃɓᵷɥᴉıɾſʞʃꞁʅɯɹʁʇʌʍʎ", "aaceeefggghiijjklllmrrtvwy", strict=True))
_TURNED = str.maketrans({**_MADE, **dict(zip("bdnpqu", "qpudbn", strict=True))})
_LEAST = 0.2
"""Of the letters of a word that were made for it: a single ə is only a foreign letter."""


def turned_back(text: str) -> tuple[str, ...]:
    """The text with its turned words turned back, and all of it if it is one; none if none is."""
    words = text.split()
    turned = [_is_turned(word) for word in words]
    if not any(turned):
        return ()
    each = " ".join(
        _back(word) if is_turned else word for word, is_turned in zip(words, turned, strict=True)
    )
    return (each, _back(" ".join(words)))


def _is_turned(word: str) -> bool:
    return sum(letter in _MADE for letter in word.casefold()) > _LEAST * len(word)


def _back(text: str) -> str:
    return text.casefold()[::-1].translate(_TURNED)
