"""Which characters of a text are read, and which ones also stand for the grammar's. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

COMMAS = ",，、､،﹐﹑"
"""The commas of all scripts: ASCII, full width, ideographic, half width, Arabic, small."""
BRACES_AND_COMMAS = "{}｛｝﹛﹜" + COMMAS
"""What a backslash takes the meaning from."""
BRACES = re.compile(r"(?<![\\＼])[{}｛｝﹛﹜]")
"""A brace that no backslash takes the meaning from."""
UNSPACED = "\u3001-\u30ff\u31f0-\u9fff\uf900-\ufaff\uff01-\uff9f\U00020000-\U0003ffff"
"""Inside a character class: Japanese and Chinese, which put no spaces between words."""

_QUOTED_CHARACTERS = 80
_QUOTES = '"“”„‟«»＂〝〞「」'
_EMOJI = (
    "©®‼⁉™ℹ\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff"
    "〰〽㊗㊙\U0001f000-\U0001faff"
)
_JOINING = "\u0620-\u109f\u1780-\u17b3\u17b6-\u180a\u1810-\u18af\ufb50-\ufdcf\ufe70-\ufefc"
"""Arabic, the Indic scripts and Mongolian: (non-)joiners belong to their spelling."""
_LINE_END = re.compile("\r\n?|[\v\f\x1c-\x1e\x85\u2028\u2029]")
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffb\ufffe\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Controls, marks of direction, zero-width characters, variation selectors, lone surrogates."""
_NEEDED = re.compile(
    f"[{_EMOJI}\ufe0f\U000e007f]\u200d[{_EMOJI}]"
    rf"|(?!\d)[{_JOINING}][\u200c\u200d](?!\d)[{_JOINING}]"
    f"|[{_EMOJI}][\ufe0e\ufe0f]"
    "|[0-9#*]\ufe0f\u20e3"
    "|[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff][\ufe00-\ufe02\U000e0100-\U000e01ef]"
    "|[\u1800-\u18af][\u180b-\u180d\u180f]"
    "|[\U0001f3f4\U000e0020-\U000e007e][\U000e0020-\U000e007f]"
)
"""(what was kept before, an unseen character that is needed there, what follows)."""

_AS_ASCII: Mapping[str, str] = MappingProxyType(
    {chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F) if chr(code).isalnum()}
    | dict(zip("：﹕∶｛﹛｝﹜＼＋．／＝＿", ":::{{}}\\+./=_", strict=True))
    | dict.fromkeys("－﹣‐‑−", "-")
    | dict.fromkeys("﹘⸺⸻", "—")
    | {"‒": "–", "ｰ": "ー", "\u3000": " "}
)
_TO_FOLD = re.compile(rf"[{re.escape(''.join(_AS_ASCII))}]|(?![0-9])\d")
_ESCAPED = re.compile(rf"[\\＼]([{re.escape(BRACES_AND_COMMAS)}])")
_TO_ESCAPE = re.compile(rf"[{{}}｛｝﹛﹜]|(?<=[\\＼])[{COMMAS}]")


def plain(text: str) -> str:
    r"""`text` without what cannot be seen; what is read and shown.

    Left out are control characters, marks of direction such as the right-to-left override,
    zero-width characters and lone surrogates; kept are those that belong to an emoji or to the
    spelling of a script. Every end of a line becomes "\n".
    """
    if text.isascii() and text.isprintable():
        return text
    text = _LINE_END.sub("\n", text)
    if not _UNSEEN.search(text):
        return text
    kept, before = [], ""
    for place, character in enumerate(text):
        if _UNSEEN.match(character) and not _NEEDED.match(before + text[place : place + 2]):
            continue
        kept.append(character)
        before = character
    return "".join(kept)


def folded(text: str) -> str:
    """`text` with the grammar's characters of other scripts as ASCII; places stay the same.

    Letters, digits, colons, braces, hyphens and spaces in full width, and the decimal digits of
    every script. Commas are left: see `COMMAS`.
    """
    return text if text.isascii() else _TO_FOLD.sub(_folded, text)


def _folded(match: re.Match[str]) -> str:
    character = match[0]
    as_ascii = _AS_ASCII.get(character)
    return str(unicodedata.decimal(character)) if as_ascii is None else as_ascii


def unquoted(word: str) -> str:
    """A word without the quotation marks around it, straight or not."""
    return word.strip(_QUOTES)


def one_line(text: str) -> str:
    """`text` with one space wherever it has white space, none at its ends."""
    return " ".join(text.split())


def unescaped(text: str) -> str:
    r"""`text` with every `\{`, `\}` and `\,` as the brace or comma itself."""
    return _ESCAPED.sub(r"\1", text)


def escaped(text: str) -> str:
    """What `unescaped` gives `text` back from."""
    return _TO_ESCAPE.sub(r"\\\g<0>", text)


def shortened(text: str) -> str:
    """As much of the member's text as a sentence bears."""
    return text if len(text) <= _QUOTED_CHARACTERS else text[: _QUOTED_CHARACTERS - 1] + "…"
